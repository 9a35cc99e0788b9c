/**
 * A strict reader of `multipart/byteranges`, which refuses every unexpected byte.
 * Source: RFC 9110 §14.6, RFC 2046 §5.1.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import type { WireResponse } from "./wire.ts";

/** One range of a file. */
export interface Part {
  readonly type: string;
  /** The position of the first byte. */
  readonly start: number;
  /** The position of the last byte. */
  readonly last: number;
  /** The size of the whole file. */
  readonly size: number;
  readonly body: Uint8Array;
}

const CONTENT_TYPE = /^multipart\/byteranges; boundary=([0-9A-Za-z'()+_,\-./:=?]{1,70})$/;
const HEAD = /^Content-Type: ([^\r\n]+)\r\nContent-Range: bytes (\d+)-(\d+)\/(\d+)$/;

/** Returns the parts of a 206 in order. @throws {AssertionError} for an unexpected byte */
export function partsOf(response: WireResponse): Part[] {
  assertEquals(response.status, 206);
  assertEquals(response.fields["content-range"], undefined, "that is for a single range");
  const boundary = CONTENT_TYPE.exec(response.fields["content-type"]!)?.[1];
  assert(boundary !== undefined, response.fields["content-type"]);
  const { body } = response;
  let at = 0;
  const take = (text: string) => {
    assertEquals(latin1(body.subarray(at, at + text.length)), text, `at byte ${at}`);
    at += text.length;
  };
  const parts: Part[] = [];
  take(`--${boundary}`);
  while (latin1(body.subarray(at, at + 2)) !== "--") {
    take("\r\n");
    const headEnd = at + latin1(body.subarray(at, at + 1000)).indexOf("\r\n\r\n");
    const head = HEAD.exec(latin1(body.subarray(at, headEnd)));
    assert(head !== null, `no head of a part: ${latin1(body.subarray(at, at + 200))}`);
    const [start, last, size] = head.slice(2).map(Number) as [number, number, number];
    assert(start <= last && last < size, head[0]);
    at = headEnd + 4;
    const part = body.subarray(at, at + last - start + 1);
    assertEquals(part.length, last - start + 1, "it is cut off");
    assert(
      !Buffer.from(part.buffer, part.byteOffset, part.length).includes(boundary),
      "it holds the boundary",
    );
    parts.push({ type: head[1]!, start, last, size, body: part });
    at += part.length;
    take(`\r\n--${boundary}`);
  }
  take("--\r\n");
  assertEquals(at, body.length, "something follows the last delimiter");
  assert(parts.length > 1, "one range is sent by itself");
  return parts;
}

/** Decodes some hundred bytes. */
function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
