/**
 * The part of an HTTP connection for responses that are produced while they are sent. A piece is requested once the
 * client has taken the one before.
 *
 * The head waits for the first piece, so a failure before that can be answered with 500. It waits for a second at most,
 * because the client may need the head alone. The head of an event stream does not wait.
 * @module
 */
import { Exchange } from "../../exchange/exchange.ts";
import { ExchangeConnection } from "./exchange_connection.ts";
import { bodyMemory } from "../../http/body_memory.ts";
import type { HttpRequest } from "../../http/request.ts";
import type { HttpResponse } from "../../http/response.ts";
import { EVENT_STREAM_END_MS, NO_ROOM_PAUSE_MS, STREAM_HEAD_HELD_MS } from "../../limits.ts";
import type { ResponseStream } from "../../exchange/response_stream.ts";

/** An HTTP connection whose responses can be streams. */
export abstract class StreamConnection extends ExchangeConnection {
  /** Starts a response to `request` whose head waits for the first piece of its stream. */
  protected hold(response: HttpResponse, stream: ResponseStream, request: HttpRequest): void {
    const { reactor } = this.context;
    this.stream(stream, request);
    const exchange = this.exchange!;
    exchange.startMs ||= reactor.turnMs;
    exchange.held = response;
    exchange.heldUntilMs = reactor.now + STREAM_HEAD_HELD_MS;
  }

  protected stream(stream: ResponseStream, request: HttpRequest): void {
    this.isReusable = false;
    this.reader.release(this.context.buffers, request);
    const exchange = this.exchange ??= new Exchange(this.context.onHandlerError);
    if (exchange.request === null) this.detach(exchange);
    exchange.request = request;
    exchange.isAnswered = true;
    exchange.stream = stream;
    exchange.deadlineMs = Infinity;
    this.current = "handling";
  }

  protected override pump(): void {
    const stream = this.exchange?.stream ?? null;
    if (stream === null || stream.isReading || !this.output.isEmpty) return;
    const { reactor } = this.context;
    const { deadlineMs } = this.exchange!; // set if the stream must end, which no pause delays
    if (reactor.now < stream.dueMs) return reactor.expireAt(this, Math.min(stream.dueMs, deadlineMs));
    if (bodyMemory.isFull) { // other bodies take too much memory
      return reactor.expireAt(this, Math.min(reactor.now + NO_ROOM_PAUSE_MS, deadlineMs));
    }
    const read = stream.read(reactor.now);
    reactor.suspend(
      this,
      read,
      (part) => this.#streamed(stream, part),
      (error) => this.#streamFailed(stream, error),
    );
  }

  #streamed(stream: ResponseStream, result: ReadableStreamReadResult<Uint8Array>): void {
    const { exchange, output, context: { buffers } } = this;
    if (exchange?.stream !== stream) return; // the stream was ended meanwhile
    try {
      stream.append(output, buffers, result, () => exchange.held !== null && this.releaseHead(exchange));
    } catch (error) {
      stream.cancel(error as Error);
      return this.#streamFailed(stream, error);
    }
    if (stream.excess !== null) this.context.onHandlerError(stream.excess);
    else if (!result.done) return this.settle();
    this.complete(this.exchange!);
    this.proceed();
  }

  /**
   * Handles a failed stream. Before its first byte the response is a 500. After that the connection is closed without a
   * last chunk, so the client notices the truncation.
   */
  #streamFailed(stream: ResponseStream, error: unknown): void {
    const { exchange } = this;
    if (exchange?.stream === stream && exchange.held !== null) {
      exchange.takeBack();
      return this.answer((request) => this.handlerFailed(error, request));
    }
    this.context.onHandlerError(error);
    this.context.reactor.retire(this);
  }

  /** Prepares an event stream for the stop of the server: aborts its signal and gives it a moment to end. */
  protected drainEvents(exchange: Exchange): void {
    exchange.abort(new DOMException("The server is to stop", "AbortError"));
    exchange.deadlineMs = this.context.reactor.now + EVENT_STREAM_END_MS;
    this.context.reactor.expireAt(this, Math.min(this.deadlineMs, exchange.deadlineMs)); // the stream may pause until then
  }

  /** True if the passed deadline is that of {@linkcode drainEvents}, and not the end of a pause. */
  protected isEndOfEvents(): boolean {
    const { isEventStream, deadlineMs } = this.exchange!;
    return isEventStream && this.context.isDraining && this.context.reactor.now >= deadlineMs;
  }

  /** Ends an event stream that has not ended by itself in that time. */
  protected endEvents(): void {
    const { exchange, output, context: { buffers } } = this;
    if (!output.isEmpty) return this.checkSending();
    const stream = exchange!.stream!;
    stream.cancel(new DOMException("The server is to stop", "AbortError"));
    stream.append(output, buffers, { done: true } as ReadableStreamReadDoneResult<Uint8Array>);
    this.complete(exchange!);
    this.proceed();
  }
}
