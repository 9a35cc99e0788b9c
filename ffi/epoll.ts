/**
 * epoll(7) as an object, with the names and the meanings of Python's `select.epoll`.
 *
 * Source: epoll(7), epoll_create1(2), epoll_ctl(2), epoll_wait(2).
 * @module
 */
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLIN,
  EPOLLOUT,
  EPOLLPRI,
  FD_SETSIZE,
} from "./libc/constants.ts";
import { orThrow } from "./libc/errno.ts";
import { loadLibc } from "./libc/libc.ts";
import {
  epollControl,
  epollCreate,
  epollWait,
  epollWaitParked,
  eventfdCreate,
  eventfdSignal,
} from "./libc/multiplexers.ts";
import { close } from "./socket/socket.ts";
import { EPOLL_EVENT } from "./libc/structs.ts";
import { type FileDescriptorLike, parkUntil, toDescriptor, toTimeoutMs, waitUntil } from "./wait.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Events of the smallest buffer: small ones could lie where V8 moves them. */
const EVENTS_MIN = 64;
/** Events of the largest buffer, which is 1 MiB at most. */
const EVENTS_MAX = 65536;
/** What an event of our own eventfd, which ends waits on other threads, has instead of a descriptor. */
const WAKER = -1;

/** How many events to take at most. */
function toEventCount(maxEvents: number): number {
  if (maxEvents === -1) return FD_SETSIZE - 1;
  if (!Number.isInteger(maxEvents)) throw new TypeError(`maxEvents is an integer, not ${maxEvents}`);
  if (maxEvents <= 0) throw new RangeError(`maxEvents must be greater than 0, not ${maxEvents}`);
  return Math.min(maxEvents, EVENTS_MAX);
}

/** The 32 bits of an event mask; made by `|` it is negative when EPOLLET is in it, and means the same. */
function toEventMask(eventmask: number): number {
  if (!Number.isInteger(eventmask)) throw new TypeError(`An event mask is an integer, not ${eventmask}`);
  if (eventmask < -0x8000_0000 || eventmask > 0xffff_ffff) {
    throw new RangeError(`An event mask of epoll has 32 bits: ${eventmask}`);
  }
  return eventmask >>> 0;
}

/** The first `count` events of `buffer`, without those of wakers. */
function readEvents(buffer: Bytes, count: number): [fd: number, events: number][] {
  const words = new Int32Array(buffer.buffer);
  const list: [fd: number, events: number][] = [];
  for (let i = 0; i < count; i++) {
    const word = i * EPOLL_EVENT.size / 4;
    const fd = words[word + EPOLL_EVENT.data / 4]!;
    if (fd !== WAKER) list.push([fd, words[word + EPOLL_EVENT.events / 4]! >>> 0]);
  }
  return list;
}

/**
 * A set of descriptors that the kernel watches: each is registered once, and only those that are ready come back.
 *
 * ```ts
 * using epoll = new Epoll();
 * epoll.register(listening, EPOLLIN);
 * for (const [fd, events] of epoll.poll(1)) console.log(fd, events);
 * ```
 *
 * A descriptor that is closed leaves the set by itself, once no other descriptor stands for the same open file. Regular
 * files and directories cannot be watched: EPERM. `poll` blocks Deno's event loop, so that meanwhile no timer runs, no
 * promise, and no listener of a signal; `pollAsync` does not.
 *
 * Every method but `close` and `closed` throws an `Error` after `close`.
 */
export class Epoll implements Disposable {
  readonly #fd: number;
  #isClosed = false;
  /** Waits on other threads. While there are any, the descriptor stays open: its number must not go to others. */
  #waiting = 0;
  /** An eventfd in the set, made by the first wait on another thread; −1 before. */
  #waker = -1;
  /** What the last wait wrote to, for the next; null while there is none. */
  #spare: Bytes | null = null;

  /**
   * A new, empty set; its descriptor is not inherited by programs that are started (EPOLL_CLOEXEC). `options.fd`: an
   * epoll descriptor that is there already, to be used in its place, as by {@linkcode Epoll.fromFd}.
   * @throws {SystemError} when the kernel refuses it: EMFILE, ENFILE, ENOMEM.
   */
  constructor(options: { readonly fd?: number } = {}) {
    if (options.fd === undefined) {
      this.#fd = epollCreate();
    } else {
      loadLibc();
      this.#fd = toDescriptor(options.fd);
    }
  }

  /**
   * An object for an epoll descriptor that is there already, and for its set. The descriptor is the same, not a copy:
   * to close one object closes it for both, and must not happen while the other waits on another thread.
   * @throws {RangeError} when `fd` is negative.
   */
  static fromFd(fd: number): Epoll {
    return new Epoll({ fd });
  }

  /** True after {@linkcode Epoll.close}. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /** The number of epoll's own descriptor, which can itself be watched: it is readable when something is ready. */
  fileno(): number {
    if (this.#isClosed) throw new Error("This Epoll is closed");
    return this.#fd;
  }

  /**
   * Begins to watch a descriptor. `eventmask` is made of the EPOLL… constants; EPOLLERR and EPOLLHUP are told in any
   * case.
   * @throws {SystemError} EEXIST: it is watched already; EBADF: it is not open; EPERM: it cannot be watched; EINVAL: it
   * is this epoll itself, or the mask has what EPOLLEXCLUSIVE does not allow; ENOSPC: the user watches too many.
   */
  register(fd: FileDescriptorLike, eventmask: number = EPOLLIN | EPOLLPRI | EPOLLOUT): void {
    this.#control(EPOLL_CTL_ADD, toDescriptor(fd), eventmask, "watch");
  }

  /**
   * Changes what is asked about a descriptor; one that was silenced by EPOLLONESHOT is asked about again.
   * @throws {SystemError} ENOENT: it is not watched; EBADF: it is not open; EINVAL: EPOLLEXCLUSIVE was or is asked for.
   */
  modify(fd: FileDescriptorLike, eventmask: number): void {
    this.#control(EPOLL_CTL_MOD, toDescriptor(fd), eventmask, "change the watch of");
  }

  /**
   * Ends watching a descriptor.
   * @throws {SystemError} ENOENT: it is not watched; EBADF: it is not open (and so not watched either).
   */
  unregister(fd: FileDescriptorLike): void {
    this.#control(EPOLL_CTL_DEL, toDescriptor(fd), 0, "end the watch of");
  }

  /**
   * Waits until something is ready, and tells what: descriptors, each with its events as an unsigned number. The list is
   * empty when the time is over. `timeout` is in seconds, fractions are rounded up to milliseconds; undefined, null or
   * negative: for ever. `maxEvents`: the longest list (−1: 1023; 65,536 at most); what does not fit is told by the next
   * call. A signal does not end the wait.
   * @throws {RangeError} when `maxEvents` is 0, or less than −1. @throws {SystemError} EINVAL: `fromFd` was given what
   * is no epoll descriptor; EBADF: something else closed it.
   */
  poll(timeout?: number | null, maxEvents = -1): [fd: number, events: number][] {
    const epoll = this.fileno();
    const timeoutMs = toTimeoutMs(timeout, 1000);
    const most = toEventCount(maxEvents);
    const buffer = this.#takeBuffer(most);
    const found = waitUntil(timeoutMs, (leftMs) => epollWait(epoll, buffer, most, Math.ceil(leftMs)));
    this.#spare = buffer;
    return readEvents(buffer, orThrow(found, "wait for events", "epoll_wait"));
  }

  /**
   * The same on another thread, while Deno's event loop runs. Meanwhile the set may be changed, which the wait takes
   * into account, and others may wait: each has its own list. After `close` the wait ends at once, with an empty list,
   * and the descriptor is closed then, not before. The first call makes an eventfd for that, which stays in the set.
   * @throws what `poll` throws, as a rejection; also {@linkcode SystemError} EMFILE, ENFILE when there is no eventfd.
   */
  async pollAsync(timeout?: number | null, maxEvents = -1): Promise<[fd: number, events: number][]> {
    const epoll = this.fileno();
    const timeoutMs = toTimeoutMs(timeout, 1000);
    const most = toEventCount(maxEvents);
    if (this.#waker < 0) this.#waker = this.#makeWaker();
    const buffer = this.#takeBuffer(most);
    this.#waiting++;
    try {
      const found = await parkUntil(
        timeoutMs,
        buffer,
        (leftMs) => epollWaitParked(epoll, buffer, most, Math.ceil(leftMs)),
        () => epollWait(epoll, buffer, most, 0),
      );
      this.#spare = buffer;
      return this.#isClosed ? [] : readEvents(buffer, orThrow(found, "wait for events", "epoll_wait"));
    } finally {
      this.#waiting--;
      if (this.#isClosed && this.#waiting === 0) this.#release();
    }
  }

  /** Closes the descriptor; what is watched stays open. Closing twice is allowed. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#waiting === 0) this.#release();
    else eventfdSignal(this.#waker); // who waits last closes
  }

  /** The same as {@linkcode Epoll.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #control(operation: number, fd: number, eventmask: number, what: string): void {
    const status = epollControl(this.fileno(), operation, fd, toEventMask(eventmask));
    orThrow(status, `${what} descriptor ${fd}`, "epoll_ctl");
  }

  #makeWaker(): number {
    const waker = eventfdCreate();
    const status = epollControl(this.#fd, EPOLL_CTL_ADD, waker, EPOLLIN, WAKER);
    if (status < 0) close(waker);
    orThrow(status, "wait for events", "epoll_ctl");
    return waker;
  }

  #release(): void {
    close(this.#fd);
    if (this.#waker >= 0) close(this.#waker);
  }

  #takeBuffer(events: number): Bytes {
    const bytes = Math.max(events, EVENTS_MIN) * EPOLL_EVENT.size;
    const spare = this.#spare;
    this.#spare = null;
    return spare !== null && spare.length >= bytes ? spare : new Uint8Array(bytes);
  }
}
