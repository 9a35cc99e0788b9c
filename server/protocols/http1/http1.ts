/**
 * A connection with HTTP/1: reading → (handling) → writing → reading or closed.
 * @module
 */
import type { SocketAddress } from "../../../ffi/socket/socket.ts";
import type { ConnectionKeeper } from "../../connection/connection.ts";
import type { ConnectionContext } from "../../connection/context.ts";
import { Exchange, noResponse } from "../../exchange/exchange.ts";
import { StreamConnection } from "./stream_connection.ts";
import { bodyMemory, NoRoom } from "../../http/body_memory.ts";
import { HttpError } from "../../http/http_error.ts";
import type { HttpRequest } from "../../http/request.ts";
import { RequestBody } from "../../http/request_body.ts";
import { FileBody } from "../../http/file_body.ts";
import { errorResponse, tooManyRequests } from "../../exchange/error_response.ts";
import { CONTINUE, HttpResponse } from "../../http/response.ts";
import { PIPELINED_REQUESTS_PER_TURN_MAX } from "../../limits.ts";
import { Interest } from "../../loop/poller.ts";
import { ifThereIsRoom, waitSecondsOf } from "./overload.ts";
import { RequestContext } from "../../exchange/request_context.ts";
import { Read } from "./request_reader.ts";
import { isChunked, ResponseStream } from "../../exchange/response_stream.ts";
import { ResponseRecords } from "../../metrics/response_records.ts";

/** A connection with HTTP/1. */
export class HttpConnection extends StreamConnection {
  #requestContext: RequestContext;
  /** True once the first bytes of a request have arrived. The deadline is then that of the head. */
  #inHead = false;
  /** When the server is stopping: the instant until which the next request is waited for. */
  #idleUntilMs = 0;
  readonly #records: ResponseRecords;

  constructor(context: ConnectionContext, keeper: ConnectionKeeper) {
    super(context, keeper);
    this.#requestContext = new RequestContext(context, this);
    this.#records = new ResponseRecords(context.accounting);
  }

  override attach(fd: number, interest: Interest): void {
    super.attach(fd, interest);
    this.#inHead = false;
  }

  /** The client's address; null once the client is gone. */
  get address(): SocketAddress | null {
    return this.retired ? null : this.context.clientAddresses.address(this.fd);
  }

  /** The descriptor; −1 once the client is gone. */
  get openFd(): number {
    return this.retired ? -1 : this.fd;
  }

  /**
   * Prepares for the stop of the server. A connection that is idle since `sinceMs` stays open while its next request
   * may be on its way.
   */
  override drain(sinceMs: number = this.context.reactor.now): void {
    this.#idleUntilMs = sinceMs + this.context.limits.keepAliveMinTimeoutMs;
    if (this.exchange?.isEventStream) this.drainEvents(this.exchange);
    const { reactor } = this.context;
    if (this.current === "handling" && this.exchange!.isUnwanted) return reactor.retire(this);
    if (this.current !== "reading") return;
    if (this.#inHead) reactor.expireAt(this, Math.min(this.deadlineMs, this.#idleUntilMs));
    this.input.isReadable = true;
    reactor.again(this);
  }

  override onDeadline(): void {
    if (this.current === "handling") return this.isEndOfEvents() ? this.endEvents() : this.overdue();
    if (this.current === "writing") return this.checkSending();
    if (this.current === "reading-body" && this.isBodyInTime()) return;
    if (this.current === "reading" && !this.#inHead && this.context.isDraining) return this.#endIdle();
    const isInRequest = this.current === "reading-body" || (this.current === "reading" && this.#inHead);
    if (!isInRequest || this.exchange !== null) return this.context.reactor.retire(this);
    this.#reject(408, this.reader.incomplete(this.context.buffers));
    this.settle();
  }

  /** Calls the handler. Null means that the response will be passed to {@linkcode answer}. */
  protected call(request: HttpRequest): HttpResponse | Promise<HttpResponse> | null {
    return this.context.handler(request, this.#requestContext) ?? Promise.reject(noResponse()); // JavaScript may return undefined
  }

  protected override detach(exchange: Exchange): void {
    this.context.accounting.lookUpClient(this.fd);
    this.#requestContext.bind(exchange);
    this.#requestContext = new RequestContext(this.context, this);
  }

  protected override written(): void {
    this.current = this.reader.isInBody ? "reading-body" : "reading";
    if (this.reader.isInBody) this.beginBody(); // the time of sending does not count for the body
  }

  protected override proceed(): void {
    if (!this.closeAfter) this.#process();
    this.settle();
  }

  protected override settled(): void {
    const { reactor, limits, isDraining } = this.context;
    const { input } = this;
    if (this.current === "reading" && this.isQueued && !this.#inHead) {
      reactor.expireAt(this, reactor.now + limits.keepAliveTimeoutMs); // received requests wait for their turn
    } else if (this.current === "reading") {
      const isIdle = input.isEmpty;
      if (this.input.isEnded && !input.isUnread) return reactor.retire(this); // nothing more will arrive
      if (isIdle && isDraining && !this.input.isReadable) {
        this.#inHead = false;
        if (reactor.now >= this.#idleUntilMs) return this.#endIdle();
        reactor.expireAt(this, this.#idleUntilMs);
        return void this.watch();
      }
      if (isIdle) {
        this.#inHead = false;
        reactor.expireAt(this, Infinity);
        if (!this.input.isReadable) {
          return this.watch() ? this.keeper.idle(this) : undefined;
        }
      } else if (!this.#inHead) {
        this.#inHead = true;
        const headTimeoutMs = isDraining ? limits.keepAliveMinTimeoutMs : limits.headTimeoutMs;
        reactor.expireAt(this, reactor.now + headTimeoutMs);
      }
    } else if (this.input.isEnded && this.current === "reading-body") {
      return reactor.retire(this);
    }
    if (this.watch() && (this.input.isReadable || input.isUnread)) reactor.again(this);
  }

  /** Closes the writing half and waits for the client's end, because no further request is expected. */
  #endIdle(): void {
    this.closeAfter = this.lingerAfter = true;
    this.finish();
  }

  /** Answers requests until one is incomplete or pending, or a response does not fit in the socket. */
  #process(): void {
    const { reactor, buffers } = this.context;
    const { input } = this;
    let answered = 0;
    while (!input.isEmpty && this.output.isEmpty && !this.closeAfter && !this.retired) {
      if (this.current === "reading") {
        // Reading the clock is not free, so it is read for every fourth request.
        const isLate = answered % 4 === 1 && reactor.isLate;
        if (isLate || answered++ === PIPELINED_REQUESTS_PER_TURN_MAX) return reactor.again(this);
      } else if (this.current !== "reading-body") return;
      const found = this.reader.read(buffers, this.context.limits);
      if (found === Read.INCOMPLETE) return;
      if (this.exchange !== null) { // the rest of a body whose request is answered
        if (found < 0) this.closeAfter = this.lingerAfter = true;
        this.exchange = null;
        this.current = "reading";
      } else if (found === Read.REQUEST) {
        this.current = "reading";
        this.#handle(buffers.request);
      } else if (found === Read.HEAD) {
        this.#beginBody(buffers.request);
      } else {
        this.#reject(-found, buffers.request);
      }
    }
  }

  #beginBody(request: HttpRequest): void {
    const { reactor, buffers, handler } = this.context;
    const { input } = this;
    this.current = "reading-body";
    this.context.accounting.lookUpClient(this.fd);
    this.beginBody();
    if (handler.ignoresBodies) {
      if (request.expectsContinue && input.isEmpty) {
        this.output.append(buffers, CONTINUE, 0, CONTINUE.length);
      }
      return;
    }
    const exchange = this.exchange = new Exchange(this.context.onHandlerError);
    const body = new RequestBody(() => reactor.post(() => this.wantBody(exchange)));
    exchange.body = request.incoming = this.reader.body = body;
    const found = input.isEmpty ? Read.INCOMPLETE : this.reader.read(buffers, this.context.limits);
    if (found < 0) this.#reject(-found, request);
    else this.#handle(request);
  }

  #handle(request: HttpRequest): void {
    this.#inHead = false;
    let response: HttpResponse | Promise<HttpResponse> | null;
    const waitSeconds = waitSecondsOf(this.fd, request, this.context);
    if (waitSeconds > 0) return this.respond(tooManyRequests(waitSeconds), request);
    this.isCalling = true;
    try {
      response = this.call(request);
    } catch (error) {
      this.isCalling = false;
      return this.handlerFailed(error, request);
    }
    this.isCalling = false;
    if (response instanceof HttpResponse) this.respond(response, request);
    else this.suspend(response, request);
  }

  /** Answers a request after an exception of the handler. */
  protected handlerFailed(error: unknown, request: HttpRequest): void {
    const isClients = error instanceof HttpError && error.status < 500;
    if (error instanceof NoRoom) this.context.onFull("too much is in memory of what clients send");
    else if (!isClients) this.context.onHandlerError(error);
    const status = error instanceof HttpError ? error.status : 500;
    this.respond(errorResponse(status, [], !isClients), request);
  }

  /** Answers an invalid request and ends the connection, because it is not known where the next request starts. */
  #reject(status: number, request: HttpRequest): void {
    this.lingerAfter = true;
    this.respond(errorResponse(status, [], true), request);
  }

  /** Sends a response, or as much of it as fits in the socket. */
  protected respond(given: HttpResponse, request: HttpRequest): void {
    const response = bodyMemory.isFull && request.method !== "HEAD"
      ? ifThereIsRoom(given, this.context)
      : given;
    try {
      response.take();
    } catch (error) { // its memory was transferred, or its file is already used
      return this.handlerFailed(error, request);
    }
    const body = response.stream;
    if (body === null || request.method === "HEAD") return this.#send(response, request, null);
    if (this.#isWaitedFor(request) && this.exchange!.body!.isTouched) {
      this.inviteBody(this.exchange!); // the response may be made of the body
    }
    let stream: ResponseStream;
    try {
      stream = new ResponseStream(body, isChunked(body, request));
    } catch (error) { // the stream has another reader
      return this.handlerFailed(error, request);
    }
    if (response.isEventStream) this.#send(response, request, stream);
    else this.hold(response, stream, request);
  }

  protected override releaseHead(exchange: Exchange): void {
    const { held, request, stream } = exchange;
    exchange.held = null;
    this.#send(held!, request!, stream);
  }

  /** Sends a response, or as much of it as fits in the socket. Of a response with `stream` it sends the head. */
  #send(response: HttpResponse, request: HttpRequest, stream: ResponseStream | null): void {
    const { reactor, transport, buffers, clock, keepAlive, keepAliveFields, isDraining, accounting } =
      this.context;
    const tail = HttpResponse.sentTail(response);
    const isHead = request.method === "HEAD";
    const body = response.stream;
    const chunked = body !== null && isChunked(body, request);
    const closes = response.closes || !request.keepAlive || !keepAlive || isDraining ||
      this.#isWaitedFor(request) || (body !== null && body.length === null && !chunked);
    this.closeAfter ||= closes;
    if (isDraining) this.lingerAfter = true; // an unread next request would reset this response
    response.stamp(clock, keepAliveFields);
    const startMs = this.exchange?.startMs || reactor.turnMs;
    let sent = 0;
    if (this.input.isEmpty && !isHead && !closes) {
      sent = this.output.sendAlone(transport, this.fd, buffers, response);
    }
    if (sent === HttpResponse.sentBytes(response).length) {
      accounting.sent(this.fd, request, response.status, sent, response.headLength, startMs);
    } else {
      const { output } = this;
      const transfer = this.#records.begin(
        this.fd,
        request,
        response.status,
        output.appendedBytes,
        startMs,
      );
      if (sent < 0) return reactor.retire(this);
      if (sent > 0) accounting.counters.send(sent);
      output.appendHead(buffers, response, closes, chunked, sent);
      transfer.from -= sent;
      transfer.bodyFrom = sent > 0 ? transfer.from + response.headLength : output.appendedBytes;
      if (isHead && tail instanceof FileBody) tail.close();
      else if (isHead) response.discard();
      else if (stream !== null) {
        this.stream(stream, request);
        this.exchange!.isEventStream = response.isEventStream;
        return isDraining && response.isEventStream ? this.drainEvents(this.exchange!) : undefined;
      } else output.appendBody(buffers, response, sent);
      transfer.until = output.appendedBytes;
    }
    if (this.exchange !== null) this.complete(this.exchange);
  }

  protected override flush(): boolean {
    const isAll = super.flush();
    this.#records.progress(this.output.sentBytes);
    return isAll;
  }

  protected override complete(exchange: Exchange): void {
    this.#records.seal(this.output.appendedBytes);
    super.complete(exchange);
    this.#records.progress(this.output.sentBytes);
  }

  override onClosed(): void {
    this.#records.cutOff(this.output.sentBytes);
    const { exchange, reader, context: { accounting, reactor, buffers } } = this;
    if (exchange === null && reader.isInBody && !this.closeAfter) {
      accounting.leaveUnanswered(this.fd, reader.incomplete(buffers), reactor.turnMs);
    } else if (
      exchange !== null && exchange.request !== null && (!exchange.isAnswered || exchange.held !== null)
    ) {
      accounting.leaveUnanswered(this.fd, exchange.request, exchange.startMs);
    }
    super.onClosed();
  }

  /** True if the client waits for 100 (Continue). It gets the response instead, and may then send the body or not. */
  #isWaitedFor(request: HttpRequest): boolean {
    return request.expectsContinue && this.reader.isInBody && this.exchange?.isContinued === false;
  }
}
