/**
 * Sources that work in phase two of the turn.
 * @module
 */
import type { Source } from "./source.ts";

/** The queue of deferred sources. */
export class Deferred {
  readonly #sources: (Source | null)[] = [];
  #count = 0; // emptying the array by its length would allocate memory each turn

  /** Adds `source`, unless it was added in this turn already. */
  add(source: Source, turnNumber: number): void {
    if (source.deferredInTurn === turnNumber) return;
    source.deferredInTurn = turnNumber;
    this.#sources[this.#count++] = source;
  }

  /** Calls `onTurn` of all sources that are not retired, and empties the queue. `fail` gets their exceptions. */
  run(fail: (error: unknown, source: Source) => void): void {
    for (let i = 0; i < this.#count; i++) {
      const source = this.#sources[i]!;
      this.#sources[i] = null;
      try {
        if (!source.retired) source.onTurn();
      } catch (error) {
        fail(error, source);
      }
    }
    this.#count = 0;
  }
}
