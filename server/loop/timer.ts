/**
 * Deadlines without a descriptor, and a sleep of some milliseconds.
 * @module
 */
import type { Expiring } from "./deadlines.ts";

/** A deadline without a descriptor. {@linkcode Reactor.expireAt} sets it. */
export class Timer implements Expiring {
  deadlineMs: number = Infinity;
  heapMs: number = Infinity;
  heapIndex: number = -1;
  /** Always false. A source is retired by the reactor; a timer ends when its deadline is Infinity. */
  readonly retired = false;
  /** Called in the loop once the deadline has passed. */
  readonly onDeadline: () => void;

  /** Creates a timer without a deadline. `onDeadline` is called in the loop each time a deadline has passed. */
  constructor(onDeadline: () => void) {
    this.onDeadline = onDeadline;
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
