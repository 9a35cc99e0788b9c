/**
 * A parsed request: offsets into the received bytes. Strings are created only on demand.
 * @module
 */
import { FIELDS_MAX } from "../limits.ts";
import { CR, latin1, LF } from "./characters.ts";
import { HttpError } from "./http_error.ts";
import type { RequestBody } from "./request_body.ts";

/** The form of a request target (RFC 9112 §3.2). */
export type TargetForm = "origin" | "absolute" | "authority" | "asterisk";

/** The version of HTTP of a request. */
export type HttpVersion = "HTTP/1.0" | "HTTP/1.1" | "HTTP/2";

const TWO = 0x32;

/**
 * A request. A handler must not change it, and cannot add properties. Requests whose heads are equal byte for byte may
 * share one frozen object (see `head_cache.ts`). The parser reuses the other objects. A handler that waits (`await`)
 * keeps its object: the connection then continues with a new one.
 */
export class HttpRequest {
  /** The length of the head in bytes, if {@linkcode isShared} is true; otherwise 0. */
  headLength = 0;
  /** The bytes that all offsets refer to. */
  buffer: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** The method as it was sent, any token (RFC 9110 §9.1). The handler decides which methods it supports. */
  method = "GET";
  /** The offset of the request line. */
  lineStart = 0;
  /** The offset of the end of the request line; 0 while it has not been found. */
  lineEnd = 0;
  /** The form of the target. */
  targetForm: TargetForm = "origin";
  /** The offset of the undecoded path. The path is empty for an absolute-form target without one, which means `/`. */
  pathStart = 0;
  /** The offset of the end of the path. */
  pathEnd = 0;
  /** The offset of the query, which includes its `?`; equal to {@linkcode queryEnd} without a query. */
  queryStart = 0;
  /** The offset of the end of the query. */
  queryEnd = 0;
  /** The minor version: 0 for HTTP/1.0, 1 for HTTP/1.1 and later. */
  minorVersion = 1;
  /** Whether the client wants a persistent connection (RFC 9112 §9.3). */
  keepAlive = true;
  /** The value of Content-Length in bytes; −1 without that field. */
  contentLength: number = -1;
  /** Whether the body is sent in chunks (RFC 9112 §7.1). */
  chunked = false;
  /** Whether the client waits for 100 (Continue) before it sends the body (RFC 9110 §10.1.1). */
  expectsContinue = false;
  /** Whether there is a Range or an If-… field (RFC 9110 §13 and §14). */
  isConditional = false;
  /** The number of field lines. */
  fieldCount = 0;
  /** Four offsets for each field: start and end of the name, start and end of the value. */
  readonly fields: Int32Array;
  /** Whether this object stands for all requests with this head. */
  isShared = false;
  /** The body while it arrives. Null if there is none, or if the handler ignores bodies (`ignoresBodies`). */
  incoming: RequestBody | null = null;

  /** Creates a request with room for `fieldsMax` fields. */
  constructor(fieldsMax: number = FIELDS_MAX) {
    this.fields = new Int32Array(fieldsMax * 4);
    // The object is reused for other clients: a property that a handler adds must not reach them.
    if (new.target === HttpRequest) Object.preventExtensions(this);
  }

  /** Becomes a shared copy of `other`, whose head `other.buffer[start, start + length)` is copied, too. */
  copyFrom(other: HttpRequest, start: number, length: number): void {
    this.resemble(other);
    for (let i = 0; i < other.fieldCount * 4; i++) this.fields[i] = other.fields[i]! - start;
    this.buffer = other.buffer.slice(start, start + length);
    this.headLength = length;
    this.isShared = true;
    this.incoming = null;
    this.moveBack(start);
  }

  /** Moves the head `buffer[start, end)` to a buffer of its own. The object is not filled again. */
  detach(start: number, end: number): void {
    this.buffer = this.buffer.slice(start, end);
    (this as { fields: Int32Array }).fields = this.fields.slice(0, this.fieldCount * 4);
    for (let i = 0; i < this.fieldCount * 4; i++) this.fields[i]! -= start;
    this.moveBack(start);
  }

  /** Moves all offsets but those of the fields. */
  protected moveBack(start: number): void {
    this.lineStart -= start;
    this.lineEnd -= start;
    this.pathStart -= start;
    this.pathEnd -= start;
    this.queryStart -= start;
    this.queryEnd -= start;
  }

  /** Takes all values of `other`, except for the offsets of its fields. */
  protected resemble(other: HttpRequest): void {
    this.headLength = other.headLength;
    this.buffer = other.buffer;
    this.method = other.method;
    this.lineStart = other.lineStart;
    this.lineEnd = other.lineEnd;
    this.targetForm = other.targetForm;
    this.pathStart = other.pathStart;
    this.pathEnd = other.pathEnd;
    this.queryStart = other.queryStart;
    this.queryEnd = other.queryEnd;
    this.minorVersion = other.minorVersion;
    this.keepAlive = other.keepAlive;
    this.contentLength = other.contentLength;
    this.chunked = other.chunked;
    this.expectsContinue = other.expectsContinue;
    this.isConditional = other.isConditional;
    this.fieldCount = other.fieldCount;
    this.isShared = other.isShared;
    this.incoming = other.incoming;
  }

  /**
   * Clears everything except for the method. The request line is the first line of `buffer[start, end)`, cut at
   * `lineBytesMax` bytes.
   */
  setUnknown(buffer: Uint8Array<ArrayBuffer>, start: number, end: number, lineBytesMax: number): void {
    let lineEnd = start;
    const limit = Math.min(end, start + lineBytesMax);
    while (lineEnd < limit && buffer[lineEnd] !== CR && buffer[lineEnd] !== LF) lineEnd++;
    this.buffer = buffer;
    this.fieldCount = 0;
    this.lineStart = start;
    this.lineEnd = lineEnd;
  }

  /** The version of HTTP in which the client has sent the request. */
  get protocol(): HttpVersion {
    const { buffer, lineEnd } = this;
    if (buffer[lineEnd - 3] === TWO) return "HTTP/2"; // of HTTP/2.0
    return this.minorVersion === 0 ? "HTTP/1.0" : "HTTP/1.1";
  }

  /** True if a body follows the head. */
  get hasBody(): boolean {
    return this.chunked || this.contentLength > 0;
  }

  /**
   * The body as a stream; null if there is none. A slow reader slows the client down.
   */
  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.incoming === null ? null : this.incoming.stream();
  }

  /**
   * Resolves to the whole body; to no bytes if there is none.
   * @throws {HttpError} 400, 408 or 413 if the body is malformed, too slow or too large; 503 if bodies take too much
   * memory
   */
  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.incoming === null ? Promise.resolve(new Uint8Array(0)) : this.incoming.bytes();
  }

  /**
   * Resolves to the whole body, decoded as UTF-8.
   * @throws {HttpError} as {@linkcode bytes}
   */
  text(): Promise<string> {
    const text = this.bytes().then((bytes) => new TextDecoder().decode(bytes));
    text.catch(() => {}); // as in RequestBody.bytes
    return text;
  }

  /**
   * Resolves to the value of the body as JSON.
   * @throws {HttpError} as {@linkcode bytes}; 400 if the body is not JSON
   */
  json(): Promise<unknown> {
    const json = this.text().then((text) => parseJson(text));
    json.catch(() => {}); // as in RequestBody.bytes
    return json;
  }

  /** The path as it was sent, undecoded; `/` for an absolute-form target without a path. */
  get path(): string {
    return this.pathStart === this.pathEnd ? "/" : latin1(this.buffer, this.pathStart, this.pathEnd);
  }

  /**
   * The host and port that the request is for: those of an absolute-form target, otherwise the value of Host (RFC 9112
   * §3.3). Null if there is neither.
   */
  get authority(): string | null {
    if (this.targetForm !== "absolute") return this.header("host") || null;
    const slash = this.buffer.lastIndexOf(0x2f, this.pathStart - 1);
    return latin1(this.buffer, slash + 1, this.pathStart);
  }

  /** The query as it was sent, including its `?`; empty without a query. */
  get query(): string {
    return latin1(this.buffer, this.queryStart, this.queryEnd);
  }

  /** Iterates over the field lines in their order. Names are as they were sent. */
  *headers(): Generator<[name: string, value: string]> {
    for (let i = 0; i < this.fieldCount * 4; i += 4) {
      const { buffer: bytes, fields } = this;
      yield [latin1(bytes, fields[i]!, fields[i + 1]!), latin1(bytes, fields[i + 2]!, fields[i + 3]!)];
    }
  }

  /**
   * Returns the value of the field `name`, which must be in lower case; null without such a field. Several lines are
   * joined by `, ` (RFC 9110 §5.3), those of Cookie by `; ` (RFC 9113 §8.2.3).
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

/** Returns true if the `name.length` bytes at `start` equal `name`, ignoring case. `name` must be in lower case. */
export function isName(bytes: Uint8Array, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const byte = bytes[start + i]!;
    const wanted = name.charCodeAt(i);
    if (byte === wanted) continue;
    if ((byte | 0x20) !== wanted || wanted < 0x61 || wanted > 0x7a) return false; // only letters have two cases
  }
  return true;
}
