/**
 * A response as bytes: made once, sent as often as wanted.
 * @module
 */
import { bytesOf, describeKind } from "../../ffi/libc/bytes.ts";
import { INLINE_BODY_BYTES_MAX } from "../limits.ts";
import { bodyMemory } from "./body_memory.ts";
import { CR, encodeUtf8, HTAB, LF } from "./characters.ts";
import { HTTP_DATE_BYTES, type HttpClock } from "./date.ts";
import { FileBody } from "./file_body.ts";
import { takeHeadRoom } from "./head_room.ts";
import { DEFAULT_KEEP_ALIVE } from "./persistence.ts";
import { mayHaveContent, reasonPhrase } from "./status.ts";

/** A body that is made while it is sent. `length` in bytes, where it is known: else it goes out in chunks. */
export interface StreamBody {
  /** Gives Uint8Arrays. */
  readonly stream: ReadableStream<Uint8Array>;
  /** Bytes; null: not known. */
  readonly length: number | null;
  /** The least time between two pieces: only then the next one is asked for. Default 0. */
  readonly pauseMs?: number;
}

/** What a response carries. */
export type Body = Uint8Array | FileBody | StreamBody | ReadableStream<Uint8Array> | null;

/** What the short forms of a response may be told. */
export interface ResponseOptions {
  /** Default 200; 303 for a redirect. */
  readonly status?: number;
  /** The media type. */
  readonly type?: string;
  /** Further fields. */
  readonly fields?: Fields;
}

/** Field names and values, in the order in which they are sent. */
export type Fields = readonly (readonly [name: string, value: string])[];

const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** How a message ends is said in one place, or two readers may disagree about it. */
const RESERVED = /^(content-length|transfer-encoding|connection|keep-alive)$/i;
const EVENT_STREAM = /^text\/event-stream\b/i;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\uffff]*$/;

/**
 * Head and body as they are sent on a connection that stays open, with room for the date. `Content-Length`, `Connection`
 * and `Keep-Alive` are the server's, and so is `Date` unless it is among the fields.
 *
 * It cannot be extended or changed: what it says of its own length decides how much of the server's memory is sent.
 */
export class HttpResponse {
  readonly #status: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #headLength: number;
  readonly #fieldsLength: number;
  readonly #tail: Uint8Array<ArrayBuffer> | FileBody | StreamBody | null;
  readonly #closes: boolean;
  #isEventStream = false;
  readonly #dateOffset: number;
  #dateSeconds = -1;
  #keepAlive = DEFAULT_KEEP_ALIVE;

  /**
   * A body in memory of up to `inlineBytesMax` bytes is copied behind the head; a larger one is sent as it is, and must
   * not change: when its buffer is transferred or becomes too small meanwhile, the connection ends. A response with a file
   * or a stream is for one request. Fields are sent in UTF-8 unless `encode` does something else.
   * @throws {TypeError} on a field that would break the head in two, also once it is encoded, on a body for a status that
   * has none, on what is no body, and for a subclass.
   * @throws {RangeError} on a status that is not from 200 to 599 (an interim one is not the answer), and on a length that is
   * no number of bytes.
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
    const fieldBytes = bytesOf(encode(head), "An encoded head");
    if (encode !== encodeUtf8) checkEncoded(fieldBytes, statusLine, head.split("\r\n").length - 1);
    this.#fieldsLength = fieldBytes.length;
    this.#headLength = fieldBytes.length + this.#keepAlive.length + 2;
    const isInline = body instanceof Uint8Array && (body.length <= inlineBytesMax || body.length === 0);
    this.#tail = isInline ? null : body;
    this.#bytes = join(fieldBytes, this.#keepAlive, isInline ? body : NOTHING);
    Object.freeze(this);
  }

  static {
    Object.freeze(HttpResponse.prototype);
  }

  /** The very bytes that `response` is sent from. For the server alone. */
  static sentBytes(response: HttpResponse): Uint8Array<ArrayBuffer> {
    return response.#bytes;
  }

  /** The very body that follows {@linkcode HttpResponse.sentBytes}. For the server alone. */
  static sentTail(response: HttpResponse): Uint8Array<ArrayBuffer> | FileBody | StreamBody | null {
    return response.#tail;
  }

  /** 200 to 599. */
  get status(): number {
    return this.#status;
  }

  /** The head, ended by its blank line; then the body, where that is in memory and at most INLINE_BODY_BYTES_MAX. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray();
  }

  /** Bytes of the head. */
  get headLength(): number {
    return this.#headLength;
  }

  /** Bytes of the head without what it says of the connection, and without its blank line. */
  get fieldsLength(): number {
    return this.#fieldsLength;
  }

  /** What follows `bytes`; null when nothing does. */
  get tail(): Uint8Array<ArrayBuffer> | FileBody | StreamBody | null {
    return this.#tail instanceof Uint8Array ? this.#tail.subarray() : this.#tail;
  }

  /** The body, where it is made while it is sent. */
  get stream(): StreamBody | null {
    const tail = this.#tail;
    return tail === null || tail instanceof Uint8Array || tail instanceof FileBody ? null : tail;
  }

  /** It carries server-sent events, and has no end of its own. */
  get isEventStream(): boolean {
    return this.#isEventStream;
  }

  /** The connection ends after this response. */
  get closes(): boolean {
    return this.#closes;
  }

  /**
   * Begins to send it.
   * @throws {TypeError} when its bytes are gone, since their buffer was transferred or became too small, and when it has a
   * file and is sent for a second time
   */
  take(): void {
    const tail = this.#tail;
    if (this.#bytes.length === 0 || (tail instanceof Uint8Array && tail.length === 0)) {
      throw new TypeError(
        "The bytes of this response are gone: their buffer was transferred, or became smaller",
      );
    }
    if (tail instanceof FileBody) tail.take();
  }

  /** Text in UTF-8; `type` is its media type. */
  static text(text: string, options: ResponseOptions = {}): HttpResponse {
    return HttpResponse.bytes(encodeUtf8(text), { type: "text/plain; charset=utf-8", ...options });
  }

  /** A value as JSON. @throws {TypeError} for what JSON cannot express, such as undefined. */
  static json(value: unknown, options: ResponseOptions = {}): HttpResponse {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`${typeof value} is no JSON`);
    return HttpResponse.bytes(encodeUtf8(text), { type: "application/json", ...options });
  }

  /** Bytes, which must not change until they are sent. @throws {TypeError} for what is no Uint8Array */
  static bytes(bytes: Uint8Array, options: ResponseOptions = {}): HttpResponse {
    const { status = 200, type = "application/octet-stream", fields = [] } = options;
    return new HttpResponse(status, [["Content-Type", type], ...fields], bytes);
  }

  /** Sends the client to another place: 303 (See Other) unless told otherwise. RFC 9110 §15.4. */
  static redirect(location: string | URL, options: ResponseOptions = {}): HttpResponse {
    const { status = 303, fields = [] } = options;
    // Characters that no field may hold are encoded; what is encoded already stays as it is.
    const target = String(location).replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character));
    return new HttpResponse(status, [["Location", target], ...fields], null);
  }

  /** Writes into the head what the server knows, unless it stands there: the current date, `Connection: keep-alive`. */
  stamp(clock: HttpClock, keepAlive: Uint8Array<ArrayBuffer> = DEFAULT_KEEP_ALIVE): void {
    if (this.#keepAlive !== keepAlive) { // once for each response, and never where the default holds
      const bytes = this.#bytes;
      const body = bytes.subarray(this.#headLength);
      this.#bytes = join(bytes.subarray(0, this.#fieldsLength), keepAlive, body);
      bodyMemory.move(bytes, this.#bytes);
      this.#headLength = this.#fieldsLength + keepAlive.length + 2;
      this.#keepAlive = keepAlive;
    }
    if (this.#dateSeconds === clock.seconds || this.#dateOffset < 0) return;
    this.#dateSeconds = clock.seconds;
    this.#bytes.set(clock.bytes, this.#dateOffset);
  }

  /** Gives back what it holds, when it will not be sent. One that is being sent keeps what it needs for that. */
  discard(): void {
    const tail = this.#tail;
    if (tail instanceof FileBody) {
      if (tail.isFresh) tail.close();
    } else if (tail !== null && !(tail instanceof Uint8Array)) {
      tail.stream.cancel().catch(() => {}); // whatever its source thinks of that
    }
  }
}

/**
 * Sees to it that a head which `encode` made has its status line and so many lines, and no control character in them: one that
 * takes the low byte of each character makes a line feed of U+010A.
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
/** Typed arrays of 64 bytes or less may live on the V8 heap and move while the kernel reads them. */
const BUFFER_BYTES_MIN = 128;

/** Fields, what is said of the connection, a blank line, and the body. */
function join(fields: Uint8Array, connection: Uint8Array, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const headLength = fields.length + connection.length + 2;
  const length = headLength + body.length;
  const inPlace = takeHeadRoom(headLength, body);
  const bytes = inPlace ?? new Uint8Array(new ArrayBuffer(Math.max(length, BUFFER_BYTES_MIN)), 0, length);
  bytes.set(fields);
  bytes.set(connection, fields.length);
  bytes[headLength - 2] = CR;
  bytes[headLength - 1] = LF;
  if (inPlace === null) bytes.set(body, headLength);
  return bytes;
}

/** @throws {TypeError} for a field that would break the head in two, or is not the handler's to write */
function checkField(name: unknown, value: unknown): void {
  if (typeof name !== "string") {
    throw new TypeError(`The name of a field must be a string, not ${describeKind(name)}`);
  }
  if (typeof value !== "string") {
    throw new TypeError(`The value of ${name} must be a string, not ${describeKind(value)}`);
  }
  if (RESERVED.test(name)) throw new TypeError(`${name} is the server's to write`);
  if (!FIELD_NAME.test(name)) throw new TypeError(`Invalid field name ${JSON.stringify(name)}`);
  if (!FIELD_VALUE.test(value)) throw new TypeError(`Invalid value of ${name}: ${JSON.stringify(value)}`);
}

/** What a handler gave as a body, as it is now: it may change its object later. @throws {TypeError | RangeError} for what is none */
function toBody(content: Body): Uint8Array<ArrayBuffer> | FileBody | StreamBody | null {
  if (content === null || content instanceof FileBody) return content;
  if (content instanceof ReadableStream) return toStreamBody({ stream: content, length: null });
  if (typeof content === "object" && "stream" in content) return toStreamBody(content);
  return bytesOf(content, "The body of a response");
}

function toStreamBody({ stream, length, pauseMs = 0 }: StreamBody): StreamBody {
  if (!(stream instanceof ReadableStream)) {
    throw new TypeError(`The stream of a response must be a ReadableStream, not ${describeKind(stream)}`);
  }
  if (stream.locked) throw new TypeError("This stream is being read already");
  if (!(typeof pauseMs === "number" && pauseMs >= 0)) {
    throw new RangeError(`The pauseMs of a stream must be a number from 0 on, not ${describeKind(pauseMs)}`);
  }
  return Object.freeze({ stream, length, pauseMs });
}

/** True for a body that is made while it is sent. */
export function isStream(body: FileBody | StreamBody): body is StreamBody {
  return !(body instanceof FileBody);
}

/** The interim response to `Expect: 100-continue`, RFC 9110 §15.2.1. */
export const CONTINUE: Uint8Array<ArrayBuffer> = encodeUtf8("HTTP/1.1 100 Continue\r\n\r\n");
