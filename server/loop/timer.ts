/**
 * Sleeping until an instant of the reactor's clock, or for some milliseconds.
 * @module
 */
import { Source } from "./source.ts";

/** A source without a descriptor, which only its deadline wakes. */
export class Sleeper extends Source {
  readonly #onWake: (error: Error | null) => void;
  #isAwake = false;

  /** `onWake` is called once: with null at the deadline, or with the argument of {@linkcode wake}. */
  constructor(onWake: (error: Error | null) => void) {
    super(-1);
    this.#onWake = onWake;
  }

  /** Ends the sleep before the deadline. Does nothing after the first call. */
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
 * Resolves after `ms` milliseconds. For handlers and coroutines alike; `CoroutineConnection.sleep` also ends when the
 * client leaves.
 * @throws the reason of `signal`, as a rejection, once it is aborted
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
