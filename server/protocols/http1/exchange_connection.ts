/**
 * The part of an HTTP connection for requests that take more than a turn: a promised response, or a body on its way to
 * the handler. Meanwhile the connection receives as far as there is room.
 * @module
 */
import { Connection, type ConnectionKeeper } from "../../connection/connection.ts";
import type { ConnectionContext } from "../../connection/context.ts";
import { Input } from "../../connection/input.ts";
import { Exchange, noResponse } from "../../exchange/exchange.ts";
import { HttpError } from "../../http/http_error.ts";
import type { HttpRequest } from "../../http/request.ts";
import { errorResponse } from "../../exchange/error_response.ts";
import { CONTINUE, HttpResponse } from "../../http/response.ts";
import { ABANDONED_TIMEOUT_MS, LINGER_TIMEOUT_MS } from "../../limits.ts";
import { MinimumRate } from "../../connection/minimum_rate.ts";
import { type Interest, Readiness } from "../../loop/poller.ts";
import { Read, RequestReader } from "./request_reader.ts";

/** The part of an HTTP connection for requests that take longer than their turn. */
export abstract class ExchangeConnection extends Connection {
  protected readonly reader: RequestReader;
  /** The current request if it takes more than this turn; otherwise null. */
  protected exchange: Exchange | null = null;
  /** The rate at which bodies arrive; null if the connection never had to wait for one. */
  #bodyRate: MinimumRate | null = null;
  /** True while the handler is being called. */
  protected isCalling = false;

  constructor(context: ConnectionContext, keeper: ConnectionKeeper) {
    const input = new Input();
    super(context, keeper, input);
    this.reader = new RequestReader(input);
  }

  override attach(fd: number, interest: Interest): void {
    super.attach(fd, interest);
    this.reader.reset();
    this.exchange = null;
    this.isCalling = false;
  }

  /** Sends a response to `request`. */
  protected abstract respond(response: HttpResponse, request: HttpRequest): void;
  /** Answers `request` after an exception of the handler. */
  protected abstract handlerFailed(error: unknown, request: HttpRequest): void;

  /** Requests the next piece of the response's stream, once everything before is sent. */
  protected abstract pump(): void;
  /** Sends the head of a response that waited for the first piece of its stream. */
  protected abstract releaseHead(exchange: Exchange): void;

  /** Gives the current request a context of its own, because it takes more than this turn. */
  protected abstract detach(exchange: Exchange): void;

  /** The signal of the current request. Already aborted outside of a call of the handler. */
  get signal(): AbortSignal {
    if (!this.isCalling) return AbortSignal.abort();
    this.exchange ??= new Exchange(this.context.onHandlerError);
    return this.exchange.signal;
  }

  override onReady(readiness: Readiness): void {
    const mayBeGone = (readiness & (Readiness.HANGUP | Readiness.ERROR)) !== 0;
    if (mayBeGone && this.current === "handling" && this.context.transport.isReset(this.fd)) {
      this.context.reactor.retire(this);
    } else super.onReady(readiness);
  }

  /**
   * Notices that the client is gone. Not every poller reports more than the end of the client's half, and a UNIX socket
   * knows whether its peer is closed.
   */
  protected override received(status: number): void {
    if (status === 0 && this.current === "handling" && this.context.transport.isReset(this.fd)) {
      this.context.reactor.retire(this);
    } else super.received(status);
  }

  override onClosed(): void {
    const exchange = this.exchange;
    this.exchange = null;
    try {
      if (exchange === null) return;
      const reason = new DOMException("The client is gone", "AbortError");
      exchange.abort(reason);
      exchange.release();
      exchange.stream?.cancel(reason);
    } finally {
      this.reader.reset();
      super.onClosed();
    }
  }

  /** Answers the request in the state "handling". To be called in the loop only. */
  protected answer(respond: (request: HttpRequest) => void): void {
    const { request } = this.exchange!;
    this.current = this.reader.isInBody ? "reading-body" : "reading";
    respond(request!);
    this.proceed();
  }

  protected suspend(promise: Promise<HttpResponse> | null, request: HttpRequest): void {
    const { reactor, buffers, limits } = this.context;
    this.isReusable = false;
    this.reader.release(buffers, request);
    const exchange = this.exchange ??= new Exchange(this.context.onHandlerError);
    exchange.request = request;
    exchange.startMs = reactor.turnMs;
    exchange.deadlineMs = reactor.now + limits.handlerTimeoutMs;
    this.current = "handling";
    this.detach(exchange);
    if (this.input.isReadable && this.isAttentive) reactor.again(this);
    if (promise === null) return;
    const awaited = Promise.resolve(promise);
    const settle = (respond: (request: HttpRequest) => void) => {
      if (this.exchange !== exchange || exchange.isAnswered) return; // the exchange was released
      exchange.settled();
      this.answer(respond);
    };
    const release = reactor.suspend(
      this,
      awaited,
      (response) =>
        settle((request) => {
          if (response instanceof HttpResponse) this.respond(response, request);
          else this.handlerFailed(noResponse(), request);
        }),
      (error) => settle((request) => this.handlerFailed(error, request)),
    );
    exchange.await(awaited, release);
  }

  /** Called when the handler waits for more of the body. */
  protected wantBody(exchange: Exchange): void {
    if (this.exchange !== exchange || this.retired || this.reader.body !== exchange.body) return;
    const { reactor } = this.context;
    if (!exchange.isAnswered) {
      exchange.deadlineMs = reactor.now + this.context.limits.handlerTimeoutMs; // the handler is making progress
      if (exchange.request?.expectsContinue && !exchange.isContinued) {
        this.inviteBody(exchange);
        if (!this.flush() && this.retired) return;
        this.#expire();
      }
    } else if (exchange.held !== null) { // the client may wait for the head before it sends more
      this.releaseHead(exchange);
      if (!this.flush() && this.retired) return;
      this.#expire();
    }
    this.input.isReadable = true;
    if (this.watch()) reactor.again(this);
  }

  /** Asks the client to send the announced body (100 Continue). Only before the response has started. */
  protected inviteBody(exchange: Exchange): void {
    exchange.isContinued = true;
    this.output.append(this.context.buffers, CONTINUE, 0, CONTINUE.length);
  }

  protected override settle(): void {
    super.settle();
    if (this.current !== "handling" || this.retired) return;
    this.#expire();
    if (this.watch()) this.pump();
  }

  protected override get isAttentive(): boolean {
    const { isInBody } = this.reader;
    const { isEnded, isEmpty } = this.input;
    return !isEnded && (isInBody ? this.exchange!.body!.hasRoom : isEmpty);
  }

  protected override attend(): void {
    const { reactor, buffers, limits } = this.context;
    const exchange = this.exchange!;
    const { reader, input } = this;
    if (!this.output.isEmpty) this.flush();
    if (this.retired) return;
    if (reader.isInBody) {
      const body = exchange.body!;
      const wasAwaited = body.isAwaited;
      const found = input.isEmpty ? Read.INCOMPLETE : reader.read(buffers, limits);
      if (found < 0) return this.#dismiss(-found);
      if (found === Read.INCOMPLETE && input.isEnded) return reactor.retire(this);
      if (wasAwaited && !body.isAwaited && !exchange.isAnswered) {
        exchange.deadlineMs = reactor.now + limits.handlerTimeoutMs; // the handler was waiting for the client
      }
    }
    input.keep();
    this.#expire();
    if (input.isReadable && this.isAttentive) reactor.again(this);
    if (this.watch()) this.pump();
  }

  /** Sets the deadline for what the connection waits for. */
  #expire(): void {
    const { reactor } = this.context;
    const exchange = this.exchange!;
    const { wait } = exchange;
    if (wait === "body") this.#bodyRate!.pause(reactor.now, this.input.receivedBytes);
    if (!this.output.isEmpty) {
      exchange.wait = "sending";
      if (wait !== "sending") this.beginSending();
    } else if (exchange.held !== null) {
      exchange.wait = "head";
      reactor.expireAt(this, exchange.heldUntilMs);
    } else if (this.#isLeaving(exchange)) {
      exchange.wait = "leaving";
      const leavesMs = reactor.now + ABANDONED_TIMEOUT_MS;
      reactor.expireAt(this, exchange.isEventStream ? Math.min(leavesMs, exchange.deadlineMs) : leavesMs);
    } else if (this.#isBodyDue(exchange)) {
      exchange.wait = "body";
      this.beginBody(exchange.hasBodyRate);
      exchange.hasBodyRate = true;
    } else {
      exchange.wait = "handler";
      reactor.expireAt(this, exchange.deadlineMs);
    }
  }

  /**
   * Starts the time in which the body has to arrive. `isAgain` is true if the body was waited for before. The average
   * rate then continues, however small the parts are that the handler reads.
   */
  protected beginBody(isAgain = false): void {
    const { reactor } = this.context;
    const rate = this.#bodyRate ??= new MinimumRate();
    if (isAgain) rate.resume(reactor.now);
    else rate.begin(reactor.now, this.input.receivedBytes);
    reactor.expireAt(this, rate.nextMs(reactor.now, this.#bodyTimeoutMs));
  }

  /**
   * The timeout of the body. The rest of a body whose request is answered is not waited for longer than a client's end.
   */
  get #bodyTimeoutMs(): number {
    const { bodyTimeoutMs } = this.context.limits;
    return this.exchange?.isAnswered ? Math.min(bodyTimeoutMs, LINGER_TIMEOUT_MS) : bodyTimeoutMs;
  }

  /** Returns false if the body arrives too slowly. Otherwise sets the deadline for the next check. */
  protected isBodyInTime(): boolean {
    const { reactor, limits: { receiveRateMin } } = this.context;
    const bodyTimeoutMs = this.#bodyTimeoutMs;
    const rate = this.#bodyRate!;
    if (rate.isTooSlow(reactor.now, this.input.receivedBytes, bodyTimeoutMs, receiveRateMin)) return false;
    reactor.expireAt(this, rate.nextMs(reactor.now, bodyTimeoutMs));
    return true;
  }

  /**
   * True if the client may be gone, and the producer of the response does not know yet. A stream may still have a byte
   * to send.
   */
  #isLeaving(exchange: Exchange): boolean {
    return this.input.isEnded && (exchange.isAnswered || !exchange.isAbandoned);
  }

  #isBodyDue(exchange: Exchange): boolean {
    return this.reader.isInBody && exchange.body!.isAwaited;
  }

  /** Handles a passed deadline in the state "handling". */
  protected overdue(): void {
    const exchange = this.exchange!;
    if (!this.output.isEmpty) return this.checkSending();
    if (exchange.stream?.isReading === false) { // the stream has paused
      this.#expire(); // it may have nothing to send
      return this.pump();
    }
    if (exchange.held !== null) {
      if (this.context.reactor.now >= exchange.heldUntilMs) this.releaseHead(exchange);
      return this.settle();
    }
    if (this.#isLeaving(exchange)) {
      exchange.abort(new DOMException("The client ended its half of the connection", "AbortError"));
      if (exchange.isAnswered) return this.context.reactor.retire(this); // a stream without a byte for the client
      return this.aborted();
    }
    if (!this.#isBodyDue(exchange)) return this.#dismiss(503);
    if (!this.isBodyInTime()) this.#dismiss(408);
  }

  /**
   * Continues after the client counts as gone. The handler knows by its signal, and may still answer unless the server
   * is stopping.
   */
  protected aborted(): void {
    if (this.context.isDraining) this.context.reactor.retire(this);
    else this.#expire();
  }

  /** Answers in place of the handler, which is not waited for any longer. */
  #dismiss(status: number): void {
    const exchange = this.exchange!;
    const reason = new HttpError(
      status,
      status === 503 ? "The handler took too long" : "The body did not arrive",
    );
    exchange.abort(reason);
    if (exchange.isAnswered) return this.context.reactor.retire(this); // in the middle of a stream
    exchange.release();
    if (status !== 503) this.lingerAfter = true;
    this.answer((request) => this.respond(errorResponse(status, [], this.lingerAfter), request));
  }

  /** Ends the exchange once its response is sent, or waits to be. The rest of the request's body is dropped. */
  protected complete(exchange: Exchange): void {
    exchange.isAnswered = true;
    exchange.stream = null;
    if (this.reader.isInBody) {
      this.lingerAfter ||= this.closeAfter;
      exchange.body?.fail(new Error("The response was complete before the body was read"));
      this.reader.body = null;
      this.current = "reading-body";
      this.beginBody();
    } else {
      this.exchange = null;
      this.current = "reading";
    }
  }
}
