/**
 * The kernel's multiplexers with the names and meanings of Python's `select` module: the function `select`, and the
 * classes `Poll` and `Epoll`; and `Uring`, which Python does not have. The constants are in constants.ts.
 *
 * Source: select(2).
 * @module
 */
import { FD_SETSIZE } from "../libc/multiplexer_constants.ts";
import { EBADF, orThrow } from "../libc/errno.ts";
import { loadLibc } from "../libc/libc.ts";
import { DescriptorSet, isOpen, select as callSelect } from "../libc/multiplexers.ts";
import { type FileDescriptorLike, toDescriptor, toTimeoutMs, waitUntil } from "../wait.ts";

export { Epoll } from "./epoll.ts";
export { Poll } from "./poll.ts";
export { Uring } from "./uring.ts";
export type { FileDescriptorLike, HasFileno } from "../wait.ts";

/** The files of one of the three lists, and the fd_set for them. */
class Asked<T extends FileDescriptorLike> {
  readonly #files: readonly T[];
  readonly fds: readonly number[];
  readonly #set: DescriptorSet;

  constructor(files: Iterable<T>, set: DescriptorSet) {
    this.#files = Array.from(files);
    this.fds = this.#files.map(toDescriptor);
    this.#set = set;
    for (const fd of this.fds) {
      if (fd >= FD_SETSIZE) throw new RangeError(`select takes descriptors below ${FD_SETSIZE}, not ${fd}`);
    }
  }

  /** Fills the set again, because the kernel has changed it. Returns null if the list is empty. */
  fill(): Uint8Array<ArrayBuffer> | null {
    if (this.fds.length === 0) return null;
    this.#set.words.fill(0);
    for (const fd of this.fds) this.#set.put(fd, true);
    return this.#set.bytes;
  }

  /** Returns the files whose bits the kernel has left in the set. */
  ready(): T[] {
    return this.#files.filter((_file, i) => this.#set.has(this.fds[i]!));
  }
}

const readable = new DescriptorSet();
const writable = new DescriptorSet();
const exceptional = new DescriptorSet();

/**
 * Waits until a descriptor is ready: one of `rlist` for reading, one of `wlist` for writing, or one of `xlist` for an
 * exceptional condition, such as TCP's urgent data. Returns three lists of the numbers or objects that were passed
 * in. All are empty after the timeout. With three empty lists the call only waits.
 *
 * `timeout` is in seconds, rounded up to microseconds. Undefined and null wait for ever. A signal does not end the
 * wait. The call blocks Deno's event loop: meanwhile timers, promises and signal listeners do not run.
 *
 * ```ts
 * const [readable] = select([listening, ...clients], [], [], 1);
 * ```
 * @throws {RangeError} when a descriptor is negative or ≥ 1024 (FD_SETSIZE), or `timeout` is negative
 * @throws {SystemError} EBADF: a descriptor is not open
 */
export function select<
  R extends FileDescriptorLike,
  W extends FileDescriptorLike,
  X extends FileDescriptorLike,
>(
  rlist: Iterable<R>,
  wlist: Iterable<W>,
  xlist: Iterable<X>,
  timeout?: number | null,
): [R[], W[], X[]] {
  loadLibc();
  if (typeof timeout === "number" && timeout < 0) throw new RangeError(`A timeout cannot be ${timeout}`);
  const timeoutMs = toTimeoutMs(timeout, 1000);
  // The caller's own code, such as fileno(), runs only here: it might call select, whose sets are shared.
  const r = new Asked(rlist, readable);
  const w = new Asked(wlist, writable);
  const x = new Asked(xlist, exceptional);
  const fds = [...r.fds, ...w.fds, ...x.fds];
  const highest = fds.reduce((a, b) => Math.max(a, b), -1);
  const found = waitUntil(
    timeoutMs,
    (leftMs) => callSelect(highest, r.fill(), w.fill(), x.fill(), leftMs),
  );
  if (found === 0) return [[], [], []];
  const closed = found === -EBADF ? fds.find((fd) => !isOpen(fd)) : undefined;
  orThrow(found, closed === undefined ? "select" : `select on descriptor ${closed}`, "select");
  return [r.ready(), w.ready(), x.ready()];
}
