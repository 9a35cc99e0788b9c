/**
 * What `Epoll`, `Poll` and `select` have in common: descriptors and timeouts as their callers give them, and waits
 * that last until their time is over.
 *
 * Source: poll(2), epoll_wait(2), select(2), signal(7).
 * @module
 */
import { describeKind } from "./libc/bytes.ts";
import { EINTR } from "./libc/errno.ts";

/** Something that has a descriptor, as the files and sockets of Python have. */
export interface HasFileno {
  /** The descriptor's number. */
  fileno(): number;
}

/** A file descriptor, or something that has one. */
export type FileDescriptorLike = number | HasFileno;

/** The longest time that a call can be given: an int of milliseconds. Longer waits are made of several. */
const CALL_MS_MAX = 0x7fff_ffff;

/**
 * The number of a descriptor; whether it is open is for the kernel to say.
 * @throws {TypeError} when it is no integer. @throws {RangeError} when it is negative, or no int of C.
 */
export function toDescriptor(file: FileDescriptorLike): number {
  const fd = typeof file !== "number" && typeof file?.fileno === "function" ? file.fileno() : file;
  if (typeof fd !== "number") throw new TypeError(`A file descriptor is an integer, not ${describeKind(fd)}`);
  if (!Number.isInteger(fd)) throw new TypeError(`A file descriptor is an integer, not ${fd}`);
  if (fd < 0 || fd > 0x7fff_ffff) throw new RangeError(`A file descriptor cannot be ${fd}`);
  return fd;
}

/**
 * A timeout in milliseconds: undefined, null and negative numbers mean for ever, which is Infinity.
 * `unitMs`: how many milliseconds one of the caller's units has.
 * @throws {TypeError} when it is no number.
 */
export function toTimeoutMs(timeout: number | null | undefined, unitMs: number): number {
  if (timeout === undefined || timeout === null || timeout < 0) return Infinity;
  if (typeof timeout !== "number" || Number.isNaN(timeout)) {
    throw new TypeError(`A timeout is a number, not ${timeout}`);
  }
  return timeout * unitMs;
}

/**
 * Calls `wait` with the milliseconds that are left, a fraction maybe, until it finds something, fails, or the time is
 * over: number found, or −errno. A signal (EINTR) does not end it.
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

/** What calls on other threads write to, held until they return, whatever becomes of those who wait. */
const parkedBuffers = new Set<Uint8Array>();

/**
 * {@linkcode waitUntil} on another thread: `park` waits there, with `buffer` to write to; after −1, which does not
 * tell why, `look` asks again without waiting.
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
