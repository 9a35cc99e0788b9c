/**
 * Hears of writes to a file while it is sent, by whatever name they come.
 * @module
 */
import { IN_IGNORED, IN_MODIFY } from "../../../ffi/libc/constants.ts";
import { WatchedName } from "./watched_name.ts";
import type { WatchTree } from "./watch_tree.ts";
import { watches } from "./watches.ts";

/** Counts the writes to one open file. */
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

  /** Of the file that is open as `fd`, from now on. Null where the kernel cannot be relied on to tell of all. */
  static of(tree: WatchTree, fd: number): WriteEvents | null {
    const events = new WriteEvents(tree);
    return tree.isWatching && tree.watchFile(events.#watched, fd) ? events : null;
  }

  /** Grows with every write that has ended before it is asked for; several may count as one. */
  get writes(): number {
    this.#tree.drain();
    return this.#writes;
  }

  /** False once events may have been lost, or nothing listens: from then on {@linkcode writes} says nothing. */
  get isReliable(): boolean {
    return !this.#hasEnded && this.#tree.isWatching && watches.overflows === this.#overflows;
  }

  /** Gives the watch back. */
  close(): void {
    this.#tree.unwatch(this.#watched);
  }
}
