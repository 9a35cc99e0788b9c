/**
 * What the tree takes for unchanged or absent, compared with the file system itself under random changes.
 * @module
 */
import { exists } from "../support/exists.ts";
import { assert, assertEquals } from "@std/assert";
import { loadLibc } from "../../ffi/libc/libc.ts";
import { SIBLING_SUFFIXES, type WatchedName } from "../../handlers/site/watch/watched_name.ts";
import { SiteRoot } from "../../handlers/site/files/directory_root.ts";
import { WatchTree } from "../../handlers/site/watch/watch_tree.ts";
import { watches } from "../../handlers/site/watch/watches.ts";
import { LISTED_NAMES_MAX, LISTED_NAMES_OF_DIRECTORY_MAX } from "../../handlers/site/limits.ts";
import { Mounts } from "../support/mounts.ts";
import { Site } from "../support/program.ts";
import { Random, SEED } from "../support/random.ts";

loadLibc();

/** A tree of a new directory. */
class Watched {
  readonly site: Site;
  readonly tree: WatchTree;
  readonly warnings: string[] = [];
  readonly #root: SiteRoot;
  #turn = 0;

  constructor(files: Readonly<Record<string, string>> = {}) {
    this.site = new Site(files);
    this.#root = new SiteRoot(this.site.root);
    this.tree = new WatchTree(this.#root, false, (message) => this.warnings.push(message));
  }

  /** Depends on the file `path` in its present state. Null when it cannot be watched. */
  follow(path: string): Followed | null {
    const watched = this.tree.enter(path.split("/"));
    if (watched === null) return null;
    using file = Deno.openSync(this.site.path(path));
    const isWatched = this.tree.watchFile(watched, descriptorOf(this.site.path(path)));
    assert(isWatched);
    const followed = new Followed(path, watched, this.site);
    assert(file.statSync().ino === followed.inode);
    this.tree.depend(watched, followed);
    return followed;
  }

  drain(): void {
    this.tree.drain(++this.#turn);
  }

  /** The number of inotify watches that this process has. */
  get watches(): number {
    for (const { name } of Deno.readDirSync("/proc/self/fd")) {
      try {
        if (Deno.readLinkSync(`/proc/self/fd/${name}`) !== "anon_inode:inotify") continue;
      } catch {
        continue; // the descriptor of this listing itself
      }
      return Deno.readTextFileSync(`/proc/self/fdinfo/${name}`).split("\n").filter((line) =>
        line.startsWith("inotify ")
      ).length;
    }
    return 0;
  }

  [Symbol.dispose](): void {
    this.tree.close();
    this.#root.close();
    this.site[Symbol.dispose]();
  }
}

/** The descriptor under which this process has `path` open. */
function descriptorOf(path: string): number {
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      if (Deno.readLinkSync(`/proc/self/fd/${name}`) === path) return Number(name);
    } catch {
      // the descriptor of this listing itself
    }
  }
  throw new Error(`${path} is not open`);
}

class Followed {
  readonly path: string;
  readonly watched: WatchedName;
  readonly inode: number | null;
  readonly content: string;
  isDropped = false;

  constructor(path: string, watched: WatchedName, site: Site) {
    this.path = path;
    this.watched = watched;
    this.inode = Deno.statSync(site.path(path)).ino;
    this.content = Deno.readTextFileSync(site.path(path));
  }

  drop(): void {
    assert(!this.isDropped, `${this.path} was dropped twice`);
    this.isDropped = true;
  }
}

Deno.test("under 4000 random changes no changed file is taken for unchanged, and no existing file for absent", () => {
  console.log(`EPOLLET_SEED=${SEED}`);
  const random = new Random();
  using watched = new Watched({ "a": "a", "d/a": "da", "d/e/a": "dea" });
  const { site, tree } = watched;
  const paths = ["a", "b", "d", "e"].flatMap((x) => [
    x,
    ...["a", "d", "e"].flatMap((y) => [`${x}/${y}`, `${x}/${y}/a`]),
  ]).concat("a.gz", "d/a.br", "d/e/a.zst");
  let lacking = 0;
  let followed: Followed[] = [];
  let dropped = 0;
  let kept = 0;
  for (let step = 0; step < 4000; step++) {
    const path = random.pick(paths);
    const other = random.pick(paths);
    try {
      switch (random.below(10)) {
        case 0:
        case 8:
        case 9:
          Deno.writeTextFileSync(site.path(path), String(step));
          break;
        case 1:
          Deno.removeSync(site.path(path), { recursive: random.oneIn(3) });
          break;
        case 2:
          Deno.mkdirSync(site.path(path));
          break;
        case 3:
        case 4:
          Deno.renameSync(site.path(path), site.path(other));
          break;
        case 5:
          Deno.linkSync(site.path(path), site.path(other));
          break;
        case 6:
          Deno.symlinkSync(random.pick(["a", "d", "../d", "nowhere"]), site.path(path));
          break;
        default:
          Deno.truncateSync(site.path(path), random.below(3));
      }
    } catch {
      // impossible at the moment
    }
    watched.drain();
    for (const file of followed) {
      if (file.isDropped) dropped++;
      else {
        kept++;
        const info = Deno.lstatSync(site.path(file.path));
        assertEquals(info.ino, file.inode, `step ${step}: ${file.path} is another file`);
        assertEquals(Deno.readTextFileSync(site.path(file.path)), file.content, `step ${step}: ${file.path}`);
      }
    }
    followed = followed.filter((file) => !file.isDropped);
    for (const candidate of paths) {
      const isAbsent = tree.isAbsent(candidate.split("/"));
      assert(!(isAbsent && exists(site.path(candidate))), `step ${step}: ${candidate} exists`);
    }
    const original = random.pick(paths);
    if (tree.lacksSiblings(original.split("/"))) {
      lacking++;
      for (const suffix of SIBLING_SUFFIXES) {
        assert(!exists(site.path(original + suffix)), `step ${step}: ${original}${suffix} exists`);
      }
    }
    const wanted = random.pick(paths);
    const isFile = exists(site.path(wanted)) && Deno.lstatSync(site.path(wanted)).isFile;
    if (followed.length < 12 && isFile) {
      const file = watched.follow(wanted);
      if (file !== null) followed.push(file);
    } else if (random.oneIn(10) && followed.length > 0) {
      const [file] = followed.splice(random.below(followed.length), 1) as [Followed];
      tree.forget(file.watched, file);
    }
  }
  assert(lacking > 500, `siblings were known to be lacking ${lacking} times`);
  assert(dropped > 50 && kept > 1000, `${dropped} dropped, ${kept} kept: the test looks at nothing`);
  assertEquals(watched.warnings, []);
});

Deno.test("a watch is removed when nothing depends on it", () => {
  using watched = new Watched({ "d/e/a": "1", "d/e/b": "2" });
  assert(watched.tree.isWatching);
  assertEquals(watched.watches, 1);
  const [a, b] = [watched.follow("d/e/a")!, watched.follow("d/e/b")!];
  assertEquals(watched.watches, 5);
  watched.tree.forget(a.watched, a);
  assertEquals(watched.watches, 4);
  watched.tree.forget(b.watched, b);
  assertEquals(watched.watches, 1);
  const nothing = watched.tree.enter(["d", "e", "nothing"])!;
  assertEquals(watched.watches, 3);
  watched.tree.prune(nothing);
  assertEquals(watched.watches, 1);
  for (let i = 0; i < 100; i++) {
    const again = watched.follow("d/e/a")!;
    watched.site.write("d/e/a", String(i));
    watched.drain();
    assert(again.isDropped);
  }
  assert(watched.watches <= 3, `${watched.watches} watches`);
});

Deno.test("a mount in a site ends what was found there; a mount elsewhere, or beside it, does not", () => {
  using watched = new Watched({ "m/a": "1", "b": "2" });
  using other = new Site({ "m/a": "3" });
  using mounts = Mounts.make();
  if (mounts === null) return;
  const { site, tree } = watched;
  Deno.mkdirSync(`${site.root}-beside`);
  const follow = () => {
    watches.lookAtMounts();
    watched.drain();
    return [watched.follow("m/a")!, watched.follow("b")!];
  };
  const areDropped = (followed: readonly Followed[]) => {
    watches.lookAtMounts();
    watched.drain();
    return followed.map(({ isDropped }) => isDropped);
  };
  const followed = follow();
  mounts.bind(other.path("m"), `${site.root}-beside`);
  mounts.unmount(`${site.root}-beside`);
  mounts.bind(other.path("m"), other.path("m"));
  assertEquals(areDropped(followed), [false, false]);
  assert(tree.isAbsent(["m", "b"]));
  mounts.bind(other.path("m"), site.path("m"));
  other.write("m/b", "new");
  assertEquals(areDropped(followed), [true, true]);
  assert(!tree.isAbsent(["m", "b"]));
  const mounted = follow();
  mounts.unmount(site.path("m"));
  assertEquals(areDropped(mounted), [true, true]);
  // A mount and unmount between two checks leave nothing in the table, so mounts are checked after each lookup.
  mounts.bind(other.path("m"), site.path("m"));
  assertEquals(tree.enter(["m", "a"]), null);
  mounts.unmount(site.path("m"));
  assertEquals(areDropped([]), []);
  assert(tree.isAbsent(["m", "b"]), "it was there while something was mounted");
  Deno.removeSync(`${site.root}-beside`);
});

Deno.test("two names of one file are two nodes: both get events, and one can be removed without the other", () => {
  using watched = new Watched({ "a": "1" });
  Deno.linkSync(watched.site.path("a"), watched.site.path("b"));
  watched.drain();
  const [a, b] = [watched.follow("a")!, watched.follow("b")!];
  assertEquals(watched.watches, 2);
  watched.tree.forget(a.watched, a);
  assertEquals(watched.watches, 2);
  const again = watched.follow("a")!;
  watched.site.write("a", "2");
  watched.drain();
  assert(again.isDropped && b.isDropped && !a.isDropped);
});

Deno.test("the names of all directories are bounded, and names beyond that are looked up in the kernel", () => {
  using watched = new Watched();
  const directories = Math.ceil(LISTED_NAMES_MAX / LISTED_NAMES_OF_DIRECTORY_MAX) + 1;
  const perDirectory = 200;
  // Fewer files than the bound: removing names and listing them again must show with few files, too.
  for (let d = 0; d < directories; d++) {
    Deno.mkdirSync(watched.site.path(`d${d}`));
    for (let i = 0; i < perDirectory; i++) Deno.createSync(watched.site.path(`d${d}/${i}`)).close();
  }
  for (let d = 0; d < directories; d++) {
    assert(watched.tree.isAbsent([`d${d}`, "missing"]));
    assert(!watched.tree.isAbsent([`d${d}`, "0"]));
  }
  for (let i = perDirectory; i <= LISTED_NAMES_OF_DIRECTORY_MAX; i++) {
    Deno.createSync(watched.site.path(`d0/${i}`)).close();
    if (i % 5000 === 0) watched.drain();
  }
  watched.drain();
  assert(!watched.tree.isAbsent(["d0", "missing"]), "it has grown too large to be listed");
  assert(watched.tree.isAbsent(["d1", "missing"]));
});
