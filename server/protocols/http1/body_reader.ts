/**
 * Finds the end of a request's body in any framing. Source: RFC 9112 §6.2, §6.3, §7.1.
 * @module
 */
import {
  BODY_BYTES_MAX,
  CHUNK_LINE_BYTES_MAX,
  CHUNK_OVERHEAD_BYTES_MAX,
  TRAILER_BYTES_MAX,
} from "../../limits.ts";
import { CLASSES, CR, hexValue, HTAB, LF, SP, TOKEN, VALUE } from "../../http/characters.ts";
import type { HttpRequest } from "../../http/request.ts";
import type { BodySink } from "../../http/request_body.ts";

const COLON = 0x3a;
const SEMICOLON = 0x3b;

/** The part of the body that the next byte belongs to. */
const State = {
  DATA_OF_LENGTH: 0,
  SIZE_FIRST: 1,
  SIZE: 2,
  SIZE_SPACE: 3,
  EXTENSION: 4,
  SIZE_LF: 5,
  DATA: 6,
  DATA_CR: 7,
  DATA_LF: 8,
  TRAILER_START: 9,
  TRAILER_NAME: 10,
  TRAILER_VALUE: 11,
  TRAILER_LF: 12,
  END_LF: 13,
  DONE: 14,
} as const;

/** Reads a body in as many parts as it arrives in. */
export class BodyReader {
  /** The largest accepted body in bytes. A change applies to the next body. */
  bytesMax: number;
  #state: number = State.DONE;
  /** The bytes of data that are still to come, of the body or of the current chunk. */
  #remaining = 0;
  #total = 0;
  #lineBytes = 0;
  #overheadBytes = 0;

  /** Reads bodies of up to `bytesMax` bytes. */
  constructor(bytesMax: number = BODY_BYTES_MAX) {
    this.bytesMax = bytesMax;
  }

  get isDone(): boolean {
    return this.#state === State.DONE;
  }

  /** Starts the body of `request`: 0, or −413 if its Content-Length is over the bound. */
  begin(request: HttpRequest): number {
    this.#total = 0;
    this.#lineBytes = 0;
    this.#overheadBytes = 0;
    this.#remaining = Math.max(request.contentLength, 0);
    this.#state = request.chunked
      ? State.SIZE_FIRST
      : this.#remaining > 0
      ? State.DATA_OF_LENGTH
      : State.DONE;
    return this.#remaining > this.bytesMax ? -413 : 0;
  }

  /**
   * Reads `bytes[start, end)` and passes the data to `sink`; null drops the data. Returns how many bytes belong to the
   * body: all of them, unless {@linkcode isDone}. On failure returns a negated status: −400 for invalid framing, −413
   * and −431 for too much data or trailers.
   */
  read(bytes: Uint8Array, start: number, end: number, sink: BodySink | null = null): number {
    let i = start;
    while (i < end && this.#state !== State.DONE) {
      if (this.#state === State.DATA || this.#state === State.DATA_OF_LENGTH) {
        const count = Math.min(this.#remaining, end - i);
        if (sink !== null) sink.push(bytes.subarray(i, i + count));
        i += count;
        this.#remaining -= count;
        if (this.#remaining === 0) this.#state = this.#state === State.DATA ? State.DATA_CR : State.DONE;
        continue;
      }
      const status = this.#frame(bytes[i++]!);
      if (status < 0) return status;
    }
    return i - start;
  }

  /** Reads one byte of chunked framing: 0, or a negated status. */
  #frame(byte: number): number {
    // A very large body may have more framing, as long as its chunks are not tiny.
    const allowed = CHUNK_OVERHEAD_BYTES_MAX + Math.max(this.#total - BODY_BYTES_MAX, 0) / 16;
    if (++this.#overheadBytes > allowed) return -400;
    switch (this.#state) {
      case State.SIZE_FIRST:
      case State.SIZE: {
        const digit = hexValue(byte);
        if (digit >= 0) return this.#sizeDigit(digit);
        if (this.#state === State.SIZE_FIRST) return -400;
        return this.#afterSize(byte);
      }
      case State.SIZE_SPACE: // bad white space before an extension, which RFC 9112 §7.1.1 says to accept
        return byte === CR ? -400 : this.#afterSize(byte);
      case State.EXTENSION:
        if (byte === CR) this.#state = State.SIZE_LF;
        else if (!(CLASSES[byte]! & VALUE) || ++this.#lineBytes > CHUNK_LINE_BYTES_MAX) return -400;
        return 0;
      case State.SIZE_LF:
        this.#lineBytes = 0;
        return this.#expect(byte, LF, this.#remaining === 0 ? State.TRAILER_START : State.DATA);
      case State.DATA_CR:
        return this.#expect(byte, CR, State.DATA_LF);
      case State.DATA_LF:
        return this.#expect(byte, LF, State.SIZE_FIRST);
      default:
        return this.#trailer(byte);
    }
  }

  #sizeDigit(digit: number): number {
    this.#state = State.SIZE;
    if (++this.#lineBytes > CHUNK_LINE_BYTES_MAX) return -400;
    this.#remaining = this.#lineBytes === 1 ? digit : this.#remaining * 16 + digit;
    return this.#total + this.#remaining > this.bytesMax ? -413 : 0;
  }

  #afterSize(byte: number): number {
    if (byte === SP || byte === HTAB) {
      this.#state = State.SIZE_SPACE;
      return ++this.#lineBytes > CHUNK_LINE_BYTES_MAX ? -400 : 0;
    }
    this.#total += this.#remaining;
    if (byte === SEMICOLON) this.#state = State.EXTENSION;
    else if (byte === CR) this.#state = State.SIZE_LF;
    else return -400;
    return 0;
  }

  /** Reads one byte of the trailer section (RFC 9112 §7.1.2), whose fields are dropped. */
  #trailer(byte: number): number {
    if (++this.#lineBytes > TRAILER_BYTES_MAX) return -431;
    switch (this.#state) {
      case State.TRAILER_START:
        if (byte === CR) this.#state = State.END_LF;
        else if (CLASSES[byte]! & TOKEN) this.#state = State.TRAILER_NAME;
        else return -400;
        return 0;
      case State.TRAILER_NAME:
        if (byte === COLON) this.#state = State.TRAILER_VALUE;
        else if (!(CLASSES[byte]! & TOKEN)) return -400;
        return 0;
      case State.TRAILER_VALUE:
        if (byte === CR) this.#state = State.TRAILER_LF;
        else if (!(CLASSES[byte]! & VALUE)) return -400;
        return 0;
      case State.TRAILER_LF:
        return this.#expect(byte, LF, State.TRAILER_START);
      default:
        return this.#expect(byte, LF, State.DONE);
    }
  }

  #expect(byte: number, wanted: number, next: number): number {
    if (byte !== wanted) return -400;
    this.#state = next;
    return 0;
  }
}
