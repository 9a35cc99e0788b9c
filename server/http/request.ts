/**
 * A parsed request: offsets into the bytes it came in. Strings are made only when asked for.
 * @module
 */
import { FIELDS_MAX } from "../limits.ts";
import { CR, latin1, LF } from "./characters.ts";
import { HttpError } from "./http_error.ts";
import type { RequestBody } from "./request_body.ts";

/** The four forms of a request target, RFC 9112 §3.2. */
export type TargetForm = "origin" | "absolute" | "authority" | "asterisk";

/**
 * One request. A handler must not change it, and cannot put anything on it: requests whose heads have the same bytes may
 * share one object (see `head_cache.ts`), which is frozen. Others are filled by the parser again and again; a handler that
 * needs one of them beyond its first `await` has it to itself, since the connection then takes a new one.
 */
export class HttpRequest {
  /** Bytes of the head, while {@linkcode isShared}. */
  headLength = 0;
  /** Where all offsets point into. */
  buffer: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** A token, in the case in which it was sent (RFC 9110 §9.1): which methods there are is the handler's to say. */
  method = "GET";
  /** Offsets of the request line; the end is 0 while that was not found. */
  lineStart = 0;
  /** See {@linkcode lineStart}. */
  lineEnd = 0;
  /** How the target was written. */
  targetForm: TargetForm = "origin";
  /** Offsets of the path, undecoded; empty for an absolute-form target without one, which means `/`. */
  pathStart = 0;
  /** See {@linkcode pathStart}. */
  pathEnd = 0;
  /** Offsets of the query, its `?` included; empty without one. */
  queryStart = 0;
  /** See {@linkcode queryStart}. */
  queryEnd = 0;
  /** 0 or 1: HTTP/1.0 or HTTP/1.1; later 1.x count as 1. */
  minorVersion = 1;
  /** The client wants the connection to persist, RFC 9112 §9.3. */
  keepAlive = true;
  /** −1 without Content-Length. */
  contentLength: number = -1;
  /** The body comes in chunks, RFC 9112 §7.1. */
  chunked = false;
  /** The client waits for 100 (Continue) before it sends the body, RFC 9110 §10.1.1. */
  expectsContinue = false;
  /** It has Range or one of the If-… fields, RFC 9110 §13 and §14. */
  isConditional = false;
  /** How many field lines there are. */
  fieldCount = 0;
  /** Four offsets a field: name start and end, value start and end. */
  readonly fields: Int32Array;
  /** True when the object stands for every request with this very head. */
  isShared = false;
  /** Its body on its way; null where there is none, or where it was dropped because the handler ignores bodies. */
  incoming: RequestBody | null = null;

  /** With room for so many fields. */
  constructor(fieldsMax: number = FIELDS_MAX) {
    this.fields = new Int32Array(fieldsMax * 4);
    // The object serves other clients, too: what a handler puts on it must not reach them.
    if (new.target === HttpRequest) Object.preventExtensions(this);
  }

  /** Becomes `other`, to be shared, with its head `other.buffer[start, start + length)` in a buffer of its own. */
  copyFrom(other: HttpRequest, start: number, length: number): void {
    for (let i = 0; i < other.fieldCount * 4; i++) this.fields[i] = other.fields[i]! - start;
    this.buffer = other.buffer.slice(start, start + length);
    this.headLength = length;
    this.isShared = true;
    this.method = other.method;
    this.lineStart = other.lineStart - start;
    this.lineEnd = other.lineEnd - start;
    this.targetForm = other.targetForm;
    this.pathStart = other.pathStart - start;
    this.pathEnd = other.pathEnd - start;
    this.queryStart = other.queryStart - start;
    this.queryEnd = other.queryEnd - start;
    this.minorVersion = other.minorVersion;
    this.keepAlive = other.keepAlive;
    this.contentLength = other.contentLength;
    this.chunked = other.chunked;
    this.expectsContinue = other.expectsContinue;
    this.isConditional = other.isConditional;
    this.fieldCount = other.fieldCount;
  }

  /** Nothing is known of it but its method, if that, and its first line, of at most `lineBytesMax` bytes, which is at or in `buffer[start, end)`. */
  setUnknown(buffer: Uint8Array<ArrayBuffer>, start: number, end: number, lineBytesMax: number): void {
    let lineEnd = start;
    const limit = Math.min(end, start + lineBytesMax);
    while (lineEnd < limit && buffer[lineEnd] !== CR && buffer[lineEnd] !== LF) lineEnd++;
    this.buffer = buffer;
    this.fieldCount = 0;
    this.lineStart = start;
    this.lineEnd = lineEnd;
  }

  /** True when a body follows the head. */
  get hasBody(): boolean {
    return this.chunked || this.contentLength > 0;
  }

  /** The body, piece by piece; null where there is none. Reading slowly makes the client send slowly. */
  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.incoming === null ? null : this.incoming.stream();
  }

  /**
   * The whole body; no bytes where there is none.
   * @throws {HttpError} 400, 408 or 413 when it does not arrive as it should.
   */
  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.incoming === null ? Promise.resolve(new Uint8Array(0)) : this.incoming.bytes();
  }

  /** The whole body as text in UTF-8. @throws {HttpError} as {@linkcode bytes}. */
  text(): Promise<string> {
    const text = this.bytes().then((bytes) => new TextDecoder().decode(bytes));
    text.catch(() => {}); // as in RequestBody.bytes
    return text;
  }

  /** The whole body as JSON. @throws {HttpError} as {@linkcode bytes}, and 400 when it is no JSON. */
  json(): Promise<unknown> {
    const json = this.text().then((text) => parseJson(text));
    json.catch(() => {}); // as in RequestBody.bytes
    return json;
  }

  /** The path as it was sent, undecoded. */
  get path(): string {
    return this.pathStart === this.pathEnd ? "/" : latin1(this.buffer, this.pathStart, this.pathEnd);
  }

  /** Host and port that the client means: of an absolute-form target, else of Host (RFC 9112 §3.3); null without. */
  get authority(): string | null {
    if (this.targetForm !== "absolute") return this.header("host") || null;
    const slash = this.buffer.lastIndexOf(0x2f, this.pathStart - 1);
    return latin1(this.buffer, slash + 1, this.pathStart);
  }

  /** The query as it was sent, from its `?`; empty without one. */
  get query(): string {
    return latin1(this.buffer, this.queryStart, this.queryEnd);
  }

  /** Every field line in its order, names as they were sent. */
  *headers(): Generator<[name: string, value: string]> {
    for (let i = 0; i < this.fieldCount * 4; i += 4) {
      const { buffer: bytes, fields } = this;
      yield [latin1(bytes, fields[i]!, fields[i + 1]!), latin1(bytes, fields[i + 2]!, fields[i + 3]!)];
    }
  }

  /**
   * The value of field `name` (lower case); several lines joined by `, ` (RFC 9110 §5.3), those of Cookie by `; ` (RFC 9113
   * §8.2.3); null without any.
   */
  header(name: string): string | null {
    let found: string | null = null;
    for (let i = 0; i < this.fieldCount; i++) {
      const [nameStart, nameEnd, valueStart, valueEnd] = this.fields.subarray(i * 4, i * 4 + 4);
      if (nameEnd! - nameStart! !== name.length || !isName(this.buffer, nameStart!, name)) continue;
      const value = latin1(this.buffer, valueStart!, valueEnd!);
      found = found === null ? value : `${found}${name === "cookie" ? "; " : ", "}${value}`;
    }
    return found;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HttpError(400, `The body is no JSON: ${error instanceof Error ? error.message : error}`);
  }
}

/** True when the token of `name.length` bytes at `start` is `name` (lower case), whatever its case. */
export function isName(bytes: Uint8Array, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const byte = bytes[start + i]!;
    const wanted = name.charCodeAt(i);
    if (byte === wanted) continue;
    if ((byte | 0x20) !== wanted || wanted < 0x61 || wanted > 0x7a) return false; // only letters have two cases
  }
  return true;
}
