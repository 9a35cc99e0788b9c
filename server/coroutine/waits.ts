/**
 * The promises for which one coroutine waits.
 * @module
 */
import type { Reactor } from "../loop/reactor.ts";
import { Timer } from "../loop/timer.ts";

/** The functions of a pending promise. */
export interface Waiting<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/**
 * Counts a coroutine as pending (`Reactor.countPending`), except while it waits for something that only the loop can
 * bring about.
 */
export class Waits {
  readonly #reactor: Reactor;
  /** True while the coroutine runs, or waits for something outside of the loop. The loop must not block then. */
  #isRunning = false;
  /** Null until the first sleep, because most coroutines do not sleep. */
  #sleepers: Map<Timer, Waiting<void>> | null = null;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  /** Returns a promise that only the loop can settle, by {@linkcode wake}. `enlist` gets the functions that settle it. */
  wait<T>(enlist: (waiting: Waiting<T>) => void): Promise<T> {
    this.block();
    const promise = new Promise<T>((resolve, reject) => enlist({ resolve, reject }));
    promise.catch(() => {}); // a rejection that the coroutine does not await must not end the process
    return promise;
  }

  /** Lets the coroutine run, and settles what it waits for. */
  wake(settle: () => void = () => {}): void {
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#reactor.countPending(1);
    }
    settle();
  }

  /** Resolves after `ms` milliseconds, unless {@linkcode cancelSleeps} comes before; NaN counts as 0. */
  sleep(ms: number): Promise<void> {
    const untilMs = performance.now() + Math.max(Number(ms) || 0, 0);
    const sleepers: Map<Timer, Waiting<void>> = this.#sleepers ??= new Map();
    return this.wait((waiting) => {
      const timer = new Timer(() => {
        sleepers.delete(timer);
        this.wake(() => waiting.resolve());
      });
      sleepers.set(timer, waiting);
      this.#reactor.post(() => {
        if (sleepers.has(timer)) this.#reactor.expireAt(timer, untilMs);
      });
    });
  }

  /** Ends all sleeps with `error`. */
  cancelSleeps(error: Error): void {
    for (const [timer, waiting] of this.#sleepers ?? []) {
      this.#reactor.cancel(timer);
      this.wake(() => waiting.reject(error));
    }
    this.#sleepers?.clear();
  }

  /** Lets the loop block: the coroutine has ended, or is not needed any more. */
  block(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#reactor.countPending(-1);
  }
}
