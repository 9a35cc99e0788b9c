/**
 * The receiving side of a connection: what recv and the poller have reported, and the bytes that are not parsed yet.
 * During the turn in which bytes arrive they are in a slot. Only what is still incomplete at the end of the turn moves to
 * a buffer of the connection.
 * @module
 */
import { EINTR } from "../../ffi/libc/errno.ts";
import { CR, LF } from "../http/characters.ts";
import { RECEIVE_BYTES_MAX } from "../limits.ts";
import { Readiness } from "../loop/poller.ts";
import type { Buffers, Slot } from "./buffers.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const NOTHING: Bytes = new Uint8Array(0);

/** The input of one connection. Bytes that are not parsed yet are `bytes[start, end)`. */
export class Input {
  /** False if recv is known to return EAGAIN. */
  isReadable = false;
  /** The client has closed its writing half. What it sent before is answered. */
  isEnded = false;
  /** The total of received bytes of this object. */
  receivedBytes = 0;
  /**
   * The transport is believed that it is drained. This saves a recv each time. It is wrong only if recv stops at urgent
   * data: then an edge-triggered event is lost, a level-triggered one is not.
   */
  trustsTransport = true;
  /** The poller has reported a hang-up, so more may follow after a short read. */
  #isHungUp = false;
  bytes: Bytes = NOTHING;
  /** A view of `bytes` while they are in a slot; otherwise null. */
  view: DataView | null = null;
  start = 0;
  end = 0;
  /** The number of bytes of an incomplete head that were already examined. */
  scanned = 0;
  /** The protocol keeps no view of bytes that it has taken, so their place in a buffer of the connection may be written again. */
  isReusable = false;

  get isEmpty(): boolean {
    return this.start === this.end;
  }

  /** True if the bytes were not examined since they arrived. */
  get isUnread(): boolean {
    return this.start < this.end && this.scanned === 0;
  }

  /** Records a readiness that the poller has reported. */
  note(readiness: Readiness): void {
    if (readiness & ~Readiness.WRITABLE) this.isReadable = true;
    if (readiness & (Readiness.HANGUP | Readiness.ERROR)) this.#isHungUp = true;
  }

  /**
   * Takes the result of recv for `slot`, the slot that was taken last: bytes, 0 at the client's end, or −errno. Returns
   * `count`. `isDrained` is what the transport says after it.
   */
  take(buffers: Buffers, slot: Slot, count: number, isDrained: boolean): number {
    if (count > 0) {
      this.isReadable = !isDrained || this.#isHungUp || !this.trustsTransport;
      this.receivedBytes += count;
      this.#append(slot, count);
      return count;
    }
    buffers.returnSlot();
    // With TLS, bytes without data for the protocol may have come, and the client's end after them.
    if (count !== -EINTR) this.isReadable = count < 0 && !isDrained && this.#isHungUp;
    if (count === 0) this.isEnded = true;
    return count;
  }

  /** Appends the first `count` bytes of `slot`, which is reused after this turn. */
  #append(slot: Slot, count: number): void {
    const kept = this.end - this.start;
    if (kept === 0) {
      this.bytes = slot.bytes;
      this.view = slot.view;
    } else if (this.view === null && this.end + count <= this.bytes.length) {
      this.bytes.set(slot.bytes.subarray(0, count), this.end); // this part of the buffer was never written before
      this.end += count;
      return;
    } else if (this.isReusable && this.view === null && kept + count <= this.bytes.length) {
      this.bytes.copyWithin(0, this.start, this.end);
      this.bytes.set(slot.bytes.subarray(0, count), kept);
    } else {
      const isLong = kept >= RECEIVE_BYTES_MAX || count < kept; // then it is not copied each time that a few bytes arrive
      const room = isLong ? (kept + count) * 2 : kept + count;
      const joined = new Uint8Array(room);
      joined.set(this.bytes.subarray(this.start, this.end));
      joined.set(slot.bytes.subarray(0, count), kept);
      this.bytes = joined;
      this.view = null;
    }
    this.start = 0;
    this.end = kept + count;
  }

  /** Drops the bytes, and forgets what was reported, for another connection. */
  reset(): void {
    this.clear();
    this.isReadable =
      this.isEnded =
      this.isReusable =
      this.#isHungUp =
        false;
  }

  /** Drops all bytes. */
  clear(): void {
    this.bytes = NOTHING;
    this.view = null;
    this.start = this.end = this.scanned = 0;
  }

  /**
   * Moves what is left out of the slot at the end of a turn. What was written to a buffer of the connection is not overwritten,
   * unless the bytes are {@linkcode isReusable}.
   */
  keep(): void {
    if (this.start === this.end) return this.clear();
    if (this.view === null) return;
    this.bytes = this.bytes.slice(this.start, this.end);
    this.view = null;
    this.end -= this.start;
    this.start = 0;
  }

  /** Moves the bytes out of the slot without changing offsets, for a request that outlives the turn. */
  own(): Bytes {
    if (this.view !== null) {
      this.bytes = this.bytes.slice(0, this.end);
      this.view = null;
    }
    return this.bytes;
  }

  /**
   * Skips empty lines before a request (RFC 9112 §2.2). A client that has sent one too many counts as idle
   * nevertheless.
   */
  skipEmptyLines(): void {
    while (this.start + 1 < this.end && this.bytes[this.start] === CR && this.bytes[this.start + 1] === LF) {
      this.start += 2;
      this.scanned = Math.max(this.scanned - 2, 0); // the CR of a split line was examined
    }
  }

  /**
   * Returns true if an incomplete head has a further line end, or as many bytes as a head may have. If it is longer
   * than one receive, only the end of the head counts: parsing it again for each line would take time proportional to
   * the square of its length.
   */
  hasNews(headBytesMax: number): boolean {
    const { start, end, scanned } = this;
    this.scanned = end - start;
    if (this.scanned >= headBytesMax) return true;
    if (scanned > RECEIVE_BYTES_MAX) return this.#hasEmptyLine(start + scanned - 2);
    const found = this.bytes.indexOf(LF, start + scanned);
    return found >= 0 && found < end;
  }

  /** Returns true if there is an empty line after another line whose end is at `from` or later. */
  #hasEmptyLine(from: number): boolean {
    const { bytes, end } = this;
    for (let i = from; i < end - 2; i++) {
      if (bytes[i] === LF && bytes[i + 1] === CR && bytes[i + 2] === LF) return true;
    }
    return false;
  }
}
