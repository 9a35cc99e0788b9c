/**
 * A request and its response that take more than one turn: a promised response, a body on its way to the handler, or a
 * response that is produced while it is sent.
 * @module
 */
import { LazySignal } from "../embedder/abort.ts";
import type { ConnectionContext } from "../connection/context.ts";
import { bodyMemory } from "../http/body_memory.ts";
import type { Fields } from "../http/field_lines.ts";
import { HttpError } from "../http/http_error.ts";
import type { HttpRequest } from "../http/request.ts";
import { RequestBody } from "../http/request_body.ts";
import type { HttpResponse } from "../http/response.ts";
import { ContentChanged } from "../http/stream_body.ts";
import { ABANDONED_TIMEOUT_MS, EVENT_STREAM_END_MS, NO_ROOM_PAUSE_MS } from "../limits.ts";
import { check } from "../loop/check.ts";
import { Timer } from "../loop/timer.ts";
import { failureResponse, sendable } from "./answer.ts";
import { BodyRate } from "./body_rate.ts";
import type { Carrier } from "./carrier.ts";
import { errorResponse } from "./error_response.ts";
import { PendingResponse } from "./pending_response.ts";
import { ResponseStream } from "./response_stream.ts";

/** A request that takes longer than its turn, and its response. */
export class Exchange {
  request: HttpRequest | null = null;
  /** The turn in which the handler was called, in milliseconds of the reactor's clock; 0 unless the request takes longer. */
  startMs = 0;
  /** The body of the request; null if it has none for the handler. */
  body: RequestBody | null = null;
  /** True once the client was asked to send the announced body (100 Continue). */
  isContinued = false;
  /** True once there is a response. A later result of the handler is dropped. */
  isAnswered = false;
  /** Called instead of waiting further for an answer once the client counts as gone; null to wait. */
  onClientGone: (() => void) | null = null;
  /** What brings the request and takes the response. */
  readonly carrier: Carrier<Exchange>;
  readonly #context: ConnectionContext;
  readonly #timer = new Timer(() => this.#continue(() => this.#overdue()));
  /** True while the timer is that of the body. */
  #awaitsBody = false;
  /** The instant by which the handler must have answered; Infinity for a stream. */
  #deadlineMs = Infinity;
  #pending: PendingResponse | null = null;
  #stream: ResponseStream | null = null;
  /** The rate at which the body arrives; null if it never had to be waited for. */
  #bodyRate: BodyRate | null = null;
  /** Aborted once the result of the exchange is not needed any more. */
  readonly #abortion: LazySignal;
  /** True once the response is complete, or none can be sent any more. */
  isOver = false;
  /** Interim responses that wait for the loop. */
  readonly #hints: Fields[] = [];

  constructor(carrier: Carrier<Exchange>) {
    this.carrier = carrier;
    this.#context = carrier.connection.context;
    this.#abortion = new LazySignal(this.#context.onHandlerError);
  }

  /** True if the client counts as gone, and nothing was sent to it. */
  get isClientGone(): boolean {
    return this.#abortion.isAborted && !this.isAnswered;
  }

  /** True if it may be answered. */
  get isOpen(): boolean {
    return !this.isAnswered && !this.isOver;
  }

  /** True if nothing of a response was sent. */
  get isUnanswered(): boolean {
    return !this.isAnswered || this.#held !== null;
  }

  /** Aborted when the client is gone, or the handler has taken too long. */
  get signal(): AbortSignal {
    return this.#abortion.signal;
  }

  /** Creates the body, to which the carrier passes what arrives. */
  openBody(): RequestBody {
    return this.body = new RequestBody(() => this.#context.reactor.post(() => this.#bodyWanted()));
  }

  /** Waits for the response: the result of `promise`, or a later call of {@linkcode respond} if `promise` is null. */
  wait(promise: Promise<HttpResponse> | null): void {
    const { reactor, onHandlerError } = this.#context;
    this.restartHandlerTimeout();
    if (promise === null) return;
    this.#pending = new PendingResponse(
      promise,
      reactor,
      this.carrier.connection,
      (response) => this.#continue(() => this.respond(response)),
      (error) => this.#continue(() => this.fail(error)),
      onHandlerError,
    );
  }

  /** Gives the handler its full time to answer, from now on. */
  restartHandlerTimeout(): void {
    const { reactor, limits } = this.#context;
    if (!this.isAnswered) this.#deadlineMs = reactor.now + limits.handlerTimeoutMs;
  }

  /** Sends an interim response before the head of the response. May be called from any promise or timer. */
  earlyHints(fields: Fields): void {
    this.#hints.push(fields);
    this.#context.reactor.post(() => this.#continue(() => this.#sendHints()));
  }

  #sendHints(): void {
    if (this.#hints.length === 0) return;
    for (const fields of this.#hints.splice(0)) if (this.isUnanswered) this.carrier.sendHints(this, fields);
  }

  /** Answers with an exception of the handler. */
  fail(error: unknown): void {
    this.respond(failureResponse(error, this.request!, this.#context));
  }

  /** Answers the request. The caller then calls `connection.proceed()`, unless it is the carrier in its own turn. */
  respond(given: HttpResponse): void {
    check(!this.isOver, "A request is answered once");
    this.#sendHints();
    const response = sendable(given, this.request!, this.#context);
    const { stream } = response;
    this.isAnswered = true;
    if (stream === null || this.request!.method === "HEAD") return this.carrier.respond(this, response);
    try {
      this.#stream = new ResponseStream(response, stream, this.#context.reactor.now);
    } catch (error) { // the stream has another reader
      return this.fail(error);
    }
    this.#deadlineMs = Infinity;
    if (this.body?.isTouched) this.carrier.wantBody(this); // the response may be made of the body
    if (this.#stream?.isEventStream) this.#releaseHead();
  }

  #releaseHead(): void {
    const held = this.#held;
    if (held === null) return;
    this.#stream!.held = null;
    this.carrier.respond(this, held);
    if (this.#context.isDraining) this.drain();
  }

  /** Answers in place of the handler: it took too long (503), or the request's body is malformed, too large or late (4xx). */
  dismiss(status: number): void {
    const reason = status === 503 ? "The handler took too long" : "The body is malformed, too large or late";
    this.#abort(new HttpError(status, reason));
    if (this.isAnswered) return this.carrier.reset(this); // in the middle of a stream
    this.#pending?.release();
    this.respond(errorResponse(status, [], status !== 503 && !this.carrier.isMultiplexed));
  }

  /** Sets the timer for what is waited for, and requests the next piece of a stream. To be called after each turn's work. */
  update(): void {
    const { reactor } = this.#context;
    if (this.isOver) return;
    const { isBlocked, receivedBytes } = this.carrier;
    if (this.#awaitsBody) this.#bodyRate!.pause(receivedBytes);
    this.#awaitsBody = false;
    if (isBlocked) this.#expireAt(Infinity); // the connection has a deadline for it
    else if (this.#held !== null) this.#expireAt(this.#stream!.heldUntilMs);
    else if (this.#isLeaving) {
      const leavesMs = reactor.now + ABANDONED_TIMEOUT_MS;
      this.#expireAt(this.#stream?.isEventStream ? Math.min(leavesMs, this.#deadlineMs) : leavesMs);
    } else if (this.body?.isAwaited) {
      this.#awaitsBody = true;
      this.#bodyRate ??= new BodyRate(this.#context);
      this.#expireAt(this.#bodyRate.resume(receivedBytes, this.isAnswered));
    } else this.#expireAt(this.#deadlineMs);
    this.#pump();
  }

  #expireAt(deadlineMs: number): void {
    this.#context.reactor.expireAt(this.#timer, deadlineMs);
  }

  /** The response, while its head waits for the first piece of the stream; null otherwise. */
  get #held(): HttpResponse | null {
    return this.#stream === null ? null : this.#stream.held;
  }

  /** True if the client may be gone, and the producer of the response does not know yet. */
  get #isLeaving(): boolean {
    return this.carrier.mayHaveLeft && (this.isAnswered || !this.#abortion.isAborted);
  }

  #overdue(): void {
    const { reactor } = this.#context;
    if (this.carrier.isBlocked) return;
    if (this.#stream?.isEventStream && this.#context.isDraining && reactor.now >= this.#deadlineMs) {
      this.#stream!.cancel(new DOMException("The server is stopping", "AbortError"));
      return this.#finish();
    }
    if (this.#stream?.isReading === false) return; // the stream has paused; `update` continues it
    if (this.#held !== null) {
      return reactor.now >= this.#stream!.heldUntilMs ? this.#releaseHead() : undefined;
    }
    if (this.#isLeaving) {
      this.#abort(new DOMException("The client ended its half of the connection", "AbortError"));
      if (this.isAnswered) return this.carrier.reset(this); // a stream without a byte for the client
      // The handler knows by its signal, and may still answer unless the server is stopping.
      return this.#context.isDraining ? this.carrier.reset(this) : this.onClientGone?.();
    }
    if (!this.body?.isAwaited) return reactor.now >= this.#deadlineMs ? this.dismiss(503) : undefined;
    if (this.#bodyRate!.check(this.carrier.receivedBytes, this.isAnswered) === null) this.dismiss(408);
  }

  /** Does `work` outside of the connection's turn, and then lets the connection proceed. */
  #continue(work: () => void): void {
    const { connection } = this.carrier;
    if (this.isOver || connection.retired) return;
    try {
      work();
      connection.proceed();
    } catch (error) { // as for a callback of the connection
      this.#context.reactor.retire(connection);
      throw error;
    }
  }

  /** Called when the handler waits for more of the body, or has taken the last of it: then other streams have room. */
  #bodyWanted(): void {
    if (this.body!.isComplete) return this.carrier.isMultiplexed ? this.#continue(() => {}) : undefined;
    this.#continue(() => {
      this.restartHandlerTimeout(); // it is making progress
      this.#releaseHead(); // the client may wait for the head before it sends more
      this.carrier.wantBody(this);
    });
  }

  /** Requests the next piece of the response's stream, once everything before is sent. */
  #pump(): void {
    const stream = this.#stream;
    if (stream === null || stream.isReading || this.carrier.isBlocked) return;
    const { reactor } = this.#context;
    let untilMs = stream.dueMs;
    if (untilMs <= reactor.now && bodyMemory.isFull) untilMs = reactor.now + NO_ROOM_PAUSE_MS; // of other bodies
    if (untilMs > reactor.now) return this.#expireAt(Math.min(untilMs, this.#deadlineMs));
    reactor.suspend(
      this.carrier.connection,
      stream.read(reactor.now),
      (part) => this.#continue(() => this.#streamed(stream, part)),
      (error) => this.#continue(() => this.#streamFailed(stream, error)),
    );
  }

  #streamed(stream: ResponseStream, result: ReadableStreamReadResult<Uint8Array>): void {
    if (this.#stream !== stream) return; // the stream was ended meanwhile
    let piece: Uint8Array<ArrayBuffer> | null;
    try {
      piece = stream.take(result);
    } catch (error) {
      stream.cancel(error as Error);
      return this.#streamFailed(stream, error);
    }
    const hasBytes = piece !== null && piece.length > 0;
    if (piece === null || hasBytes || stream.excess !== null) this.#releaseHead();
    if (hasBytes) this.carrier.write(this, piece!);
    if (stream.excess !== null) this.#context.onHandlerError(stream.excess);
    if (piece === null || stream.excess !== null) this.#finish();
  }

  #finish(): void {
    const { trailers } = this.#stream!;
    this.#stream = null;
    this.carrier.finish(this, trailers);
  }

  /** Handles a failed stream. Before the head is sent the response becomes an error. After that it is cut off. */
  #streamFailed(stream: ResponseStream, error: unknown): void {
    if (error instanceof ContentChanged) return this.carrier.reset(this);
    if (this.#stream === stream && this.#held !== null) {
      this.#stream = null;
      return this.fail(error);
    }
    this.#context.onHandlerError(error);
    this.carrier.reset(this);
  }

  /** Prepares an event stream for the stop of the server: aborts its signal and gives it a moment to end. */
  drain(): void {
    if (this.#stream?.isEventStream !== true) return;
    this.#abort(new DOMException("The server is stopping", "AbortError"));
    this.#deadlineMs = this.#context.reactor.now + EVENT_STREAM_END_MS;
    this.#expireAt(Math.min(this.#timer.deadlineMs, this.#deadlineMs)); // the stream may pause until then
  }

  /** Aborts the signal and fails the body, because the result of the exchange is not needed any more. */
  #abort(reason: Error): void {
    this.body?.fail(reason);
    this.#abortion.abort(reason);
  }

  /** Ends the exchange, because its response is complete. The rest of the body is dropped. */
  end(): void {
    this.stop();
    this.isAnswered = true;
    this.#stream = null;
    this.body?.fail(new Error("The response was complete before the body was read"));
  }

  /** Stops waiting for an answer, because none can be sent any more. */
  stop(): void {
    this.isOver = true;
    this.#context.reactor.cancel(this.#timer);
  }

  /** Ends the exchange, because the client is gone. */
  onClosed(): void {
    const reason = new DOMException("The client is gone", "AbortError");
    this.stop();
    this.#abort(reason);
    this.#pending?.release();
    this.#stream?.cancel(reason);
  }
}
