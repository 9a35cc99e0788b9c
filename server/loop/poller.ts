/**
 * The interface of pollers, in which select, poll, epoll, io_uring and the naive poller differ.
 * @module
 */
import { EVENTS_PER_TURN_MAX } from "../limits.ts";

const READY_ENTRIES_MAX = 65536;

/**
 * The readiness that is requested for a descriptor; bits to combine. They mean the same as in {@linkcode Readiness}.
 */
export const Interest = { NONE: 0, READABLE: 1, WRITABLE: 2, EXCEPTIONAL: 16 } as const;
/** A combination of {@linkcode Interest} bits. */
export type Interest = number;

/**
 * The readiness that is reported for a descriptor; bits to combine. Readiness is a hint: only `recv`, `send` and
 * `accept` tell the truth. HANGUP: the peer has closed its writing half, or the connection. ERROR: the descriptor has
 * an error, or is closed. EXCEPTIONAL: out-of-band data, such as TCP's urgent byte; reported only if requested.
 */
export const Readiness = {
  NONE: 0,
  READABLE: 1,
  WRITABLE: 2,
  HANGUP: 4,
  ERROR: 8,
  EXCEPTIONAL: 16,
} as const;
/** A combination of {@linkcode Readiness} bits. */
export type Readiness = number;

/** Returns true if `fd` may be a descriptor: an int of C, 0 or greater. */
export function isDescriptor(fd: number): boolean {
  return (fd | 0) === fd && fd >= 0;
}

/** The result of a wait: descriptors and their readiness in parallel arrays, which each wait overwrites. */
export class ReadyList {
  /** The greatest number of entries. */
  readonly capacity: number;
  /** The ready descriptors. */
  readonly fds: Int32Array;
  /** The {@linkcode Readiness} of each descriptor. */
  readonly bits: Uint8Array;

  /**
   * Creates a list with room for `capacity` entries.
   * @throws {RangeError} when `capacity` is not an integer from 1 to 65,536
   */
  constructor(capacity: number = EVENTS_PER_TURN_MAX) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > READY_ENTRIES_MAX) {
      throw new RangeError(`A ready list has 1 to ${READY_ENTRIES_MAX} entries, not ${String(capacity)}`);
    }
    this.capacity = capacity;
    this.fds = new Int32Array(capacity);
    this.bits = new Uint8Array(capacity);
  }
}

/** The values of `--poller`. */
export type PollerName = "naive" | "select" | "poll" | "epoll-level" | "epoll-edge" | "io-uring";

/**
 * The interface of all multiplexers. `tests/loop/poller_contract_test.ts` tests every implementation.
 *
 * - A poller may report a descriptor that is not ready. It must not miss one that is.
 * - A `"level"` poller reports readiness until it is handled. An `"edge"` poller reports each change once, so the
 *   caller must read and write until `EAGAIN`. A descriptor that is ready when it is added is reported at once.
 * - `Interest.NONE` suppresses hang-ups and errors, too. With EXCEPTIONAL alone, not every poller reports them:
 *   select(2) reports them only as readable and writable.
 * - A descriptor that was closed without `remove` never makes `wait` fail, or miss other descriptors.
 * - While the promise of `park` is pending, no method may be called.
 */
export interface Poller {
  /** The name for `--poller`. */
  readonly name: PollerName;
  /** How often readiness is reported: until it is handled, or once per change. */
  readonly trigger: "level" | "edge";
  /**
   * Starts watching a descriptor: 0 or −errno. −EEXIST if it is already watched, −EINVAL if this poller cannot hold it,
   * −EBADF if it is not open, or not a valid number.
   */
  add(fd: number, interest: Interest): number;
  /** Changes the requested readiness: 0 or −errno (−ENOENT if the descriptor is not watched). */
  modify(fd: number, interest: Interest): number;
  /**
   * Stops watching a descriptor: 0 or −errno (−ENOENT if it is not watched). Must precede `close(fd)`. With `closing`,
   * the caller promises to call `close(fd)` before the next wait, which can save a system call.
   */
  remove(fd: number, closing?: boolean): number;
  /**
   * Blocks for at most `timeoutMs` milliseconds (−1: for ever, 0: not at all). Returns the number of entries in
   * `ready`, 0 after a signal.
   */
  wait(ready: ReadyList, timeoutMs: number): number;
  /** Does the same as `wait` on another thread, while Deno's event loop runs. */
  park(ready: ReadyList, timeoutMs: number): Promise<number>;
  /** Closes the poller's own descriptor. */
  close(): void;
}
