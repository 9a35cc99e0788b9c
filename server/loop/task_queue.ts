/**
 * Tasks that promises, timers and signals post to the loop.
 * @module
 */
import { orThrow } from "../../ffi/libc/errno.ts";
import { eventfdClear, eventfdCreate, eventfdSignal } from "../../ffi/libc/multiplexers.ts";
import { close } from "../../ffi/socket/socket.ts";
import type { Poller } from "./poller.ts";
import { Source } from "./source.ts";

/** The source of an eventfd that ends the reactor's wait, on whatever thread it runs. */
class Waker extends Source {
  onReady(): void {
    eventfdClear(this.fd);
  }
}

/** Posted tasks in their order, and the number of promises that the loop must not block. */
export class TaskQueue {
  /** The source to register with the reactor's poller. */
  readonly waker: Source = new Waker(eventfdCreate());
  /** True while the wait runs on another thread, which a post has to end. */
  isParked = false;
  /**
   * The number of promises and coroutines that wait for work outside of the loop. The loop does not block meanwhile.
   */
  pending = 0;
  /** How often Deno's own loop has run. Work that needed no waiting is done after such a round. */
  rounds = 0;
  #tasks: (() => void)[] = [];

  /**
   * Returns a queue whose waker is registered by `register`, which returns 0 or −errno.
   * @throws {SystemError} when the eventfd cannot be created or registered; `poller` is closed then, because there will
   * be no loop
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

  /** True if no promise or coroutine is at work, and no task is queued. */
  get isQuiet(): boolean {
    return this.pending === 0 && this.isEmpty;
  }

  /**
   * Queues a task.
   * @throws {TypeError} when `task` is not a function, which would otherwise fail in a later turn, far from its cause
   */
  post(task: () => void): void {
    if (typeof task !== "function") throw new TypeError(`A task must be a function, not ${typeof task}`);
    this.#tasks.push(task);
    if (this.isParked) eventfdSignal(this.waker.fd);
  }

  /** Counts one promise as pending, until the returned function is called. */
  hold(): () => void {
    let isHeld = true;
    this.pending++;
    return () => {
      if (isHeld) this.pending--;
      isHeld = false;
    };
  }

  /**
   * Queues `settled` or `failed` after `promise` has settled, or `dropped` if `source` is retired by then. `onError` is called
   * for one that throws. Until then the promise is pending, unless the returned function is called before.
   */
  suspend<T>(
    source: Source,
    promise: Promise<T>,
    settled: (value: T) => void,
    failed: (error: unknown) => void,
    dropped: (value: T) => void,
    onError: (error: unknown, source: Source) => void,
  ): () => void {
    const release = this.hold();
    const resume = (task: () => void, otherwise: () => void) => {
      release();
      this.post(() => {
        try {
          if (source.retired) otherwise();
          else task();
        } catch (error) {
          onError(error, source);
        }
      });
    };
    promise.then(
      (value) => resume(() => settled(value), () => dropped(value)),
      (error: unknown) => resume(() => failed(error), () => {}),
    );
    return release;
  }

  /** Runs the queued tasks. Tasks that they post run next time. `onError` is called for each task that throws. */
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
