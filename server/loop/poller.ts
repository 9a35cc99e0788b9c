/**
 * What a poller is: the one thing that differs between select, poll, epoll and no multiplexer at all.
 * @module
 */
import { EVENTS_PER_TURN_MAX } from "../limits.ts";

const READY_ENTRIES_MAX = 65536;

/** What one asks to hear about a descriptor; bits that may be combined. EXCEPTIONAL: as in {@linkcode Readiness}. */
export const Interest = { NONE: 0, READABLE: 1, WRITABLE: 2, EXCEPTIONAL: 16 } as const;
/** A combination of {@linkcode Interest} bits. */
export type Interest = number;

/**
 * What one hears; bits that may be combined. Readiness is a hint: only `recv`, `send` and `accept` tell the truth.
 * HANGUP: the peer ended its half or the whole; ERROR: the descriptor has an error, or is closed. EXCEPTIONAL: there
 * is out-of-band data, such as TCP's urgent byte; told only to who asks for it.
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

/** True for what may be the number of a descriptor: an int of C from 0 on. */
export function isDescriptor(fd: number): boolean {
  return (fd | 0) === fd && fd >= 0;
}

/** Where a poller writes what is ready: descriptors and their bits, side by side, reused for ever. */
export class ReadyList {
  /** How many entries it holds. */
  readonly capacity: number;
  /** Descriptors. */
  readonly fds: Int32Array;
  /** The {@linkcode Readiness} of each. */
  readonly bits: Uint8Array;

  /** With room for so many. @throws {RangeError} for what is no number of entries: 1 to 65,536 */
  constructor(capacity: number = EVENTS_PER_TURN_MAX) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > READY_ENTRIES_MAX) {
      throw new RangeError(`A ready list has 1 to ${READY_ENTRIES_MAX} entries, not ${String(capacity)}`);
    }
    this.capacity = capacity;
    this.fds = new Int32Array(capacity);
    this.bits = new Uint8Array(capacity);
  }
}

/** The names that `--poller` takes. */
export type PollerName = "naive" | "select" | "poll" | "epoll-level" | "epoll-edge";

/**
 * One contract for every multiplexer; `tests/loop/poller_contract_test.ts` runs it over all of them.
 *
 * - Waking up for nothing is allowed, missing a descriptor that is ready is not.
 * - `"level"`: told again until handled. `"edge"`: told once per change, so that one must read and write until
 *   `EAGAIN`; a descriptor that is ready when it is added is told at once.
 * - `Interest.NONE` silences hang-ups and errors too. Who asks for EXCEPTIONAL alone does not hear of them from every
 *   poller: select(2) tells them as readable and writable only.
 * - A descriptor that was closed without `remove` never makes `wait` fail or forget the others.
 * - While the promise of `park` is pending, nothing else may be called.
 */
export interface Poller {
  /** What `--poller` calls it. */
  readonly name: PollerName;
  /** How often a readiness is told. */
  readonly trigger: "level" | "edge";
  /**
   * Begins to watch: 0, or −errno (−EEXIST when watched already, −EINVAL when this poller cannot hold it, −EBADF when it is
   * no number of a descriptor).
   */
  add(fd: number, interest: Interest): number;
  /** Changes what is asked: 0, or −errno (−ENOENT when not watched). */
  modify(fd: number, interest: Interest): number;
  /**
   * Ends watching: 0, or −errno (−ENOENT when not watched). Must precede `close(fd)`; `closing` promises that
   * `close(fd)` follows before the next wait, which can save a system call.
   */
  remove(fd: number, closing?: boolean): number;
  /** Blocks up to `timeoutMs` (−1: for ever; 0: not at all): number of entries in `ready`; 0 after a signal. */
  wait(ready: ReadyList, timeoutMs: number): number;
  /** The same on another thread, while Deno's event loop runs. */
  park(ready: ReadyList, timeoutMs: number): Promise<number>;
  /** Frees the poller's own descriptor. */
  close(): void;
}
