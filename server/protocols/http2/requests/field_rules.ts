/**
 * What the fields of a request may be, beyond the rules of HTTP/1.
 *
 * Source: RFC 9113 §8.2 and §8.3.
 * @module
 */
import { CLASSES, HTAB, SP, VALUE } from "../../../http/characters.ts";
import { isName } from "../../../http/request.ts";

const UPPER_A = 0x41;
const UPPER_Z = 0x5a;
/** Fields about one connection (§8.2.2). */
const OF_CONNECTION = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
const TE = "te";
const TRAILERS = "trailers";

/** Returns true if the bytes at `start` are `name`, in lower case. */
export function isExactly(bytes: Uint8Array, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name.charCodeAt(i)) return false;
  return true;
}

/** Returns true for the name of a scheme (RFC 3986 §3.1). */
export function isScheme(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    const isLetter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
    const isOther = (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e;
    if (!isLetter && (i === start || !isOther)) return false;
  }
  return true;
}

/** Returns the byte in lower case. */
export function lower(byte: number): number {
  return byte >= UPPER_A && byte <= UPPER_Z ? byte | 0x20 : byte;
}

/** Returns ASCII text. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  if (end - start === 3 && bytes[start] === 0x47 && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54) {
    return "GET";
  }
  return String.fromCharCode(...bytes.subarray(start, end));
}

/** Returns true for a value as §8.2.1 allows it: no NUL, CR, LF, and no white space around it. */
export function isValue(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  const first = bytes[start]!;
  const last = bytes[end - 1]!;
  if (first === SP || first === HTAB || last === SP || last === HTAB) return false;
  for (let i = start; i < end; i++) if (!(CLASSES[bytes[i]!]! & VALUE)) return false;
  return true;
}

/** Returns true for a field that no message of HTTP/2 has (§8.2.2). */
export function isOfConnection(
  bytes: Uint8Array,
  nameStart: number,
  nameEnd: number,
  valueStart: number,
  valueEnd: number,
): boolean {
  const length = nameEnd - nameStart;
  if (length === TE.length && isName(bytes, nameStart, TE)) {
    return valueEnd - valueStart !== TRAILERS.length || !isName(bytes, valueStart, TRAILERS);
  }
  return OF_CONNECTION.some((name) => name.length === length && isName(bytes, nameStart, name));
}
