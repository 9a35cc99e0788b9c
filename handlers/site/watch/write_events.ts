/**
 * Write events of a file while it is sent, through any of its names.
 * @module
 */
import { IN_IGNORED, IN_MODIFY } from "../../../ffi/libc/constants.ts";
import { WatchedName } from "./watched_name.ts";
import type { WatchTree } from "./watch_tree.ts";
import { watches } from "./watches.ts";

/** A counter of writes to one open file. */
export class WriteEvents {
  readonly #tree: WatchTree;
  readonly #watched: WatchedName;
  readonly #overflows = watches.overflows;
  #writes = 0;
  #hasEnded = false;

  private constructor(tree: WatchTree) {
    this.#tree = tree;
    this.#watched = new WatchedName(tree, "", null);
    this.#watched.listener = (mask) => {
      if (mask & IN_MODIFY) this.#writes++;
      if (mask & IN_IGNORED) this.#hasEnded = true;
    };
  }

  /** Counts writes to the open file `fd` from now on. Null when the kernel does not report all of them. */
  static of(tree: WatchTree, fd: number): WriteEvents | null {
    const events = new WriteEvents(tree);
    return tree.isWatching && tree.watchFile(events.#watched, fd) ? events : null;
  }

  /** Grows with each write that ended before this is read. Several writes may count as one. */
  get writes(): number {
    this.#tree.drain();
    return this.#writes;
  }

  /** False once events may have been lost, or the watch has ended. {@linkcode writes} is meaningless then. */
  get isReliable(): boolean {
    return !this.#hasEnded && this.#tree.isWatching && watches.overflows === this.#overflows;
  }

  /** Removes the watch. */
  close(): void {
    this.#tree.unwatch(this.#watched);
  }
}
