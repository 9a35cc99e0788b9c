/**
 * Somebody who sleeps until an instant of the reactor's clock.
 * @module
 */
import { Source } from "./source.ts";

/** A source without a descriptor: nothing but its deadline wakes it. */
export class Sleeper extends Source {
  readonly #onWake: (error: Error | null) => void;
  #isAwake = false;

  /** `onWake` is called once: with null when its time has come, or with the error that {@linkcode wake} got. */
  constructor(onWake: (error: Error | null) => void) {
    super(-1);
    this.#onWake = onWake;
  }

  /** Wakes it before its time. */
  wake(error: Error | null): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    this.#onWake(error);
  }

  override onReady(): void {}

  override onDeadline(): void {
    this.wake(null);
  }
}

/**
 * Sleeps for so many milliseconds, in handlers and coroutines alike. (Coroutines have a `sleep` of their own, which ends
 * with their client.)
 * @throws the signal's reason, once it is aborted.
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
