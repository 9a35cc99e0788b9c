/**
 * Work that takes long, done in slices, so that nobody else waits for more than one of them, however many ask for it.
 * @module
 */
import {
  LISTING_MEDIUM_STEPS,
  LISTING_SHORT_STEPS,
  LISTING_SLICE_MS,
  LISTINGS_AT_WORK_MAX,
  LISTINGS_WAITING_MAX,
} from "../limits.ts";

/** For whom work is done: of a HandlerContext, what matters here. */
export interface Asker {
  /** The reactor's turn. */
  readonly turn: number;
  /** Aborted once nobody waits for the result. Not touched unless the work has to wait. */
  readonly signal: AbortSignal;
}

/** How work begins anew, when it had to give up what it had. */
export interface Renewal<T> {
  readonly begin: () => Generator<void, T>;
  /** Work with the same key may find what another has found: beyond its short part one of them goes on at a time. */
  readonly key: string;
}

/** Work goes from one class to the next when it has done so many steps, and there is a place for it. */
const CLASSES = [
  { steps: LISTING_SHORT_STEPS, places: Infinity },
  { steps: LISTING_MEDIUM_STEPS, places: LISTINGS_AT_WORK_MAX },
  { steps: Infinity, places: LISTINGS_AT_WORK_MAX },
] as const;
/** Where each slice begins, in turn: work of no class waits for ever while work of another keeps coming. */
const FIRST_CLASSES = [0, 1, 0, 2] as const;

/**
 * Runs generators that yield wherever they may be interrupted. What is short is done at once, as long as nobody waits
 * and the turn has time left; all else waits, and has done nothing until then. Those that wait are served by the steps
 * that they have done, so that work with little to do passes work with much. Time decides only when a slice ends: on a
 * busy machine it passes without anything being done. Of those that need many steps a few take turns, since what many
 * hold at once would not fit the memory: one that finds no place gives up what it has, and begins anew when there is one.
 */
export class TimeSlices {
  readonly #nowMs: () => number;
  /** In the order in which they came. */
  readonly #waiting: Waiting[] = [];
  /** Which of {@linkcode FIRST_CLASSES} comes next. */
  #turn = 0;
  /** Of each class: the next place is for the newest of those that wait for one, not for the oldest. */
  readonly #isNewestNext: boolean[] = CLASSES.map(() => true);
  /** The timer of the slice that is to come. */
  #timer: ReturnType<typeof setTimeout> | null = null;
  #turnNumber = -1;
  /** What was spent in that turn. */
  #spentMs = 0;

  /** `nowMs` is for tests. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /**
   * What `work` returns: at once, or as a promise. `refusal` comes back when too many wait already, or the asker is
   * gone; work that was begun is ended then (its `finally` runs). Without a `renewal` it is never made to give up what
   * it has, and others wait for its place.
   */
  run<T>(
    work: Generator<void, T>,
    refusal: T,
    asker: Asker,
    renewal: Renewal<T> | null = null,
  ): T | Promise<T> {
    if (this.#turnNumber !== asker.turn) {
      this.#turnNumber = asker.turn;
      this.#spentMs = 0;
    }
    if (this.#waiting.length >= LISTINGS_WAITING_MAX) return refusal;
    let steps = 0;
    if (this.#waiting.length === 0 && this.#spentMs < LISTING_SLICE_MS) {
      const startMs = this.#nowMs();
      const endMs = startMs + LISTING_SLICE_MS - this.#spentMs;
      try {
        do {
          const step = work.next();
          if (step.done === true) return step.value;
          steps++;
        } while (this.#nowMs() < endMs);
      } finally {
        this.#spentMs += this.#nowMs() - startMs;
      }
    }
    return this.#wait({ work, refusal, renewal }, steps, asker.signal);
  }

  #wait<T>({ work, refusal, renewal }: Job<T>, steps: number, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#remove(waiting);
        work.return(refusal);
        resolve(refusal);
      };
      const waiting: Waiting = {
        steps,
        class: 0,
        servedAt: 0,
        isHolding: true,
        key: renewal?.key ?? null,
        step: () => {
          try {
            const step = work.next();
            if (step.done !== true) return false;
            resolve(step.value);
          } catch (error) {
            reject(error);
          }
          signal.removeEventListener("abort", onAbort);
          return true;
        },
        giveUp: () => {
          if (renewal === null) return;
          waiting.isHolding = false;
          work.return(refusal);
        },
        beginAnew: () => {
          waiting.isHolding = true;
          waiting.steps = 0;
          work = renewal!.begin();
        },
      };
      this.#waiting.push(waiting);
      if (signal.aborted) return onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      this.#goOnLater();
    });
  }

  /** In a macrotask: with microtasks alone neither sockets nor timers would get a turn. */
  #goOnLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#serve(this.#nowMs() + LISTING_SLICE_MS);
      if (this.#waiting.length > 0) this.#goOnLater();
    }, 0);
  }

  /** Does one step at least. */
  #serve(endMs: number): void {
    const first = FIRST_CLASSES[this.#turn++ % FIRST_CLASSES.length]!;
    do {
      this.#admit();
      const waiting = this.#nextOf(first) ?? this.#nextOf(0) ?? this.#nextOf(1) ?? this.#nextOf(2);
      if (waiting === null) return;
      waiting.servedAt = this.#turn;
      const { steps } = CLASSES[waiting.class]!;
      do {
        if (waiting.step()) {
          this.#remove(waiting);
          break;
        }
      } while (++waiting.steps < steps && this.#nowMs() < endMs);
    } while (this.#nowMs() < endMs);
  }

  /** Whose turn it is in a class: short work is finished in the order in which it came, other work takes turns. */
  #nextOf(index: number): Waiting | null {
    let next: Waiting | null = null;
    for (const waiting of this.#waiting) {
      if (waiting.class !== index || waiting.steps >= CLASSES[index]!.steps) continue;
      if (index === 0) return waiting;
      if (next === null || waiting.servedAt < next.servedAt) next = waiting;
    }
    return next;
  }

  /** Gives away the places that are free, to those that wait longest and those that came last by turns. */
  #admit(): void {
    const isAtWork = (waiting: Waiting) => waiting.class > 0 && waiting.isHolding;
    const keys = new Set(this.#waiting.filter(isAtWork).map(({ key }) => key));
    for (let index = CLASSES.length - 1; index > 0; index--) {
      const { steps } = CLASSES[index - 1]!;
      const hasPlace = (waiting: Waiting) => waiting.class === index && waiting.isHolding;
      const isDue = (waiting: Waiting) => waiting.class === index - 1 && waiting.steps >= steps;
      const mayEnter = (waiting: Waiting) =>
        isDue(waiting) && (isAtWork(waiting) || waiting.key === null || !keys.has(waiting.key));
      for (let taken = this.#waiting.filter(hasPlace).length; taken < CLASSES[index]!.places; taken++) {
        const admitted = this.#isNewestNext[index]
          ? this.#waiting.findLast(mayEnter)
          : this.#waiting.find(mayEnter);
        if (admitted === undefined) break;
        admitted.class = index;
        if (!admitted.isHolding) admitted.beginAnew();
        keys.add(admitted.key);
        this.#isNewestNext[index] = !this.#isNewestNext[index];
      }
      for (const waiting of this.#waiting) if (isDue(waiting) && waiting.isHolding) waiting.giveUp();
    }
  }

  #remove(waiting: Waiting): void {
    const at = this.#waiting.indexOf(waiting);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (this.#timer === null || this.#waiting.length > 0) return;
    clearTimeout(this.#timer);
    this.#timer = null;
  }
}

interface Job<T> {
  readonly work: Generator<void, T>;
  readonly refusal: T;
  readonly renewal: Renewal<T> | null;
}

/** Work that waits. */
interface Waiting {
  /** Done so far. */
  steps: number;
  /** Index of {@linkcode CLASSES}. */
  class: number;
  /** In which turn it went on last. */
  servedAt: number;
  /** False from `giveUp` to `beginAnew`. */
  isHolding: boolean;
  readonly key: string | null;
  /** Goes on; true when that was all, and the promise is settled. */
  readonly step: () => boolean;
  /** Ends what was begun, unless it could not be begun anew. */
  readonly giveUp: () => void;
  readonly beginAnew: () => void;
}
