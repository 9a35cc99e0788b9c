/**
 * What a client gets that begins with HTTP/2 while the server has no room for another connection.
 * @module
 */
import { HttpResponse } from "../../../http/response.ts";
import type { HttpClock } from "../../../http/date.ts";
import { STREAMS_MAX } from "../../../http2_limits.ts";
import { ErrorCode } from "../frames/errors.ts";
import {
  FRAME_HEAD_BYTES,
  FrameType,
  payloadLength,
  PREFACE,
  prefaceLength,
  readUint31,
  writeFrameHead,
  writeUint32,
} from "../frames/frame.ts";
import { ResponseBlock } from "./response_block.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Returns true if `bytes[start, end)` begins as HTTP/2 does, as far as it is read before it is found not to be HTTP/1. */
export function isHttp2(bytes: Uint8Array, start: number, end: number): boolean {
  const length = PREFACE.indexOf("\n");
  return end - start >= length && prefaceLength(bytes, start, start + length) > 0;
}

/** Rejects clients of HTTP/2 by a response without a body. */
export class Http2Rejection {
  readonly #block: ResponseBlock;

  constructor(status: number, fields: readonly (readonly [name: string, value: string])[]) {
    this.#block = new ResponseBlock(status, HttpResponse.http1(new HttpResponse(status, fields, null)));
  }

  /**
   * Returns what to send to a client of which `bytes[0, length)` has arrived: its requests are answered, which are not
   * decoded, and GOAWAY has the last of them. Others it may send again.
   */
  answerTo(bytes: Uint8Array, length: number, clock: HttpClock): Bytes {
    const parts: Bytes[] = [frame(FrameType.SETTINGS, 0)];
    let last = 0;
    for (let at = PREFACE.length; at + FRAME_HEAD_BYTES <= length && parts.length <= STREAMS_MAX;) {
      const id = readUint31(bytes, at + 5);
      if (bytes[at + 3] === FrameType.HEADERS && id % 2 === 1 && id > last) {
        last = id;
        this.#block.stamp(id, true, clock);
        parts.push(this.#block.bytes.slice());
      }
      at += FRAME_HEAD_BYTES + payloadLength(bytes, at);
    }
    const goAway = frame(FrameType.GOAWAY, 8);
    writeUint32(goAway, FRAME_HEAD_BYTES, last);
    writeUint32(goAway, FRAME_HEAD_BYTES + 4, ErrorCode.NO_ERROR);
    return joined([...parts, goAway]);
  }
}

/** Returns a frame of the connection, with room for its payload. */
function frame(type: number, length: number): Bytes {
  const bytes = new Uint8Array(FRAME_HEAD_BYTES + length);
  writeFrameHead(bytes, 0, length, type, 0, 0);
  return bytes;
}

function joined(parts: readonly Bytes[]): Bytes {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
