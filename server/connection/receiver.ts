/**
 * The receiving side of a connection, whatever is spoken on it.
 * @module
 */
import { EINTR } from "../../ffi/libc/errno.ts";
import { Input } from "./input.ts";
import { Readiness } from "../loop/poller.ts";
import type { Buffers, Slot } from "./buffers.ts";

/** What has arrived, and what recv and the poller say of what follows. */
export class Receiver {
  readonly input: Input = new Input();
  /** recv may have something to say other than EAGAIN. */
  isReadable = false;
  /** The client ended its half: what came before is answered. */
  isEnded = false;
  /** Bytes that have arrived since it began. */
  receivedBytes = 0;
  /** The poller told of a hang-up: a short read does not mean that nothing follows. */
  #isHungUp = false;
  readonly #trustsShortReads: boolean;

  /**
   * `trustsShortReads`: when recv gives less than it was asked for, nothing is left. That saves a recv each time, and is
   * wrong only where urgent data stands in between, at which recv stops: then an edge is lost, and a level is not.
   */
  constructor(trustsShortReads: boolean) {
    this.#trustsShortReads = trustsShortReads;
  }

  /** Forgets everything. */
  clear(): void {
    this.input.clear();
    this.isReadable = this.isEnded = this.#isHungUp = false;
  }

  /** Takes a hint of the poller's. */
  note(readiness: Readiness): void {
    if (readiness & ~Readiness.WRITABLE) this.isReadable = true;
    if (readiness & (Readiness.HANGUP | Readiness.ERROR)) this.#isHungUp = true;
  }

  /** Takes what recv gave for `slot`, the one taken last: bytes, 0 at the client's end, or −errno. Returns it. */
  take(buffers: Buffers, slot: Slot, count: number): number {
    if (count > 0) {
      this.isReadable = count === slot.bytes.length || this.#isHungUp || !this.#trustsShortReads;
      this.receivedBytes += count;
      this.input.take(slot, count);
      return count;
    }
    buffers.returnSlot();
    if (count !== -EINTR) this.isReadable = false;
    if (count === 0) this.isEnded = true;
    return count;
  }
}
