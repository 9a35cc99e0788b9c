/**
 * epoll(7), level- and edge-triggered. Descriptors are registered once, and a wait returns only the ready ones.
 * @module
 */
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
} from "../../../ffi/libc/multiplexer_constants.ts";
import { EBADF, ENOENT } from "../../../ffi/libc/errno.ts";
import { epollControl, epollCreate, epollWait, epollWaitParked } from "../../../ffi/libc/multiplexers.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { EPOLL_EVENT } from "../../../ffi/libc/structs.ts";
import { EVENTS_PER_TURN_MAX } from "../../limits.ts";
import { Interest, type Poller, type PollerName, Readiness, type ReadyList } from "../poller.ts";
import { ABSENT, SILENT, WATCHED, WatchStates } from "./watch_states.ts";

/**
 * Returns the greatest number of events for one wait. It must not exceed the list: an edge-triggered event that did not
 * fit would not be reported again.
 */
function eventsMax(ready: ReadyList): number {
  return Math.min(ready.capacity, EVENTS_PER_TURN_MAX);
}

/** {@linkcode Poller} based on epoll(7). */
export class EpollPoller implements Poller {
  readonly name: PollerName;
  readonly trigger: "level" | "edge";
  readonly #fd: number;
  readonly #flags: number;
  readonly #events = new Uint8Array(EVENTS_PER_TURN_MAX * EPOLL_EVENT.size);
  readonly #words = new Int32Array(this.#events.buffer);
  readonly #states = new WatchStates();

  /** @throws {SystemError} when the kernel refuses an epoll instance: EMFILE, ENFILE, ENOMEM */
  constructor(trigger: "level" | "edge") {
    this.name = trigger === "edge" ? "epoll-edge" : "epoll-level";
    this.trigger = trigger;
    this.#flags = trigger === "edge" ? EPOLLET : 0;
    this.#fd = epollCreate();
  }

  add(fd: number, interest: Interest): number {
    const refusal = this.#states.admit(fd);
    if (refusal !== 0) return refusal;
    const status = interest === Interest.NONE ? 0 : this.#control(EPOLL_CTL_ADD, fd, interest);
    if (status === 0) this.#states.set(fd, interest === Interest.NONE ? SILENT : WATCHED);
    return status;
  }

  /** NONE removes the descriptor from the kernel's set, which would otherwise report errors and hang-ups. */
  modify(fd: number, interest: Interest): number {
    const state = this.#states.of(fd);
    if (state === ABSENT) return -ENOENT;
    if (interest === Interest.NONE) {
      this.#states.set(fd, SILENT);
      return state === WATCHED ? this.#control(EPOLL_CTL_DEL, fd, interest) : 0;
    }
    const status = this.#control(state === SILENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, interest);
    if (status === 0) this.#states.set(fd, WATCHED);
    return status;
  }

  remove(fd: number, closing = false): number {
    const state = this.#states.of(fd);
    if (state === ABSENT) return -ENOENT;
    this.#states.set(fd, ABSENT);
    if (state === SILENT || closing) return 0; // close(2) removes the descriptor from the set
    const status = this.#control(EPOLL_CTL_DEL, fd, Interest.NONE);
    return status === -EBADF || status === -ENOENT ? 0 : status; // already closed, which removed the descriptor
  }

  wait(ready: ReadyList, timeoutMs: number): number {
    return this.#collect(ready, epollWait(this.#fd, this.#events, eventsMax(ready), timeoutMs));
  }

  async park(ready: ReadyList, timeoutMs: number): Promise<number> {
    return this.#collect(ready, await epollWaitParked(this.#fd, this.#events, eventsMax(ready), timeoutMs));
  }

  close(): void {
    close(this.#fd);
  }

  #control(operation: number, fd: number, interest: Interest): number {
    const events = (interest & Interest.READABLE ? EPOLLIN | EPOLLRDHUP : 0) |
      (interest & Interest.WRITABLE ? EPOLLOUT : 0) |
      (interest & Interest.EXCEPTIONAL ? EPOLLPRI : 0) | this.#flags;
    return epollControl(this.#fd, operation, fd, events >>> 0);
  }

  #collect(ready: ReadyList, count: number): number {
    const words = this.#words;
    const stride = EPOLL_EVENT.size / 4;
    const data = EPOLL_EVENT.data / 4;
    for (let i = 0; i < count; i++) {
      const events = words[i * stride]!;
      ready.fds[i] = words[i * stride + data]!;
      ready.bits[i] = (events & EPOLLIN ? Readiness.READABLE : 0) |
        (events & EPOLLOUT ? Readiness.WRITABLE : 0) |
        (events & EPOLLPRI ? Readiness.EXCEPTIONAL : 0) |
        (events & (EPOLLHUP | EPOLLRDHUP) ? Readiness.HANGUP : 0) |
        (events & EPOLLERR ? Readiness.ERROR : 0);
    }
    return Math.max(count, 0); // negative after a signal (EINTR)
  }
}
