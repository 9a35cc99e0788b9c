/**
 * What is mounted in the directories that are served.
 *
 * A mount hides what was watched, and its end what is: inotify(7) tells of neither. So the table of mounts is asked
 * whether it has changed, which it tells once, and compared. It names what is mounted at present; what was mounted and
 * unmounted between two questions it does not. Who has found something meanwhile must ask before trusting that.
 * @module
 */
import type { FileName } from "../../../ffi/file/inotify.ts";
import {
  closeMountTable,
  haveMountsChanged,
  openMountTable,
  readMounts,
} from "../../../ffi/file/mount_table.ts";
import type { Watcher } from "./watched_name.ts";

const NONE: readonly Watcher[] = [];

/** The table, and what it has said of each tree. */
export class Mounts {
  readonly #fd: number;
  /** Those in the tree, in words; null: it was not looked at yet. */
  readonly #known = new Map<Watcher, string | null>();
  #hasNew = false;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** −errno where nothing tells of mounts. */
  static open(): Mounts | number {
    const fd = openMountTable();
    return fd < 0 ? fd : new Mounts(fd);
  }

  add(tree: Watcher): void {
    this.#known.set(tree, null);
    this.#hasNew = true;
  }

  remove(tree: Watcher): void {
    this.#known.delete(tree);
  }

  /** The trees in which other things are mounted than before; `doubtful` in any case, if anything has changed at all. */
  changed(doubtful: Watcher | null): readonly Watcher[] {
    const hasChanged = haveMountsChanged(this.#fd);
    if (!hasChanged && !this.#hasNew) return NONE;
    const before = new Map(this.#known);
    const isKnown = this.#read();
    this.#hasNew = !isKnown;
    if (!hasChanged) return NONE;
    const isOther = (tree: Watcher) => tree === doubtful || before.get(tree) !== this.#known.get(tree);
    return isKnown ? [...before.keys()].filter(isOther) : [...before.keys()];
  }

  close(): void {
    closeMountTable(this.#fd);
  }

  #read(): boolean {
    const trees = new Map<FileName, Watcher[]>();
    for (const tree of this.#known.keys()) {
      this.#known.set(tree, "");
      const path = tree.path ?? "";
      const others = trees.get(path);
      if (others === undefined) trees.set(path, [tree]);
      else others.push(tree);
    }
    return readMounts(this.#fd, (path, identity) => {
      for (let at = path;; at = at.slice(0, at.lastIndexOf("/")) || "/") {
        for (const tree of trees.get(at) ?? []) {
          this.#known.set(tree, `${this.#known.get(tree)}${identity}\n`);
        }
        if (at === "/") break;
      }
    }) === 0;
  }
}
