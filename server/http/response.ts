/**
 * A response: status, fields and body.
 * @module
 */
import { bytesOf } from "../../ffi/libc/bytes.ts";
import { INLINE_BODY_BYTES_MAX } from "../limits.ts";
import { CR, encodeUtf8, HTAB, LF } from "./characters.ts";
import { HTTP_DATE_BYTES, type HttpClock } from "./date.ts";
import { checkField, type Fields } from "./field_lines.ts";
import { FileBody } from "./file_body.ts";
import { Http1Form, placeBehindHead } from "./http1_form.ts";
import { type StreamBody, toStreamBody } from "./stream_body.ts";
import { mayHaveContent, reasonPhrase } from "./status.ts";

/** The body of a response; null for none. */
export type Body = Uint8Array | FileBody | StreamBody | ReadableStream<Uint8Array> | null;

/** Options of the static methods that make a response. */
export interface ResponseOptions {
  /** Status code. Default 200, or 303 for a redirect. */
  readonly status?: number;
  /** Media type of the body. */
  readonly type?: string;
  /** Header fields to add. */
  readonly fields?: Fields;
}

export type { Fields };

const EVENT_STREAM = /^text\/event-stream\b/i;

/**
 * A response: status, fields and body. The server writes `Content-Length` or `Transfer-Encoding`, `Connection` and
 * `Keep-Alive`, and `Date` unless it is among the fields. The bytes in which it is sent are made when they are first
 * needed, and kept.
 *
 * The class cannot be extended and its objects cannot be changed, because the length of a response decides how much of
 * the server's memory is sent.
 */
export class HttpResponse {
  readonly #status: number;
  /** The status line and the fields, until they are part of a form. */
  #fields: string;
  /** The offset of the date in `#fields`; −1 if the caller gave a `Date`. */
  readonly #dateOffset: number;
  /** The body if it is not copied: large, a file, or a stream. */
  readonly #body: Uint8Array<ArrayBuffer> | FileBody | StreamBody | null;
  /** Room for the head, with the copy of any other body behind it. Null once it is part of a form. */
  #placed: Uint8Array<ArrayBuffer> | null = null;
  readonly #closes: boolean;
  #isEventStream = false;
  #form: Http1Form | null = null;

  /**
   * Makes a response. A body in memory of up to `inlineBytesMax` bytes is copied behind the head. A larger body is sent
   * as it is and must not change: if its buffer is transferred or becomes too small meanwhile, the connection ends. A
   * response with a file or a stream answers one request only. `encode` turns the head into bytes; by default in UTF-8.
   * @throws {TypeError} for a field that would split the head, before or after `encode`; for a body with a status that
   * has none (RFC 9110 §6.4.1); for a `content` that is no body; and for a subclass.
   * @throws {RangeError} for a status that is not from 200 to 599, and for a length that is no number of bytes.
   */
  constructor(
    status: number,
    fields: Fields,
    content: Body,
    closes = false,
    inlineBytesMax: number = INLINE_BODY_BYTES_MAX,
    encode: (text: string) => Uint8Array = encodeUtf8,
  ) {
    if (new.target !== HttpResponse) {
      throw new TypeError("HttpResponse cannot be extended: write a function that returns one");
    }
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new RangeError(`${status} is no status of a response: 200 to 599`);
    }
    const body = toBody(content);
    if (body !== null && !mayHaveContent(status)) throw new TypeError(`A response ${status} has no body`);
    this.#status = status;
    this.#closes = Boolean(closes);
    let lines = "";
    let hasDate = false;
    for (const [name, value] of fields) {
      checkField(name, value);
      if (name.length === 4 && name.toLowerCase() === "date") {
        if (hasDate) throw new TypeError("A response has one Date");
        hasDate = true;
      }
      if (EVENT_STREAM.test(value) && name.toLowerCase() === "content-type") this.#isEventStream = true;
      lines += `${name}: ${value}\r\n`;
    }
    const statusLine = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`;
    let head = statusLine;
    this.#dateOffset = hasDate ? -1 : head.length + "Date: ".length;
    if (!hasDate) head += `Date: ${" ".repeat(HTTP_DATE_BYTES)}\r\n`;
    head += lines;
    const length = body === null ? 0 : body.length;
    if (length !== null && !(Number.isSafeInteger(length) && length >= 0)) {
      throw new RangeError(`A body of ${length} bytes`);
    }
    if (mayHaveContent(status) && length !== null) head += `Content-Length: ${length}\r\n`;
    const isInline = body instanceof Uint8Array && (body.length <= inlineBytesMax || body.length === 0);
    this.#fields = head;
    this.#body = isInline ? null : body;
    if (isInline) this.#placed = placeBehindHead(head.length, body);
    if (encode !== encodeUtf8) {
      const encoded = bytesOf(encode(head), "An encoded head");
      checkEncoded(encoded, statusLine, head.split("\r\n").length - 1);
      this.#makeForm(encoded);
    }
    Object.freeze(this);
  }

  static {
    Object.freeze(HttpResponse.prototype);
  }

  /** Returns the form in which `response` is sent in HTTP/1, not a copy. For the server only. */
  static http1(response: HttpResponse): Http1Form {
    return response.#form ?? response.#makeForm(null);
  }

  #makeForm(encoded: Uint8Array<ArrayBuffer> | null): Http1Form {
    const fields = this.#fields;
    const placed = this.#placed ?? placeBehindHead(fields.length, NOTHING);
    const form = this.#form = new Http1Form(fields, encoded, placed, this.#body, this.#dateOffset);
    this.#placed = null;
    this.#fields = ""; // responses are kept for long, and need not take the memory twice
    return form;
  }

  /** Status code, 200 to 599. */
  get status(): number {
    return this.#status;
  }

  /** The head with its empty line, followed by the body if that was copied behind the head. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return HttpResponse.http1(this).bytes.subarray();
  }

  /** Length of the head in bytes, with its empty line. */
  get headLength(): number {
    return HttpResponse.http1(this).headLength;
  }

  /** Length of the head in bytes, without `Connection`, `Keep-Alive` and the empty line. */
  get fieldsLength(): number {
    return HttpResponse.http1(this).fieldsLength;
  }

  /** The body that follows `bytes`; null when there is none, or when it is in `bytes`. */
  get tail(): Uint8Array<ArrayBuffer> | FileBody | StreamBody | null {
    return this.#body instanceof Uint8Array ? this.#body.subarray() : this.#body;
  }

  /** The body if it is produced while it is sent, else null. */
  get stream(): StreamBody | null {
    const body = this.#body;
    return body === null || body instanceof Uint8Array || body instanceof FileBody ? null : body;
  }

  /** True for a stream of server-sent events, which does not end by itself. */
  get isEventStream(): boolean {
    return this.#isEventStream;
  }

  /** True when the connection ends after this response. */
  get closes(): boolean {
    return this.#closes;
  }

  /**
   * Marks the response as being sent.
   * @throws {TypeError} when its bytes are gone because their buffer was transferred or became too small, and when a
   * response with a file is sent for a second time.
   */
  take(): void {
    const body = this.#body;
    const bytes = this.#form === null ? this.#placed : this.#form.bytes;
    if ((bytes !== null && bytes.length === 0) || (body instanceof Uint8Array && body.length === 0)) {
      throw new TypeError(
        "The bytes of this response are gone: their buffer was transferred, or became smaller",
      );
    }
    if (body instanceof FileBody) body.take();
  }

  /** Makes a response of text, sent in UTF-8. Its default type is `text/plain; charset=utf-8`. */
  static text(text: string, options: ResponseOptions = {}): HttpResponse {
    return HttpResponse.bytes(encodeUtf8(text), { type: "text/plain; charset=utf-8", ...options });
  }

  /** Makes a response of a value as JSON. @throws {TypeError} for a value that JSON cannot express, such as undefined. */
  static json(value: unknown, options: ResponseOptions = {}): HttpResponse {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`${typeof value} is no JSON`);
    return HttpResponse.bytes(encodeUtf8(text), { type: "application/json", ...options });
  }

  /**
   * Makes a response of bytes, which must not change until they are sent.
   * @throws {TypeError} for anything but a Uint8Array
   */
  static bytes(bytes: Uint8Array, options: ResponseOptions = {}): HttpResponse {
    const { status = 200, type = "application/octet-stream", fields = [] } = options;
    return new HttpResponse(status, [["Content-Type", type], ...fields], bytes);
  }

  /** Makes a redirect to `location`. Default status 303 (See Other, RFC 9110 §15.4.4). */
  static redirect(location: string | URL, options: ResponseOptions = {}): HttpResponse {
    const { status = 303, fields = [] } = options;
    return new HttpResponse(status, [["Location", encodeLocation(String(location))], ...fields], null);
  }

  /** Writes the current date and the fields for a persistent connection into the head, unless they are there already. */
  stamp(clock: HttpClock, keepAlive?: Uint8Array<ArrayBuffer>): void {
    HttpResponse.http1(this).stamp(clock, keepAlive);
  }

  /** Releases the file or stream of a response that will not be sent. A file that is being sent stays open. */
  discard(): void {
    const body = this.#body;
    if (body instanceof FileBody) {
      if (body.isFresh) body.close();
    } else if (body !== null && !(body instanceof Uint8Array)) {
      body.stream.cancel().catch(() => {}); // an error of the source does not matter any more
    }
  }
}

/** Encodes the characters that a field may not have. Escapes stay as they are. */
export function encodeLocation(location: string): string {
  return location.replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character));
}

/**
 * Checks that an encoded head has its status line, `lineCount` lines and no control characters. An `encode` that keeps
 * the low byte of each character would make a line feed of U+010A.
 * @throws {TypeError} for a head that differs.
 */
function checkEncoded(bytes: Uint8Array, statusLine: string, lineCount: number): void {
  let lines = 0;
  let lineStart = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (i < statusLine.length && byte !== statusLine.charCodeAt(i)) throw new TypeError(CHANGED);
    if (byte === CR && bytes[i + 1] === LF && i > lineStart) {
      lines++;
      lineStart = ++i + 1;
    } else if ((byte < 0x20 && byte !== HTAB) || byte === 0x7f) {
      throw new TypeError(`A field has the byte ${byte} once it is encoded, which would break the head`);
    }
  }
  if (lines !== lineCount || lineStart !== bytes.length) throw new TypeError(CHANGED);
}

const CHANGED = "The encoding of the fields changes the lines of the head";
const NOTHING = new Uint8Array(0);

/**
 * Returns `content` as it is now, since the handler may change its object later.
 * @throws {TypeError | RangeError} for anything that is no body.
 */
function toBody(content: Body): Uint8Array<ArrayBuffer> | FileBody | StreamBody | null {
  if (content === null || content instanceof FileBody) return content;
  // Before the runtime is asked for `ReadableStream`, because it then loads all its streams.
  if (content instanceof Uint8Array) return bytesOf(content, "The body of a response");
  if (content instanceof ReadableStream) return toStreamBody({ stream: content, length: null });
  if (typeof content === "object" && "stream" in content) return toStreamBody(content);
  return bytesOf(content, "The body of a response");
}

/** Returns true for a body that is produced while it is sent. */
export function isStream(body: FileBody | StreamBody): body is StreamBody {
  return !(body instanceof FileBody);
}

/** The interim response to `Expect: 100-continue`, RFC 9110 §15.2.1. */
export const CONTINUE: Uint8Array<ArrayBuffer> = encodeUtf8("HTTP/1.1 100 Continue\r\n\r\n");
