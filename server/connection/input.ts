/**
 * What a connection has received and not yet parsed. It stands in a slot of the buffers during the turn in which
 * it arrived; only what is still incomplete at the turn's end gets a buffer of the connection's own.
 * @module
 */
import { CR, LF } from "../http/characters.ts";
import { RECEIVE_BYTES_MAX } from "../limits.ts";
import type { Slot } from "./buffers.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const NOTHING: Bytes = new Uint8Array(0);

/** `bytes[start, end)`. */
export class Input {
  bytes: Bytes = NOTHING;
  /** The same bytes, while they stand in a slot. */
  view: DataView | null = null;
  start = 0;
  end = 0;
  /** How much of an incomplete head was looked at already; 0: nothing. */
  scanned = 0;

  get isEmpty(): boolean {
    return this.start === this.end;
  }

  /** True when it was not looked at since it came. */
  get isUnread(): boolean {
    return this.start < this.end && this.scanned === 0;
  }

  /** Appends the first `count` bytes of `slot`, which is the buffers's again after this turn. */
  take(slot: Slot, count: number): void {
    const kept = this.end - this.start;
    if (kept === 0) {
      this.bytes = slot.bytes;
      this.view = slot.view;
    } else if (this.view === null && this.end + count <= this.bytes.length) {
      this.bytes.set(slot.bytes.subarray(0, count), this.end); // where nothing was written yet
      this.end += count;
      return;
    } else {
      const room = kept < RECEIVE_BYTES_MAX ? kept + count : (kept + count) * 2; // a long head is not copied each time
      const joined = new Uint8Array(room);
      joined.set(this.bytes.subarray(this.start, this.end));
      joined.set(slot.bytes.subarray(0, count), kept);
      this.bytes = joined;
      this.view = null;
    }
    this.start = 0;
    this.end = kept + count;
  }

  /** Empties it. */
  clear(): void {
    this.bytes = NOTHING;
    this.view = null;
    this.start = this.end = this.scanned = 0;
  }

  /** Ends a turn: what is left moves out of the slot. Buffers of its own are never written to again. */
  keep(): void {
    if (this.start === this.end) return this.clear();
    if (this.view === null) return;
    this.bytes = this.bytes.slice(this.start, this.end);
    this.view = null;
    this.end -= this.start;
    this.start = 0;
  }

  /** Moves it out of the slot, every offset kept, for a request that outlives the turn. */
  own(): Bytes {
    if (this.view !== null) {
      this.bytes = this.bytes.slice(0, this.end);
      this.view = null;
    }
    return this.bytes;
  }

  /** Drops empty lines before a request (RFC 9112 §2.2): a client that sent one too many is idle all the same. */
  skipEmptyLines(): void {
    while (this.start + 1 < this.end && this.bytes[this.start] === CR && this.bytes[this.start + 1] === LF) {
      this.start += 2;
      this.scanned = Math.max(this.scanned - 2, 0); // of one that was cut in two, the CR was looked at
    }
  }

  /**
   * True when an incomplete head has got a further line end, or all the bytes a head may have. Of one that is longer than a
   * receive only its end counts: to parse it anew for each line would take time by the square of its length.
   */
  hasNews(headBytesMax: number): boolean {
    const { start, end, scanned } = this;
    this.scanned = end - start;
    if (this.scanned >= headBytesMax) return true;
    if (scanned > RECEIVE_BYTES_MAX) return this.#hasEmptyLine(start + scanned - 2);
    const found = this.bytes.indexOf(LF, start + scanned);
    return found >= 0 && found < end;
  }

  /** An empty line behind another line, the end of which stands at `from` or later. */
  #hasEmptyLine(from: number): boolean {
    const { bytes, end } = this;
    for (let i = from; i < end - 2; i++) {
      if (bytes[i] === LF && bytes[i + 1] === CR && bytes[i + 2] === LF) return true;
    }
    return false;
  }
}
