/**
 * Work that promises, timers and signals hand to the loop.
 * @module
 */
import { eventfdClear, eventfdCreate, eventfdSignal } from "../ffi/multiplexers.ts";
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
  #tasks: (() => void)[] = [];

  get isEmpty(): boolean {
    return this.#tasks.length === 0;
  }

  post(task: () => void): void {
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
