/**
 * The writer changes the site of the soak. After each of its calls it knows the state of each URL.
 * @module
 */
import { FOLLOWS_LINKS } from "../support/program.ts";
import { Random } from "../support/random.ts";
import { type Content, CONTENT_BYTES_MAX, Contents } from "./contents.ts";
import { type Entry, Folder, type Form, Resource, type ResourceKind, State } from "./resources.ts";

/** The smallest and largest size of each kind, in bytes. Scripts are too small for the server to compress them. */
const SIZES: Readonly<Record<ResourceKind, readonly [number, number]>> = {
  small: [64, 12_000],
  medium: [60_000, 400_000],
  large: [1_100_000, 3_000_000],
  page: [64, 6000],
  script: [200, 900],
  swapped: [64, 3000],
  linked: [64, 3000],
  empty: [0, 200],
  lost: [64, 900],
};
const LINK_TARGETS = 4;
const LISTED_MAX = 24;

export class Writer {
  readonly #root: string;
  readonly #random: Random;
  readonly #contents: Contents;
  readonly resources: readonly Resource[];
  readonly folders: readonly Folder[];
  /** The error page for 404. */
  readonly lost: Resource = new Resource("lost", "/404.html", "404.html");
  /** Changes by their names. */
  readonly changes: Map<string, number> = new Map();
  readonly #swapped: readonly Resource[];
  readonly #linked: readonly Resource[];
  /** The files behind the links, by target and then by `#linked`. */
  readonly #behindLinks: Form[][] = [];
  #target = 0;
  #files = 0;

  constructor(root: string, random: Random) {
    this.#root = root;
    this.#random = random;
    this.#contents = new Contents(random);
    const make = (kind: ResourceKind, count: number, name: (i: number) => string, extension: string) =>
      Array.from({ length: count }, (_, i) => {
        const suffix = kind === "page" ? "" : extension; // for clean URLs
        return new Resource(kind, `/${name(i)}${suffix}`, `${name(i)}${extension}`);
      });
    this.#swapped = make("swapped", 12, (i) => `swap/${"ab"[i % 2]}/inner/${i >> 1}`, ".txt");
    this.#linked = make("linked", 6, (i) => `current/${i}`, ".txt");
    this.resources = [
      ...make("small", 60, (i) => `small/${i}`, ".txt"),
      ...make("small", 60, (i) => `small/${i}`, ".bin"),
      ...make("medium", 6, (i) => `medium/${i}`, ".bin"),
      ...make("large", 3, (i) => `large/${i}`, ".bin"),
      ...make("page", 12, (i) => `page/${i}`, ".html"),
      ...make("script", 16, (i) => `script/${i}`, ".js"),
      ...make("empty", 2, (i) => `empty/${i}`, ".txt"),
      ...this.#swapped,
      ...this.#linked,
    ];
    this.folders = Array.from({ length: 4 }, (_, i) => new Folder(`list${i}`));
    this.#build();
  }

  /** Returns a URL whose file does not exist, or did not, or will not. */
  nothingAt(url: string): Resource {
    return new Resource("small", url, `${url.slice(1)}.bin`);
  }

  /** Makes one random change. */
  step(): void {
    const { value, name } = this.#chooseAndDo();
    if (value) this.changes.set(name, (this.changes.get(name) ?? 0) + 1);
  }

  /** Makes a random change. `value` is false when it was impossible at the time. */
  #chooseAndDo(): { value: boolean; name: string } {
    const chance = this.#random.below(100);
    if (chance < 3) return { value: this.#swapDirectories(), name: "directories swapped by rename" };
    if (chance < 6) return { value: this.#switchLink(), name: "symbolic link switched" };
    if (chance < 12) return { value: this.#changeFolder(), name: "listed directory changed" };
    const resource = chance < 13 ? this.lost : this.#random.pick(this.resources);
    if (resource.kind === "swapped" || resource.kind === "linked") {
      return { value: this.#replace(resource), name: "replaced by rename" };
    }
    if (resource.kind === "large" && !this.#random.oneIn(8)) return { value: false, name: "" };
    if (resource.state.file === null) {
      return { value: this.#create(resource), name: "made again" };
    }
    if (chance < 24 && resource !== this.lost) return { value: this.#remove(resource), name: "removed" };
    if (chance < 34 && resource.kind === "script") {
      return { value: this.#toggleGzip(resource), name: ".gz made or removed" };
    }
    if (chance < 40) return { value: this.#touch(resource), name: "time set" };
    if (chance < 70 && resource.inFlight === 0 && resource !== this.lost) {
      return { value: this.#rewrite(resource), name: "rewritten in place" };
    }
    return { value: this.#replace(resource), name: "replaced by rename" };
  }

  #build(): void {
    const directories = ["small", "medium", "large", "page", "script", "empty", ".new"];
    directories.push("swap/a/inner", "swap/b/inner", ...this.folders.map(({ path }) => path));
    for (let i = 0; i < LINK_TARGETS; i++) directories.push(`target${i}`);
    for (const name of directories) Deno.mkdirSync(this.#at(name), { recursive: true });
    for (let target = 0; target < LINK_TARGETS; target++) {
      this.#behindLinks.push(
        this.#linked.map((_, i) => this.#write(`target${target}/${i}.txt`, this.#content("linked"))),
      );
    }
    Deno.symlinkSync("target0", this.#at("current"));
    Deno.writeTextFileSync(this.#at("fixed.html"), "It stays as it is.\n");
    this.#linked.forEach((resource, i) => resource.become(behindLink(this.#behindLinks[0]![i]!)));
    for (const resource of [...this.resources, this.lost]) {
      if (resource.kind === "linked") continue;
      const content = this.#content(resource.kind);
      const file = this.#write(resource.path, content);
      const gzip = resource.kind === "script" ? this.#write(`${resource.path}.gz`, content.gzip()) : null;
      resource.become(new State(file, gzip));
    }
    for (const folder of this.folders) while (folder.entries.length < 8) this.#addTo(folder);
  }

  #at(path: string): string {
    return `${this.#root}/${path}`;
  }

  #content(kind: ResourceKind): Content {
    const [least, most] = SIZES[kind];
    const size = kind === "empty" && this.#random.oneIn(2) ? 0 : least + this.#random.below(most - least);
    return this.#contents.next(Math.min(size, CONTENT_BYTES_MAX));
  }

  #formOf(path: string, content: Content): Form {
    return { content, modifiedSeconds: Math.floor(Deno.statSync(this.#at(path)).mtime!.getTime() / 1000) };
  }

  #write(path: string, content: Content): Form {
    Deno.writeFileSync(this.#at(path), content.bytes);
    return this.#formOf(path, content);
  }

  /** Writes the file elsewhere, then renames it to `path`. */
  #move(path: string, content: Content): Form {
    this.#write(".new/file", content);
    const form = this.#formOf(".new/file", content);
    Deno.renameSync(this.#at(".new/file"), this.#at(path));
    return form;
  }

  #replace(resource: Resource): boolean {
    const content = this.#content(resource.kind);
    if (resource.kind === "linked") return this.#replaceBehindLink(resource, content);
    resource.become(new State(this.#move(resource.path, content), resource.state.gzip));
    if (resource.state.gzip !== null && !this.#random.oneIn(3)) {
      resource.become(new State(resource.state.file, this.#move(`${resource.path}.gz`, content.gzip())));
    }
    return true;
  }

  #replaceBehindLink(resource: Resource, content: Content): boolean {
    const i = this.#linked.indexOf(resource);
    const target = this.#random.below(LINK_TARGETS);
    const form = this.#move(`target${target}/${i}.txt`, content);
    this.#behindLinks[target]![i] = form;
    if (target === this.#target) resource.become(behindLink(form));
    return true;
  }

  #rewrite(resource: Resource): boolean {
    resource.become(new State(this.#write(resource.path, this.#content(resource.kind)), resource.state.gzip));
    return true;
  }

  #touch(resource: Resource): boolean {
    const seconds = Math.floor(Date.now() / 1000) - this.#random.below(1_000_000);
    Deno.utimeSync(this.#at(resource.path), seconds, seconds);
    const { content } = resource.state.file!;
    resource.become(new State({ content, modifiedSeconds: seconds }, resource.state.gzip));
    return true;
  }

  /** Removes a file, its compressed form first. A file that exists only in compressed form would be another case. */
  #remove(resource: Resource): boolean {
    if (resource.state.gzip !== null) {
      Deno.removeSync(this.#at(`${resource.path}.gz`));
      resource.become(new State(resource.state.file));
    }
    Deno.removeSync(this.#at(resource.path));
    resource.become(new State(null));
    return true;
  }

  #create(resource: Resource): boolean {
    const content = this.#content(resource.kind);
    const file = resource.inFlight === 0
      ? this.#write(resource.path, content)
      : this.#move(resource.path, content);
    resource.become(new State(file));
    return true;
  }

  #toggleGzip(resource: Resource): boolean {
    const { file, gzip } = resource.state;
    if (gzip !== null) {
      Deno.removeSync(this.#at(`${resource.path}.gz`));
      resource.become(new State(file));
    } else {
      resource.become(new State(file, this.#move(`${resource.path}.gz`, file!.content.gzip())));
    }
    return true;
  }

  #swapDirectories(): boolean {
    const of = (name: string) => this.#swapped.filter(({ path }) => path.startsWith(`swap/${name}/`));
    const [a, b] = [of("a"), of("b")];
    const before = a.map(({ state }) => state.file);
    Deno.renameSync(this.#at("swap/a"), this.#at("swap/c"));
    for (const resource of a) resource.become(new State(null));
    Deno.renameSync(this.#at("swap/b"), this.#at("swap/a"));
    a.forEach((resource, i) => resource.become(new State(b[i]!.state.file)));
    for (const resource of b) resource.become(new State(null));
    Deno.renameSync(this.#at("swap/c"), this.#at("swap/b"));
    b.forEach((resource, i) => resource.become(new State(before[i]!)));
    return true;
  }

  #switchLink(): boolean {
    this.#target = (this.#target + 1 + this.#random.below(LINK_TARGETS - 1)) % LINK_TARGETS;
    Deno.symlinkSync(`target${this.#target}`, this.#at(".new/link"));
    Deno.renameSync(this.#at(".new/link"), this.#at("current"));
    this.#linked.forEach((resource, i) => resource.become(behindLink(this.#behindLinks[this.#target]![i]!)));
    return true;
  }

  #changeFolder(): boolean {
    const folder = this.#random.pick(this.folders);
    if (folder.inFlight > 0) return false;
    if (folder.entries.length < LISTED_MAX && this.#random.oneIn(2)) this.#addTo(folder);
    else if (folder.entries.length > 0) this.#removeFrom(folder);
    return true;
  }

  #addTo(folder: Folder): void {
    const name = `entry ${String(this.#files++ % 100_000).padStart(5, "0")}`;
    const path = `${folder.path}/${name}`;
    const isDirectory = this.#random.oneIn(5);
    if (isDirectory) Deno.mkdirSync(this.#at(path));
    const size = isDirectory ? 0 : this.#random.below(3000);
    const { modifiedSeconds } = isDirectory
      ? this.#formOf(path, this.#contents.next(0))
      : this.#write(path, this.#contents.next(size));
    const entries: Entry[] = [...folder.entries, { name, isDirectory, size, modifiedSeconds }];
    folder.entries = entries.sort((a, b) =>
      Number(b.isDirectory) - Number(a.isDirectory) || (a.name < b.name ? -1 : 1)
    );
  }

  #removeFrom(folder: Folder): void {
    const gone = this.#random.pick(folder.entries);
    Deno.removeSync(this.#at(`${folder.path}/${gone.name}`));
    folder.entries = folder.entries.filter((entry) => entry !== gone);
  }
}

/** Returns the state behind a link. Where the server cannot follow links safely, it follows none. */
function behindLink(form: Form): State {
  return new State(FOLLOWS_LINKS ? form : null);
}
