/**
 * The parser of request targets. Source: RFC 9112 §3.2, RFC 3986 §3.
 * @module
 */
import { TARGET_BYTES_MAX } from "../limits.ts";
import { CLASSES, hexValue, HOST, SP, TARGET } from "./characters.ts";
import type { HttpRequest } from "./request.ts";
import { isName } from "./request.ts";

const SLASH = 0x2f;
const QUESTION = 0x3f;
const PERCENT = 0x25;
const ASTERISK = 0x2a;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const COLON = 0x3a;

/**
 * Parses the target at `start` and the space after it. Returns the offset after that space, 0 if the input ends before,
 * or a negated status: −414 if the target is too long, −400 if it has no form that its method allows.
 */
export function parseTarget(bytes: Uint8Array, start: number, limit: number, request: HttpRequest): number {
  let i = start;
  while (i < limit && CLASSES[bytes[i]!]! & TARGET) i++;
  if (i - start > TARGET_BYTES_MAX) return -414;
  if (i === limit) return 0;
  if (bytes[i] !== SP || i === start) return -400;
  if (request.method === "CONNECT") {
    // §3.2.3: host and port, nothing else
    request.targetForm = "authority";
    setPath(request, i, i, i);
    return isAuthority(bytes, start, i, true) ? i + 1 : -400;
  }
  if (bytes[start] === SLASH) {
    request.targetForm = "origin";
    splitQuery(bytes, start, i, request);
    return i + 1;
  }
  if (bytes[start] === ASTERISK && i - start === 1) {
    // §3.2.4: for OPTIONS only. For a method that is not in its table, `method` is "" here, and the caller checks it.
    request.targetForm = "asterisk";
    setPath(request, start, i, i);
    return request.method === "OPTIONS" || request.method === "" ? i + 1 : -400;
  }
  return parseAbsolute(bytes, start, i, request) ? i + 1 : -400;
}

/**
 * Parses an absolute-form target (§3.2.2). A server must accept it and use its authority instead of Host. This server
 * serves every host.
 */
function parseAbsolute(bytes: Uint8Array, start: number, end: number, request: HttpRequest): boolean {
  let authority = 0;
  if (end - start > 7 && isName(bytes, start, "http://")) authority = start + 7;
  else if (end - start > 8 && isName(bytes, start, "https://")) authority = start + 8;
  else return false;
  let path = authority;
  while (path < end && bytes[path] !== SLASH && bytes[path] !== QUESTION) path++;
  request.targetForm = "absolute";
  if (!isAuthority(bytes, authority, path, false)) return false;
  splitQuery(bytes, path, end, request);
  return true;
}

/** Finds the query. Percent-encoding in the path is left to the code that decodes it. */
function splitQuery(bytes: Uint8Array, start: number, end: number, request: HttpRequest): void {
  let i = start;
  while (i < end && bytes[i] !== QUESTION) i++;
  setPath(request, start, i, end);
}

function setPath(request: HttpRequest, pathStart: number, pathEnd: number, queryEnd: number): void {
  request.pathStart = pathStart;
  request.pathEnd = pathEnd;
  request.queryStart = pathEnd;
  request.queryEnd = queryEnd;
}

/**
 * Returns true if the bytes are `host[:port]`, where the host is a name, an IPv4 address, or an IPv6 address in
 * brackets. User information is not allowed (RFC 9110 §4.2.4), nor is an empty name.
 */
export function isAuthority(bytes: Uint8Array, start: number, end: number, needsPort: boolean): boolean {
  let i = start;
  if (i < end && bytes[i] === OPEN) {
    for (i++; i < end && bytes[i] !== CLOSE; i++) {
      const byte = bytes[i]!;
      if (hexValue(byte) < 0 && byte !== COLON && byte !== 0x2e) return false;
    }
    if (i >= end || i === start + 1) return false;
    i++;
  } else {
    while (i < end && bytes[i] !== COLON) {
      const byte = bytes[i]!;
      if (!(CLASSES[byte]! & HOST) || byte === OPEN || byte === CLOSE) return false;
      if (byte === PERCENT && (i + 2 >= end || hexValue(bytes[i + 1]!) < 0 || hexValue(bytes[i + 2]!) < 0)) {
        return false;
      }
      i++;
    }
    if (i === start) return false;
  }
  if (i === end) return !needsPort;
  if (bytes[i++] !== COLON || end - i > 5 || (needsPort && i === end)) return false;
  for (; i < end; i++) {
    if (bytes[i]! < 0x30 || bytes[i]! > 0x39) return false;
  }
  return true;
}
