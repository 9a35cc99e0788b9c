/**
 * Requests of HTTP/1.1 as frames of HTTP/2, and responses from such frames.
 * @module
 */
import { Buffer } from "node:buffer";
import { latin1 } from "../../server/http/characters.ts";
import { Flag, FRAME_BYTES_MAX, FrameType } from "../../server/protocols/http2/frames/frame.ts";
import type { HpackDecoder } from "../../server/protocols/http2/hpack/decoder.ts";
import { blockOf, frame } from "../support/http2_wire.ts";
import type { Answer, Exchange } from "./exchange.ts";

const FIELDS_BYTES_MAX = 1 << 16;
/** Fields that no request of HTTP/2 has. */
const OF_CONNECTION = ["host", "transfer-encoding"];

/** Returns the frames of a request of HTTP/1.1 that is complete. */
export function framesOf({ request, late }: Exchange, stream: number): Uint8Array[] {
  const text = request.toString("latin1");
  const headEnd = text.indexOf("\r\n\r\n");
  const [line, ...lines] = text.slice(0, headEnd).split("\r\n") as [string, ...string[]];
  const [method, target] = line.split(" ") as [string, string];
  const fields = lines.map((line) => line.split(/: (.*)/s, 2) as [string, string])
    .map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  const isChunked = fields.some(([name]) => name === "transfer-encoding");
  let body = late?.toString("latin1") ?? text.slice(headEnd + 4);
  if (isChunked) body = body.slice(body.indexOf("\r\n") + 2, body.lastIndexOf("\r\n0\r\n")); // it has one chunk
  const host = fields.find(([name]) => name === "host")![1];
  const hasBody = isChunked || body !== "";
  const block = blockOf([
    [":method", method],
    [":scheme", "http"],
    [":authority", host],
    [":path", target],
    ...fields.filter(([name]) => !OF_CONNECTION.includes(name)),
  ]);
  const flags = Flag.END_HEADERS | (hasBody ? 0 : Flag.END_STREAM);
  const frames: Uint8Array[] = [frame(FrameType.HEADERS, flags, stream, block)];
  const bytes = Buffer.from(body, "latin1");
  for (let at = 0; hasBody && (at === 0 || at < bytes.length); at += FRAME_BYTES_MAX) {
    const isLast = at + FRAME_BYTES_MAX >= bytes.length;
    frames.push(frame(FrameType.DATA, isLast ? 1 : 0, stream, bytes.subarray(at, at + FRAME_BYTES_MAX)));
  }
  return frames;
}

/** A request on its stream, and as much of its response as has come. */
export interface Open {
  readonly exchange: Exchange;
  readonly cancelsAfterBytes: number;
  fields: Record<string, string> | null;
  readonly body: Uint8Array[];
  bodyBytes: number;
  isContinued: boolean;
}

/** Decodes a block. @throws {Error} for one that cannot be decoded */
export function fieldsOf(decoder: HpackDecoder, block: Uint8Array): Record<string, string> {
  const fields: Record<string, string> = {};
  const receiver = {
    bytes: new Uint8Array(FIELDS_BYTES_MAX),
    end: 0,
    limit: FIELDS_BYTES_MAX,
    gap: 0,
    overflow() {},
    take(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number) {
      fields[latin1(this.bytes, nameStart, nameEnd)] = latin1(this.bytes, valueStart, valueEnd);
      this.end = nameStart;
    },
  };
  if (decoder.decode(block, 0, block.length, receiver)) return fields;
  throw new Error("a block that cannot be decoded");
}

/** Returns the response on a stream. */
export function answerOf({ fields, body, isContinued }: Open, isWhole: boolean): Answer {
  const { ":status": status, ...rest } = fields!;
  return {
    status: Number(status),
    fields: rest,
    body: Buffer.concat(body) as Buffer<ArrayBuffer>,
    isWhole,
    isContinued,
  };
}
