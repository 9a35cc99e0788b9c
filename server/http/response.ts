/**
 * A response as bytes: made once, sent as often as wanted.
 * @module
 */
import { INLINE_BODY_BYTES_MAX } from "../limits.ts";
import { bodyMemory } from "./body_memory.ts";
import { CR, encodeUtf8, LF } from "./characters.ts";
import { HTTP_DATE_BYTES, type HttpClock } from "./date.ts";
import { DEFAULT_KEEP_ALIVE } from "./persistence.ts";
import { mayHaveContent, reasonPhrase } from "./status.ts";

/** A part of an open file. The response owns the descriptor: `close` is called once, when it is done. */
export interface FileBody {
  /** Its descriptor. */
  readonly fd: number;
  /** Bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** Gives the descriptor back. */
  close(): void;
}

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
const RESERVED = /^(content-length|transfer-encoding|connection|keep-alive|date)$/i;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\uffff]*$/;

/**
 * Head and body as they are sent on a connection that stays open, with room for the date. `Date`, `Content-Length`,
 * `Connection` and `Keep-Alive` are the server's.
 */
export class HttpResponse {
  /** 100 to 599. */
  readonly status: number;
  /** The head, ended by its blank line; then the body, where that is in memory and at most INLINE_BODY_BYTES_MAX. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of the head. */
  headLength: number;
  /** Bytes of the head without what it says of the connection, and without its blank line. */
  readonly fieldsLength: number;
  /** What follows `bytes`. */
  readonly tail: Uint8Array | FileBody | StreamBody | null;
  /** The connection ends after this response. */
  readonly closes: boolean;
  readonly #dateOffset: number;
  #dateSeconds = -1;
  #keepAlive = DEFAULT_KEEP_ALIVE;

  /**
   * A body in memory of up to `inlineBytesMax` bytes is copied behind the head; a larger one is sent as it is, and must
   * not change. Fields are sent in UTF-8 unless `encode` does something else.
   * @throws {TypeError} on a field that would break the head in two, and on a body for a status that has none.
   * @throws {RangeError} on a status that is not from 100 to 599, and on a length that is no number of bytes.
   */
  constructor(
    status: number,
    fields: Fields,
    content: Body,
    closes = false,
    inlineBytesMax: number = INLINE_BODY_BYTES_MAX,
    encode: (text: string) => Uint8Array = encodeUtf8,
  ) {
    if (!Number.isInteger(status) || status < 100 || status > 599) {
      throw new RangeError(`${status} is no status of a response`);
    }
    const body = content instanceof ReadableStream ? { stream: content, length: null } : content;
    if (content instanceof ReadableStream && content.locked) {
      throw new TypeError("This stream is being read already");
    }
    if (body !== null && !mayHaveContent(status)) throw new TypeError(`A response ${status} has no body`);
    this.status = status;
    this.closes = closes;
    const statusLine = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\nDate: `;
    this.#dateOffset = statusLine.length;
    let head = statusLine + " ".repeat(HTTP_DATE_BYTES) + "\r\n";
    for (const [name, value] of fields) {
      if (RESERVED.test(name)) throw new TypeError(`${name} is the server's to write`);
      if (!FIELD_NAME.test(name)) throw new TypeError(`Invalid field name ${JSON.stringify(name)}`);
      if (!FIELD_VALUE.test(value)) throw new TypeError(`Invalid value of ${name}: ${JSON.stringify(value)}`);
      head += `${name}: ${value}\r\n`;
    }
    const length = body === null ? 0 : body.length;
    if (length !== null && !(Number.isSafeInteger(length) && length >= 0)) {
      throw new RangeError(`A body of ${length} bytes`);
    }
    if (mayHaveContent(status) && length !== null) head += `Content-Length: ${length}\r\n`;
    const fieldBytes = encode(head);
    this.fieldsLength = fieldBytes.length;
    this.headLength = fieldBytes.length + this.#keepAlive.length + 2;
    const isInline = body instanceof Uint8Array && body.length <= inlineBytesMax;
    this.tail = isInline ? null : body;
    this.bytes = join(fieldBytes, this.#keepAlive, isInline ? body : NOTHING);
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

  /** Bytes, which must not change until they are sent. */
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
      const { bytes } = this;
      this.bytes = join(bytes.subarray(0, this.fieldsLength), keepAlive, bytes.subarray(this.headLength));
      bodyMemory.move(bytes, this.bytes);
      this.headLength = this.fieldsLength + keepAlive.length + 2;
      this.#keepAlive = keepAlive;
    }
    if (this.#dateSeconds === clock.seconds) return;
    this.#dateSeconds = clock.seconds;
    this.bytes.set(clock.bytes, this.#dateOffset);
  }

  /** Gives back what it holds, when it is not sent to its end. */
  discard(): void {
    const { tail } = this;
    if (tail === null || tail instanceof Uint8Array) return;
    if (isStream(tail)) tail.stream.cancel().catch(() => {}); // whatever its source thinks of that
    else tail.close();
  }
}

const NOTHING = new Uint8Array(0);
/** Typed arrays of 64 bytes or less may live on the V8 heap and move while the kernel reads them. */
const BUFFER_BYTES_MIN = 128;

/** Fields, what is said of the connection, a blank line, and the body. */
function join(fields: Uint8Array, connection: Uint8Array, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const headLength = fields.length + connection.length + 2;
  const length = headLength + body.length;
  const bytes = new Uint8Array(new ArrayBuffer(Math.max(length, BUFFER_BYTES_MIN)), 0, length);
  bytes.set(fields);
  bytes.set(connection, fields.length);
  bytes[headLength - 2] = CR;
  bytes[headLength - 1] = LF;
  bytes.set(body, headLength);
  return bytes;
}

/** True for a body that is made while it is sent. */
export function isStream(body: FileBody | StreamBody): body is StreamBody {
  return "stream" in body;
}

/** The interim response to `Expect: 100-continue`, RFC 9110 §15.2.1. */
export const CONTINUE: Uint8Array<ArrayBuffer> = encodeUtf8("HTTP/1.1 100 Continue\r\n\r\n");

/** A response whose body says what happened, in English and, where people meet it, in Chinese. */
export function errorResponse(status: number, fields: Fields = [], closes = false): HttpResponse {
  return new HttpResponse(status, [...ERROR_FIELDS, ...fields], errorBody(status), closes);
}

/** The answer to who asks more often than it may, and the seconds after which it may ask again. RFC 6585 §4. */
export function tooManyRequests(waitSeconds: number): HttpResponse {
  return errorResponse(429, [["Retry-After", String(waitSeconds)]]);
}

/** The fields of a body that {@linkcode errorBody} makes. */
export const ERROR_FIELDS: Fields = [
  ["Content-Type", "text/plain; charset=utf-8"],
  ["X-Content-Type-Options", "nosniff"],
];

/** What happened, in words: text in UTF-8. */
export function errorBody(status: number): Uint8Array<ArrayBuffer> {
  return encodeUtf8(`${status} ${reasonPhrase(status)}\n${EXPLANATIONS.get(status) ?? ""}`);
}

const EXPLANATIONS: ReadonlyMap<number, string> = new Map([
  [400, "The request is malformed.\n"],
  [401, "A name and a password are asked for. 需要用户名和密码\n"],
  [403, "This file may not be read. 没有权限\n"],
  [404, "The file was not found. 文件未找到，请输入正确的url\n"],
  [405, "This server answers GET, HEAD and OPTIONS.\n"],
  [406, "None of the file's forms is one that the request accepts.\n"],
  [408, "The request did not arrive in time.\n"],
  [412, "The file is not in the state that the request asks for.\n"],
  [413, "The request's body is too large.\n"],
  [414, "The request's target is too long.\n"],
  [416, "The file has no such range.\n"],
  [417, "The only expectation that is known is 100-continue.\n"],
  [429, "Too many requests. Try again later.\n"],
  [431, "The request's fields are too large or too many.\n"],
  [500, "The server failed to answer. It is not your fault.\n"],
  [501, "The method or transfer coding is not implemented.\n"],
  [503, "Try again later.\n"],
  [505, "This server speaks HTTP/1.1 and HTTP/1.0.\n"],
]);
