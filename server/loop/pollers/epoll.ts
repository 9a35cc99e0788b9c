/**
 * epoll(7), level- and edge-triggered: descriptors are registered once, and only those that are ready come back.
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
} from "../../../ffi/libc/constants.ts";
import { EBADF, EEXIST, ENOENT } from "../../../ffi/libc/errno.ts";
import {
  epollControl,
  epollCreate,
  epollWait,
  epollWaitParked,
  isOpen,
} from "../../../ffi/libc/multiplexers.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { EPOLL_EVENT } from "../../../ffi/libc/structs.ts";
import { EVENTS_PER_TURN_MAX } from "../../limits.ts";
import {
  Interest,
  isDescriptor,
  type Poller,
  type PollerName,
  Readiness,
  type ReadyList,
} from "../poller.ts";

/** What is known of a descriptor: not watched, watched but silent (not in the kernel's set), watched. */
const ABSENT = 0;
const SILENT = 1;
const WATCHED = 2;

/** How many events to take: one that is taken and does not fit the list would never be told again by an edge. */
function eventsMax(ready: ReadyList): number {
  return Math.min(ready.capacity, EVENTS_PER_TURN_MAX);
}

/** {@linkcode Poller} over epoll(7). */
export class EpollPoller implements Poller {
  readonly name: PollerName;
  readonly trigger: "level" | "edge";
  readonly #fd: number;
  readonly #flags: number;
  readonly #events = new Uint8Array(EVENTS_PER_TURN_MAX * EPOLL_EVENT.size);
  readonly #words = new Int32Array(this.#events.buffer);
  #states = new Uint8Array(1024);

  /** @throws {SystemError} when the kernel gives no epoll instance. */
  constructor(trigger: "level" | "edge") {
    this.name = trigger === "edge" ? "epoll-edge" : "epoll-level";
    this.trigger = trigger;
    this.#flags = trigger === "edge" ? EPOLLET : 0;
    this.#fd = epollCreate();
  }

  add(fd: number, interest: Interest): number {
    if (!isDescriptor(fd)) return -EBADF;
    if (fd >= this.#states.length) {
      if (!isOpen(fd)) return -EBADF; // before there is memory for all numbers up to it
      this.#grow(fd);
    }
    if (this.#states[fd] !== ABSENT) return -EEXIST;
    const status = interest === Interest.NONE ? 0 : this.#control(EPOLL_CTL_ADD, fd, interest);
    if (status === 0) this.#states[fd] = interest === Interest.NONE ? SILENT : WATCHED;
    return status;
  }

  /** NONE takes the descriptor out of the kernel's set, which would report its errors and hang-ups otherwise. */
  modify(fd: number, interest: Interest): number {
    const state = this.#stateOf(fd);
    if (state === ABSENT) return -ENOENT;
    if (interest === Interest.NONE) {
      this.#states[fd] = SILENT;
      return state === WATCHED ? this.#control(EPOLL_CTL_DEL, fd, interest) : 0;
    }
    const status = this.#control(state === SILENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, interest);
    if (status === 0) this.#states[fd] = WATCHED;
    return status;
  }

  remove(fd: number, closing = false): number {
    const state = this.#stateOf(fd);
    if (state === ABSENT) return -ENOENT;
    this.#states[fd] = ABSENT;
    if (state === SILENT || closing) return 0; // close(2) takes it out of the set
    const status = this.#control(EPOLL_CTL_DEL, fd, Interest.NONE);
    return status === -EBADF || status === -ENOENT ? 0 : status; // closed already: the kernel forgot it by itself
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

  #stateOf(fd: number): number {
    return fd >= 0 && fd < this.#states.length ? this.#states[fd]! : ABSENT;
  }

  #grow(fd: number): void {
    const larger = new Uint8Array(Math.max(this.#states.length * 2, fd + 1));
    larger.set(this.#states);
    this.#states = larger;
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
    return Math.max(count, 0); // negative: EINTR
  }
}
