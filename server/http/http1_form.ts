/**
 * A response as the bytes of HTTP/1. They are made once and may be sent many times.
 * @module
 */
import { bodyMemory } from "./body_memory.ts";
import { CR, encodeUtf8, LF } from "./characters.ts";
import type { HttpClock } from "./date.ts";
import type { FileBody } from "./file_body.ts";
import { takeHeadRoom } from "./head_room.ts";
import { DEFAULT_KEEP_ALIVE } from "./persistence.ts";
import type { StreamBody } from "./stream_body.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Typed arrays of 64 bytes or less may live on the V8 heap and move while the kernel reads them. */
const BUFFER_BYTES_MIN = 128;
const BLANK_LINE_BYTES = 2;
const encoder = new TextEncoder();

/** Returns the length of a head with `fieldsLength` bytes of fields, the `keepAlive` fields and the empty line. */
function headLengthOf(fieldsLength: number, keepAlive: Uint8Array): number {
  return fieldsLength + keepAlive.length + BLANK_LINE_BYTES;
}

/**
 * Returns `body` with room for a head of `fieldsLength` bytes of fields before it. It is a copy, unless the body's
 * buffer has that room.
 */
export function placeBehindHead(fieldsLength: number, body: Uint8Array): Bytes {
  const headLength = headLengthOf(fieldsLength, DEFAULT_KEEP_ALIVE);
  const inPlace = takeHeadRoom(headLength, body);
  if (inPlace !== null) return inPlace;
  const length = headLength + body.length;
  const bytes = new Uint8Array(new ArrayBuffer(Math.max(length, BUFFER_BYTES_MIN)), 0, length);
  bytes.set(body, headLength);
  return bytes;
}

/** The bytes of a response: head and body as they are sent on a persistent connection, with room for the date. */
export class Http1Form {
  /** The head with its empty line, followed by the body if that was copied behind the head. */
  bytes: Bytes;
  /** The length of the head, with its empty line. */
  headLength: number;
  /** The length of the head without `Connection`, `Keep-Alive` and the empty line. */
  readonly fieldsLength: number;
  /** The body that follows {@linkcode bytes}; null when there is none, or when it is part of {@linkcode bytes}. */
  readonly tail: Bytes | FileBody | StreamBody | null;
  /** What the protocol of HTTP/2 has made of the response, for its next use; null if it has made nothing. */
  http2: object | null = null;
  readonly #dateOffset: number;
  #dateSeconds = -1;
  #keepAlive = DEFAULT_KEEP_ALIVE;

  /**
   * `fields` is the status line and the fields; `encoded` is the same in bytes, or null for UTF-8. `placed` is the room
   * for the head with the body behind it, from {@linkcode placeBehindHead}. `dateOffset` is that of the date; −1
   * without room for it.
   */
  constructor(
    fields: string,
    encoded: Bytes | null,
    placed: Bytes,
    tail: Bytes | FileBody | StreamBody | null,
    dateOffset: number,
  ) {
    this.tail = tail;
    this.#dateOffset = dateOffset;
    let bytes = placed;
    let head = encoded;
    if (head === null && encoder.encodeInto(fields, placed.subarray(0, fields.length)).read < fields.length) {
      head = encodeUtf8(fields); // some characters take several bytes
    }
    if (head !== null && head.length !== fields.length) {
      bytes = placeBehindHead(
        head.length,
        placed.subarray(headLengthOf(fields.length, DEFAULT_KEEP_ALIVE)),
      );
    }
    if (head !== null) bytes.set(head);
    this.fieldsLength = head === null ? fields.length : head.length;
    this.headLength = headLengthOf(this.fieldsLength, DEFAULT_KEEP_ALIVE);
    this.bytes = bytes;
    this.#endHead(DEFAULT_KEEP_ALIVE);
  }

  /** True if the server writes the date. */
  get hasOwnDate(): boolean {
    return this.#dateOffset >= 0;
  }

  /** Writes the date and the fields for a persistent connection into the head, unless they are there already. */
  stamp(clock: HttpClock, keepAlive: Bytes = DEFAULT_KEEP_ALIVE): void {
    if (this.#keepAlive !== keepAlive) this.#persist(keepAlive);
    if (this.#dateSeconds === clock.seconds || this.#dateOffset < 0) return;
    this.#dateSeconds = clock.seconds;
    this.bytes.set(clock.bytes, this.#dateOffset);
  }

  /**
   * Moves everything to a buffer that has other fields for the connection. Once for each response, unless servers with
   * different timeouts share it.
   */
  #persist(keepAlive: Bytes): void {
    const { bytes, headLength, fieldsLength } = this;
    const length = headLengthOf(fieldsLength, keepAlive);
    const moved = new Uint8Array(
      new ArrayBuffer(Math.max(length + bytes.length - headLength, BUFFER_BYTES_MIN)),
      0,
      length + bytes.length - headLength,
    );
    moved.set(bytes.subarray(0, fieldsLength));
    moved.set(bytes.subarray(headLength), length);
    bodyMemory.move(bytes, moved);
    this.bytes = moved;
    this.headLength = length;
    this.#keepAlive = keepAlive;
    this.#endHead(keepAlive);
  }

  #endHead(keepAlive: Bytes): void {
    this.bytes.set(keepAlive, this.fieldsLength);
    this.bytes[this.headLength - 2] = CR;
    this.bytes[this.headLength - 1] = LF;
  }
}
