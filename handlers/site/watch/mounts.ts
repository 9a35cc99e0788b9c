/**
 * Detection of mounts in the directories that are served.
 *
 * A mount hides files that are watched, and an unmount hides the files of the mount. inotify(7) reports neither. So the
 * mount table is polled for a change (poll(2) reports each change once) and compared with its last content. A mount
 * that was made and ended between two polls leaves no trace in the table. So after files have been looked up, the table
 * is polled again before the result is trusted.
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

/** The mount table, and the mounts in each watched tree. */
export class Mounts {
  readonly #fd: number;
  /** By tree, a text that identifies all mounts in it; null when it was not read yet. */
  readonly #known = new Map<Watcher, string | null>();
  #hasNew = false;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Opens the mount table. Returns −errno when that is impossible. */
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

  /**
   * Returns the trees whose mounts have changed since the last call. `doubtful`, in which files were just looked up, is
   * among them after any change at all. It is null when there is none.
   */
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
