/**
 * A transport that does what TLS will do: it waits to write in order to read, and to read in order to write, and gives
 * less than is there.
 * @module
 */
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { Interest } from "../../server/loop/poller.ts";
import type { Transport } from "../../server/transport/transport.ts";
import type { Random } from "./random.ts";

/** Passes calls on to another transport, after it has waited for the other direction, at random. */
export class ContraryTransport implements Transport {
  readonly #inner: Transport;
  readonly #random: Random;
  #wants: Interest = Interest.NONE;
  /** The last `recv` gave less than there was. */
  #isShort = false;
  /** How often it waited for the other direction. */
  waits = 0;

  constructor(inner: Transport, random: Random) {
    this.#inner = inner;
    this.#random = random;
  }

  /** Returns true if the caller has to wait for `interest` first. */
  #waitsFor(interest: Interest): boolean {
    const waits = this.#wants === Interest.NONE && this.#random.oneIn(3);
    this.#wants = waits ? interest : Interest.NONE;
    if (waits) this.waits++;
    return waits;
  }

  recv(fd: number, buffer: Uint8Array<ArrayBuffer>): number {
    if (this.#waitsFor(Interest.WRITABLE)) return -EAGAIN;
    this.#isShort = this.#random.oneIn(2);
    return this.#inner.recv(fd, this.#isShort ? buffer.subarray(0, 1 + this.#random.below(40)) : buffer);
  }

  isDrained(fd: number, count: number, capacity: number): boolean {
    return !this.#isShort && this.#inner.isDrained(fd, count, capacity);
  }

  send(fd: number, bytes: Uint8Array<ArrayBuffer>, length: number, more: boolean): number {
    if (length > 0 && this.#waitsFor(Interest.READABLE)) return -EAGAIN;
    const most = this.#random.oneIn(2) ? length : Math.min(length, 1 + this.#random.below(100));
    return this.#inner.send(fd, bytes, most, more || most < length);
  }

  sendfile(fd: number, file: number, offset: number, length: number): number {
    return this.#waitsFor(Interest.READABLE) ? -EAGAIN : this.#inner.sendfile(fd, file, offset, length);
  }

  wants(): Interest {
    return this.#wants;
  }

  peek(fd: number, buffer: Uint8Array<ArrayBuffer>): number {
    return this.#inner.peek(fd, buffer);
  }

  recvUrgent(fd: number): number {
    return this.#inner.recvUrgent(fd);
  }

  shutdownWrite(fd: number): number {
    return this.#inner.shutdownWrite(fd);
  }

  isReset(fd: number): boolean {
    return this.#inner.isReset(fd);
  }

  unacknowledged(fd: number): number {
    return this.#inner.unacknowledged(fd);
  }

  liftUnsentLimit(fd: number): number {
    return this.#inner.liftUnsentLimit(fd);
  }

  resetOnClose(fd: number): number {
    return this.#inner.resetOnClose(fd);
  }
}
