/**
 * A transport that does what TLS will do: it waits to write in order to read, and to read in order to write, gives less
 * than is there, and holds back bytes that it counts as sent.
 * @module
 */
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { Interest } from "../../server/loop/poller.ts";
import type { Transport } from "../../server/transport/transport.ts";
import type { Random } from "./random.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const NOTHING: Bytes = new Uint8Array(0);

/** Passes calls on to another transport, after it has waited for the other direction, at random. */
export class ContraryTransport implements Transport {
  readonly #inner: Transport;
  readonly #random: Random;
  #wants: Interest = Interest.NONE;
  /** The last `recv` gave less than there was. */
  #isShort = false;
  /** Bytes that count as sent. */
  #held = NOTHING;
  /** How often it waited for the other direction. */
  waits = 0;
  /** How often it held bytes back. */
  holds = 0;

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

  recv(fd: number, buffer: Bytes): number {
    if (this.#waitsFor(Interest.WRITABLE)) return -EAGAIN;
    this.#isShort = this.#random.oneIn(2);
    return this.#inner.recv(fd, this.#isShort ? buffer.subarray(0, 1 + this.#random.below(40)) : buffer);
  }

  isDrained(fd: number, count: number, capacity: number): boolean {
    return !this.#isShort && this.#inner.isDrained(fd, count, capacity);
  }

  send(fd: number, bytes: Bytes, length: number, more: boolean): number {
    if (length > 0 && this.#waitsFor(Interest.READABLE)) return -EAGAIN;
    const status = this.flush(fd);
    if (status < 0) return status;
    const most = this.#random.oneIn(2) ? length : Math.min(length, 1 + this.#random.below(100));
    if (!this.#random.oneIn(4)) return this.#inner.send(fd, bytes, most, more || most < length);
    this.holds++;
    this.#held = bytes.slice(0, most);
    return most;
  }

  flush(fd: number): number {
    if (this.#held.length === 0) return 0;
    if (this.#random.oneIn(2)) return -EAGAIN;
    const sent = this.#inner.send(fd, this.#held, this.#held.length, false);
    if (sent < 0) return sent;
    this.#held = this.#held.slice(sent);
    return this.#held.length === 0 ? 0 : -EAGAIN;
  }

  sendfile(fd: number, file: number, offset: number, length: number): number {
    const status = this.#waitsFor(Interest.READABLE) ? -EAGAIN : this.flush(fd);
    return status < 0 ? status : this.#inner.sendfile(fd, file, offset, length);
  }

  wants(): Interest {
    return this.#wants | (this.#held.length > 0 ? Interest.WRITABLE : Interest.NONE);
  }

  forget(fd: number): void {
    this.#held = NOTHING;
    this.#wants = Interest.NONE;
    this.#inner.forget(fd);
  }

  peek(fd: number, buffer: Bytes): number {
    return this.#inner.peek(fd, buffer);
  }

  recvUrgent(fd: number): number {
    return this.#inner.recvUrgent(fd);
  }

  shutdownWrite(fd: number): number {
    if (this.#held.length > 0) throw new Error("the writing half was ended before everything was sent");
    return this.#inner.shutdownWrite(fd);
  }

  announceEnd(fd: number): void {
    this.#inner.announceEnd(fd);
  }

  isSecure(fd: number): boolean {
    return this.#inner.isSecure(fd);
  }

  isReset(fd: number): boolean {
    return this.#inner.isReset(fd);
  }

  unacknowledged(fd: number): number {
    return this.#inner.unacknowledged(fd) + this.#held.length;
  }

  limitUnsent(fd: number, bytes: number): number {
    return this.#inner.limitUnsent(fd, bytes);
  }

  resetOnClose(fd: number): number {
    return this.#inner.resetOnClose(fd);
  }
}
