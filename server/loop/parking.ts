/**
 * The wait of an idle loop, during which Deno's event loop runs.
 * @module
 */
import { UNREF_LOOK_MS, UNREF_PENDING_LOOK_MS } from "../limits.ts";
import type { Poller, ReadyList } from "./poller.ts";
import type { TaskQueue } from "./task_queue.ts";

/** A timer as an object, which Deno returns since 2.9, and Node. */
interface TimerObject {
  ref(): unknown;
  unref(): unknown;
}

/**
 * Sets whether `timer` keeps the process alive. Where this library is a package of npm, versions of Deno before 2.9 give
 * it Node's timers, which `Deno.unrefTimer` does not take.
 */
export function keepProcessAlive(timer: number | TimerObject, isRef: boolean): void {
  if (typeof timer === "number") isRef ? Deno.refTimer(timer) : Deno.unrefTimer(timer);
  else isRef ? timer.ref() : timer.unref();
}

/**
 * The parked wait, on another thread. Deno does not end the process while a call on another thread is pending. So a
 * loop that must not keep the process alive polls instead, by an unreferenced timer.
 */
export class Parking {
  readonly #poller: Poller;
  readonly #tasks: TaskQueue;
  #isRef = true;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  /**
   * Waits with `poller`. Posting to `tasks` ends the wait, and `tasks.pending` tells how many promises of handlers are
   * pending.
   */
  constructor(poller: Poller, tasks: TaskQueue) {
    this.#poller = poller;
    this.#tasks = tasks;
  }

  /** Sets whether the wait keeps the process alive, also a wait in progress. Initially it does. */
  keepAlive(isRef: boolean): void {
    this.#isRef = isRef;
    if (this.#timer === undefined) return this.#tasks.post(() => {}); // ends the wait; the next one is of the other kind
    keepProcessAlive(this.#timer, isRef);
  }

  /** Waits at most `timeoutMs` milliseconds, as `Poller.park` does. Resolves to the number of entries in `ready`. */
  async wait(ready: ReadyList, timeoutMs: number): Promise<number> {
    this.#tasks.isParked = true;
    const count = await (this.#isRef ? this.#poller.park(ready, timeoutMs) : this.#look(ready, timeoutMs));
    this.#tasks.isParked = false;
    this.#tasks.rounds++;
    return count;
  }

  async #look(ready: ReadyList, timeoutMs: number): Promise<number> {
    const lookMs = this.#tasks.pending > 0 ? UNREF_PENDING_LOOK_MS : UNREF_LOOK_MS;
    await new Promise<void>((resolve) => {
      this.#timer = setTimeout(resolve, Math.min(timeoutMs, lookMs));
      keepProcessAlive(this.#timer, false);
    });
    this.#timer = undefined;
    return this.#poller.wait(ready, 0);
  }
}
