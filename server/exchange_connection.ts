/**
 * What takes an HTTP connection more than a turn: answers that are promised, bodies on their way to a handler, and
 * responses that are made while they are sent. Meanwhile the client is listened to, as far as there is room.
 * @module
 */
import { Connection, type ConnectionKeeper } from "./connection.ts";
import type { ConnectionHost } from "./connection_host.ts";
import { Exchange } from "./exchange.ts";
import { HttpError } from "./http/http_error.ts";
import type { HttpRequest } from "./http/request.ts";
import { CONTINUE, errorResponse, HttpResponse } from "./http/response.ts";
import { ABANDONED_TIMEOUT_MS, BODY_TIMEOUT_MS, SEND_STALL_TIMEOUT_MS } from "./limits.ts";
import type { Interest } from "./poller.ts";
import { Read, RequestReader } from "./request_reader.ts";
import type { ResponseStream } from "./response_stream.ts";

/** See the module's comment. */
export abstract class ExchangeConnection extends Connection {
  protected readonly reader: RequestReader;
  /** The request at hand, where it takes more than this turn. */
  protected exchange: Exchange | null = null;

  constructor(host: ConnectionHost, keeper: ConnectionKeeper) {
    const reader = new RequestReader(host.bodyBytesMax);
    super(host, keeper, reader);
    this.reader = reader;
  }

  override attach(fd: number, interest: Interest): void {
    super.attach(fd, interest);
    this.exchange = null;
  }

  /** Sends a response to `request`. */
  protected abstract respond(response: HttpResponse, request: HttpRequest): void;
  /** What a handler threw becomes a response. */
  protected abstract handlerFailed(error: unknown, request: HttpRequest): void;

  /** Of the request at hand. */
  get signal(): AbortSignal {
    this.exchange ??= new Exchange();
    return this.exchange.signal;
  }

  override onClosed(): void {
    const exchange = this.exchange;
    this.exchange = null;
    if (exchange !== null) {
      const reason = new Error("The client is gone");
      exchange.abandon(reason);
      exchange.stream?.cancel(reason);
    }
    super.onClosed();
  }

  /** Answers the request that is in "handling". From inside the loop only. */
  protected answer(respond: (request: HttpRequest) => void): void {
    const { request } = this.exchange!;
    this.host.workspace.gatherLength = 0;
    this.current = this.reader.isInBody ? "reading-body" : "reading";
    respond(request!);
    this.proceed();
  }

  protected suspend(promise: Promise<HttpResponse> | null, request: HttpRequest): void {
    const { reactor, workspace, handlerTimeoutMs } = this.host;
    this.isReusable = false;
    this.reader.release(workspace, request);
    const exchange = this.exchange ??= new Exchange();
    exchange.request = request;
    exchange.deadlineMs = reactor.now + handlerTimeoutMs;
    this.current = "handling";
    this.#expire();
    if (this.reader.isReadable && this.isAttentive) reactor.again(this);
    if (promise === null) return;
    const isAwaited = () => this.exchange === exchange && !exchange.isAnswered;
    const drop = (response: unknown) => response instanceof HttpResponse && response.discard();
    reactor.suspend(
      this,
      Promise.resolve(promise),
      (response) => {
        if (!isAwaited()) return drop(response);
        this.answer((request) => {
          if (response instanceof HttpResponse) this.respond(response, request);
          else this.handlerFailed(new TypeError("A handler must return an HttpResponse"), request);
        });
      },
      (error) => isAwaited() && this.answer((request) => this.handlerFailed(error, request)),
      drop,
    );
  }

  /** The handler waits for more of the body. */
  protected wantBody(exchange: Exchange): void {
    if (this.exchange !== exchange || this.retired || this.reader.body !== exchange.body) return;
    const { reactor, workspace } = this.host;
    if (exchange.request?.expectsContinue && !exchange.isContinued) {
      exchange.isContinued = true;
      workspace.gatherLength = 0;
      this.output.append(workspace, CONTINUE, 0, CONTINUE.length);
      if (!this.flush() && this.retired) return;
    }
    this.reader.isReadable = true;
    if (this.listen()) reactor.again(this);
  }

  protected override settle(): void {
    super.settle();
    if (this.current !== "handling" || this.retired) return;
    if (this.listen()) this.#pump();
  }

  protected override get isAttentive(): boolean {
    const { isEnded, isInBody, input } = this.reader;
    return !isEnded && (isInBody ? this.exchange!.body!.hasRoom : input.isEmpty);
  }

  protected override attend(): void {
    const exchange = this.exchange!;
    const reader = this.reader;
    if (!this.output.isEmpty) this.flush();
    if (this.retired) return;
    if (reader.isInBody) {
      const found = reader.input.isEmpty ? Read.INCOMPLETE : reader.read(this.host.workspace);
      if (found < 0) return this.#dismiss(-found);
      if (found === Read.INCOMPLETE && reader.isEnded) return this.host.reactor.retire(this);
      exchange.deadlineMs = this.host.reactor.now + this.host.handlerTimeoutMs;
    }
    reader.input.keep();
    this.#expire();
    if (reader.isReadable && this.isAttentive) this.host.reactor.again(this);
    else if (this.listen()) this.#pump();
  }

  /** Sets the deadline for what is waited for. */
  #expire(): void {
    const { reactor } = this.host;
    const exchange = this.exchange!;
    if (!this.output.isEmpty) {
      if (this.output.progressed) reactor.expireAt(this, reactor.now + SEND_STALL_TIMEOUT_MS);
      this.output.progressed = false;
    } else if (this.reader.isEnded && !exchange.isAbandoned) {
      reactor.expireAt(this, reactor.now + ABANDONED_TIMEOUT_MS);
    } else if (this.reader.isInBody && exchange.body!.hasRoom) {
      reactor.expireAt(this, reactor.now + BODY_TIMEOUT_MS);
    } else {
      reactor.expireAt(this, exchange.deadlineMs);
    }
  }

  /** The deadline of "handling" has passed. */
  protected overdue(): void {
    const exchange = this.exchange!;
    if (!this.output.isEmpty) return this.host.reactor.retire(this);
    if (this.reader.isEnded && !exchange.isAbandoned) {
      exchange.abandon(new Error("The client ended its half of the connection"));
      if (exchange.isAnswered) return this.host.reactor.retire(this); // a stream that has nothing for it
      return this.abandoned();
    }
    this.#dismiss(this.reader.isInBody && exchange.body!.hasRoom ? 408 : 503);
  }

  /** The client counts as gone: the handler heard of it, and may answer all the same. */
  protected abandoned(): void {
    this.#expire();
  }

  /** The handler is not waited for any longer. */
  #dismiss(status: number): void {
    const exchange = this.exchange!;
    const reason = new HttpError(
      status,
      status === 503 ? "The handler took too long" : "The body did not arrive",
    );
    exchange.abandon(reason);
    if (exchange.isAnswered) return this.host.reactor.retire(this); // in the middle of a stream
    if (status !== 503) this.lingerAfter = true;
    this.answer((request) => this.respond(errorResponse(status, [], this.lingerAfter), request));
  }

  protected stream(stream: ResponseStream, request: HttpRequest): void {
    this.isReusable = false;
    this.reader.release(this.host.workspace, request);
    const exchange = this.exchange ??= new Exchange();
    exchange.request = request;
    exchange.isAnswered = true;
    exchange.stream = stream;
    exchange.deadlineMs = Infinity;
    this.current = "handling";
  }

  /** Fetches the next piece of a stream, once the last one is sent. */
  #pump(): void {
    const stream = this.exchange?.stream ?? null;
    if (stream === null || stream.isReading || !this.output.isEmpty) return;
    this.#expire();
    this.host.reactor.suspend(
      this,
      stream.read(),
      (result) => this.#streamed(stream, result),
      (error) => this.#streamFailed(error),
    );
  }

  #streamed(stream: ResponseStream, result: ReadableStreamReadResult<Uint8Array>): void {
    this.host.workspace.gatherLength = 0;
    try {
      stream.append(this.output, this.host.workspace, result);
    } catch (error) {
      stream.cancel(error as Error);
      return this.#streamFailed(error);
    }
    if (!result.done) return this.settle();
    this.complete(this.exchange!);
    this.proceed();
  }

  /** The client sees that it is cut off: there is no last chunk. */
  #streamFailed(error: unknown): void {
    this.host.onHandlerError(error);
    this.host.reactor.retire(this);
  }

  /** The response is sent, or waits to be: what is left of the request's body is dropped. */
  protected complete(exchange: Exchange): void {
    exchange.isAnswered = true;
    exchange.stream = null;
    if (this.reader.isInBody) {
      exchange.body?.fail(new Error("The response was complete before the body was read"));
      this.reader.body = null;
      this.current = "reading-body";
      this.host.reactor.expireAt(this, this.host.reactor.now + BODY_TIMEOUT_MS);
    } else {
      this.exchange = null;
      this.current = "reading";
    }
  }
}
