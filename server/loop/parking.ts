/**
 * The wait of a loop that has nothing to do, while Deno's event loop runs.
 * @module
 */
import { UNREF_LOOK_MS, UNREF_PENDING_LOOK_MS } from "../limits.ts";
import type { Poller, ReadyList } from "./poller.ts";
import type { TaskQueue } from "./task_queue.ts";

/**
 * Parks on another thread. A process does not end while a call on another thread is pending; so a loop that is not to keep
 * its process alive looks again and again by a timer, which Deno does not wait for.
 */
export class Parking {
  readonly #poller: Poller;
  readonly #tasks: TaskQueue;
  #isRef = true;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  /** Waits with `poller`; `tasks` end the wait, and know whether a handler's promise is pending. */
  constructor(poller: Poller, tasks: TaskQueue) {
    this.#poller = poller;
    this.#tasks = tasks;
  }

  /** Whether the wait keeps the process alive, as it does to begin with; also of one that has begun. */
  keepAlive(isRef: boolean): void {
    this.#isRef = isRef;
    if (this.#timer === undefined) return this.#tasks.post(() => {}); // the next one is of the other kind
    if (isRef) Deno.refTimer(this.#timer);
    else Deno.unrefTimer(this.#timer);
  }

  /** What `Poller.park` gives. */
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
      Deno.unrefTimer(this.#timer);
    });
    this.#timer = undefined;
    return this.#poller.wait(ready, 0);
  }
}
