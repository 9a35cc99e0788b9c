/**
 * Which entry of a cache is evicted: SIEVE (Zhang and others, NSDI 2024).
 *
 * The entries stand in a queue in order of arrival, and a hand moves from the oldest to the newest. An entry that was used
 * since the hand last passed loses its mark and stays; the first entry without a mark is evicted. A use costs one store,
 * and entries that are used only once (by a crawler) do not evict those that are used again.
 * @module
 */

/** An entry of the queue. `isVisited` is the mark of a use; the links belong to the queue. */
export abstract class SieveEntry {
  isVisited = false;
  newer: SieveEntry | null = null;
  older: SieveEntry | null = null;
}

/** The queue of a cache. */
export class Sieve<T extends SieveEntry> {
  #newest: SieveEntry | null = null;
  #oldest: SieveEntry | null = null;
  #hand: SieveEntry | null = null;

  add(entry: T): void {
    entry.older = this.#newest;
    entry.newer = null;
    if (this.#newest === null) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  remove(entry: T): void {
    if (this.#hand === entry) this.#hand = entry.newer;
    if (entry.newer === null) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    if (entry.older === null) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    entry.newer = entry.older = null;
  }

  /** Returns the entry to evict next, which stays in the queue; null when the queue is empty. */
  victim(): T | null {
    let entry = this.#hand ?? this.#oldest;
    while (entry !== null && entry.isVisited) {
      entry.isVisited = false;
      entry = entry.newer ?? this.#oldest;
    }
    this.#hand = entry;
    return entry as T | null;
  }
}
