/**
 * The head of a request from the fields of its block, written as a head of HTTP/1 (`GET / HTTP/2.0`, `host: …`). So
 * handlers, the cache of heads, rules and the log need no code for HTTP/2.
 *
 * Source: RFC 9113 §8.2 and §8.3, RFC 9110 §7.2.
 * @module
 */
import { CLASSES, CR, LF, SP, TOKEN } from "../../../http/characters.ts";
import { type HttpRequest, isName } from "../../../http/request.ts";
import { isAuthority, parseTarget } from "../../../http/target.ts";
import { LOG_UNKNOWN_LINE_BYTES_MAX, METHOD_BYTES_MAX, TARGET_BYTES_MAX } from "../../../limits.ts";
import { FRAMING_INVALID, FramingFields } from "../../../http/framing.ts";
import { isExactly, isOfConnection, isScheme, isValue, lower, textOf } from "./field_rules.ts";
import type { FieldReceiver } from "../hpack/decoder.ts";

/** What {@linkcode RequestHead.finish} returns for a head that is malformed: a stream error (§8.1.1). */
export const MALFORMED = -1;

const COLON = 0x3a;
const ASTERISK = 0x2a;
const SLASH = 0x2f;
const UPPER_A = 0x41;
const UPPER_Z = 0x5a;
/** `: ` */
const GAP_BYTES = 2;
/** With a minor version, as the logs of other servers have it. No head of HTTP/1 has this one. */
const VERSION = " HTTP/2.0\r\n";
const HOST = "host: ";
const PSEUDO = [":method", ":scheme", ":authority", ":path"] as const;
const PATH = ":path";
const framing = new FramingFields();

/** A request that is being put together. One object serves all connections. */
export class RequestHead implements FieldReceiver {
  bytes!: Uint8Array<ArrayBuffer>;
  /** `bytes` for the comparison of words. */
  view!: DataView;
  end = 0;
  limit = 0;
  readonly gap: number = GAP_BYTES;
  /** Where the request begins in {@linkcode RequestHead.bytes}. */
  start = 0;
  #request: HttpRequest | null = null;
  #fieldsMax = 0;
  /** Where the fields begin, behind the room for the request line and Host. */
  #fieldsStart = 0;
  #bytesMax = 0;
  #isMalformed = false;
  #isTooLarge = false;
  #isTargetTooLong = false;
  #isTrailer = false;
  #hasFields = false;
  /** Start and end of the value of each of {@linkcode PSEUDO}; −1 without it. */
  readonly #pseudo = new Int32Array(PSEUDO.length * 2);
  #values!: Uint8Array<ArrayBuffer>;
  #valuesEnd = 0;

  /** `bytesMax` is the largest head; {@linkcode RequestHead.begin} makes room for larger ones. */
  constructor(bytesMax: number) {
    this.#grow(bytesMax);
  }

  #grow(bytesMax: number): void {
    this.#bytesMax = bytesMax;
    // The line and Host are at most as long as what they are made of, and these.
    this.#fieldsStart = bytesMax + VERSION.length + HOST.length + 4;
    this.bytes = new Uint8Array(this.#fieldsStart + bytesMax + 4);
    this.view = new DataView(this.bytes.buffer);
    this.#values = new Uint8Array(bytesMax);
  }

  /** Begins a request, or its trailers if `request` is null. `bytesMax` bounds the head, whose sizes §6.5.2 defines. */
  begin(request: HttpRequest | null, bytesMax: number, fieldsMax: number): void {
    if (bytesMax > this.#bytesMax) this.#grow(bytesMax);
    this.#request = request;
    this.#isTrailer = request === null;
    this.#fieldsMax = fieldsMax;
    this.#isMalformed =
      this.#isTooLarge =
      this.#isTargetTooLong =
      this.#hasFields =
        false;
    this.#pseudo.fill(-1);
    this.#valuesEnd = 0;
    this.end = this.#fieldsStart;
    this.limit = this.#fieldsStart + bytesMax;
    framing.reset();
    if (request === null) return;
    request.buffer = this.bytes;
    request.fieldCount = 0;
    request.isConditional = request.isShared = false;
    request.incoming = null;
  }

  overflow(nameStart = 0, nameEnd = 0): void {
    const isPath = nameEnd - nameStart === PATH.length && isName(this.bytes, nameStart, PATH);
    if (isPath && !this.#isTooLarge) this.#isTargetTooLong = true;
    this.#isTooLarge = true;
    this.limit = 0; // nothing else is written
  }

  take(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const { bytes } = this;
    this.end = nameStart;
    if (nameEnd === nameStart || !isValue(bytes, valueStart, valueEnd)) return this.#refuse();
    if (bytes[nameStart] === COLON) return this.#takePseudo(nameStart, nameEnd, valueStart, valueEnd);
    this.#hasFields = true;
    for (let i = nameStart; i < nameEnd; i++) {
      const byte = bytes[i]!;
      if (!(CLASSES[byte]! & TOKEN) || (byte >= UPPER_A && byte <= UPPER_Z)) return this.#refuse();
    }
    if (isOfConnection(bytes, nameStart, nameEnd, valueStart, valueEnd)) return this.#refuse();
    const request = this.#request;
    if (request === null) { // trailers are dropped; together they may not be larger than a head
      this.limit -= nameEnd - nameStart + valueEnd - valueStart;
      return;
    }
    if (request.fieldCount === this.#fieldsMax - 1) return this.overflow(); // one is for Host
    if (framing.take(bytes, nameStart, nameEnd, valueStart, valueEnd, request) === FRAMING_INVALID) {
      return this.#refuse();
    }
    const at = request.fieldCount++ * 4;
    const { fields } = request;
    fields[at] = nameStart;
    fields[at + 1] = nameEnd;
    fields[at + 2] = valueStart;
    fields[at + 3] = valueEnd;
    bytes[nameEnd] = COLON;
    bytes[nameEnd + 1] = SP;
    bytes[valueEnd] = CR;
    bytes[valueEnd + 1] = LF;
    this.end = valueEnd + 2;
  }

  #refuse(): void {
    this.#isMalformed = true;
    this.limit = 0; // nothing else is written: a field may cost the client one byte, and take kilobytes
  }

  /** §8.3: before all other fields, each at most once. */
  #takePseudo(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const { bytes } = this;
    const number = PSEUDO.findIndex((name) =>
      name.length === nameEnd - nameStart && isExactly(bytes, nameStart, name)
    );
    if (this.#isTrailer || this.#hasFields || number < 0 || this.#pseudo[number * 2]! >= 0) {
      return this.#refuse();
    }
    const start = this.#valuesEnd;
    this.#values.set(bytes.subarray(valueStart, valueEnd), start);
    this.#valuesEnd += valueEnd - valueStart;
    this.#pseudo[number * 2] = start;
    this.#pseudo[number * 2 + 1] = this.#valuesEnd;
    this.limit -= nameEnd - nameStart + valueEnd - valueStart;
  }

  /** Ends the trailers, which are dropped whatever their size. Returns 0 or {@linkcode MALFORMED}. */
  finishTrailers(): number {
    return this.#isMalformed ? MALFORMED : 0;
  }

  /**
   * Ends the request: writes its line and Host before its fields, and its values into the object. Returns 0,
   * {@linkcode MALFORMED}, or a negated status. `hasEnded` tells that no body follows.
   */
  finish(hasEnded: boolean): number {
    const request = this.#request!;
    if (this.#isMalformed) return MALFORMED;
    const [method, methodEnd, scheme, schemeEnd, authority, authorityEnd, path, pathEnd] = this
      .#pseudo as unknown as [number, number, number, number, number, number, number, number];
    const values = this.#values;
    for (let i = method; i < methodEnd; i++) if (!(CLASSES[values[i]!]! & TOKEN)) return MALFORMED;
    request.method = methodEnd - method > METHOD_BYTES_MAX ? "" : textOf(values, method, methodEnd);
    if (methodEnd > method && request.method === "") return this.#fail(request, -501);
    if (this.#isTargetTooLong || pathEnd - path > TARGET_BYTES_MAX) return this.#fail(request, -414);
    if (this.#isTooLarge) return this.#fail(request, -431);
    if (method < 0 || methodEnd === method) return MALFORMED;
    // §8.5: CONNECT has neither of the two, and is no request that this server answers.
    if (request.method === "CONNECT") {
      return scheme < 0 && path < 0 && authority >= 0 ? this.#fail(request, -501) : MALFORMED;
    }
    if (scheme < 0 || schemeEnd === scheme || path < 0 || pathEnd === path) return MALFORMED;
    if (!isScheme(values, scheme, schemeEnd)) return MALFORMED;
    const isAsterisk = pathEnd - path === 1 && values[path] === ASTERISK;
    if (values[path] !== SLASH && !(isAsterisk && request.method === "OPTIONS")) return MALFORMED;
    if (authority >= 0 && !this.#placeHost(request, authority, authorityEnd)) return MALFORMED;
    this.#writeLine(request, method, methodEnd, path, pathEnd, authority >= 0 ? authority : -1, authorityEnd);
    const targetStart = this.start + methodEnd - method + 1;
    const behind = parseTarget(this.bytes, targetStart, this.#fieldsStart, request);
    if (behind !== targetStart + pathEnd - path + 1) return MALFORMED; // a character that no target has
    this.bytes[this.end] = CR;
    this.bytes[this.end + 1] = LF;
    this.end += 2;
    request.minorVersion = 1;
    const status = framing.finish(request);
    if (status === -400) return MALFORMED;
    if (hasEnded && request.contentLength > 0) return MALFORMED; // §8.1.1
    request.chunked = !hasEnded && request.contentLength < 0;
    request.expectsContinue = !hasEnded && framing.expectsContinue;
    return status;
  }

  /** Leaves of the request its method, and for the log the beginning of its line. Returns `status`. */
  #fail(request: HttpRequest, status: number): number {
    const [method, methodEnd, , , authority, authorityEnd, path, pathEnd] = this
      .#pseudo as unknown as [number, number, number, number, number, number, number, number];
    const names = status === -501 && path < 0 ? [authority, authorityEnd] : [path, pathEnd];
    const [target, targetEnd] = names as [number, number];
    const methodStop = Math.min(methodEnd, method + LOG_UNKNOWN_LINE_BYTES_MAX);
    const targetStop = Math.min(targetEnd, target + LOG_UNKNOWN_LINE_BYTES_MAX - (methodStop - method));
    request.fieldCount = 0;
    request.contentLength = -1;
    request.chunked = request.expectsContinue = false;
    this.#writeLine(request, method, methodStop, target, targetStop, -1, -1);
    this.end = this.#fieldsStart;
    request.pathStart =
      request.pathEnd =
      request.queryStart =
      request.queryEnd =
        request.lineEnd;
    return status;
  }

  /** Makes `:authority` the first field. False if it is empty, no authority, or another one than Host's (§8.3.1). */
  #placeHost(request: HttpRequest, authority: number, authorityEnd: number): boolean {
    const { bytes } = this;
    const values = this.#values;
    const { fields } = request;
    const length = authorityEnd - authority;
    if (length === 0) return false;
    for (let i = 0; i < request.fieldCount * 4; i += 4) {
      if (fields[i + 1]! - fields[i]! !== 4 || !isName(bytes, fields[i]!, "host")) continue;
      if (fields[i + 3]! - fields[i + 2]! !== length) return false;
      for (let k = 0; k < length; k++) {
        if (lower(bytes[fields[i + 2]! + k]!) !== lower(values[authority + k]!)) return false;
      }
      fields.copyWithin(i, i + 4, request.fieldCount * 4); // the line stays in the bytes, unread
      request.fieldCount--;
      return true;
    }
    return framing.take(HOST_NAME, 0, 4, 0, 0, request) !== FRAMING_INVALID &&
      isAuthority(values, authority, authorityEnd, false);
  }

  /** Writes the request line and Host up to where the fields begin. */
  #writeLine(
    request: HttpRequest,
    method: number,
    methodEnd: number,
    path: number,
    pathEnd: number,
    authority: number,
    authorityEnd: number,
  ): void {
    const { bytes } = this;
    const values = this.#values;
    const hostLength = authority < 0 ? 0 : HOST.length + authorityEnd - authority + 2;
    let at = this.#fieldsStart - hostLength - VERSION.length - (pathEnd - path) - 1 - (methodEnd - method);
    this.start = request.lineStart = at;
    bytes.set(values.subarray(method, methodEnd), at);
    at += methodEnd - method;
    bytes[at++] = SP;
    bytes.set(values.subarray(path, pathEnd), at);
    at = write(bytes, at + pathEnd - path, VERSION);
    request.lineEnd = at - 2;
    if (authority < 0) return;
    const nameStart = at;
    at = write(bytes, at, HOST);
    bytes.set(values.subarray(authority, authorityEnd), at);
    const { fields, fieldCount } = request;
    fields.copyWithin(4, 0, fieldCount * 4);
    fields[0] = nameStart;
    fields[1] = nameStart + 4;
    fields[2] = at;
    at += authorityEnd - authority;
    fields[3] = at;
    bytes[at] = CR;
    bytes[at + 1] = LF;
    request.fieldCount++;
  }
}

const HOST_NAME = new Uint8Array([0x68, 0x6f, 0x73, 0x74]);

function write(bytes: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
  return at;
}
