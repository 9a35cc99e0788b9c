/**
 * A ring that watches descriptors, and does nothing else: each has a request that completes whenever its readiness
 * changes (multishot IORING_OP_POLL_ADD).
 *
 * A request refers to the open file, not to the descriptor. So closing a descriptor ends neither its request nor the
 * file: a watch must be ended first. A completion carries the descriptor and the number of the request that it is of,
 * so a late one of an ended request is recognized, also if another file has the descriptor by then.
 *
 * Source: io_uring_enter(2), poll(2).
 * @module
 */
import { POLLERR, POLLHUP, POLLNVAL, POLLPRI, POLLRDBAND } from "../libc/multiplexer_constants.ts";
import { EBADF, EBADR, ENOENT, ETIME } from "../libc/errno.ts";
import { isOpen, poll } from "../libc/multiplexers.ts";
import { IO_URING_CQE, IO_URING_SQE, POLLFD } from "../libc/structs.ts";
import * as C from "./constants.ts";
import { Ring } from "./ring.ts";

/** Requests that one turn prepares without submitting some on the way. */
const ENTRIES = 256;
/** Completions that the queue holds. Further ones are kept by the kernel, and come with the next wait. */
const COMPLETIONS = 4096;
/** The user data of requests whose completions do not matter, in place of a descriptor. */
const NO_DESCRIPTOR = -1;
/** In place of a mask: the descriptor is not watched. */
const UNWATCHED = -1;
/** Reported even if they were not requested. poll(2) */
const ALWAYS_REPORTED = POLLERR | POLLHUP | POLLNVAL;
/**
 * A completion has the events of the wake-up that caused it. With data of any kind, sockets name these two, too. And a
 * request for POLLPRI alone is not woken at all. So POLLRDBAND is requested with it, and poll(2) asked for the truth.
 */
const DOUBTFUL = POLLPRI | POLLRDBAND;

/** Descriptors that the kernel watches by requests in a ring, used by the thread that created it. */
export class PollRing {
  readonly #ring: Ring;
  /** A flag of cancelling requests, where the kernel knows it: no completion if they succeed. */
  readonly #skipFlag: number;
  /** By descriptor: the requested events, the number of the latest request, and where in the list it was put last. */
  #masks = new Int32Array(1024).fill(UNWATCHED);
  #numbers = new Int32Array(1024);
  #places = new Uint32Array(1024);
  readonly #pollfd = new Uint8Array(128);
  readonly #pollfdView = new DataView(this.#pollfd.buffer);
  /** True if a request was cancelled since the last call, whose completion would end a wait. */
  #hasCancelled = false;
  /** Requests that could not be cancelled yet, because the queue was full: descriptor and number, in turns. */
  readonly #uncancelled: number[] = [];

  /** @throws {SystemError} when the kernel refuses a ring, with advice; see `setUpRing` */
  constructor() {
    this.#ring = new Ring({
      entries: ENTRIES,
      completions: COMPLETIONS,
      permitted: {
        operations: [C.IORING_OP_POLL_ADD, C.IORING_OP_ASYNC_CANCEL],
        flags: C.IOSQE_CQE_SKIP_SUCCESS,
      },
    });
    this.#skipFlag = this.#ring.features & C.IORING_FEAT_CQE_SKIP ? C.IOSQE_CQE_SKIP_SUCCESS : 0;
  }

  /** The ring's descriptor. */
  get fd(): number {
    return this.#ring.fd;
  }

  /** Returns true if `fd` is watched. */
  isWatched(fd: number): boolean {
    return fd >= 0 && fd < this.#masks.length && this.#masks[fd] !== UNWATCHED;
  }

  /**
   * Starts watching `fd` for `events` (POLL… bits), or changes its events: 0 or −errno. The next wait submits that. An
   * event that exists already is reported. A descriptor that is not open is reported once, as POLLNVAL; one whose number
   * is too high to be open is refused (−EBADF).
   */
  watch(fd: number, events: number): number {
    if (fd >= this.#masks.length) {
      if (!isOpen(fd)) return -EBADF; // before allocating memory for all numbers up to `fd`
      this.#grow(fd);
    }
    const former = this.#numbers[fd]!;
    const status = this.#request(fd, events);
    if (status < 0) return status;
    if (this.#masks[fd] !== UNWATCHED) this.#cancel(fd, former);
    this.#masks[fd] = events;
    return 0;
  }

  /** Stops watching `fd`: 0, or −ENOENT. The kernel releases the file with the next wait, or {@linkcode submit}. */
  unwatch(fd: number): number {
    if (!this.isWatched(fd)) return -ENOENT;
    this.#cancel(fd, this.#numbers[fd]!);
    this.#masks[fd] = UNWATCHED;
    return 0;
  }

  /** Submits the changes, if there are any: 0 or −errno, after which they will be submitted later. */
  submit(): number {
    this.#retryCancelling();
    return this.#ring.waiting > 0 ? this.#ring.submit() : 0;
  }

  /**
   * Submits the changes, and waits up to `timeoutMs` milliseconds (−1: for ever) until a descriptor is ready. Writes the
   * ready ones and their events to the first `most` places of the two lists, and returns their number; 0 after the
   * timeout, or earlier; −errno if there is none because of an error, such as −EINTR.
   */
  wait(fds: Int32Array, events: Int32Array, most: number, timeoutMs: number): number {
    if (this.#hasCancelled) { // the completions of cancelled requests must not end the wait
      const count = this.#enter(fds, events, most, 0, 0);
      if (count !== 0 || timeoutMs === 0) return count;
    }
    return this.#enter(fds, events, most, timeoutMs === 0 ? 0 : 1, timeoutMs);
  }

  /** Ends all watches, which releases their files, and closes the ring. */
  close(): void {
    for (const [fd, mask] of this.#masks.entries()) if (mask !== UNWATCHED) this.unwatch(fd);
    this.submit();
    this.#ring.close();
  }

  #enter(fds: Int32Array, events: Int32Array, most: number, least: number, timeoutMs: number): number {
    this.#retryCancelling();
    this.#hasCancelled = this.#uncancelled.length > 0;
    const status = this.#ring.enter(least, timeoutMs);
    if (status === -EBADR) this.#requestAll();
    const isFull = this.#ring.count() === COMPLETIONS;
    const count = this.#take(fds, events, most);
    // All were of requests that have ended. What is ready now may be among those that the kernel has kept.
    if (count === 0 && isFull) return this.#enter(fds, events, most, 0, 0);
    return count > 0 || status >= 0 || status === -ETIME || status === -EBADR ? count : status;
  }

  /** Takes completions out of the queue, and writes those of watched descriptors to the lists, each once. */
  #take(fds: Int32Array, list: Int32Array, most: number): number {
    const ring = this.#ring;
    const { words } = ring;
    const total = ring.count();
    let seen = 0;
    let found = 0;
    for (; seen < total && found < most; seen++) {
      const at = ring.completionAt(seen);
      const fd = words[at]!;
      if (fd === NO_DESCRIPTOR || words[at + 1] !== this.#numbers[fd]) continue; // of a request that has ended
      const mask = this.#masks[fd]!;
      if (mask === UNWATCHED) continue;
      const result = words[at + IO_URING_CQE.res / 4]!;
      if (!(words[at + IO_URING_CQE.flags / 4]! & C.IORING_CQE_F_MORE) && result !== -EBADF) {
        this.#request(fd, mask); // the kernel has ended it, for example for lack of memory
      }
      const events = result >= 0 ? result : result === -EBADF ? POLLNVAL : POLLERR;
      const told = (events & DOUBTFUL ? this.#look(fd, mask) : events) & (mask | ALWAYS_REPORTED);
      if (told === 0) continue;
      const place = this.#places[fd]!;
      if (place < found && fds[place] === fd) {
        list[place]! |= told;
        continue;
      }
      this.#places[fd] = found;
      fds[found] = fd;
      list[found] = told;
      found++;
    }
    ring.advance(seen);
    return found;
  }

  /** Returns those of `events` that `fd` has now. */
  #look(fd: number, events: number): number {
    this.#pollfdView.setInt32(POLLFD.fd, fd, true);
    this.#pollfdView.setInt16(POLLFD.events, events, true);
    return poll(this.#pollfd, 1, 0) > 0 ? this.#pollfdView.getUint16(POLLFD.revents, true) : 0;
  }

  /** Prepares a request with the next number: 0 or −errno. */
  #request(fd: number, events: number): number {
    const number = this.#numbers[fd]! + 1 | 0;
    const at = this.#ring.prepare(C.IORING_OP_POLL_ADD, fd, fd, number);
    if (at < 0) return at;
    this.#ring.entries[at + IO_URING_SQE.len / 4] = C.IORING_POLL_ADD_MULTI;
    this.#ring.entries[at + IO_URING_SQE.op_flags / 4] = events & POLLPRI ? events | POLLRDBAND : events;
    this.#numbers[fd] = number;
    return 0;
  }

  /** Makes new requests for everything that is watched, because the kernel has lost completions (−EBADR). */
  #requestAll(): void {
    for (const [fd, mask] of this.#masks.entries()) if (mask !== UNWATCHED) this.watch(fd, mask);
  }

  /** Ends a request. This cannot fail as a change of the request can, while it is about to complete (−EALREADY). */
  #cancel(fd: number, number: number): void {
    this.#hasCancelled = true;
    const { entries } = this.#ring;
    const at = this.#ring.prepare(C.IORING_OP_ASYNC_CANCEL, NO_DESCRIPTOR, NO_DESCRIPTOR, 0);
    if (at < 0) {
      this.#uncancelled.push(fd, number);
      return;
    }
    entries[at]! |= this.#skipFlag << 8;
    entries[at + IO_URING_SQE.addr / 4] = fd;
    entries[at + IO_URING_SQE.addr / 4 + 1] = number;
  }

  #retryCancelling(): void {
    if (this.#uncancelled.length === 0) return;
    const pairs = this.#uncancelled.splice(0);
    for (let i = 0; i < pairs.length; i += 2) this.#cancel(pairs[i]!, pairs[i + 1]!);
  }

  #grow(fd: number): void {
    const length = Math.max(this.#masks.length * 2, fd + 1);
    const masks = new Int32Array(length).fill(UNWATCHED);
    masks.set(this.#masks);
    this.#masks = masks;
    const numbers = new Int32Array(length);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
    this.#places = new Uint32Array(length); // used only within a call
  }
}
