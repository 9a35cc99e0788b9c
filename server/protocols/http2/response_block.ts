/**
 * The head of a response as a frame of HTTP/2. It is made once, is valid on every connection, and is kept with the response.
 *
 * Source: RFC 9113 §8.2.2 (fields that do not leave) and §8.3.2, RFC 7541 §6.2.2.
 * @module
 */
import { latin1 } from "../../http/characters.ts";
import { HTTP_DATE_BYTES, type HttpClock } from "../../http/date.ts";
import type { Http1Form } from "../../http/http1_form.ts";
import { Flag, FRAME_HEAD_BYTES, FrameType, readUint32, writeFrameHead, writeUint32 } from "./frame.ts";
import { HpackEncoder } from "./hpack/encoder.ts";

const OF_CONNECTION = /^(connection|keep-alive|transfer-encoding|upgrade|proxy-connection)$/;
/** A dynamic table size update (RFC 7541 §6.3). */
export const TABLE_SIZE_ZERO = 0x20;
const encoder = new HpackEncoder();

/** Returns the bytes of text that was decoded as Latin-1. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** A HEADERS frame, whose stream, end and date are filled in each time. */
export class ResponseBlock {
  /** The frame; the head of a frame comes first. */
  readonly bytes: Uint8Array<ArrayBuffer>;
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
      const value = bytesOf(line.slice(colon + 1).trim().padEnd(name === "date" ? HTTP_DATE_BYTES : 0));
      const isOwnDate = name === "date" && form.hasOwnDate;
      encoder.add(name, value, isOwnDate);
      if (isOwnDate) dateOffset = encoder.length - HTTP_DATE_BYTES;
    }
    const block = encoder.toBytes();
    const bytes = this.bytes = new Uint8Array(FRAME_HEAD_BYTES + block.length);
    writeFrameHead(bytes, 0, block.length, FrameType.HEADERS, Flag.END_HEADERS, 0);
    bytes.set(block, FRAME_HEAD_BYTES);
    this.#dateOffset = dateOffset < 0 ? -1 : FRAME_HEAD_BYTES + dateOffset;
  }

  /** Fills in the stream, whether nothing follows, and the date. */
  stamp(stream: number, isEnd: boolean, clock: HttpClock): void {
    const { bytes } = this;
    writeUint32(bytes, 5, stream);
    bytes[4] = isEnd ? Flag.END_HEADERS | Flag.END_STREAM : Flag.END_HEADERS;
    if (this.#dateOffset < 0 || this.#dateSeconds === clock.seconds) return;
    this.#dateSeconds = clock.seconds;
    bytes.set(clock.bytes, this.#dateOffset);
  }

  /**
   * Returns the same frame with a table of size 0 at its beginning, which a client that has made its table smaller waits for
   * (RFC 7541 §4.2). No block of this side uses the table.
   */
  withTableSize(): Uint8Array<ArrayBuffer> {
    const { bytes } = this;
    const frame = new Uint8Array(bytes.length + 1);
    frame.set(bytes.subarray(0, FRAME_HEAD_BYTES));
    frame[FRAME_HEAD_BYTES] = TABLE_SIZE_ZERO;
    frame.set(bytes.subarray(FRAME_HEAD_BYTES), FRAME_HEAD_BYTES + 1);
    writeFrameHead(
      frame,
      0,
      frame.length - FRAME_HEAD_BYTES,
      FrameType.HEADERS,
      bytes[4]!,
      readUint32(bytes, 5),
    );
    return frame;
  }
}
