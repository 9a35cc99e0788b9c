/**
 * Fields of responses as frames of HTTP/2. The head of a response is made once, is valid on every connection, and is kept
 * with the response.
 *
 * Source: RFC 9113 §4.3, §6.10, §8.2.2 (fields that do not leave) and §8.3.2, RFC 7541 §6.2.2.
 * @module
 */
import { encodeUtf8, latin1 } from "../../../http/characters.ts";
import { HTTP_DATE_BYTES, type HttpClock } from "../../../http/date.ts";
import type { Fields } from "../../../http/field_lines.ts";
import type { Http1Form } from "../../../http/http1_form.ts";
import { HttpResponse } from "../../../http/response.ts";
import {
  Flag,
  FRAME_BYTES_MAX,
  FRAME_HEAD_BYTES,
  FrameType,
  writeFrameHead,
  writeUint32,
} from "../frames/frame.ts";
import { framedBodies, type FramedBody } from "../frames/framed_body.ts";
import { HpackEncoder } from "../hpack/encoder.ts";
import {
  OTHER,
  parsePriority,
  type Priority,
  priorityOfType,
  type ResponsePriority,
} from "../streams/priority.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Fields about one connection, which no message of HTTP/2 has. */
const OF_CONNECTION = /^(connection|keep-alive|transfer-encoding|upgrade|proxy-connection|te)$/;
/** White space around a value, which HTTP/1 allows. No other characters count: values are bytes. */
const AROUND = /^[\t ]+|[\t ]+$/g;
/** The distance between two frames of one block. */
const STRIDE = FRAME_HEAD_BYTES + FRAME_BYTES_MAX;
const NOTHING: Bytes = new Uint8Array(0);
const encoder = new HpackEncoder();

/** Returns the bytes of text that was decoded as Latin-1. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Begins a block with `status`; null for trailers. */
function beginBlock(status: number | null): void {
  encoder.clear();
  if (status !== null) encoder.add(":status", bytesOf(String(status)));
}

/** Returns the block of checked fields. `status` is that of an interim response; null for trailers. */
export function fieldBlock(status: number | null, fields: Fields): Bytes {
  beginBlock(status);
  for (const [given, value] of fields) {
    const name = given.toLowerCase();
    if (!OF_CONNECTION.test(name)) encoder.add(name, encodeUtf8(value.replace(AROUND, "")));
  }
  return encoder.toBytes();
}

/**
 * Returns HEADERS with `block`, and CONTINUATION where that takes more than one frame. No frame is larger than what every
 * client accepts. `flags` are those of HEADERS besides END_HEADERS.
 */
export function headerFrames(block: Uint8Array, flags: number, stream: number): Bytes {
  const count = Math.max(Math.ceil(block.length / FRAME_BYTES_MAX), 1);
  const bytes = new Uint8Array(count * FRAME_HEAD_BYTES + block.length);
  for (let i = 0; i < count; i++) {
    const part = block.subarray(i * FRAME_BYTES_MAX, (i + 1) * FRAME_BYTES_MAX);
    const type = i === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
    const own = (i === 0 ? flags : 0) | (i === count - 1 ? Flag.END_HEADERS : 0);
    writeFrameHead(bytes, i * STRIDE, part.length, type, own, stream);
    bytes.set(part, i * STRIDE + FRAME_HEAD_BYTES);
  }
  return bytes;
}

/** The uses of a body after which its frames are kept. */
const UNFRAMED_USES = 1;

/** The frames of a response's head, whose stream, end and date are filled in each time. */
export class ResponseBlock implements ResponsePriority {
  /** The frames. */
  readonly bytes: Bytes;
  readonly priority: Priority | null;
  readonly typePriority: Priority;
  /** The flags of a head that a body follows. */
  readonly #flags: number;
  /** The date is the first field, and so in the first frame. −1 for one that the response has itself. */
  readonly #dateOffset: number;
  #dateSeconds = -1;
  /** The part of `#bodyIn` that is the body. A view is made once for many requests. */
  #body: Bytes = NOTHING;
  #bodyIn: Bytes = NOTHING;
  #uses = 0;
  #framed: FramedBody | null = null;

  /** Returns the block of `response`. */
  static of(response: HttpResponse): ResponseBlock {
    const form = HttpResponse.http1(response);
    return (form.http2 ??= new ResponseBlock(response.status, form)) as ResponseBlock;
  }

  /** `form` is the response in HTTP/1. */
  constructor(status: number, form: Http1Form) {
    const [, ...lines] = latin1(form.bytes, 0, form.fieldsLength).split("\r\n");
    beginBlock(status);
    let dateOffset = -1;
    let priority: string | null = null;
    let typePriority = OTHER;
    for (const line of lines) {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon).toLowerCase();
      if (colon < 1 || OF_CONNECTION.test(name)) continue;
      const value = line.slice(colon + 1).replace(AROUND, "");
      if (name === "priority") priority = priority === null ? value : `${priority}, ${value}`;
      else if (name === "content-type") typePriority = priorityOfType(value);
      const isOwnDate = name === "date" && form.hasOwnDate;
      encoder.add(name, bytesOf(isOwnDate ? value.padEnd(HTTP_DATE_BYTES) : value), isOwnDate);
      if (isOwnDate) dateOffset = encoder.length - HTTP_DATE_BYTES;
    }
    this.priority = priority === null ? null : parsePriority(priority);
    this.typePriority = typePriority;
    this.bytes = headerFrames(encoder.toBytes(), 0, 0);
    this.#flags = this.bytes[4]!;
    this.#dateOffset = dateOffset < 0 ? -1 : FRAME_HEAD_BYTES + dateOffset;
  }

  /** Fills in the stream, whether nothing follows, and the date. */
  stamp(stream: number, isEnd: boolean, clock: HttpClock): void {
    const { bytes } = this;
    for (let at = 0; at < bytes.length; at += STRIDE) writeUint32(bytes, at + 5, stream);
    bytes[4] = isEnd ? this.#flags | Flag.END_STREAM : this.#flags;
    if (this.#dateOffset < 0 || this.#dateSeconds === clock.seconds) return;
    this.#dateSeconds = clock.seconds;
    bytes.set(clock.bytes, this.#dateOffset);
  }

  /** Returns the body that is part of `form`, that of the response. */
  bodyOf({ bytes, headLength }: Http1Form): Bytes {
    if (this.#bodyIn !== bytes) { // other fields for connections of HTTP/1 have moved it
      this.#bodyIn = bytes;
      this.#body = bytes.subarray(headLength);
    }
    return this.#body;
  }

  /** Returns the frames of `body`, that of the response; null if it is sent for the first time, or they are not kept. */
  framesOf(body: Bytes, nowMs: number): FramedBody | null {
    const framed = this.#framed;
    if (framed !== null && framedBodies.uses(framed, nowMs)) return framed;
    return this.#framed = this.#uses++ < UNFRAMED_USES ? null : framedBodies.make(body, nowMs);
  }

  /** The block without its frames. */
  get payload(): Bytes {
    const { bytes } = this;
    const count = Math.ceil(bytes.length / STRIDE);
    const block = new Uint8Array(bytes.length - count * FRAME_HEAD_BYTES);
    for (let i = 0; i < count; i++) {
      block.set(bytes.subarray(i * STRIDE + FRAME_HEAD_BYTES, (i + 1) * STRIDE), i * FRAME_BYTES_MAX);
    }
    return block;
  }
}
