/**
 * The answering of the requests of one connection, many at once. A request that is answered in its turn has no object; any
 * other has a stream.
 *
 * Source: RFC 9113 §8.
 * @module
 */
import type { Connection } from "../../connection/connection.ts";
import { failureResponse, sendable } from "../../exchange/answer.ts";
import { sharedErrorResponse, tooManyRequests } from "../../exchange/error_response.ts";
import { noResponse } from "../../exchange/pending_response.ts";
import type { Exchange } from "../../exchange/exchange.ts";
import { type ContextOwner, RequestContext } from "../../exchange/request_context.ts";
import type { RequestTaker } from "../../exchange/request_taker.ts";
import type { Fields } from "../../http/field_lines.ts";
import type { Http1Form } from "../../http/http1_form.ts";
import type { HttpRequest } from "../../http/request.ts";
import { HttpResponse } from "../../http/response.ts";
import { waitSecondsOf } from "../../exchange/overload.ts";
import { STREAM_WINDOW_BYTES } from "../../http2_limits.ts";
import { ErrorCode } from "./frames/errors.ts";
import { Flag, FRAME_BYTES_MAX, FRAME_HEAD_BYTES, FrameType, writeFrameHead } from "./frames/frame.ts";
import { priorityOfRequest } from "./streams/priority.ts";
import { ResponseWriter } from "./responses/response_writer.ts";
import type { Session } from "./session.ts";
import { Stream, type StreamOwner } from "./streams/stream.ts";
import { StreamSender } from "./stream_sender.ts";

/** Answers requests. */
export class Responder implements StreamOwner, ContextOwner {
  readonly connection: Connection;
  readonly #session: Session;
  readonly #taker: RequestTaker | null;
  readonly #responses: ResponseWriter;
  /** Null until there is a stream, and while the connection is idle. */
  #sender: StreamSender | null = null;
  #requestContext: RequestContext;
  /** The stream of the request whose handler is being called; 0 outside of such a call. */
  #currentId = 0;
  /** Its object, once it has one. */
  #currentStream: Stream | null = null;

  /** `taker` is null if requests are answered by the handler of the connection's context. */
  constructor(session: Session, taker: RequestTaker | null) {
    const { connection, writer, settings } = this.#session = session;
    this.#taker = taker;
    this.connection = connection;
    this.#responses = new ResponseWriter(writer, settings, connection.context.clock);
    this.#requestContext = new RequestContext(connection, this);
  }

  // For the context of requests

  /** The signal of the current request. Already aborted outside of a call of the handler. */
  get signal(): AbortSignal {
    return this.#currentId === 0
      ? AbortSignal.abort()
      : (this.#currentStream ??= this.#open(this.#currentId)).exchange.signal;
  }

  earlyHints(fields: Fields): void {
    if (this.#currentId !== 0) this.#responses.hints(fields, this.#currentId);
  }

  /** Ties the context of the current request to its exchange. The next request gets another context. */
  #bind(exchange: Exchange): void {
    this.#requestContext.bind(exchange);
    this.#requestContext = new RequestContext(this.connection, this);
  }

  // Requests

  /** Takes the request of a new stream. `status` is that of its head; 0 for one that is right. */
  admit(id: number, request: HttpRequest, status: number, hasEnded: boolean): void {
    const { context } = this.connection;
    const { streams } = this.#session;
    if (streams.count >= streams.countMax || streams.areHeadsFull) {
      return this.refuse(id, ErrorCode.REFUSED_STREAM);
    }
    if (status < 0) return this.#answer(id, request, sharedErrorResponse(-status), hasEnded);
    if (hasEnded) return this.#call(id, request, null);
    const stream = this.#keep(this.#open(id), request);
    if (request.contentLength > context.limits.bodyBytesMax) return stream.exchange.dismiss(413);
    if (context.handler.ignoresBodies) { // it is called when the body has come
      stream.awaitBody();
      return this.wantBody(stream);
    }
    request.incoming = stream.exchange.openBody();
    this.#call(id, request, stream);
  }

  /** Ends a stream that has no object. Only what the client has caused counts as its trouble. */
  refuse(id: number, code: ErrorCode): void {
    if (code !== ErrorCode.INTERNAL_ERROR && !this.#session.charge()) return;
    this.#reset(id, code);
    const { http2 } = this.connection.context.accounting.counters;
    if (code === ErrorCode.REFUSED_STREAM) http2.refuseStream();
    else http2.resetStream();
  }

  #reset(id: number, code: ErrorCode): void {
    this.#session.writer.number(FrameType.RST_STREAM, id, code);
    this.#session.streams.closed.noteReset(id, false);
  }

  #open(id: number): Stream {
    const { settings, streams } = this.#session;
    const stream = new Stream(this, id, settings.initialWindowBytes, STREAM_WINDOW_BYTES);
    streams.add(stream);
    this.#sender ??= new StreamSender(this.#session, this.#responses, this);
    this.#session.limitUnsent();
    return stream;
  }

  /** Lets a request outlive this turn. Returns its stream. */
  #keep(stream: Stream, request: HttpRequest): Stream {
    const { fd, context: { accounting, buffers, reactor } } = this.connection;
    const { exchange } = stream;
    if (exchange.request !== null) return stream;
    accounting.lookUpClient(fd);
    this.#session.heads.keepRequest(buffers, request);
    this.#session.streams.keepHead(stream, request.isShared ? 0 : request.buffer.length);
    exchange.request = request;
    exchange.startMs = reactor.turnMs;
    return stream;
  }

  /** Calls the handler. `stream` is null for a request without a body. */
  #call(id: number, request: HttpRequest, stream: Stream | null): void {
    const { fd, context } = this.connection;
    const waitSeconds = waitSecondsOf(fd, request, context);
    if (waitSeconds === 0 && this.#taker !== null) return this.#pass(this.#taker, id, request, stream);
    this.#currentId = id;
    this.#currentStream = stream;
    let result: HttpResponse | Promise<HttpResponse>;
    try {
      result = waitSeconds > 0
        ? tooManyRequests(waitSeconds)
        : (context.handler(request, this.#requestContext) ?? Promise.reject(noResponse())); // JavaScript may return undefined
    } catch (error) {
      result = failureResponse(error, request, context);
    } finally {
      this.#currentId = 0;
    }
    const opened = this.#currentStream;
    this.#currentStream = null;
    if (opened !== null && stream === null) opened.hasClientEnded = true;
    if (!(result instanceof HttpResponse)) {
      const waiting = opened ?? this.#open(id);
      if (stream === null) waiting.hasClientEnded = true;
      this.#bind(waiting.exchange);
      this.#keep(waiting, request).exchange.wait(result);
    } else if (opened !== null) {
      this.#bind(opened.exchange);
      this.#keep(opened, request).exchange.respond(result);
    } else this.#answer(id, request, result, true);
  }

  /** Passes a request on to `taker`. `stream` is null for one without a body. */
  #pass(taker: RequestTaker, id: number, request: HttpRequest, stream: Stream | null): void {
    const kept = this.#keep(stream ?? this.#open(id), request);
    kept.hasClientEnded ||= stream === null;
    kept.exchange.onClientGone = () => kept.reset();
    kept.exchange.wait(null);
    taker.arrived(kept.exchange);
  }

  /** Answers a request that has no stream: at once, if the windows allow it. */
  #answer(id: number, request: HttpRequest, response: HttpResponse, hasEnded: boolean): void {
    const { connection: { fd, isBlocked, context } } = this;
    const { streams, writer } = this.#session;
    const isNow = hasEnded && !isBlocked && this.#fits(response) && writer.takesMore(streams.count > 0);
    const sent = isNow ? sendable(response, request, context) : response;
    if (!isNow || (sent !== response && !this.#fits(sent))) { // an error may be longer than what it replaces
      const stream = this.#keep(this.#open(id), request);
      stream.hasClientEnded = hasEnded;
      this.#bind(stream.exchange);
      return stream.exchange.respond(sent);
    }
    const form = HttpResponse.http1(sent);
    const bodyLength = request.method === "HEAD" ? 0 : form.bytes.length - form.headLength;
    const block = this.#responses.head(sent, id, bodyLength === 0);
    if (bodyLength > 0) this.#writeBody(block.bodyOf(form), id);
    if (sent.closes) this.#session.leave();
    context.accounting.answered(fd, request, sent.status, bodyLength, context.reactor.turnMs);
  }

  /** True if all of the response may be written at once. */
  #fits(response: HttpResponse): boolean {
    let form: Http1Form;
    try {
      form = HttpResponse.http1(response);
    } catch { // it only looks like a response, which `sendable` reports
      return false;
    }
    const { tail, bytes, headLength } = form;
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
    streams.earn(body.length, false);
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
    const { body } = exchange;
    const wasAwaited = body?.isAwaited;
    body?.push(bytes);
    if (wasAwaited && !body!.isAwaited) exchange.restartHandlerTimeout(); // it was waiting for the client
    if (hasEnded) this.endBody(stream);
    else this.wantBody(stream);
  }

  /** The client has sent all of a stream. */
  endBody(stream: Stream): void {
    const { exchange, receivedBytes, request } = stream;
    if (request.contentLength >= 0 && receivedBytes !== request.contentLength) {
      return this.resetStream(stream, ErrorCode.PROTOCOL_ERROR);
    }
    stream.endInput();
    if (exchange.body !== null) {
      if (exchange.body.isAwaited) exchange.restartHandlerTimeout();
      exchange.body.end();
    } else if (exchange.isOpen) this.#call(stream.id, request, stream); // the handler ignores bodies
  }

  wantBody(stream: Stream): void {
    const { unreturnedBytes, exchange, request } = stream;
    if (stream.hasClientEnded || stream.isOver) return;
    if (request.expectsContinue && !exchange.isContinued && exchange.isUnanswered) {
      exchange.isContinued = true;
      this.#responses.continue(stream.id);
    }
    if (unreturnedBytes < STREAM_WINDOW_BYTES / 2) return; // the client has at least as much left
    if (exchange.body?.hasRoom === false) return;
    stream.unreturnedBytes = 0;
    stream.receiveWindow += unreturnedBytes;
    this.#session.writer.number(FrameType.WINDOW_UPDATE, stream.id, unreturnedBytes);
  }

  // Responses of streams

  /** Sends data of streams. Returns true if there may be more for another turn. */
  pull(): boolean {
    return this.#sender !== null && this.#sender.pull();
  }

  /** Frees the memory for streams, while there are none. */
  rest(): void {
    this.#sender = null;
  }

  sendHead(stream: Stream, response: HttpResponse, isEnd: boolean): void {
    const block = this.#responses.head(response, stream.id, isEnd);
    if (response.closes) this.#session.leave();
    if (isEnd) return this.complete(stream);
    stream.priority.begin(priorityOfRequest(stream.request), block);
    const form = HttpResponse.http1(response);
    const body = form.tail ?? block.bodyOf(form);
    if (body instanceof Uint8Array) {
      stream.data.framed = block.framesOf(body, this.connection.context.reactor.now);
      stream.data.append(body);
    }
  }

  sendHints({ id, isOver }: Stream, fields: Fields): void {
    if (!isOver) this.#responses.hints(fields, id);
  }

  sendEnd(stream: Stream): void {
    this.#responses.end(stream.trailers, stream.id);
    this.complete(stream);
  }

  giveBack(stream: Stream): void {
    this.#reset(stream.id, ErrorCode.REFUSED_STREAM); // §8.7
    this.#session.streams.abandon(stream);
  }

  resetStream(stream: Stream, code: ErrorCode): void {
    if (stream.isOver) return;
    this.refuse(stream.id, code);
    this.#session.streams.abandon(stream);
  }

  complete(stream: Stream): void {
    const { fd, context: { accounting } } = this.connection;
    const { exchange, request, status, sentBytes } = stream;
    accounting.answered(fd, request, status, sentBytes, exchange.startMs);
    if (!stream.hasClientEnded) this.#reset(stream.id, ErrorCode.NO_ERROR); // §8.1
    this.#session.streams.drop(stream);
  }
}
