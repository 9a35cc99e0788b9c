/**
 * poll(2) as an object, with the names and meanings of Python's `select.poll`.
 *
 * Source: poll(2).
 * @module
 */
import { POLLIN, POLLOUT, POLLPRI } from "../libc/multiplexer_constants.ts";
import { ENOENT, orThrow, SystemError } from "../libc/errno.ts";
import { loadLibc } from "../libc/libc.ts";
import { poll, pollParked } from "../libc/multiplexers.ts";
import { POLLFD } from "../libc/structs.ts";
import { type FileDescriptorLike, parkUntil, toDescriptor, toTimeoutMs, waitUntil } from "../wait.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Structures of the smallest buffer. V8 may move typed arrays of 64 bytes or less. */
const POLLFDS_MIN = 64;

/**
 * Returns `eventmask`, a combination of POLL… constants.
 * @throws {TypeError} when it is not an integer
 * @throws {RangeError} when it does not fit in 16 bits
 */
export function toPollMask(eventmask: number): number {
  if (!Number.isInteger(eventmask)) throw new TypeError(`An event mask is an integer, not ${eventmask}`);
  if (eventmask < 0 || eventmask > 0xffff) {
    throw new RangeError(`An event mask of poll has 16 bits: ${eventmask}`);
  }
  return eventmask;
}

/** Returns those of `pollfds` that have events: the first `found` of them. */
function readEvents(pollfds: Bytes, found: number): [fd: number, revents: number][] {
  const words = new Int32Array(pollfds.buffer);
  const halves = new Uint16Array(pollfds.buffer);
  const list: [fd: number, revents: number][] = [];
  for (let i = 0; list.length < found; i++) {
    const revents = halves[(i * POLLFD.size + POLLFD.revents) / 2]!;
    if (revents !== 0) list.push([words[(i * POLLFD.size + POLLFD.fd) / 4]!, revents]);
  }
  return list;
}

/**
 * A list of descriptors that poll(2) receives, and scans, at every wait. It has no descriptor of its own, so there is
 * nothing to close.
 *
 * ```ts
 * const poll = new Poll();
 * poll.register(listening, POLLIN);
 * for (const [fd, revents] of poll.poll(1000)) console.log(fd, revents);
 * ```
 *
 * A closed descriptor is reported as POLLNVAL until it is unregistered. Regular files are always ready. `poll` blocks
 * Deno's event loop: meanwhile timers, promises and signal listeners do not run. `pollAsync` does not block it.
 */
export class Poll {
  /** Descriptor → event mask, in the order of registration. */
  readonly #asked = new Map<number, number>();
  /** The structures of `#asked`; null after a change of `#asked`. */
  #pollfds: Bytes | null = null;

  /**
   * Creates an empty list.
   * @throws {Deno.errors.NotCapable} without --allow-ffi
   */
  constructor() {
    loadLibc();
  }

  /**
   * Starts watching a descriptor, or replaces its event mask. `eventmask` combines the POLL… constants. POLLERR,
   * POLLHUP and POLLNVAL are always reported. The descriptor need not be open.
   * @throws {RangeError} when `fd` is negative, or `eventmask` does not fit in 16 bits
   */
  register(fd: FileDescriptorLike, eventmask: number = POLLIN | POLLPRI | POLLOUT): void {
    this.#asked.set(toDescriptor(fd), toPollMask(eventmask));
    this.#pollfds = null;
  }

  /**
   * Changes the event mask of a descriptor.
   * @throws {SystemError} ENOENT: it is not watched
   * @throws {RangeError} as `register`
   */
  modify(fd: FileDescriptorLike, eventmask: number): void {
    const number = toDescriptor(fd);
    const mask = toPollMask(eventmask);
    if (!this.#asked.has(number)) {
      throw new SystemError(`change the watch of descriptor ${number}`, "modify", ENOENT);
    }
    this.#asked.set(number, mask);
    this.#pollfds = null;
  }

  /**
   * Stops watching a descriptor.
   * @throws {SystemError} ENOENT: it is not watched
   */
  unregister(fd: FileDescriptorLike): void {
    const number = toDescriptor(fd);
    if (!this.#asked.delete(number)) {
      throw new SystemError(`end the watch of descriptor ${number}`, "unregister", ENOENT);
    }
    this.#pollfds = null;
  }

  /**
   * Waits until a descriptor is ready. Returns the ready descriptors, each with its events, in the order of
   * registration. The list is empty after the timeout. `timeoutMs` is in milliseconds, rounded up. Undefined, null
   * and negative numbers wait for ever. A signal does not end the wait.
   * @throws {SystemError} EINVAL: more descriptors than the process may open (RLIMIT_NOFILE); ENOMEM
   */
  poll(timeoutMs?: number | null): [fd: number, revents: number][] {
    const limitMs = toTimeoutMs(timeoutMs, 1);
    const pollfds = this.#pollfds ??= this.#makePollfds();
    const count = this.#asked.size;
    const found = waitUntil(limitMs, (leftMs) => poll(pollfds, count, Math.ceil(leftMs)));
    return readEvents(pollfds, orThrow(found, `poll ${count} descriptors`, "poll"));
  }

  /**
   * Does the same as `poll` on another thread, while Deno's event loop runs. The wait uses a copy of the list:
   * changes take effect with the next wait. Several waits may run at the same time. A wait cannot be ended early.
   * Keep its descriptors open: the number of a closed descriptor may come to refer to another file.
   * @throws the errors of `poll`, as a rejection
   */
  async pollAsync(timeoutMs?: number | null): Promise<[fd: number, revents: number][]> {
    const limitMs = toTimeoutMs(timeoutMs, 1);
    const pollfds = this.#makePollfds();
    const count = this.#asked.size;
    const found = await parkUntil(
      limitMs,
      pollfds,
      (leftMs) => pollParked(pollfds, count, Math.ceil(leftMs)),
      () => poll(pollfds, count, 0),
    );
    return readEvents(pollfds, orThrow(found, `poll ${count} descriptors`, "poll"));
  }

  #makePollfds(): Bytes {
    const pollfds = new Uint8Array(Math.max(this.#asked.size, POLLFDS_MIN) * POLLFD.size);
    const view = new DataView(pollfds.buffer);
    let start = 0;
    for (const [fd, events] of this.#asked) {
      view.setInt32(start + POLLFD.fd, fd, true);
      view.setUint16(start + POLLFD.events, events, true);
      start += POLLFD.size;
    }
    return pollfds;
  }
}
