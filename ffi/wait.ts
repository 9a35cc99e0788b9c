/**
 * Shared parts of `Epoll`, `Uring`, `Poll` and `select`: checks of descriptors, timeouts and lengths of lists, and waits
 * that signals do not end.
 *
 * Source: poll(2), epoll_wait(2), select(2), signal(7).
 * @module
 */
import { describeKind } from "./libc/bytes.ts";
import { FD_SETSIZE } from "./libc/multiplexer_constants.ts";
import { EINTR } from "./libc/errno.ts";

/** An object that has a file descriptor, like Python's files and sockets. */
export interface HasFileno {
  /** The descriptor's number. */
  fileno(): number;
}

/** A file descriptor, or an object that has one. */
export type FileDescriptorLike = number | HasFileno;

/** The longest timeout of one call: an int of milliseconds. A longer wait takes several calls. */
const CALL_MS_MAX = 0x7fff_ffff;

/**
 * Returns the number of a descriptor, without checking that it is open.
 * @throws {TypeError} when it is not an integer
 * @throws {RangeError} when it is negative, or too large for an int of C
 */
export function toDescriptor(file: FileDescriptorLike): number {
  const fd = typeof file !== "number" && typeof file?.fileno === "function" ? file.fileno() : file;
  if (typeof fd !== "number") throw new TypeError(`A file descriptor is an integer, not ${describeKind(fd)}`);
  if (!Number.isInteger(fd)) throw new TypeError(`A file descriptor is an integer, not ${fd}`);
  if (fd < 0 || fd > 0x7fff_ffff) throw new RangeError(`A file descriptor cannot be ${fd}`);
  return fd + 0; // Deno refuses −0
}

/**
 * Converts a timeout to milliseconds. Undefined, null and negative numbers become Infinity. `unitMs` is the caller's
 * unit in milliseconds.
 * @throws {TypeError} when `timeout` is not a number
 */
export function toTimeoutMs(timeout: number | null | undefined, unitMs: number): number {
  if (timeout === undefined || timeout === null || timeout < 0) return Infinity;
  if (typeof timeout !== "number" || Number.isNaN(timeout)) {
    throw new TypeError(`A timeout is a number, not ${timeout}`);
  }
  return timeout * unitMs + 0; // Deno refuses −0
}

/** The greatest number of events of one wait: a buffer of at most 1 MiB. */
const EVENTS_MAX = 65536;

/**
 * Returns the greatest number of events for one wait; −1 stands for 1023.
 * @throws {TypeError} when `maxEvents` is not an integer
 * @throws {RangeError} when it is 0, or less than −1
 */
export function toEventCount(maxEvents: number): number {
  if (maxEvents === -1) return FD_SETSIZE - 1;
  if (!Number.isInteger(maxEvents)) throw new TypeError(`maxEvents is an integer, not ${maxEvents}`);
  if (maxEvents <= 0) throw new RangeError(`maxEvents must be greater than 0, not ${maxEvents}`);
  return Math.min(maxEvents, EVENTS_MAX);
}

/**
 * Calls `wait` with the milliseconds that are left (maybe a fraction) until it finds something or fails, or the
 * timeout is over. Returns the number found, 0 after the timeout, or −errno. EINTR does not end the wait.
 */
export function waitUntil(timeoutMs: number, wait: (leftMs: number) => number): number {
  const endMs = performance.now() + timeoutMs;
  let leftMs = timeoutMs;
  while (true) {
    const found = wait(Math.min(leftMs, CALL_MS_MAX));
    if (found > 0 || (found < 0 && found !== -EINTR)) return found;
    leftMs = endMs - performance.now();
    if (leftMs <= 0) return 0;
  }
}

/** Buffers of calls on other threads, kept from collection until the calls return. */
const parkedBuffers = new Set<Uint8Array>();

/**
 * Does the same as {@linkcode waitUntil} on another thread. `park` waits there and writes to `buffer`. Its failure is
 * −1 without a reason, so `look` then repeats the call without waiting.
 */
export async function parkUntil(
  timeoutMs: number,
  buffer: Uint8Array,
  park: (leftMs: number) => Promise<number>,
  look: () => number,
): Promise<number> {
  const endMs = performance.now() + timeoutMs;
  let leftMs = timeoutMs;
  parkedBuffers.add(buffer);
  try {
    while (true) {
      let found = await park(Math.min(leftMs, CALL_MS_MAX));
      if (found < 0) found = look();
      if (found > 0 || (found < 0 && found !== -EINTR)) return found;
      leftMs = endMs - performance.now();
      if (leftMs <= 0) return 0;
    }
  } finally {
    parkedBuffers.delete(buffer);
  }
}
