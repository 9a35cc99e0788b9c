/**
 * The answering of the requests of one connection, one after the other. A request that takes more than its turn has an
 * exchange; meanwhile further requests wait.
 * @module
 */
import type { Connection } from "../../connection/connection.ts";
import { failureResponse, sendable } from "../../exchange/answer.ts";
import { BodyRate } from "../../exchange/body_rate.ts";
import type { Carrier } from "../../exchange/carrier.ts";
import { errorResponse, tooManyRequests } from "../../exchange/error_response.ts";
import { Exchange } from "../../exchange/exchange.ts";
import { noResponse } from "../../exchange/pending_response.ts";
import { type ContextOwner, RequestContext } from "../../exchange/request_context.ts";
import type { RequestTaker } from "../../exchange/request_taker.ts";
import type { Fields } from "../../http/field_lines.ts";
import type { HttpRequest } from "../../http/request.ts";
import { HttpResponse } from "../../http/response.ts";
import type { StreamBody } from "../../http/stream_body.ts";
import { waitSecondsOf } from "../../exchange/overload.ts";
import type { RequestReader } from "./request_reader.ts";
import { check } from "../../loop/check.ts";
import { endsByClose, ResponseWriter } from "./response_writer.ts";
import { Upgrade } from "./upgrade.ts";

/** Answers requests, and carries their exchanges. */
export class Responder implements Carrier<Exchange>, ContextOwner {
  readonly connection: Connection;
  readonly writer: ResponseWriter;
  /** The current request if it takes more than this turn; also while the rest of its body is dropped. Otherwise null. */
  exchange: Exchange | null = null;
  /** True while a promise or a stream is producing the response of the exchange. */
  isHandling = false;
  /** No further request is read. */
  closes = false;
  /** The client may still send when everything is answered. */
  lingers = false;
  readonly #reader: RequestReader;
  readonly #taker: RequestTaker | null;
  #requestContext: RequestContext;
  /** The rate of bodies that no handler reads; null before the first. */
  #unread: BodyRate | null = null;
  /** The request whose handler is being called; null outside of such a call. */
  #called: HttpRequest | null = null;

  /** `taker` is null if requests are answered by the handler of the connection's context. */
  constructor(connection: Connection, reader: RequestReader, taker: RequestTaker | null) {
    this.connection = connection;
    this.writer = new ResponseWriter(connection);
    this.#reader = reader;
    this.#taker = taker;
    this.#requestContext = new RequestContext(connection, this);
  }

  // For the context of requests

  /** The signal of the current request. Already aborted outside of a call of the handler. */
  get signal(): AbortSignal {
    return this.#called !== null ? (this.exchange ??= new Exchange(this)).signal : AbortSignal.abort();
  }

  earlyHints(fields: Fields): void {
    if (this.#called !== null) this.writer.sendHints(this.#called, fields);
  }

  // Answering

  /** Calls the handler for `request`, of which the body may be incomplete. */
  handle(request: HttpRequest): void {
    const { fd, context } = this.connection;
    const waitSeconds = waitSecondsOf(fd, request, context);
    if (waitSeconds > 0) return this.#answer(tooManyRequests(waitSeconds), request);
    if (this.#taker !== null) {
      const exchange = this.#takeLonger(request);
      exchange.wait(null);
      return this.#taker.arrived(exchange);
    }
    let result: HttpResponse | Promise<HttpResponse> | Upgrade;
    this.#called = request;
    try {
      result = context.handler(request, this.#requestContext) ?? Promise.reject(noResponse()); // JavaScript may return undefined
    } catch (error) {
      this.#called = null;
      return this.#answer(failureResponse(error, request, context), request);
    }
    this.#called = null;
    if (result instanceof HttpResponse) this.#answer(result, request);
    else if (result instanceof Upgrade) this.#upgrade(result, request);
    else this.#takeLonger(request).wait(result);
  }

  /** Hands the connection over to another protocol, which also gets what the client has sent after its request. */
  #upgrade(upgrade: Upgrade, request: HttpRequest): void {
    const { connection, connection: { fd, context } } = this;
    if (!upgrade.isWanted(request) || this.#reader.isInBody) {
      const error = new TypeError(
        `A handler switches to ${upgrade.name}, which the client has not asked for in a complete request`,
      );
      return this.#answer(failureResponse(error, request, context), request);
    }
    const { response } = upgrade;
    connection.output.append(context.buffers, response, 0, response.length);
    context.accounting.sent(fd, request, 101, 0, 0, context.reactor.turnMs); // its bytes are counted when they are sent
    connection.flush();
    this.writer.onClosed(); // earlier responses that are not sent yet are logged as cut off
    this.closes = true;
    this.exchange?.end(); // the handler has asked for its signal
    this.exchange = null;
    if (!connection.retired) connection.speak(upgrade.begin(connection));
  }

  /** Answers an invalid request and ends the connection, because it is not known where the next request starts. */
  reject(status: number, request: HttpRequest): void {
    this.lingers = true;
    this.#answer(errorResponse(status, [], true), request);
  }

  #answer(response: HttpResponse, request: HttpRequest): void {
    const sent = sendable(response, request, this.connection.context);
    const { stream } = sent;
    if (stream === null || request.method === "HEAD") this.#send(sent, stream, request);
    else this.#takeLonger(request).respond(sent);
  }

  /** Lets `request` and its context outlive this turn. Returns its exchange. */
  #takeLonger(request: HttpRequest): Exchange {
    const { connection, connection: { fd, context, context: { reactor } } } = this;
    check(!this.isHandling, "One request is handled at a time");
    connection.isReusable = false;
    this.#reader.release(context.buffers, request);
    const exchange = this.exchange ??= new Exchange(this);
    if (exchange.request === null) { // the context is its own from now on
      context.accounting.lookUpClient(fd);
      this.#requestContext.bind(exchange);
      this.#requestContext = new RequestContext(connection, this);
      if (this.#taker !== null) exchange.onClientGone = () => this.reset();
    }
    exchange.request = request;
    exchange.startMs ||= reactor.turnMs;
    this.isHandling = true;
    connection.expireAt(Infinity); // the exchange has deadlines of its own
    return exchange;
  }

  /** Sends a response; of one with a stream only the head. What does not fit in the socket waits. */
  #send(response: HttpResponse, stream: StreamBody | null, request: HttpRequest): void {
    const { keepAlive, isDraining } = this.connection.context;
    const { exchange } = this;
    // A client that waits for 100 (Continue) gets the response instead, and may then send the body or not. The
    // connection ends, because it is not known which.
    const isWaitedFor = exchange !== null && request.expectsContinue && this.#reader.isInBody &&
      !exchange.isContinued;
    const closes = response.closes || !request.keepAlive || !keepAlive || isDraining || isWaitedFor ||
      (stream !== null && endsByClose(stream, request));
    if (closes) this.closes = true;
    if (isDraining) this.lingers = true; // an unread further request would cause a reset, which could destroy this response
    this.writer.send(response, stream, request, closes, exchange === null ? 0 : exchange.startMs);
    if (exchange !== null && (stream === null || request.method === "HEAD")) {
      this.#complete(exchange);
    }
  }

  /** Ends the exchange once its response is sent, or waits to be. The rest of the request's body is dropped. */
  #complete(exchange: Exchange): void {
    check(exchange === this.exchange, "The exchange that ends is the current one");
    this.writer.seal();
    exchange.end();
    this.isHandling = false;
    if (!this.#reader.isInBody) this.exchange = null;
    else {
      this.lingers ||= this.closes;
      this.#reader.body = null;
      this.awaitBody();
    }
  }

  /** Waits for a body that no handler reads. */
  awaitBody(): void {
    this.#unread ??= new BodyRate(this.connection.context);
    this.connection.expireAt(this.#unread.begin(this.receivedBytes, this.exchange?.isAnswered === true));
  }

  /** Returns false if a body that is waited for by {@linkcode awaitBody} is late. */
  isBodyInTime(): boolean {
    const nextMs = this.#unread!.check(this.receivedBytes, this.exchange?.isAnswered === true);
    if (nextMs !== null) this.connection.expireAt(nextMs);
    return nextMs !== null;
  }

  /** Ends what is not answered, because the connection is closed. */
  onClosed(): void {
    const { exchange } = this;
    const { fd, context: { accounting, reactor, buffers } } = this.connection;
    this.writer.onClosed();
    if (exchange === null && this.#reader.isInBody && !this.closes) {
      accounting.leaveUnanswered(fd, this.#reader.incomplete(buffers), reactor.turnMs);
    } else if (exchange !== null && exchange.request !== null && exchange.isUnanswered) {
      accounting.leaveUnanswered(fd, exchange.request, exchange.startMs);
    }
    this.exchange = this.#called = null;
    this.isHandling =
      this.closes =
      this.lingers =
        false;
    try {
      exchange?.onClosed();
    } finally {
      this.#taker?.closed();
    }
  }

  // Carrier

  get isBlocked(): boolean {
    return this.connection.isBlocked;
  }

  get mayHaveLeft(): boolean {
    return this.connection.input.isEnded;
  }

  get receivedBytes(): number {
    return this.connection.input.receivedBytes;
  }

  respond(exchange: Exchange, response: HttpResponse): void {
    this.#send(response, response.stream, exchange.request!);
  }

  write(_exchange: Exchange, piece: Uint8Array<ArrayBuffer>): void {
    this.writer.writePiece(piece);
  }

  sendHints(exchange: Exchange, fields: Fields): void {
    this.writer.sendHints(exchange.request!, fields);
  }

  finish(exchange: Exchange, trailers: Fields | null): void {
    this.writer.finishStream(exchange.request!, trailers);
    this.#complete(exchange);
  }

  reset(): void {
    this.connection.context.reactor.retire(this.connection);
  }

  /** The end of the connection tells the client. */
  refuse(): void {}

  wantBody(exchange: Exchange): void {
    if (!this.#reader.isInBody || this.#reader.body !== exchange.body) return;
    if (exchange.request!.expectsContinue && !exchange.isContinued && exchange.isUnanswered) {
      exchange.isContinued = true;
      this.writer.sendContinue();
    }
    this.connection.input.isReadable = true;
  }
}
