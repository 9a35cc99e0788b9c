/**
 * epoll(7) as an object, with the names and meanings of Python's `select.epoll`.
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
} from "../libc/multiplexer_constants.ts";
import { orThrow } from "../libc/errno.ts";
import { loadLibc } from "../libc/libc.ts";
import {
  epollControl,
  epollCreate,
  epollWait,
  epollWaitParked,
  eventfdCreate,
  eventfdSignal,
} from "../libc/multiplexers.ts";
import { close } from "../socket/socket.ts";
import { EPOLL_EVENT } from "../libc/structs.ts";
import {
  type FileDescriptorLike,
  parkUntil,
  toDescriptor,
  toEventCount,
  toTimeoutMs,
  waitUntil,
} from "../wait.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Events of the smallest buffer. V8 may move typed arrays of 64 bytes or less. */
const EVENTS_MIN = 64;
/** The event data of the eventfd that ends waits on other threads, in place of a descriptor. */
const WAKER = -1;

/** Returns `eventmask` as an unsigned number. A mask that is made by `|` and contains EPOLLET is negative. */
function toEventMask(eventmask: number): number {
  if (!Number.isInteger(eventmask)) throw new TypeError(`An event mask is an integer, not ${eventmask}`);
  if (eventmask < -0x8000_0000 || eventmask > 0xffff_ffff) {
    throw new RangeError(`An event mask of epoll has 32 bits: ${eventmask}`);
  }
  return eventmask >>> 0;
}

/** Returns the first `count` events of `buffer`, without those of the eventfd. */
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
 * A set of descriptors that the kernel watches. Each descriptor is registered once, and a wait returns only those
 * that are ready.
 *
 * ```ts
 * using epoll = new Epoll();
 * epoll.register(listening, EPOLLIN);
 * for (const [fd, events] of epoll.poll(1)) console.log(fd, events);
 * ```
 *
 * The kernel removes a closed descriptor from the set, once no other descriptor refers to the same open file. Regular
 * files and directories cannot be watched (EPERM). `poll` blocks Deno's event loop: meanwhile timers, promises and
 * signal listeners do not run. `pollAsync` does not block it.
 *
 * After `close`, every method except `close` throws an `Error`.
 */
export class Epoll implements Disposable {
  readonly #fd: number;
  #isClosed = false;
  /**
   * Waits in progress on other threads. While there are any, the descriptor stays open, so that its number is not
   * reused.
   */
  #waiting = 0;
  /** The eventfd in the set, which the first wait on another thread creates; −1 before. */
  #waker = -1;
  /** The buffer of the last wait, for the next one; null if there is none. */
  #spare: Bytes | null = null;

  /**
   * Creates an empty set. Programs that the process starts do not inherit its descriptor (EPOLL_CLOEXEC).
   * `options.fd` is an existing epoll descriptor to use instead, as in {@linkcode Epoll.fromFd}.
   * @throws {SystemError} when the kernel refuses it: EMFILE, ENFILE, ENOMEM
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
   * Returns an object for an existing epoll descriptor and its set. The descriptor is shared, not duplicated: closing
   * one object closes the other's descriptor, too. Do not close one while the other waits on another thread.
   * @throws {RangeError} when `fd` is negative
   */
  static fromFd(fd: number): Epoll {
    return new Epoll({ fd });
  }

  /** True after {@linkcode Epoll.close}. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /**
   * Returns epoll's own descriptor. It can itself be watched: it is readable while a descriptor of the set is ready.
   * @throws {Error} after {@linkcode Epoll.close}
   */
  fileno(): number {
    if (this.#isClosed) throw new Error("This Epoll is closed");
    return this.#fd;
  }

  /**
   * Starts watching a descriptor. `eventmask` combines the EPOLL… constants. EPOLLERR and EPOLLHUP are always
   * reported.
   * @throws {SystemError} EEXIST: it is already watched; EBADF: it is not open; EPERM: it cannot be watched; EINVAL:
   * it is this epoll itself, or the mask has a flag that EPOLLEXCLUSIVE does not allow; ENOSPC: the user's limit of
   * watches is reached
   */
  register(fd: FileDescriptorLike, eventmask: number = EPOLLIN | EPOLLPRI | EPOLLOUT): void {
    this.#control(EPOLL_CTL_ADD, toDescriptor(fd), eventmask, "watch");
  }

  /**
   * Changes the event mask of a descriptor. This also enables a descriptor that EPOLLONESHOT has disabled.
   * @throws {SystemError} ENOENT: it is not watched; EBADF: it is not open; EINVAL: the old or the new mask has
   * EPOLLEXCLUSIVE
   */
  modify(fd: FileDescriptorLike, eventmask: number): void {
    this.#control(EPOLL_CTL_MOD, toDescriptor(fd), eventmask, "change the watch of");
  }

  /**
   * Stops watching a descriptor.
   * @throws {SystemError} ENOENT: it is not watched; EBADF: it is not open (and so not watched either)
   */
  unregister(fd: FileDescriptorLike): void {
    this.#control(EPOLL_CTL_DEL, toDescriptor(fd), 0, "end the watch of");
  }

  /**
   * Waits until a descriptor is ready. Returns the ready descriptors, each with its events as an unsigned number. The
   * list is empty after the timeout.
   *
   * `timeout` is in seconds, rounded up to milliseconds. Undefined, null and negative numbers wait for ever.
   * `maxEvents` is the greatest length of the list (−1: 1023; at most 65,536); further events come with the next
   * call. A signal does not end the wait.
   * @throws {RangeError} when `maxEvents` is 0, or less than −1
   * @throws {SystemError} EINVAL: `fromFd` was given a descriptor of another kind; EBADF: other code has closed the
   * descriptor
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
   * Does the same as `poll` on another thread, while Deno's event loop runs. Changes of the set take effect at once.
   * Several waits may run at the same time, each with its own list. `close` ends them with an empty list; the
   * descriptor is closed after the last of them. The first call creates an eventfd for that purpose, which stays in
   * the set.
   * @throws the errors of `poll`, as a rejection; also {@linkcode SystemError} EMFILE or ENFILE when the eventfd
   * cannot be created
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

  /** Closes epoll's own descriptor. The watched descriptors stay open. A second call does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#waiting === 0) this.#release();
    else eventfdSignal(this.#waker); // the last wait to return closes the descriptor
  }

  /** Does the same as {@linkcode Epoll.close}, for `using`. */
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
