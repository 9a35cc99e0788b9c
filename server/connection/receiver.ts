/**
 * The receiving side of a connection, for all protocols.
 * @module
 */
import { EINTR } from "../../ffi/libc/errno.ts";
import { Input } from "./input.ts";
import { Readiness } from "../loop/poller.ts";
import type { Buffers, Slot } from "./buffers.ts";

/** The received bytes, and what recv and the poller have reported. */
export class Receiver {
  readonly input: Input = new Input();
  /** False if recv is known to return EAGAIN. */
  isReadable = false;
  /** The client has closed its writing half. What it sent before is answered. */
  isEnded = false;
  /** The total of received bytes of this object. */
  receivedBytes = 0;
  /** The poller has reported a hang-up, so more may follow after a short read. */
  #isHungUp = false;
  readonly #trustsShortReads: boolean;

  /**
   * `trustsShortReads`: a recv that returns less than requested has emptied the socket. This saves a recv each time. It
   * is wrong only if recv stops at urgent data: then an edge-triggered event is lost, a level-triggered one is not.
   */
  constructor(trustsShortReads: boolean) {
    this.#trustsShortReads = trustsShortReads;
  }

  /** Drops the bytes, and resets what was reported. */
  clear(): void {
    this.input.clear();
    this.isReadable = this.isEnded = this.#isHungUp = false;
  }

  /** Records a readiness that the poller has reported. */
  note(readiness: Readiness): void {
    if (readiness & ~Readiness.WRITABLE) this.isReadable = true;
    if (readiness & (Readiness.HANGUP | Readiness.ERROR)) this.#isHungUp = true;
  }

  /**
   * Takes the result of recv for `slot`, the slot that was taken last: bytes, 0 at the client's end, or −errno. Returns
   * `count`.
   */
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
