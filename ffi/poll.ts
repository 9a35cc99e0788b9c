/**
 * poll(2) as an object, with the names and the meanings of Python's `select.poll`.
 *
 * Source: poll(2).
 * @module
 */
import { POLLIN, POLLOUT, POLLPRI } from "./libc/constants.ts";
import { ENOENT, orThrow, SystemError } from "./libc/errno.ts";
import { loadLibc } from "./libc/libc.ts";
import { poll, pollParked } from "./libc/multiplexers.ts";
import { POLLFD } from "./libc/structs.ts";
import { type FileDescriptorLike, parkUntil, toDescriptor, toTimeoutMs, waitUntil } from "./wait.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Structures of the smallest buffer: small ones could lie where V8 moves them. */
const POLLFDS_MIN = 64;

function toEventMask(eventmask: number): number {
  if (!Number.isInteger(eventmask)) throw new TypeError(`An event mask is an integer, not ${eventmask}`);
  if (eventmask < 0 || eventmask > 0xffff) {
    throw new RangeError(`An event mask of poll has 16 bits: ${eventmask}`);
  }
  return eventmask;
}

/** The `found` structures of `pollfds` that have events. */
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
 * A list of descriptors that poll(2) gets, and scans, at every wait. It has no descriptor of its own, and nothing to
 * close.
 *
 * ```ts
 * const poll = new Poll();
 * poll.register(listening, POLLIN);
 * for (const [fd, revents] of poll.poll(1000)) console.log(fd, revents);
 * ```
 *
 * A descriptor that is closed is told as POLLNVAL until it is unregistered. Regular files are always ready. `poll`
 * blocks Deno's event loop, so that meanwhile no timer runs, no promise, and no listener of a signal; `pollAsync` does
 * not.
 */
export class Poll {
  /** Descriptor → what is asked, in the order of registration. */
  readonly #asked = new Map<number, number>();
  /** The structures of `#asked`; null after it has changed. */
  #pollfds: Bytes | null = null;

  /**
   * An empty list.
   * @throws {Deno.errors.NotCapable} without --allow-ffi.
   */
  constructor() {
    loadLibc();
  }

  /**
   * Begins to watch a descriptor, or replaces what is asked about it. `eventmask` is made of the POLL… constants;
   * POLLERR, POLLHUP and POLLNVAL are told in any case. Whether it is open does not matter here.
   * @throws {RangeError} when `fd` is negative, or `eventmask` no number of 16 bits.
   */
  register(fd: FileDescriptorLike, eventmask: number = POLLIN | POLLPRI | POLLOUT): void {
    this.#asked.set(toDescriptor(fd), toEventMask(eventmask));
    this.#pollfds = null;
  }

  /**
   * Changes what is asked about a descriptor.
   * @throws {SystemError} ENOENT: it is not watched. @throws {RangeError} as `register`.
   */
  modify(fd: FileDescriptorLike, eventmask: number): void {
    const number = toDescriptor(fd);
    const mask = toEventMask(eventmask);
    if (!this.#asked.has(number)) {
      throw new SystemError(`change the watch of descriptor ${number}`, "modify", ENOENT);
    }
    this.#asked.set(number, mask);
    this.#pollfds = null;
  }

  /**
   * Ends watching a descriptor.
   * @throws {SystemError} ENOENT: it is not watched.
   */
  unregister(fd: FileDescriptorLike): void {
    const number = toDescriptor(fd);
    if (!this.#asked.delete(number)) {
      throw new SystemError(`end the watch of descriptor ${number}`, "unregister", ENOENT);
    }
    this.#pollfds = null;
  }

  /**
   * Waits until something is ready, and tells what: descriptors, each with its events, in the order of registration.
   * The list is empty when the time is over. `timeoutMs` is in milliseconds, fractions are rounded up; undefined, null
   * or negative: for ever. A signal does not end the wait.
   * @throws {SystemError} EINVAL: more descriptors than the process may open; ENOMEM.
   */
  poll(timeoutMs?: number | null): [fd: number, revents: number][] {
    const limitMs = toTimeoutMs(timeoutMs, 1);
    const pollfds = this.#pollfds ??= this.#makePollfds();
    const count = this.#asked.size;
    const found = waitUntil(limitMs, (leftMs) => poll(pollfds, count, Math.ceil(leftMs)));
    return readEvents(pollfds, orThrow(found, `poll ${count} descriptors`, "poll"));
  }

  /**
   * The same on another thread, while Deno's event loop runs. The wait has a copy of the list: what is registered,
   * modified or unregistered meanwhile counts from the next wait on, and others may wait. Nothing can end it early, and
   * a descriptor that it waits for should stay open: closed, its number may come to stand for another file.
   * @throws what `poll` throws, as a rejection.
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
