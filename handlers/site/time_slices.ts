/**
 * Work that takes long, done in slices, so that nobody else waits for more than one of them, however many ask for it.
 * @module
 */
import {
  LISTING_FIRST_SLICE_MS,
  LISTING_SLICE_MS,
  LISTINGS_AT_WORK_MAX,
  LISTINGS_WAITING_MAX,
} from "../../server/limits.ts";

/** For whom work is done: of a HandlerContext, what matters here. */
export interface Asker {
  /** The reactor's turn. */
  readonly batch: number;
  /** Aborted once nobody waits for the result. Not touched unless the work has to wait. */
  readonly signal: AbortSignal;
}

/**
 * Runs generators that yield wherever they may be interrupted. What is short is done at once, as long as nobody waits
 * and the turn has time left; all else waits, and has done nothing until then. Those that wait get a first, short slice
 * in the order in which they came, so that short work passes long work. Of those that need more, a few take turns, and
 * the others hold what they have: what many hold at once would not fit the memory.
 */
export class TimeSlices {
  /** Those that have done nothing yet. */
  readonly #new: Waiting[] = [];
  /** Those that used up their first slice. The first LISTINGS_AT_WORK_MAX of them take turns. */
  readonly #begun: Waiting[] = [];
  /** Which of them is next. */
  #next = 0;
  /** The last slice was for those that had done nothing yet. */
  #wereNewServed = false;
  /** The timer of the slice that is to come. */
  #timer: ReturnType<typeof setTimeout> | null = null;
  #batch = -1;
  /** What was spent in that turn. */
  #spentMs = 0;

  /**
   * What `work` returns: at once, or as a promise. `refusal` comes back when too many wait already, or the asker is
   * gone; work that was begun is ended then (its `finally` runs).
   */
  run<T>(work: Generator<void, T>, refusal: T, asker: Asker): T | Promise<T> {
    if (this.#batch !== asker.batch) {
      this.#batch = asker.batch;
      this.#spentMs = 0;
    }
    const waiting = this.#new.length + this.#begun.length;
    if (waiting >= LISTINGS_WAITING_MAX) return refusal;
    const isBegun = waiting === 0 && this.#spentMs < LISTING_SLICE_MS;
    if (isBegun) {
      const startMs = performance.now();
      try {
        const step = workUntil(work, startMs + LISTING_SLICE_MS - this.#spentMs);
        if (step.done === true) return step.value;
      } finally {
        this.#spentMs += performance.now() - startMs;
      }
    }
    return this.#wait(work, refusal, asker.signal, isBegun ? this.#begun : this.#new);
  }

  #wait<T>(work: Generator<void, T>, refusal: T, signal: AbortSignal, queue: Waiting[]): Promise<T> {
    this.#goOnLater();
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#remove(waiting);
        work.return(refusal);
        resolve(refusal);
      };
      const waiting: Waiting = {
        workUntil: (endMs) => {
          try {
            const step = workUntil(work, endMs);
            if (step.done !== true) return false;
            resolve(step.value);
          } catch (error) {
            reject(error);
          }
          signal.removeEventListener("abort", onAbort);
          return true;
        },
      };
      queue.push(waiting);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** In a macrotask: with microtasks alone neither sockets nor timers would get a turn. */
  #goOnLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const endMs = performance.now() + LISTING_SLICE_MS;
      // In turns with the others, which would never end while new ones kept coming.
      this.#wereNewServed = this.#new.length > 0 && (this.#begun.length === 0 || !this.#wereNewServed);
      if (this.#wereNewServed) this.#serveNew(endMs);
      this.#serveBegun(endMs);
      if (this.#new.length + this.#begun.length > 0) this.#goOnLater();
    }, 0);
  }

  #serveNew(endMs: number): void {
    for (let nowMs = performance.now(); nowMs < endMs; nowMs = performance.now()) {
      const waiting = this.#new.shift();
      if (waiting === undefined) return;
      if (!waiting.workUntil(Math.min(endMs, nowMs + LISTING_FIRST_SLICE_MS))) this.#begun.push(waiting);
    }
  }

  #serveBegun(endMs: number): void {
    while (this.#begun.length > 0 && performance.now() < endMs) {
      this.#next %= Math.min(this.#begun.length, LISTINGS_AT_WORK_MAX);
      if (this.#begun[this.#next].workUntil(endMs)) this.#begun.splice(this.#next, 1);
      else this.#next++;
    }
  }

  #remove(waiting: Waiting): void {
    for (const queue of [this.#new, this.#begun]) {
      const at = queue.indexOf(waiting);
      if (at < 0) continue;
      queue.splice(at, 1);
      if (queue === this.#begun && at < this.#next) this.#next--;
    }
    if (this.#timer === null || this.#new.length + this.#begun.length > 0) return;
    clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/** Work that waits. */
interface Waiting {
  /** Goes on until the instant `endMs`; true when that was all, and the promise is settled. */
  readonly workUntil: (endMs: number) => boolean;
}

/** Does one step at least. */
function workUntil<T>(work: Generator<void, T>, endMs: number): IteratorResult<void, T> {
  let step = work.next();
  while (step.done !== true && performance.now() < endMs) step = work.next();
  return step;
}
