/**
 * io_uring(7) as an object that watches descriptors, with the methods of `Epoll`.
 *
 * Source: io_uring(7), poll(2).
 * @module
 */
import { POLLIN, POLLOUT, POLLPRI } from "../libc/multiplexer_constants.ts";
import { EBADF, EEXIST, EINVAL, ENOENT, orThrow, SystemError } from "../libc/errno.ts";
import { isOpen } from "../libc/multiplexers.ts";
import { PollRing } from "../uring/poll_ring.ts";
import { type FileDescriptorLike, toDescriptor, toEventCount, toTimeoutMs, waitUntil } from "../wait.ts";
import { toPollMask } from "./poll.ts";

/**
 * A set of descriptors that the kernel watches by requests in an io_uring. Each descriptor has a request that completes
 * whenever its readiness changes (multishot POLL_ADD).
 *
 * ```ts
 * using uring = new Uring();
 * uring.register(listening, POLLIN);
 * for (const [fd, revents] of uring.poll(1)) console.log(fd, revents);
 * ```
 *
 * The methods are those of {@linkcode Epoll}, with these differences:
 *
 * - `register` and `modify` make no system call. The next `poll` submits all changes and waits, in one call.
 * - Event masks combine the POLL… constants. Changes are reported as by EPOLLET: once, so read and write until EAGAIN. An
 *   event that exists when a descriptor is registered, or when its mask is changed, is reported.
 * - Only what has changed need be reported: a socket that is writable all the time may be reported as readable only, when
 *   data arrive.
 * - A request keeps the file open. So `unregister` a descriptor before it is closed: otherwise a peer does not notice the
 *   end, and events are still reported under the old number.
 * - Regular files can be watched, and are always ready.
 *
 * Not covered is what io_uring was made for: requests that receive, send or accept by themselves, buffers that the kernel
 * chooses, and submission without a system call (SQPOLL, whose thread keeps the rights that the process had at the start).
 * The ring is restricted to requests that poll and that cancel; the kernel refuses others, and any registration.
 *
 * Needs Linux 5.13. `poll` blocks Deno's event loop: meanwhile timers, promises and signal listeners do not run. To wait
 * without blocking it, call `poll(0)`, and watch the object itself by {@linkcode Epoll.pollAsync} until it is readable.
 *
 * After `close`, every method except `close` throws an `Error`.
 */
export class Uring implements Disposable {
  readonly #polls: PollRing;
  #isClosed = false;
  #fds = new Int32Array(64);
  #revents = new Int32Array(64);

  /**
   * Creates an empty set. Programs that the process starts do not inherit its descriptor.
   * @throws {SystemError} when the kernel refuses it. ENOSYS: it is too old, or has no io_uring; EPERM: the setting
   * kernel.io_uring_disabled or a filter of system calls refuses it, such as Docker's; EMFILE, ENFILE, ENOMEM. The message
   * says what to do.
   */
  constructor() {
    this.#polls = new PollRing();
  }

  /** True after {@linkcode Uring.close}. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /**
   * Returns the ring's own descriptor. It can itself be watched: it is readable while there is something to report.
   * @throws {Error} after {@linkcode Uring.close}
   */
  fileno(): number {
    return this.#open().fd;
  }

  /**
   * Starts watching a descriptor. `eventmask` combines the POLL… constants. POLLERR and POLLHUP are always reported.
   * @throws {SystemError} EEXIST: it is already watched; EBADF: it is not open; EINVAL: it is this ring itself
   * @throws {RangeError} when `fd` is negative, or `eventmask` does not fit in 16 bits
   */
  register(fd: FileDescriptorLike, eventmask: number = POLLIN | POLLPRI | POLLOUT): void {
    const polls = this.#open();
    const number = toDescriptor(fd);
    const mask = toPollMask(eventmask);
    const errno = polls.isWatched(number)
      ? EEXIST
      : number === polls.fd
      ? EINVAL
      : isOpen(number)
      ? -polls.watch(number, mask)
      : EBADF;
    if (errno !== 0) throw new SystemError(`watch descriptor ${number}`, "register", errno);
  }

  /**
   * Changes the event mask of a descriptor. Events that exist are then reported again.
   * @throws {SystemError} ENOENT: it is not watched
   * @throws {RangeError} as `register`
   */
  modify(fd: FileDescriptorLike, eventmask: number): void {
    const polls = this.#open();
    const number = toDescriptor(fd);
    const mask = toPollMask(eventmask);
    const status = polls.isWatched(number) ? polls.watch(number, mask) : -ENOENT;
    orThrow(status, `change the watch of descriptor ${number}`, "modify");
  }

  /**
   * Stops watching a descriptor. The request ends at once, so that the descriptor can be closed.
   * @throws {SystemError} ENOENT: it is not watched
   */
  unregister(fd: FileDescriptorLike): void {
    const polls = this.#open();
    const number = toDescriptor(fd);
    orThrow(polls.unwatch(number), `end the watch of descriptor ${number}`, "unregister");
    polls.submit();
  }

  /**
   * Submits the changes, and waits until a descriptor is ready. Returns the ready descriptors, each with its events. The
   * list is empty after the timeout.
   *
   * `timeout` is in seconds. Undefined, null and negative numbers wait for ever. `maxEvents` is the greatest length of the
   * list (−1: 1023; at most 65,536); further events come with the next call. A signal does not end the wait.
   * @throws {RangeError} when `maxEvents` is 0, or less than −1
   * @throws {SystemError} EAGAIN, ENOMEM: the kernel has no memory for the changes. They are submitted with the next call.
   */
  poll(timeout?: number | null, maxEvents = -1): [fd: number, revents: number][] {
    const polls = this.#open();
    const timeoutMs = toTimeoutMs(timeout, 1000);
    const most = toEventCount(maxEvents);
    if (this.#fds.length < most) {
      this.#fds = new Int32Array(most);
      this.#revents = new Int32Array(most);
    }
    const [fds, revents] = [this.#fds, this.#revents];
    const found = waitUntil(timeoutMs, (leftMs) => polls.wait(fds, revents, most, leftMs));
    orThrow(found, "wait for events", "io_uring_enter");
    return Array.from({ length: found }, (_, i) => [fds[i]!, revents[i]!]);
  }

  /** Ends all watches, and closes the ring's descriptor. The watched descriptors stay open. A second call does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#polls.close();
  }

  /** Does the same as {@linkcode Uring.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #open(): PollRing {
    if (this.#isClosed) throw new Error("This Uring is closed");
    return this.#polls;
  }
}
