/**
 * io_uring(7) as a multiplexer: each descriptor has a request in a ring that completes when its readiness changes. One
 * system call a turn submits all changes and waits.
 * @module
 */
import { POLLIN } from "../../../ffi/libc/multiplexer_constants.ts";
import { ENOENT } from "../../../ffi/libc/errno.ts";
import { pollParked } from "../../../ffi/libc/multiplexers.ts";
import { POLLFD } from "../../../ffi/libc/structs.ts";
import { PollRing } from "../../../ffi/uring/poll_ring.ts";
import { Interest, type Poller, type ReadyList } from "../poller.ts";
import { toEvents, toReadiness } from "./poll_mask.ts";
import { ABSENT, SILENT, WATCHED, WatchStates } from "./watch_states.ts";

/**
 * {@linkcode Poller} based on io_uring(7). Readiness is reported once per change, maybe without what has not changed: a
 * socket that is writable all the time need not be reported as writable when data arrive.
 *
 * `add` does not call the kernel. A descriptor that is not open may be reported as an ERROR instead of being refused.
 */
export class IoUringPoller implements Poller {
  readonly name = "io-uring";
  readonly trigger = "edge";
  readonly #polls = new PollRing();
  readonly #states = new WatchStates();
  #events = new Int32Array(64);
  /** The ring's descriptor as a pollfd, for waits on another thread. Only this thread enters the ring. */
  readonly #pollfd = new Uint8Array(128);
  /** True while a microtask is queued that submits. */
  #willSubmit = false;
  #isClosed = false;

  /** @throws {SystemError} when the kernel refuses a ring: its message says why, and what to do */
  constructor() {
    const view = new DataView(this.#pollfd.buffer);
    view.setInt32(POLLFD.fd, this.#polls.fd, true);
    view.setInt16(POLLFD.events, POLLIN, true);
  }

  add(fd: number, interest: Interest): number {
    const refusal = this.#states.admit(fd);
    if (refusal !== 0) return refusal;
    const status = interest === Interest.NONE ? 0 : this.#polls.watch(fd, toEvents(interest));
    if (status === 0) this.#states.set(fd, interest === Interest.NONE ? SILENT : WATCHED);
    return status;
  }

  modify(fd: number, interest: Interest): number {
    const state = this.#states.of(fd);
    if (state === ABSENT) return -ENOENT;
    if (interest === Interest.NONE) {
      this.#states.set(fd, SILENT);
      return state === WATCHED ? this.#polls.unwatch(fd) : 0;
    }
    const status = this.#polls.watch(fd, toEvents(interest));
    if (status === 0) this.#states.set(fd, WATCHED);
    return status;
  }

  /**
   * The file stays open, also after close(2), until the next wait or the end of this turn of JavaScript has submitted
   * that its request ends.
   */
  remove(fd: number): number {
    const state = this.#states.of(fd);
    if (state === ABSENT) return -ENOENT;
    this.#states.set(fd, ABSENT);
    if (state === SILENT) return 0;
    if (!this.#willSubmit) {
      // For a loop that does not wait in this poller next, but for a timer (`Parking`).
      this.#willSubmit = true;
      queueMicrotask(() => {
        this.#willSubmit = false;
        if (!this.#isClosed) this.#polls.submit();
      });
    }
    return this.#polls.unwatch(fd);
  }

  wait(ready: ReadyList, timeoutMs: number): number {
    if (this.#events.length < ready.capacity) this.#events = new Int32Array(ready.capacity);
    return this.#report(ready, this.#polls.wait(ready.fds, this.#events, ready.capacity, timeoutMs));
  }

  /** Waits until the ring's descriptor is readable, and then looks what has come. */
  async park(ready: ReadyList, timeoutMs: number): Promise<number> {
    const count = this.wait(ready, 0);
    if (count > 0) return count;
    await pollParked(this.#pollfd, 1, timeoutMs);
    return this.wait(ready, 0);
  }

  close(): void {
    this.#isClosed = true;
    this.#polls.close();
  }

  #report(ready: ReadyList, count: number): number {
    const events = this.#events;
    for (let i = 0; i < count; i++) ready.bits[i] = toReadiness(events[i]!);
    return Math.max(count, 0); // negative after a signal (EINTR), or for lack of memory, which may be temporary
  }
}
