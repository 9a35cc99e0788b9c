/**
 * What the reactor wakes.
 * @module
 */
import type { Expiring } from "./deadlines.ts";
import { Interest, isDescriptor, type Readiness } from "./poller.ts";

/** Something with a descriptor that the reactor wakes. The fields are the reactor's; a source may read them. */
export abstract class Source implements Expiring {
  /** What the poller watches; −1: nothing. */
  fd: number;
  /** What the poller was last asked. */
  interest: Interest = Interest.NONE;
  /** True once `Reactor.retire` was called: nothing wakes it any more. */
  retired = false;
  /** Another process may have it open, too: closing it here does not make the kernel forget it. */
  isHeldElsewhere = false;
  /** True while it stands in the queue of `Reactor.again`. */
  isQueued = false;
  /** The last batch in which it deferred. */
  deferredInTurn: number = -1;
  /** When `onDeadline` is called, by the reactor's clock; Infinity: never. */
  deadlineMs: number = Infinity;
  /** The deadlines' own. */
  heapMs: number = Infinity;
  /** The deadlines' own. */
  heapIndex: number = -1;

  /** For descriptor `fd`; −1 for a source without one. @throws {RangeError} for what is neither */
  constructor(fd: number) {
    if (fd !== -1 && !isDescriptor(fd)) throw new RangeError(`${String(fd)} is no descriptor`);
    this.fd = fd;
  }

  /** Phase one. `readiness` of `fd` is a hint; NONE when the source asked for it with `Reactor.again`. */
  abstract onReady(readiness: Readiness, fd: number): void;
  /** Phase two, after `Reactor.defer`. */
  onTurn(): void {}
  /** The deadline set with `Reactor.expireAt` has passed. */
  onDeadline(): void {}
  /** Its descriptor has been closed. */
  onClosed(): void {}
}

/** Told of a callback that threw; its source is retired, unless it stands for many descriptors. */
export type ErrorListener = (error: unknown, source: Source | null) => void;
