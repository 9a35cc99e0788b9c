/**
 * The base class of everything that the reactor wakes.
 * @module
 */
import type { Expiring } from "./deadlines.ts";
import { Interest, isDescriptor, type Readiness } from "./poller.ts";

/** An object that the reactor wakes, usually with a descriptor. The reactor owns the fields; a source may read them. */
export abstract class Source implements Expiring {
  /** The descriptor that the poller watches; −1 if there is none. */
  fd: number;
  /** The readiness that was last requested from the poller. */
  interest: Interest = Interest.NONE;
  /** True after `Reactor.retire`. A retired source is not woken any more. */
  retired = false;
  /**
   * True if another process may have the same socket open. Closing the descriptor does not remove it from epoll then
   * (epoll(7)).
   */
  isHeldElsewhere = false;
  /** True while the source is in the queue of `Reactor.again`. */
  isQueued = false;
  /** The number of the last turn in which the source deferred; −1 before. */
  deferredInTurn: number = -1;
  /** The instant of `onDeadline`, in milliseconds of the reactor's clock; Infinity: never. */
  deadlineMs: number = Infinity;
  /** Maintained by the reactor's heap of deadlines. */
  heapMs: number = Infinity;
  /** Maintained by the reactor's heap of deadlines. */
  heapIndex: number = -1;

  /**
   * Creates a source for descriptor `fd`; −1 for a source without a descriptor.
   * @throws {RangeError} when `fd` is neither
   */
  constructor(fd: number) {
    if (fd !== -1 && !isDescriptor(fd)) throw new RangeError(`${String(fd)} is no descriptor`);
    this.fd = fd;
  }

  /** Called in phase one. `readiness` of `fd` is a hint; NONE if the source has called `Reactor.again`. */
  abstract onReady(readiness: Readiness, fd: number): void;
  /** Called in phase two after `Reactor.defer`. */
  onTurn(): void {}
  /** Called after the deadline of `Reactor.expireAt` has passed. */
  onDeadline(): void {}
  /** Called after the descriptor was closed. */
  onClosed(): void {}
}

/**
 * Called for an exception of a callback. `source` was retired, unless it has no descriptor of its own. `source` is null
 * if the callback belongs to none.
 */
export type ErrorListener = (error: unknown, source: Source | null) => void;
