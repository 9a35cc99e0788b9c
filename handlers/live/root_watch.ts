/**
 * The directories on the way to a root, watched for another directory that comes to its path: a build directory that is
 * removed and made again, or a link that is changed.
 * @module
 */
import { IN_CLOSE_WRITE } from "../../ffi/libc/constants.ts";
import { openPath, walk } from "../../ffi/file/path_walk.ts";
import { close } from "../../ffi/socket/socket.ts";
import { WatchedName, type Watcher } from "../site/watch/watched_name.ts";
import { watches } from "../site/watch/watches.ts";

/** The watches on the way to several roots. */
export class RootWatch implements Watcher {
  readonly path = null;
  readonly #roots: readonly string[];
  readonly #onChange: () => void;
  readonly #nodes: WatchedName[] = [];

  /** `onChange` is called with each change of an entry of one of the directories; it has to call {@linkcode watch}. */
  constructor(roots: readonly string[], onChange: () => void) {
    this.#roots = roots;
    this.#onChange = onChange;
    if (roots.length > 0) watches.join(this);
    this.watch();
  }

  /** Watches all directories on the way, as far as they exist at present. */
  watch(): void {
    const before = this.#nodes.splice(0);
    for (const root of this.#roots) {
      for (const path of prefixesOf(root)) this.#watch(openPath(path));
      for (const fd of holdersOf(root)) this.#watch(fd);
    }
    for (const node of before) watches.unwatch(node); // last: the kernel's watches stay where they are the same
  }

  #watch(fd: number): void {
    if (fd < 0) return;
    const node = new WatchedName(this, "", null);
    if (watches.watch(node, fd, true) === 0) this.#nodes.push(node);
    close(fd);
  }

  onEvent(_: WatchedName, mask: number): void {
    if ((mask & IN_CLOSE_WRITE) === 0) this.#onChange();
  }

  reset(): void {
    for (const node of this.#nodes) node.watch = -1;
    this.#onChange();
  }

  close(): void {
    for (const node of this.#nodes.splice(0)) watches.unwatch(node);
    if (this.#roots.length > 0) watches.leave(this);
  }
}

/** Returns the directories above `root` in its own spelling, without `/`: `.` and `./build` for `./build/site`. */
function prefixesOf(root: string): string[] {
  const names = root.split("/").filter((name) => name !== "" && name !== ".");
  const start = root.startsWith("/") ? "" : "./";
  const prefixes = names.map((_, depth) =>
    `${start}${root.startsWith("/") ? "/" : ""}${names.slice(0, depth).join("/")}`
  );
  return prefixes.filter((prefix) => prefix !== "/");
}

/** Returns the open directories in which links on the way to `root`, and their targets, can be replaced; none when it is missing. */
function holdersOf(root: string): readonly number[] {
  try {
    const { end, holders } = walk(root);
    close(end);
    return holders;
  } catch {
    return [];
  }
}
