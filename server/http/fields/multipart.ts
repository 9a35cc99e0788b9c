/**
 * Several ranges in one response. Source: RFC 9110 §14.6, RFC 2046 §5.1.
 * @module
 */
import { encodeUtf8 } from "../characters.ts";
import type { ByteRange } from "./range.ts";

/** The content of a 206 for several ranges. */
export interface Multipart {
  /** The value of Content-Type. */
  readonly contentType: string;
  /** Bytes of the whole content. */
  readonly length: number;
  /** Heads of parts and the closing delimiter as bytes; between them the ranges, whose bytes the caller fills in. */
  readonly parts: readonly (Uint8Array<ArrayBuffer> | ByteRange)[];
}

/**
 * `multipart/byteranges` of a representation of `size` bytes and of `mediaType`. A caller with one range only sends
 * it by itself (RFC 9110 §15.3.7.2).
 *
 * `boundary` is 1 to 70 characters of a token (RFC 2046 §5.1.1; those of a token need no quotes), and must not occur
 * in what is sent. Nobody searches for it there: it is to be made anew and at random for each response, of some 120
 * bits (as `crypto.randomUUID()` is), so that not even the author of a file could have foreseen it.
 */
export function multipartOf(
  ranges: readonly ByteRange[],
  mediaType: string,
  size: number,
  boundary: string,
): Multipart {
  const parts: (Uint8Array<ArrayBuffer> | ByteRange)[] = [];
  let length = 0;
  let delimiter = `--${boundary}`; // the line end before it belongs to it, and is not needed where nothing precedes
  for (const range of ranges) {
    const { start, end } = range;
    const head = encodeUtf8(
      `${delimiter}\r\nContent-Type: ${mediaType}\r\nContent-Range: bytes ${start}-${
        end - 1
      }/${size}\r\n\r\n`,
    );
    parts.push(head, range);
    length += head.length + end - start;
    delimiter = `\r\n--${boundary}`;
  }
  const close = encodeUtf8(`${delimiter}--\r\n`);
  parts.push(close);
  return { contentType: `multipart/byteranges; boundary=${boundary}`, length: length + close.length, parts };
}
