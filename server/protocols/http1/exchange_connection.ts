/**
 * What takes an HTTP connection more than a turn: answers that are promised, bodies on their way to a handler. Meanwhile the client is listened to, as far as there is room.
 * @module
 */
import { EAGAIN, EINTR } from "../../../ffi/libc/errno.ts";
import { Connection, type ConnectionKeeper } from "../../connection/connection.ts";
import type { ConnectionContext } from "../../connection/context.ts";
import { Exchange, noResponse } from "../../exchange/exchange.ts";
import { HttpError } from "../../http/http_error.ts";
import type { HttpRequest } from "../../http/request.ts";
import { errorResponse } from "../../exchange/error_response.ts";
import { CONTINUE, HttpResponse } from "../../http/response.ts";
import { ABANDONED_TIMEOUT_MS, LINGER_TIMEOUT_MS } from "../../limits.ts";
import { MinimumRate } from "../../connection/minimum_rate.ts";
import { type Interest, Readiness } from "../../loop/poller.ts";
import { Read, RequestReader } from "./request_reader.ts";

const NOTHING = new Uint8Array(0);
/** The part of an HTTP connection for requests that take longer than their turn. */
export abstract class ExchangeConnection extends Connection {
  protected readonly reader: RequestReader;
  /** The request at hand, where it takes more than this turn. */
  protected exchange: Exchange | null = null;
  /** How fast a body arrives; null: none ever had to be waited for. */
  #bodyRate: MinimumRate | null = null;
  /** A handler is being called. */
  protected isCalling = false;

  constructor(host: ConnectionContext, keeper: ConnectionKeeper) {
    const reader = new RequestReader();
    super(host, keeper, reader);
    this.reader = reader;
  }

  override attach(fd: number, interest: Interest): void {
    super.attach(fd, interest);
    this.exchange = null;
    this.isCalling = false;
  }

  /** Sends a response to `request`. */
  protected abstract respond(response: HttpResponse, request: HttpRequest): void;
  /** What a handler threw becomes a response. */
  protected abstract handlerFailed(error: unknown, request: HttpRequest): void;

  /** Fetches the next piece of a stream, once the last one is sent. */
  protected abstract pump(): void;
  /** Sends the head of a response that waited for the first piece of its stream. */
  protected abstract releaseHead(exchange: Exchange): void;

  /** The request at hand takes more than this turn: what the handler knows of it is its own. */
  protected abstract detach(exchange: Exchange): void;

  /** Of the request at hand. Who asks after its handler has answered hears that it is over. */
  get signal(): AbortSignal {
    if (!this.isCalling) return AbortSignal.abort();
    this.exchange ??= new Exchange(this.host.onHandlerError);
    return this.exchange.signal;
  }

  override onReady(readiness: Readiness): void {
    const mayBeGone = (readiness & (Readiness.HANGUP | Readiness.ERROR)) !== 0;
    if (mayBeGone && this.current === "handling" && this.#isReset()) this.host.reactor.retire(this);
    else super.onReady(readiness);
  }

  /** Not every poller tells of more than the end of the client's half; a UNIX socket knows when its other end is closed. */
  protected override received(status: number): void {
    if (status === 0 && this.current === "handling" && this.#isReset()) this.host.reactor.retire(this);
    else super.received(status);
  }

  /** A send of nothing tells, whatever is unread before the end. */
  #isReset(): boolean {
    const status = this.host.transport.send(this.fd, NOTHING, 0, false);
    return status < 0 && status !== -EAGAIN && status !== -EINTR;
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
      super.onClosed();
    }
  }

  /** Answers the request that is in "handling". From inside the loop only. */
  protected answer(respond: (request: HttpRequest) => void): void {
    const { request } = this.exchange!;
    this.host.buffers.gatherLength = 0;
    this.current = this.reader.isInBody ? "reading-body" : "reading";
    respond(request!);
    this.proceed();
  }

  protected suspend(promise: Promise<HttpResponse> | null, request: HttpRequest): void {
    const { reactor, buffers, limits } = this.host;
    this.isReusable = false;
    this.reader.release(buffers, request);
    const exchange = this.exchange ??= new Exchange(this.host.onHandlerError);
    exchange.request = request;
    exchange.startMs = reactor.turnMs;
    exchange.deadlineMs = reactor.now + limits.handlerTimeoutMs;
    this.current = "handling";
    this.detach(exchange);
    if (this.reader.isReadable && this.isAttentive) reactor.again(this);
    if (promise === null) return;
    const awaited = Promise.resolve(promise);
    const settle = (respond: (request: HttpRequest) => void) => {
      if (this.exchange !== exchange || exchange.isAnswered) return; // it was let go
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

  /** The handler waits for more of the body. */
  protected wantBody(exchange: Exchange): void {
    if (this.exchange !== exchange || this.retired || this.reader.body !== exchange.body) return;
    const { reactor, buffers } = this.host;
    if (!exchange.isAnswered) {
      exchange.deadlineMs = reactor.now + this.host.limits.handlerTimeoutMs; // it is at work
      if (exchange.request?.expectsContinue && !exchange.isContinued) {
        buffers.gatherLength = 0;
        this.inviteBody(exchange);
        if (!this.flush() && this.retired) return;
        this.#expire();
      }
    } else if (exchange.held !== null) { // the client may wait for the head before it sends more
      buffers.gatherLength = 0;
      this.releaseHead(exchange);
      if (!this.flush() && this.retired) return;
      this.#expire();
    }
    this.reader.isReadable = true;
    if (this.listen()) reactor.again(this);
  }

  /** Tells the client to send the body it announced. Not after the response has begun. */
  protected inviteBody(exchange: Exchange): void {
    exchange.isContinued = true;
    this.output.append(this.host.buffers, CONTINUE, 0, CONTINUE.length);
  }

  protected override settle(): void {
    super.settle();
    if (this.current !== "handling" || this.retired) return;
    this.#expire();
    if (this.listen()) this.pump();
  }

  protected override get isAttentive(): boolean {
    const { isEnded, isInBody, input } = this.reader;
    return !isEnded && (isInBody ? this.exchange!.body!.hasRoom : input.isEmpty);
  }

  protected override attend(): void {
    const { reactor, buffers, limits } = this.host;
    const exchange = this.exchange!;
    const reader = this.reader;
    if (!this.output.isEmpty) this.flush();
    if (this.retired) return;
    if (reader.isInBody) {
      const body = exchange.body!;
      const wasAwaited = body.isAwaited;
      const found = reader.input.isEmpty ? Read.INCOMPLETE : reader.read(buffers, limits);
      if (found < 0) return this.#dismiss(-found);
      if (found === Read.INCOMPLETE && reader.isEnded) return reactor.retire(this);
      if (wasAwaited && !body.isAwaited && !exchange.isAnswered) {
        exchange.deadlineMs = reactor.now + limits.handlerTimeoutMs; // the time of waiting was the client's
      }
    }
    reader.input.keep();
    this.#expire();
    if (reader.isReadable && this.isAttentive) reactor.again(this);
    if (this.listen()) this.pump();
  }

  /** Sets the deadline for what is waited for. */
  #expire(): void {
    const { reactor } = this.host;
    const exchange = this.exchange!;
    const { wait } = exchange;
    if (wait === "body") this.#bodyRate!.pause(reactor.now, this.reader.receivedBytes);
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
   * A body is waited for: from now on it has to arrive. `isAgain`: it was waited for before, and however small the pieces
   * are that a handler takes, all of them make the average.
   */
  protected beginBody(isAgain = false): void {
    const { reactor } = this.host;
    const rate = this.#bodyRate ??= new MinimumRate();
    if (isAgain) rate.resume(reactor.now);
    else rate.begin(reactor.now, this.reader.receivedBytes);
    reactor.expireAt(this, rate.nextMs(reactor.now, this.#bodyTimeoutMs));
  }

  /** The rest of a body whose request is answered is waited for no longer than the end of a connection. */
  get #bodyTimeoutMs(): number {
    const { bodyTimeoutMs } = this.host.limits;
    return this.exchange?.isAnswered ? Math.min(bodyTimeoutMs, LINGER_TIMEOUT_MS) : bodyTimeoutMs;
  }

  /** False when the body arrives too slowly; true: it is looked at again. */
  protected isBodyInTime(): boolean {
    const { reactor, limits: { receiveRateMin } } = this.host;
    const bodyTimeoutMs = this.#bodyTimeoutMs;
    const rate = this.#bodyRate!;
    if (rate.isTooSlow(reactor.now, this.reader.receivedBytes, bodyTimeoutMs, receiveRateMin)) return false;
    reactor.expireAt(this, rate.nextMs(reactor.now, bodyTimeoutMs));
    return true;
  }

  /** The client may be gone, and what works for it does not know yet. A stream may yet have a byte for it. */
  #isLeaving(exchange: Exchange): boolean {
    return this.reader.isEnded && (exchange.isAnswered || !exchange.isAbandoned);
  }

  #isBodyDue(exchange: Exchange): boolean {
    return this.reader.isInBody && exchange.body!.isAwaited;
  }

  /** The deadline of "handling" has passed. */
  protected overdue(): void {
    const exchange = this.exchange!;
    if (!this.output.isEmpty) return this.checkSending();
    if (exchange.stream?.isReading === false) { // it has paused
      this.#expire(); // it may have nothing to say
      return this.pump();
    }
    if (exchange.held !== null) {
      if (this.host.reactor.now >= exchange.heldUntilMs) this.releaseHead(exchange);
      return this.settle();
    }
    if (this.#isLeaving(exchange)) {
      exchange.abort(new DOMException("The client ended its half of the connection", "AbortError"));
      if (exchange.isAnswered) return this.host.reactor.retire(this); // a stream that has nothing for it
      return this.aborted();
    }
    if (!this.#isBodyDue(exchange)) return this.#dismiss(503);
    if (!this.isBodyInTime()) this.#dismiss(408);
  }

  /** The client counts as gone: the handler heard of it, and may answer all the same, unless the server is to stop. */
  protected aborted(): void {
    if (this.host.isDraining) this.host.reactor.retire(this);
    else this.#expire();
  }

  /** The handler is not waited for any longer. */
  #dismiss(status: number): void {
    const exchange = this.exchange!;
    const reason = new HttpError(
      status,
      status === 503 ? "The handler took too long" : "The body did not arrive",
    );
    exchange.abort(reason);
    if (exchange.isAnswered) return this.host.reactor.retire(this); // in the middle of a stream
    exchange.release();
    if (status !== 503) this.lingerAfter = true;
    this.answer((request) => this.respond(errorResponse(status, [], this.lingerAfter), request));
  }

  /** The response is sent, or waits to be: what is left of the request's body is dropped. */
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
