/**
 * The answering of the requests of one connection, many at once. A request that is answered in its turn has no object; any
 * other has a stream.
 *
 * Source: RFC 9113 §8.
 * @module
 */
import type { SocketAddress } from "../../../ffi/socket/socket.ts";
import type { Connection } from "../../connection/connection.ts";
import { failureResponse, sendable } from "../../exchange/answer.ts";
import { errorResponse, tooManyRequests } from "../../exchange/error_response.ts";
import { noResponse } from "../../exchange/pending_response.ts";
import { RequestContext } from "../../exchange/request_context.ts";
import { encodeUtf8 } from "../../http/characters.ts";
import type { HttpRequest } from "../../http/request.ts";
import { HttpResponse } from "../../http/response.ts";
import { waitSecondsOf } from "../../exchange/overload.ts";
import { ErrorCode } from "./errors.ts";
import { Flag, FRAME_BYTES_MAX, FRAME_HEAD_BYTES, FrameType, writeFrameHead } from "./frame.ts";
import type { FrameWriter } from "./frame_writer.ts";
import { HpackEncoder } from "./hpack/encoder.ts";
import type { HeadReader } from "./head_reader.ts";
import { priorityOfRequest } from "./priority.ts";
import { ResponseBlock } from "./response_block.ts";
import { Scheduler } from "./scheduler.ts";
import type { PeerSettings } from "./settings.ts";
import { Stream, type StreamOwner } from "./stream.ts";
import { STREAM_WINDOW_BYTES, type Streams, STREAMS_MAX } from "./streams.ts";

/** The head of 100 (Continue). */
const CONTINUE_BLOCK = (() => {
  const encoder = new HpackEncoder();
  encoder.add(":status", encodeUtf8("100"));
  return encoder.toBytes();
})();
const blocks = new WeakMap<HttpResponse, ResponseBlock>();

/** Returns the head of a response as a frame. */
function blockOf(response: HttpResponse): ResponseBlock {
  let block = blocks.get(response);
  if (block === undefined) {
    block = new ResponseBlock(response.status, HttpResponse.http1(response));
    blocks.set(response, block);
  }
  return block;
}

/** What the parts of a connection share. */
export interface Session {
  readonly connection: Connection;
  readonly writer: FrameWriter;
  readonly streams: Streams;
  readonly heads: HeadReader;
  readonly settings: PeerSettings;
  /** No new stream is served. */
  isDraining: boolean;
  /** The instant by which the head that has begun must be complete; Infinity if there is none. */
  headUntilMs: number;
  /** Lets little wait in the socket from now on, because something more urgent may follow. */
  limitUnsent(): void;
  /** Counts what costs this side more than the client. Returns false if the connection has ended for that. */
  charge(): boolean;
}

/** Answers requests. */
export class Responder implements StreamOwner {
  readonly connection: Connection;
  readonly #session: Session;
  readonly #requestContext: RequestContext;
  readonly #scheduler = new Scheduler();
  /** The request whose handler is being called, and its stream once it has one. */
  #current: { readonly id: number; stream: Stream | null } | null = null;

  constructor(session: Session) {
    this.#session = session;
    this.connection = session.connection;
    this.#requestContext = new RequestContext(this.connection.context, this);
  }

  // For the context of requests

  /** The client's address; null once it is gone. */
  get address(): SocketAddress | null {
    const { retired, fd, context } = this.connection;
    return retired ? null : context.clientAddresses.address(fd);
  }

  /** The descriptor; −1 once the client is gone. */
  get openFd(): number {
    return this.connection.retired ? -1 : this.connection.fd;
  }

  /** The signal of the current request. Already aborted outside of a call of the handler. */
  get signal(): AbortSignal {
    const current = this.#current;
    return current === null
      ? AbortSignal.abort()
      : (current.stream ??= this.#open(current.id)).exchange.signal;
  }

  // Requests

  /** Takes the request of a new stream. `status` is that of its head; 0 for one that is right. */
  admit(id: number, request: HttpRequest, status: number, hasEnded: boolean): void {
    const { context } = this.connection;
    const { count } = this.#session.streams;
    if (count >= STREAMS_MAX) return this.refuse(id, ErrorCode.REFUSED_STREAM);
    if (count > 0) this.#session.limitUnsent();
    if (status < 0) return this.#answer(id, request, errorResponse(-status), hasEnded);
    if (hasEnded) return this.#call(id, request, null);
    const stream = this.#keep(this.#open(id), request);
    if (request.contentLength > context.limits.bodyBytesMax) return stream.exchange.dismiss(413);
    if (context.handler.ignoresBodies) return; // it is called when the body has come
    request.incoming = stream.exchange.openBody();
    this.#call(id, request, stream);
  }

  /** Ends a stream that has no object. */
  refuse(id: number, code: ErrorCode): void {
    const { writer } = this.#session;
    if (this.#session.charge()) writer.number(FrameType.RST_STREAM, id, code);
  }

  #open(id: number): Stream {
    const { settings, streams } = this.#session;
    const stream = new Stream(this, id, settings.initialWindowBytes, STREAM_WINDOW_BYTES);
    streams.add(stream);
    return stream;
  }

  /** Lets a request outlive this turn. Returns its stream. */
  #keep(stream: Stream, request: HttpRequest): Stream {
    const { fd, context: { accounting, buffers, reactor } } = this.connection;
    const { exchange } = stream;
    if (exchange.request !== null) return stream;
    accounting.lookUpClient(fd);
    this.#session.heads.keepRequest(buffers, request);
    exchange.request = request;
    exchange.startMs = reactor.turnMs;
    return stream;
  }

  /** Calls the handler. `stream` is null for a request without a body. */
  #call(id: number, request: HttpRequest, stream: Stream | null): void {
    const { fd, context } = this.connection;
    const current = this.#current = { id, stream };
    let result: HttpResponse | Promise<HttpResponse>;
    try {
      const waitSeconds = waitSecondsOf(fd, request, context);
      result = waitSeconds > 0
        ? tooManyRequests(waitSeconds)
        : (context.handler(request, this.#requestContext) ?? Promise.reject(noResponse())); // JavaScript may return undefined
    } catch (error) {
      result = failureResponse(error, context);
    } finally {
      this.#current = null;
    }
    const opened = current.stream;
    if (opened !== null && stream === null) opened.hasClientEnded = true;
    if (!(result instanceof HttpResponse)) {
      const waiting = opened ?? this.#open(id);
      if (stream === null) waiting.hasClientEnded = true;
      this.#keep(waiting, request).exchange.wait(result);
    } else if (opened !== null) this.#keep(opened, request).exchange.respond(result);
    else this.#answer(id, request, result, true);
  }

  /** Answers a request that has no stream: at once, if the windows allow it. */
  #answer(id: number, request: HttpRequest, response: HttpResponse, hasEnded: boolean): void {
    const { connection: { fd, isBlocked, context } } = this;
    const { streams, writer } = this.#session;
    if (!hasEnded || isBlocked || !this.#fits(response) || !writer.takesMore(streams.count > 0)) {
      const stream = this.#keep(this.#open(id), request);
      stream.hasClientEnded = hasEnded;
      return stream.exchange.respond(response);
    }
    const sent = sendable(response, request, context);
    const form = HttpResponse.http1(sent);
    const bodyLength = request.method === "HEAD" ? 0 : form.bytes.length - form.headLength;
    this.#writeHead(sent, id, bodyLength === 0);
    if (bodyLength > 0) this.#writeBody(form.bytes.subarray(form.headLength), id);
    context.accounting.sent(fd, request, sent.status, bodyLength, 0, context.reactor.turnMs);
  }

  /** True if all of the response may be written at once. */
  #fits(response: HttpResponse): boolean {
    const { tail, bytes, headLength } = HttpResponse.http1(response);
    const bodyLength = bytes.length - headLength;
    return tail === null && bodyLength <= FRAME_BYTES_MAX &&
      bodyLength <= this.#session.streams.window.bytes &&
      bodyLength <= this.#session.settings.initialWindowBytes;
  }

  #writeBody(body: Uint8Array, id: number): void {
    const { writer, streams } = this.#session;
    if (!writer.hasRoom) writer.send();
    writeFrameHead(writer.bytes, writer.length, body.length, FrameType.DATA, Flag.END_STREAM, id);
    writer.bytes.set(body, writer.length + FRAME_HEAD_BYTES);
    writer.advance(FRAME_HEAD_BYTES + body.length);
    streams.window.bytes -= body.length;
  }

  #writeHead(response: HttpResponse, id: number, isEnd: boolean): void {
    const { writer, settings } = this.#session;
    const block = blockOf(response);
    block.stamp(id, isEnd, this.connection.context.clock);
    if (!settings.hasShrunkTable) return writer.whole(block.bytes);
    settings.hasShrunkTable = false;
    writer.whole(block.withTableSize());
  }

  // Bodies of requests

  /** Takes data of a stream, of whose window `length` bytes are used. */
  receive(stream: Stream, bytes: Uint8Array, length: number, hasEnded: boolean): void {
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) return this.resetStream(stream, ErrorCode.FLOW_CONTROL_ERROR);
    stream.receivedBytes += bytes.length;
    stream.unreturnedBytes += length;
    const { exchange, receivedBytes } = stream;
    const { contentLength } = stream.request;
    if (contentLength >= 0 && receivedBytes > contentLength) {
      return this.resetStream(stream, ErrorCode.PROTOCOL_ERROR); // §8.1.1
    }
    if (receivedBytes > this.connection.context.limits.bodyBytesMax) {
      return exchange.isOpen ? exchange.dismiss(413) : undefined;
    }
    exchange.body?.push(bytes);
    if (hasEnded) this.endBody(stream);
    else this.wantBody(stream);
  }

  /** The client has sent all of a stream. */
  endBody(stream: Stream): void {
    const { exchange, receivedBytes, request } = stream;
    if (request.contentLength >= 0 && receivedBytes !== request.contentLength) {
      return this.resetStream(stream, ErrorCode.PROTOCOL_ERROR);
    }
    stream.hasClientEnded = true;
    if (exchange.body !== null) exchange.body.end();
    else if (exchange.isOpen) this.#call(stream.id, request, stream); // the handler ignores bodies
  }

  wantBody(stream: Stream): void {
    const { unreturnedBytes, exchange, request } = stream;
    if (stream.hasClientEnded || stream.isOver) return;
    if (request.expectsContinue && !exchange.isContinued && exchange.isUnanswered) {
      exchange.isContinued = true;
      this.#session.writer.frame(FrameType.HEADERS, Flag.END_HEADERS, stream.id, CONTINUE_BLOCK);
    }
    if (unreturnedBytes === 0) return;
    if (exchange.body?.hasRoom === false) return;
    stream.unreturnedBytes = 0;
    stream.receiveWindow += unreturnedBytes;
    this.#session.writer.number(FrameType.WINDOW_UPDATE, stream.id, unreturnedBytes);
  }

  // Responses of streams

  sendHead(stream: Stream, response: HttpResponse, isEnd: boolean): void {
    this.#writeHead(response, stream.id, isEnd);
    if (isEnd) this.#complete(stream);
    else stream.priority.begin(priorityOfRequest(stream.request), blockOf(response));
  }

  resetStream(stream: Stream, code: ErrorCode): void {
    if (stream.isOver) return;
    const { streams } = this.#session;
    this.refuse(stream.id, code);
    streams.drop(stream);
    stream.exchange.onClosed();
  }

  /** The response is written. */
  #complete(stream: Stream): void {
    const { fd, context: { accounting } } = this.connection;
    const { exchange, request, status, sentBytes } = stream;
    const { streams, writer } = this.#session;
    accounting.sent(fd, request, status, sentBytes, 0, exchange.startMs);
    if (!stream.hasClientEnded) writer.number(FrameType.RST_STREAM, stream.id, ErrorCode.NO_ERROR); // §8.1
    streams.drop(stream);
  }

  /**
   * Writes the most urgent data while the windows and the socket allow it, and little is written. Returns true if there may be
   * more for another write.
   */
  pull(): boolean {
    const { streams, writer } = this.#session;
    const scheduler = this.#scheduler;
    if (streams.count === 0 || this.connection.isBlocked) return false;
    while (writer.isLow) {
      const stream = scheduler.next(streams.all(), streams.window.bytes > 0);
      if (stream === null) return false;
      do this.#writeData(stream); while (
        !scheduler.takesTurns && writer.isLow && stream.isReady && streams.window.bytes > 0
      );
    }
    return true;
  }

  #writeData(stream: Stream): void {
    const { streams, writer } = this.#session;
    const at = writer.length + FRAME_HEAD_BYTES;
    const count = stream.take(writer.bytes, at, Math.min(FRAME_BYTES_MAX, streams.window.bytes));
    if (count < 0) return this.resetStream(stream, ErrorCode.INTERNAL_ERROR);
    streams.window.bytes -= count;
    const isEnd = stream.isWritten;
    writeFrameHead(
      writer.bytes,
      writer.length,
      count,
      FrameType.DATA,
      isEnd ? Flag.END_STREAM : 0,
      stream.id,
    );
    writer.advance(FRAME_HEAD_BYTES + count);
    if (isEnd) this.#complete(stream);
  }
}
