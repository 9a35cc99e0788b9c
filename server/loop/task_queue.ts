/**
 * Work that promises, timers and signals hand to the loop.
 * @module
 */
import { orThrow } from "../../ffi/libc/errno.ts";
import { eventfdClear, eventfdCreate, eventfdSignal } from "../../ffi/libc/multiplexers.ts";
import { close } from "../../ffi/socket/socket.ts";
import type { Poller } from "./poller.ts";
import { Source } from "./source.ts";

/** Wakes the reactor's wait, wherever it runs. */
class Waker extends Source {
  onReady(): void {
    eventfdClear(this.fd);
  }
}

/** Tasks in the order in which they were posted. */
export class TaskQueue {
  /** To be registered with the poller that is waited in. */
  readonly waker: Source = new Waker(eventfdCreate());
  /** True while the wait runs on another thread, which then has to be woken. */
  isParked = false;
  /** Promises and coroutines that something outside of the loop works on: it must not block them. */
  pending = 0;
  /** How often Deno's own loop has had a round: what was to be done without waiting is done then. */
  rounds = 0;
  #tasks: (() => void)[] = [];

  /**
   * A queue whose waker is watched: `register` does that, and gives 0 or −errno.
   * @throws {SystemError} when it cannot be; `poller` is closed then, since there will be no loop.
   */
  static watchedBy(register: (waker: Source) => number, poller: Pick<Poller, "close">): TaskQueue {
    let queue: TaskQueue | null = null;
    try {
      queue = new TaskQueue();
      orThrow(register(queue.waker), "watch the reactor's eventfd", "add");
      return queue;
    } catch (error) {
      if (queue !== null) close(queue.waker.fd);
      poller.close();
      throw error;
    }
  }

  get isEmpty(): boolean {
    return this.#tasks.length === 0;
  }

  /** True when no promise or coroutine is at work, and none has left something to be done. */
  get isQuiet(): boolean {
    return this.pending === 0 && this.isEmpty;
  }

  /** @throws {TypeError} for what is no function: it would fail in a later turn, far from its cause */
  post(task: () => void): void {
    if (typeof task !== "function") throw new TypeError(`A task must be a function, not ${typeof task}`);
    this.#tasks.push(task);
    if (this.isParked) eventfdSignal(this.waker.fd);
  }

  /** Counts one as pending, until the function that is returned is called. */
  hold(): () => void {
    let isHeld = true;
    this.pending++;
    return () => {
      if (isHeld) this.pending--;
      isHeld = false;
    };
  }

  /** Runs those that are there; what they post comes next time. `onError` hears of one that throws. */
  run(onError: (error: unknown) => void): void {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) {
      try {
        task();
      } catch (error) {
        onError(error);
      }
    }
  }
}
