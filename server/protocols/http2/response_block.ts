/**
 * The head of a response as a frame of HTTP/2, or as several if it is large. It is made once, is valid on every connection, and
 * is kept with the response.
 *
 * Source: RFC 9113 §6.10, §8.2.1, §8.2.2 (fields that do not leave) and §8.3.2, RFC 7541 §6.2.2.
 * @module
 */
import { latin1 } from "../../http/characters.ts";
import { HTTP_DATE_BYTES, type HttpClock } from "../../http/date.ts";
import type { Http1Form } from "../../http/http1_form.ts";
import {
  Flag,
  FRAME_BYTES_MAX,
  FRAME_HEAD_BYTES,
  FrameType,
  readUint32,
  writeFrameHead,
  writeUint32,
} from "./frame.ts";
import { HpackEncoder } from "./hpack/encoder.ts";

const OF_CONNECTION = /^(connection|keep-alive|transfer-encoding|upgrade|proxy-connection)$/;
/** A dynamic table size update (RFC 7541 §6.3). */
const TABLE_SIZE_ZERO = 0x20;
/** The largest payload of the first frame, which has room for that update. */
const FIRST_BYTES_MAX = FRAME_BYTES_MAX - 1;
/** White space around a value (RFC 9110 §5.5). Other bytes belong to it: 0xA0 ends many a character of UTF-8. */
const AROUND = /^[ \t]+|[ \t]+$/g;
const encoder = new HpackEncoder();

/** Returns the bytes of text that was decoded as Latin-1. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Returns `block` as HEADERS and the frames of CONTINUATION that it needs. */
function framesOf(block: Uint8Array): Uint8Array<ArrayBuffer> {
  const more = Math.ceil(Math.max(block.length - FIRST_BYTES_MAX, 0) / FRAME_BYTES_MAX);
  const bytes = new Uint8Array(block.length + (1 + more) * FRAME_HEAD_BYTES);
  let at = 0;
  for (let from = 0; from < block.length || from === 0;) {
    const end = Math.min(from + (from === 0 ? FIRST_BYTES_MAX : FRAME_BYTES_MAX), block.length);
    const type = from === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
    writeFrameHead(bytes, at, end - from, type, end === block.length ? Flag.END_HEADERS : 0, 0);
    bytes.set(block.subarray(from, end), at + FRAME_HEAD_BYTES);
    at += FRAME_HEAD_BYTES + end - from;
    from = end;
  }
  return bytes;
}

/** A HEADERS frame, whose stream, end and date are filled in each time. */
export class ResponseBlock {
  /** The frame, or the frames if there are more than one; the head of a frame comes first. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The offset of the date, which is the first field; −1 if the response has its own. */
  readonly #dateOffset: number;
  #dateSeconds = -1;

  /** `form` is the response in HTTP/1. */
  constructor(status: number, form: Http1Form) {
    const [, ...lines] = latin1(form.bytes, 0, form.fieldsLength).split("\r\n");
    encoder.clear();
    encoder.add(":status", bytesOf(String(status)));
    let dateOffset = -1;
    for (const line of lines) {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon).toLowerCase();
      if (colon < 1 || OF_CONNECTION.test(name)) continue;
      const isOwnDate = name === "date" && form.hasOwnDate;
      const text = line.slice(colon + 1).replace(AROUND, "");
      const value = bytesOf(isOwnDate ? text.padEnd(HTTP_DATE_BYTES) : text);
      encoder.add(name, value, isOwnDate);
      if (isOwnDate) dateOffset = encoder.length - HTTP_DATE_BYTES;
    }
    const block = encoder.toBytes();
    this.bytes = framesOf(block);
    this.#dateOffset = dateOffset < 0 ? -1 : FRAME_HEAD_BYTES + dateOffset;
  }

  /** Fills in the stream, whether nothing follows, and the date. */
  stamp(stream: number, isEnd: boolean, clock: HttpClock): void {
    const { bytes } = this;
    const ofHead = bytes[4]! & Flag.END_HEADERS;
    bytes[4] = isEnd ? ofHead | Flag.END_STREAM : ofHead;
    writeUint32(bytes, 5, stream);
    for (
      let at = FRAME_HEAD_BYTES + FIRST_BYTES_MAX;
      at < bytes.length;
      at += FRAME_HEAD_BYTES + FRAME_BYTES_MAX
    ) {
      writeUint32(bytes, at + 5, stream); // CONTINUATION
    }
    if (this.#dateOffset < 0 || this.#dateSeconds === clock.seconds) return;
    this.#dateSeconds = clock.seconds;
    bytes.set(clock.bytes, this.#dateOffset);
  }

  /**
   * Returns the same frames with a table of size 0 at its beginning, which a client that has made its table smaller waits for
   * (RFC 7541 §4.2). No block of this side uses the table.
   */
  withTableSize(): Uint8Array<ArrayBuffer> {
    const { bytes } = this;
    const first = Math.min(bytes.length - FRAME_HEAD_BYTES, FIRST_BYTES_MAX);
    const frames = new Uint8Array(bytes.length + 1);
    writeFrameHead(frames, 0, first + 1, FrameType.HEADERS, bytes[4]!, readUint32(bytes, 5));
    frames[FRAME_HEAD_BYTES] = TABLE_SIZE_ZERO;
    frames.set(bytes.subarray(FRAME_HEAD_BYTES), FRAME_HEAD_BYTES + 1);
    return frames;
  }
}
