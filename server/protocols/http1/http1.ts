/**
 * HTTP/1 on a connection: reading → (handling) → writing → reading or closed. The body of a request that is being handled
 * is received as far as there is room.
 * @module
 */
import type { Connection } from "../../connection/connection.ts";
import type { Activity, Protocol } from "../../connection/protocol.ts";
import { Exchange } from "../../exchange/exchange.ts";
import type { RequestTaker } from "../../exchange/request_taker.ts";
import type { HttpRequest } from "../../http/request.ts";
import { PIPELINED_REQUESTS_PER_TURN_MAX } from "../../limits.ts";
import { Interest } from "../../loop/poller.ts";
import { Http2 } from "../http2/http2.ts";
import { isHttp2 } from "../http2/responses/rejection.ts";
import { NextRequest } from "./next_request.ts";
import { Read, RequestReader } from "./request_reader.ts";
import { Responder } from "./responder.ts";

/** The result of reading what begins with the request line of another version. */
const NOT_HTTP1 = -505;
/** HTTP/1 on one connection. */
export class Http1 implements Protocol {
  readonly #connection: Connection;
  readonly #taker: RequestTaker | null;
  readonly #reader: RequestReader;
  readonly #responder: Responder;
  readonly #next: NextRequest;
  /** The client has ended, and everything that it has sent is answered. */
  #isOver = false;

  /** `taker` is null if requests are answered by the handler of the connection's context. */
  constructor(connection: Connection, taker: RequestTaker | null = null) {
    this.#connection = connection;
    this.#taker = taker;
    this.#reader = new RequestReader(connection.input);
    this.#responder = new Responder(connection, this.#reader, taker);
    this.#next = new NextRequest(connection, taker !== null);
  }

  get activity(): Activity {
    return this.#responder.isHandling ? "handling" : this.#reader.isInBody ? "reading-body" : "reading";
  }

  get isDuplex(): boolean {
    return this.#responder.isHandling;
  }

  get canIdle(): boolean {
    const { input, context } = this.#connection;
    return this.activity === "reading" && !this.#next.inHead && input.isEmpty && !this.#responder.closes &&
      this.#taker === null && !context.isDraining;
  }

  get wantsInput(): Interest {
    const { isHandling, exchange } = this.#responder;
    if (!isHandling) return Interest.READABLE;
    const { isEnded, isEmpty } = this.#connection.input;
    const hasRoom = this.#reader.isInBody ? exchange!.body!.hasRoom : isEmpty;
    return hasRoom && !isEnded ? Interest.READABLE : Interest.NONE;
  }

  onInput(): void {
    if (this.#responder.isHandling) this.#receiveBody();
    else if (!this.#responder.closes) this.#process();
  }

  onEnd(): void {
    if (!this.#responder.isHandling) this.#isOver = !this.#connection.input.isUnread;
    else if (this.#reader.isInBody) this.#responder.reset();
  }

  onSent(): void {
    this.#responder.writer.onSent();
  }

  onDrained(): void {
    if (this.activity === "reading-body") this.#responder.awaitBody(); // the time of sending does not count for the body
  }

  onSettled(): void {
    const { exchange, isHandling, closes, lingers } = this.#responder;
    this.#taker?.sent();
    if (isHandling) return exchange!.update();
    if (closes) return this.#connection.finish(lingers);
    if (this.#isOver) return this.#connection.close(); // nothing more will arrive
    if (!this.#reader.isInBody && !this.#next.wait()) this.#endIdle();
  }

  /** Closes the writing half and waits for the client's end, because no further request is expected. */
  #endIdle(): void {
    this.#responder.closes = this.#responder.lingers = true;
    this.#connection.finish(true);
  }

  onDeadline(): void {
    const connection = this.#connection;
    const { isInBody } = this.#reader;
    if (isInBody && this.#responder.isBodyInTime()) return;
    const isIdle = !isInBody && !this.#next.inHead;
    if (isIdle && connection.context.isDraining) return this.#endIdle();
    if (isIdle) return this.#connection.close();
    if (this.#responder.exchange !== null) return this.#responder.reset();
    this.#responder.reject(408, this.#reader.incomplete(connection.context.buffers));
    connection.settle();
  }

  onClosed(): void {
    this.#next.inHead = this.#isOver = false;
    try {
      this.#responder.onClosed();
    } finally {
      this.#reader.reset();
    }
  }

  /**
   * Prepares for the stop of the server. A connection that has been idle since `sinceMs` stays open while its next request
   * may be on its way.
   */
  drain(sinceMs: number): void {
    const connection = this.#connection;
    const { exchange, isHandling } = this.#responder;
    this.#next.drain(sinceMs);
    exchange?.drain();
    if (isHandling && exchange!.isClientGone) return this.#responder.reset();
    if (connection.state !== "reading") return;
    this.#next.hasten();
    connection.input.isReadable = true;
    connection.context.reactor.again(connection);
  }

  /** Answers no further request, and ends the connection once what has started is sent. */
  close(): void {
    const connection = this.#connection;
    const responder = this.#responder;
    if (connection.retired) return;
    responder.closes = true;
    if (responder.exchange?.isAnswered === false || this.activity === "reading-body") { // the client may continue sending
      responder.lingers = true;
      responder.exchange?.stop();
      responder.isHandling = false;
    }
    if (!responder.isHandling && connection.state !== "lingering") connection.settle();
  }

  /** Answers requests until one is incomplete or pending, or a response does not fit in the socket. */
  #process(): void {
    const connection = this.#connection;
    const { input, output, context: { reactor, buffers } } = connection;
    const responder = this.#responder;
    let answered = 0;
    while (!input.isEmpty && output.isEmpty && !responder.closes && !connection.retired) {
      if (responder.isHandling) return;
      if (!this.#reader.isInBody) {
        // Reading the clock is not free, so it is read for every fourth request.
        const isLate = answered % 4 === 1 && reactor.isLate;
        if (isLate || answered++ === PIPELINED_REQUESTS_PER_TURN_MAX) return reactor.again(connection);
      }
      const found = this.#reader.read(buffers, connection.context.limits);
      if (found === Read.INCOMPLETE) return;
      if (responder.exchange !== null) { // the rest of a body whose request is answered
        if (found < 0) responder.closes = responder.lingers = true;
        responder.exchange = null;
      } else if (found === Read.REQUEST) {
        this.#handle(buffers.request);
      } else if (found === Read.HEAD) this.#startBody(buffers.request);
      else if (found === NOT_HTTP1 && this.#mayUpgrade && isHttp2(input.bytes, input.start, input.end)) {
        return new Http2(connection, this.#taker).begin();
      } else responder.reject(-found, buffers.request);
    }
  }

  /** True if the client may speak HTTP/2 instead. */
  get #mayUpgrade(): boolean {
    return this.#connection.context.http2 && this.#taker?.speaksHttp2 !== false;
  }

  #handle(request: HttpRequest): void {
    this.#next.inHead = false;
    this.#responder.handle(request);
  }

  /** Handles a request whose body follows. The handler is called before the body is read, unless it ignores bodies. */
  #startBody(request: HttpRequest): void {
    const { fd, input, context: { accounting, buffers, handler, limits } } = this.#connection;
    accounting.lookUpClient(fd);
    this.#responder.awaitBody();
    if (handler.ignoresBodies) {
      if (request.expectsContinue && input.isEmpty) this.#responder.writer.sendContinue();
      return;
    }
    const exchange = this.#responder.exchange = new Exchange(this.#responder);
    this.#reader.body = request.incoming = exchange.openBody();
    const found = input.isEmpty ? Read.INCOMPLETE : this.#reader.read(buffers, limits);
    if (found < 0) this.#responder.reject(-found, request);
    else this.#handle(request);
  }

  /** Passes on what has arrived of the body of the current exchange. */
  #receiveBody(): void {
    const { input, context: { buffers, limits } } = this.#connection;
    if (!this.#reader.isInBody || input.isEmpty) return;
    const exchange = this.#responder.exchange!;
    const { body } = exchange;
    const wasAwaited = body!.isAwaited;
    const found = this.#reader.read(buffers, limits);
    if (found < 0) exchange.dismiss(-found);
    else if (wasAwaited && !body!.isAwaited) exchange.restartHandlerTimeout(); // it was waiting for the client
  }
}
