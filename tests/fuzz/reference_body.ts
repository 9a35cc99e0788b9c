/**
 * Decodes a body from its complete text: the reference for `server/protocols/http1/body_reader.ts`.
 * @module
 */
import { CHUNK_LINE_BYTES_MAX, CHUNK_OVERHEAD_BYTES_MAX, TRAILER_BYTES_MAX } from "../../server/limits.ts";
import { refuse, Scanner, verdictOf } from "./reference_parser.ts";

/** The result of decoding a body. */
export interface Decoded {
  /** The length of the body in bytes; 0 when it is incomplete; the negated status when it is refused. */
  readonly taken: number;
  /** The data that was read so far, a character for each byte. */
  readonly data: string;
  /** The position of the byte at which the body was refused. */
  readonly at: number;
}

/**
 * Decodes RFC 9112 §7.1, from the first chunk to the end of the trailer section. `bytesMax` is at most
 * BODY_BYTES_MAX; for larger limits more framing would be allowed.
 */
export function referenceChunks(text: string, bytesMax: number): Decoded {
  const scanner = new Scanner(text, 0);
  let data = "";
  /** Takes one byte of framing: neither data nor past the body. */
  const step = (allowed: RegExp): string => {
    scanner.next();
    if (scanner.at - data.length >= CHUNK_OVERHEAD_BYTES_MAX) refuse(400);
    return scanner.one(allowed, 400);
  };
  const taken = verdictOf(() => {
    while (true) {
      let line = ""; // chunk-size, blanks (only before a semicolon), chunk-ext
      let digits = "";
      const limited = (allowed: RegExp): string => {
        line += step(allowed);
        if (line.replace(";", "").length > CHUNK_LINE_BYTES_MAX) refuse(400);
        return line[line.length - 1]!;
      };
      while (digits === "" || /[\da-f]/i.test(scanner.next())) {
        digits += limited(/[\da-f]/i);
        if (BigInt(data.length) + BigInt(`0x${digits}`) > BigInt(bytesMax)) refuse(413);
      }
      while (/[ \t]/.test(scanner.next())) limited(/[ \t]/);
      if (line !== digits || scanner.next() === ";") {
        line += step(/;/);
        while (scanner.next() !== "\r") limited(/[\t\x20-\x7e\x80-\xff]/);
      }
      step(/\r/);
      step(/\n/);
      const size = parseInt(digits, 16);
      if (size === 0) break;
      const piece = text.slice(scanner.at, scanner.at + size);
      data += piece;
      scanner.at += piece.length;
      if (piece.length < size) return 0;
      step(/\r/);
      step(/\n/);
    }
    // §7.1.2: field lines up to an empty line.
    const start = scanner.at;
    const limited = (allowed: RegExp): string => {
      if (scanner.at - start >= TRAILER_BYTES_MAX && scanner.next() !== "") refuse(431);
      return step(allowed);
    };
    while (limited(/[\r!#$%&'*+\-.^_`|~0-9A-Za-z]/) !== "\r") {
      while (limited(/[:!#$%&'*+\-.^_`|~0-9A-Za-z]/) !== ":");
      while (limited(/[\r\t\x20-\x7e\x80-\xff]/) !== "\r");
      limited(/\n/);
    }
    limited(/\n/);
    return scanner.at;
  });
  return { taken, data, at: scanner.at };
}
