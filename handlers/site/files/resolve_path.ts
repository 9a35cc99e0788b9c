/**
 * Converts the path of a URL to the path of a file: decodes it once, resolves dots, and rejects hidden names. Whether
 * the file is inside of the root is not decided here, but by the kernel when the file is opened. Source: RFC 3986 §2.1,
 * §5.2.4; RFC 8615 for `/.well-known/`.
 * @module
 */
import { isRangeEqual } from "../../../server/http/bytes.ts";
import { hexValue } from "../../../server/http/characters.ts";

/** A path below the root. */
export interface ResolvedPath {
  /** Relative to the root, decoded, without a slash at either end; empty for the root itself. */
  readonly path: Uint8Array<ArrayBuffer>;
  /** True when the URL's path ends with a slash or a dot name, so it must be a directory. */
  readonly isDirectory: boolean;
}

const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;
const WELL_KNOWN = new TextEncoder().encode(".well-known");

/**
 * Resolves the undecoded path `bytes[start, end)`. Returns a status for a path that cannot be served: 400 for a NUL, a
 * `%` without two digits, and a path that climbs above the root; 404 for a hidden name. Backslashes are ordinary
 * characters, as on every Linux file system.
 */
export function resolvePath(bytes: Uint8Array, start: number, end: number): ResolvedPath | 400 | 404 {
  const decoded = decode(bytes, start, end);
  if (decoded === null) return 400;
  const path = new Uint8Array(decoded.length + 1); // each name is followed by a slash; the last slash is cut off
  const starts: number[] = []; // where each name of `path` begins
  let length = 0;
  let isDirectory = true;
  let from = 0;
  while (from < decoded.length) {
    let to = decoded.indexOf(SLASH, from);
    if (to < 0) to = decoded.length;
    const isLast = to === decoded.length;
    const dots = countDots(decoded, from, to);
    if (dots === 2) {
      const previous = starts.pop();
      if (previous === undefined) return 400;
      length = previous;
    } else if (to > from && dots !== 1) {
      starts.push(length);
      path.set(decoded.subarray(from, to), length);
      path[length + to - from] = SLASH;
      length += to - from + 1;
    }
    isDirectory = !isLast || to === from || dots > 0;
    from = to + 1;
  }
  for (let i = 0; i < starts.length; i++) {
    const isWellKnown = i === 0 && isRangeEqual(WELL_KNOWN, path, 0, (starts[1] ?? length) - 1);
    if (path[starts[i]!] === DOT && !isWellKnown) return 404;
  }
  return { path: path.slice(0, Math.max(length - 1, 0)), isDirectory };
}

/** Percent-decodes once. Returns null for a NUL, and for a `%` that is not followed by two hexadecimal digits. */
function decode(bytes: Uint8Array, start: number, end: number): Uint8Array | null {
  const decoded = new Uint8Array(end - start);
  let length = 0;
  for (let i = start; i < end; i++) {
    let byte = bytes[i]!;
    if (byte === PERCENT) {
      const high = i + 2 < end ? hexValue(bytes[i + 1]!) : -1;
      const low = i + 2 < end ? hexValue(bytes[i + 2]!) : -1;
      if (high < 0 || low < 0) return null;
      byte = high * 16 + low;
      i += 2;
    }
    if (byte === 0) return null;
    decoded[length++] = byte;
  }
  return decoded.subarray(0, length);
}

/** Returns 1 for the name `.`, 2 for `..`, else 0. */
function countDots(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > 2 || to === from) return 0;
  for (let i = from; i < to; i++) {
    if (bytes[i] !== DOT) return 0;
  }
  return to - from;
}

/**
 * Returns the canonical URL path of a resolved path: unreserved characters and `!$&'()*+,;=:@/` are not encoded, all
 * others are. It begins with exactly one slash, since browsers take `//name` for another host.
 */
export function encodePath(path: Uint8Array, isDirectory: boolean): string {
  let encoded = "/";
  for (const byte of path) {
    const character = String.fromCharCode(byte);
    if (/[A-Za-z0-9\-._~!$&'()*+,;=:@/]/.test(character)) encoded += character;
    else encoded += "%" + byte.toString(16).toUpperCase().padStart(2, "0");
  }
  return isDirectory && path.length > 0 ? encoded + "/" : encoded;
}

/** Returns the undecoded path at `[start, end)` in its canonical form; empty when it cannot be resolved. */
export function canonicalPathIn(buffer: Uint8Array, start: number, end: number): string {
  const resolved = resolvePath(buffer, start, end);
  return typeof resolved === "number" ? "" : encodePath(resolved.path, resolved.isDirectory);
}
