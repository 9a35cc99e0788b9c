/**
 * Several ranges in one response (multipart/byteranges). Source: RFC 9110 §14.6, RFC 2046 §5.1.
 * @module
 */
import { encodeUtf8 } from "../characters.ts";
import type { ByteRange } from "./range.ts";

/** The content of a 206 (Partial Content) response with several ranges. */
export interface Multipart {
  /** The value of Content-Type. */
  readonly contentType: string;
  /** The length of the whole content in bytes. */
  readonly length: number;
  /**
   * The heads of the parts and the closing delimiter as bytes, with the ranges between them. The caller inserts the
   * bytes of each range.
   */
  readonly parts: readonly (Uint8Array<ArrayBuffer> | ByteRange)[];
}

/**
 * Returns the `multipart/byteranges` content for `ranges` of a representation of `size` bytes and type `mediaType`. A
 * single range is sent without it (RFC 9110 §15.3.7.2).
 *
 * `boundary` consists of 1 to 70 token characters (RFC 2046 §5.1.1), which need no quotes. It must not occur in the
 * content, and this is not checked. So it must be random, of about 120 bits (such as `crypto.randomUUID()`), and new
 * for each response: then not even the author of the file can predict it.
 */
export function multipartOf(
  ranges: readonly ByteRange[],
  mediaType: string,
  size: number,
  boundary: string,
): Multipart {
  const parts: (Uint8Array<ArrayBuffer> | ByteRange)[] = [];
  let length = 0;
  let delimiter = `--${boundary}`; // the first delimiter needs no line end before it
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
