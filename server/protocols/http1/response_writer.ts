/**
 * The sending of responses in HTTP/1: the head, the body, and the framing of a stream. Source: RFC 9112 §6.3 and §7.1.
 * @module
 */
import type { Connection } from "../../connection/connection.ts";
import type { Output } from "../../connection/output.ts";
import { encodeUtf8 } from "../../http/characters.ts";
import { type Fields, linesOf } from "../../http/field_lines.ts";
import { FileBody } from "../../http/file_body.ts";
import { CLOSE_AND_BLANK_LINE } from "../../http/persistence.ts";
import type { Http1Form } from "../../http/http1_form.ts";
import type { HttpRequest } from "../../http/request.ts";
import { CONTINUE, HttpResponse } from "../../http/response.ts";
import type { StreamBody } from "../../http/stream_body.ts";
import { ResponseRecords } from "../../metrics/response_records.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const CHUNKED = encodeUtf8("Transfer-Encoding: chunked\r\n");
const CRLF = encodeUtf8("\r\n");
const LAST_CHUNK = encodeUtf8("0\r\n\r\n");

/**
 * Returns true if the body is sent in chunks: its length is not known, and the client (HTTP/1.1) supports chunks. For
 * an HTTP/1.0 client the end of the connection ends the body.
 */
function isSentInChunks({ length }: StreamBody, { minorVersion }: HttpRequest): boolean {
  return length === null && minorVersion === 1;
}

/** Returns true if the end of the connection ends the body. */
export function endsByClose(body: StreamBody, request: HttpRequest): boolean {
  return body.length === null && !isSentInChunks(body, request);
}

/** Returns true if the client accepts trailers, for itself and for those that it forwards them to (RFC 9110 §6.5.1). */
function acceptsTrailers(request: HttpRequest): boolean {
  return (request.header("te") ?? "").split(",").some((item) => item.trim().toLowerCase() === "trailers");
}

/** Writes the responses of one connection, and accounts for them. */
export class ResponseWriter {
  readonly #connection: Connection;
  readonly #output: Output;
  readonly #records: ResponseRecords;
  /** The stream that is being sent is sent in chunks. */
  #isChunked = false;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#output = connection.output;
    this.#records = new ResponseRecords(connection.context.accounting);
  }

  /**
   * Sends a response to `request`; of one with a `stream` only the head. What does not fit in the socket waits. With
   * `closes` it is the last of the connection. `sinceMs` is the turn in which the handler was called, in milliseconds of
   * the reactor's clock; 0 for this turn.
   */
  send(
    response: HttpResponse,
    stream: StreamBody | null,
    request: HttpRequest,
    closes: boolean,
    sinceMs: number,
  ): void {
    const { fd, input, transport, context } = this.#connection;
    const { reactor, buffers, clock, keepAliveFields, accounting } = context;
    const output = this.#output;
    const startMs = sinceMs || reactor.turnMs;
    const form = HttpResponse.http1(response);
    form.stamp(clock, keepAliveFields);
    const { bytes, tail } = form;
    const isHead = request.method === "HEAD";
    let sent = 0;
    if (input.isEmpty && !isHead && !closes && tail === null) {
      sent = output.sendAlone(transport, fd, buffers, bytes, bytes.length);
    }
    if (sent === bytes.length) {
      return accounting.sent(fd, request, response.status, sent, form.headLength, startMs);
    }
    const record = this.#records.begin(fd, request, response.status, output.appendedBytes, startMs);
    if (sent < 0) return reactor.retire(this.#connection);
    if (sent > 0) accounting.counters.send(sent);
    this.#isChunked = stream !== null && isSentInChunks(stream, request);
    this.#appendHead(form, closes, sent);
    record.from -= sent;
    record.bodyFrom = sent > 0 ? record.from + form.headLength : output.appendedBytes;
    if (isHead && tail instanceof FileBody) tail.close();
    else if (isHead) response.discard();
    else if (stream !== null) return; // its end is not known yet
    else this.#appendBody(form, sent);
    record.until = output.appendedBytes;
  }

  /** Appends the head from byte `from` on, as a copy: all clients share the head, and its date will change. */
  #appendHead(form: Http1Form, closes: boolean, from: number): void {
    const output = this.#output;
    const { buffers } = this.#connection.context;
    const { bytes, headLength, fieldsLength } = form;
    if (!closes && !this.#isChunked) {
      if (from < headLength) output.append(buffers, bytes, from, headLength);
      return;
    }
    output.append(buffers, bytes, 0, fieldsLength);
    if (this.#isChunked) output.append(buffers, CHUNKED, 0, CHUNKED.length);
    if (closes) output.append(buffers, CLOSE_AND_BLANK_LINE, 0, CLOSE_AND_BLANK_LINE.length);
    else output.append(buffers, bytes, fieldsLength, headLength);
  }

  /** Appends the body, from byte `from` of the whole response on. */
  #appendBody(form: Http1Form, from: number): void {
    const output = this.#output;
    const { buffers } = this.#connection.context;
    const { bytes, tail, headLength } = form;
    const bodyFrom = Math.max(from, headLength);
    if (bodyFrom < bytes.length) output.appendShared(buffers, bytes.subarray(bodyFrom));
    if (tail instanceof Uint8Array) output.appendShared(buffers, tail);
    else if (tail instanceof FileBody) output.appendFile(buffers, tail);
  }

  /** Appends a piece of the stream whose head was sent. It has at least one byte: a chunk of size 0 would be the last one. */
  writePiece(piece: Bytes): void {
    if (this.#isChunked) this.#append(encodeUtf8(`${piece.length.toString(16)}\r\n`));
    this.#append(piece);
    if (this.#isChunked) this.#append(CRLF);
  }

  /** Appends the end of the stream, with `trailers` if `request` accepts them (RFC 9112 §7.1.2). */
  finishStream(request: HttpRequest, trailers: Fields | null): void {
    if (!this.#isChunked) return;
    if (trailers === null || !acceptsTrailers(request)) return this.#append(LAST_CHUNK);
    this.#append(encodeUtf8(`0\r\n${linesOf(trailers)}\r\n`));
  }

  /** Sends an interim response 103 (RFC 8297) to `request`, unless it is one of HTTP/1.0. It is not accounted for. */
  sendHints(request: HttpRequest, fields: Fields): void {
    if (request.minorVersion === 0) return;
    this.#append(encodeUtf8(`HTTP/1.1 103 Early Hints\r\n${linesOf(fields)}\r\n`));
  }

  /** Sends 100 (Continue): the client may send the announced body (RFC 9110 §15.2.1). It is not accounted for. */
  sendContinue(): void {
    this.#append(CONTINUE);
  }

  #append(bytes: Bytes): void {
    this.#output.append(this.#connection.context.buffers, bytes, 0, bytes.length);
  }

  /** Marks the last response as complete. */
  seal(): void {
    this.#records.seal(this.#output.appendedBytes);
    this.onSent();
  }

  /** Accounts for the responses that are sent completely. */
  onSent(): void {
    this.#records.progress(this.#output.sentBytes);
  }

  /** Accounts for the responses that are not sent completely, because the connection has ended. */
  onClosed(): void {
    this.#records.cutOff(this.#output.sentBytes);
  }
}
