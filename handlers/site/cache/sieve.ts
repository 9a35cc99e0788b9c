/**
 * Which entry of a cache has to leave: SIEVE (Zhang and others, NSDI 2024).
 *
 * A queue in order of arrival, and a hand that goes from the oldest to the newest: what was used since the hand last
 * passed stays where it is and loses its mark, the first without a mark leaves. To use an entry costs one store;
 * entries that are asked for only once (a crawler) do not push out those that are asked for again.
 * @module
 */

/** What an entry has to have; the links are the queue's. */
export abstract class SieveEntry {
  isVisited = false;
  newer: SieveEntry | null = null;
  older: SieveEntry | null = null;
}

/** The queue. */
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

  /** The entry that is to leave next (it is still in the queue), or null when there is none. */
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
