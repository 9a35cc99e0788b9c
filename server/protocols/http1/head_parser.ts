/**
 * The parser of request heads. Source: RFC 9112 §2 to §6, RFC 9110 §5.
 *
 * It reads from left to right and decides as soon as it can. So each prefix of a head gives either "incomplete" or the
 * result of the whole head. It is strict where leniency lets two servers disagree about where a request ends: lines end
 * with CRLF only, nothing is allowed between a name and its colon, and lines are not folded.
 * @module
 */
import { FIELDS_MAX, HEAD_BYTES_MAX, METHOD_BYTES_MAX } from "../../limits.ts";
import { CLASSES, CR, HTAB, latin1, LF, SP, TOKEN, VALUE } from "../../http/characters.ts";
import { FRAMING_INVALID, FramingFields } from "../../http/framing.ts";
import type { HttpRequest } from "../../http/request.ts";
import { parseTarget } from "../../http/target.ts";

const COLON = 0x3a;
const SLASH = 0x2f;
const METHODS = ["HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"];
const VERSION = [0x48, 0x54, 0x54, 0x50, SLASH]; // HTTP/

const framing = new FramingFields();

/**
 * Parses the head at `bytes[start, end)` into `request`. Returns its length in bytes (> 0), 0 if it is incomplete, or a
 * negated status: −400, −414, −417, −431, −501, −505. `request` must have room for `fieldsMax` fields.
 */
export function parseRequest(
  bytes: Uint8Array<ArrayBuffer>,
  start: number,
  end: number,
  request: HttpRequest,
  headBytesMax: number = HEAD_BYTES_MAX,
  fieldsMax: number = FIELDS_MAX,
): number {
  const isFull = end - start >= headBytesMax;
  const limit = isFull ? start + headBytesMax : end;
  const more = isFull ? -431 : 0;
  request.buffer = bytes;
  request.method = "";
  request.lineEnd = request.fieldCount = 0;
  request.isShared = false; // the handler of another request may have changed it
  request.incoming = null;
  let i = start;

  // RFC 9112 §2.2: empty lines before the request line are ignored.
  while (i < limit && bytes[i] === CR) {
    if (i + 1 === limit) return more;
    if (bytes[i + 1] !== LF) return -400;
    i += 2;
  }

  // method SP, RFC 9112 §3.1
  const methodStart = request.lineStart = i;
  while (i < limit && CLASSES[bytes[i]!]! & TOKEN) i++;
  if (i - methodStart > METHOD_BYTES_MAX) return -501;
  if (i === limit) return more;
  if (bytes[i] !== SP || i === methodStart) return -400;
  const methodLength = i - methodStart;
  const method = knownMethod(bytes, methodStart, i);
  request.method = method ?? "";
  i++;

  // request-target SP, RFC 9112 §3.2
  i = parseTarget(bytes, i, limit, request);
  if (i <= 0) return i === 0 ? more : i;

  // HTTP-version CRLF, RFC 9112 §2.3
  for (let k = 0; k < VERSION.length; k++, i++) {
    if (i === limit) return more;
    if (bytes[i] !== VERSION[k]) return -400;
  }
  if (i === limit) return more;
  if (!isDigit(bytes[i]!)) return -400;
  const major = bytes[i++]! - 0x30;
  if (i === limit) return more;
  if (bytes[i++] !== 0x2e) return -400;
  if (i === limit) return more;
  if (!isDigit(bytes[i]!)) return -400;
  request.minorVersion = bytes[i++] === 0x30 ? 0 : 1;
  if (i === limit) return more;
  if (bytes[i] !== CR) return -400;
  request.lineEnd = i;
  if (major !== 1) return -505;
  if (++i === limit) return more;
  if (bytes[i++] !== LF) return -400;
  if (method === null) {
    if (request.targetForm === "asterisk") return -400; // §3.2.4: for OPTIONS only
    request.method = latin1(bytes, methodStart, methodStart + methodLength);
  }

  // fields, RFC 9112 §5
  const { fields } = request;
  let count = 0;
  framing.reset();
  request.isConditional = false;
  while (true) {
    if (i === limit) return more;
    if (bytes[i] === CR) {
      if (i + 1 === limit) return more;
      if (bytes[i + 1] !== LF) return -400;
      i += 2;
      break;
    }
    const nameStart = i;
    while (i < limit && CLASSES[bytes[i]!]! & TOKEN) i++;
    if (i === limit) return more;
    // Rejects a space before the colon (§5.1) and a folded line, which begins with white space (§5.2).
    if (bytes[i] !== COLON || i === nameStart) return -400;
    const nameEnd = i++;
    while (i < limit && (bytes[i] === SP || bytes[i] === HTAB)) i++;
    const valueStart = i;
    while (i < limit && CLASSES[bytes[i]!]! & VALUE) i++;
    if (i === limit) return more;
    if (bytes[i] !== CR) return -400; // NUL, a bare LF, another control character
    if (i + 1 === limit) return more;
    if (bytes[i + 1] !== LF) return -400; // a bare CR
    let valueEnd = i;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--;
    i += 2;
    if (count === fieldsMax) return -431;
    const at = count++ * 4;
    fields[at] = nameStart;
    fields[at + 1] = nameEnd;
    fields[at + 2] = valueStart;
    fields[at + 3] = valueEnd;
    if (framing.take(bytes, nameStart, nameEnd, valueStart, valueEnd, request) === FRAMING_INVALID) {
      return -400;
    }
  }
  request.fieldCount = count;
  const status = framing.finish(request);
  return status < 0 ? status : i - start;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Returns a common method as a constant string; null for other methods. Case matters (RFC 9110 §9.1). */
function knownMethod(bytes: Uint8Array, start: number, end: number): string | null {
  if (end - start === 3 && bytes[start] === 0x47 && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54) {
    return "GET";
  }
  for (const method of METHODS) {
    if (method.length !== end - start) continue;
    let i = 0;
    while (i < method.length && bytes[start + i] === method.charCodeAt(i)) i++;
    if (i === method.length) return method;
  }
  return null;
}
