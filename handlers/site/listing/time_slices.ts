/**
 * A scheduler for long work, which runs in time slices. Other requests wait for at most one slice.
 * @module
 */
import {
  LISTING_MEDIUM_STEPS,
  LISTING_SHORT_STEPS,
  LISTING_SLICE_MS,
  LISTINGS_AT_WORK_MAX,
  LISTINGS_WAITING_MAX,
} from "../limits.ts";

/** The parts of a `HandlerContext` that the scheduler uses. */
export interface SliceContext {
  /** The reactor's turn. */
  readonly turn: number;
  /**
   * Aborted when the client is gone. Read only when the work has to wait, since a signal is made when it is first read.
   */
  readonly signal: AbortSignal;
}

/** How work starts again after it was discarded. */
export interface Renewal<T> {
  readonly begin: () => Generator<void, T>;
  /**
   * Work with the same key can use each other's results: of such work in the medium and long class, one runs at a time.
   */
  readonly key: string;
}

/**
 * The classes short, medium and long. Work moves to the next one after `steps`, when that has one of its `places` free.
 */
const CLASSES = [
  { steps: LISTING_SHORT_STEPS, places: Infinity },
  { steps: LISTING_MEDIUM_STEPS, places: LISTINGS_AT_WORK_MAX },
  { steps: Infinity, places: LISTINGS_AT_WORK_MAX },
] as const;
/**
 * The class that each slice serves first, in rotation, so that a stream of new work in one class cannot starve another.
 */
const FIRST_CLASSES = [0, 1, 0, 2] as const;

/**
 * Runs generators that yield wherever they may be interrupted.
 *
 * Short work runs at once, while no work waits and the turn has time left. Other work waits in a queue. The queue is
 * served by the steps that work has done, so short work passes long work. Time decides only when a slice ends: on a
 * busy machine time passes without any progress. Only a few items of medium and long work run in turn, since the memory
 * that many would hold is too large. Work that finds no place is discarded, and starts again when a place is free.
 */
export class TimeSlices {
  readonly #nowMs: () => number;
  /** The queue, in the order of arrival. */
  readonly #waiting: Waiting[] = [];
  /** The number of the next slice, which selects one of {@linkcode FIRST_CLASSES}. */
  #slice = 0;
  /** By class, true when its next free place goes to the newest work that waits for one, false for the oldest. */
  readonly #isNewestNext: boolean[] = CLASSES.map(() => true);
  /** The timer of the next slice; null when no work waits. */
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** The reactor's turn in which work was last submitted. */
  #turn = -1;
  /** Milliseconds spent in that turn. */
  #spentMs = 0;

  /** `nowMs` is another clock in tests. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /**
   * Returns the result of `work`: at once, or as a promise. The result is `overload` when too much work waits already,
   * or the client is gone. Work that was started is ended then (its `finally` runs). When `renewal` is null, the work
   * is never discarded: it keeps what it holds while it waits for a place.
   */
  run<T>(
    work: Generator<void, T>,
    overload: T,
    context: SliceContext,
    renewal: Renewal<T> | null = null,
  ): T | Promise<T> {
    if (this.#turn !== context.turn) {
      this.#turn = context.turn;
      this.#spentMs = 0;
    }
    if (this.#waiting.length >= LISTINGS_WAITING_MAX) return overload;
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
    return this.#wait({ work, overload, renewal }, steps, context.signal);
  }

  #wait<T>({ work, overload, renewal }: Job<T>, steps: number, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#remove(waiting);
        work.return(overload);
        resolve(overload);
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
        discard: () => {
          if (renewal === null) return;
          waiting.isHolding = false;
          work.return(overload);
        },
        restart: () => {
          waiting.isHolding = true;
          waiting.steps = 0;
          work = renewal!.begin();
        },
      };
      this.#waiting.push(waiting);
      if (signal.aborted) return onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      this.#scheduleSlice();
    });
  }

  /** Schedules the next slice as a macrotask, so that sockets and timers are served between slices. */
  #scheduleSlice(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#serve(this.#nowMs() + LISTING_SLICE_MS);
      if (this.#waiting.length > 0) this.#scheduleSlice();
    }, 0);
  }

  /** Runs a slice: at least one step, and steps until `endMs`. */
  #serve(endMs: number): void {
    const first = FIRST_CLASSES[this.#slice++ % FIRST_CLASSES.length]!;
    do {
      this.#admit();
      const waiting = this.#nextOf(first) ?? this.#nextOf(0) ?? this.#nextOf(1) ?? this.#nextOf(2);
      if (waiting === null) return;
      waiting.servedAt = this.#slice;
      const { steps } = CLASSES[waiting.class]!;
      do {
        if (waiting.step()) {
          this.#remove(waiting);
          break;
        }
      } while (++waiting.steps < steps && this.#nowMs() < endMs);
    } while (this.#nowMs() < endMs);
  }

  /**
   * Returns the next work of a class; null when there is none. Short work runs to its end in the order of arrival,
   * other work in turn.
   */
  #nextOf(index: number): Waiting | null {
    let next: Waiting | null = null;
    for (const waiting of this.#waiting) {
      if (waiting.class !== index || waiting.steps >= CLASSES[index]!.steps) continue;
      if (index === 0) return waiting;
      if (next === null || waiting.servedAt < next.servedAt) next = waiting;
    }
    return next;
  }

  /**
   * Gives free places to the oldest and the newest waiting work, alternately. Work that is due for a place and gets
   * none is discarded.
   */
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
        if (!admitted.isHolding) admitted.restart();
        keys.add(admitted.key);
        this.#isNewestNext[index] = !this.#isNewestNext[index];
      }
      for (const waiting of this.#waiting) if (isDue(waiting) && waiting.isHolding) waiting.discard();
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
  readonly overload: T;
  readonly renewal: Renewal<T> | null;
}

/** Work in the queue. */
interface Waiting {
  /** The number of steps done. */
  steps: number;
  /** An index of {@linkcode CLASSES}. */
  class: number;
  /** The slice in which the work last ran. */
  servedAt: number;
  /** False from `discard` to `restart`. */
  isHolding: boolean;
  /** The key of the work's `Renewal`; null without one. */
  readonly key: string | null;
  /** Does one step. Returns true when the work is finished and its promise settled. */
  readonly step: () => boolean;
  /** Ends the work to free its memory. Does nothing without a `Renewal`. */
  readonly discard: () => void;
  /** Starts discarded work again. */
  readonly restart: () => void;
}
