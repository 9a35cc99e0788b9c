/**
 * Work that takes long, done in slices, so that nobody else waits for more than one of them.
 * @module
 */
import { LISTING_SLICE_MS, LISTINGS_WAITING_MAX } from "../../server/limits.ts";

/** Runs generators that yield wherever they may be interrupted; only one at a time goes beyond its first slice. */
export class TimeSlices {
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  /**
   * What `work` returns: at once when it is done within a slice, else as a promise. When too many wait already it
   * is ended (its `finally` runs), and `refusal` is what comes back.
   */
  run<T>(work: Generator<void, T>, refusal: T): T | Promise<T> {
    const first = runSlice(work);
    if (first.done === true) return first.value;
    if (this.#waiting >= LISTINGS_WAITING_MAX) {
      work.return(refusal);
      return refusal;
    }
    this.#waiting++;
    const result = this.#runRest(work, this.#last);
    this.#last = result.then(() => {}, () => {});
    return result;
  }

  async #runRest<T>(work: Generator<void, T>, turn: Promise<void>): Promise<T> {
    try {
      await turn;
      while (true) {
        await othersTurn();
        const slice = runSlice(work);
        if (slice.done === true) return slice.value;
      }
    } finally {
      this.#waiting--;
    }
  }
}

function runSlice<T>(work: Generator<void, T>): IteratorResult<void, T> {
  const endMs = performance.now() + LISTING_SLICE_MS;
  let step = work.next();
  while (step.done !== true && performance.now() < endMs) step = work.next();
  return step;
}

/** A macrotask: with microtasks alone neither sockets nor timers would get a turn. */
function othersTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
