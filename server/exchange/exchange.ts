/**
 * A request and its response that take more than one turn.
 * @module
 */
import { abort } from "../embedder/abort.ts";
import type { HttpRequest } from "../http/request.ts";
import type { RequestBody } from "../http/request_body.ts";
import { HttpResponse } from "../http/response.ts";
import type { ResponseStream } from "./response_stream.ts";

/** Returns the error for a handler that returns something else than a response. */
export function noResponse(): TypeError {
  return new TypeError("A handler must return an HttpResponse (fromFetch adapts what returns a Response)");
}

/** A request that takes longer than its turn, and its response. A request that is answered at once has no exchange. */
export class Exchange {
  request: HttpRequest | null = null;
  /**
   * The turn in which the request was complete, in milliseconds of the reactor's clock (`Reactor.turnMs`); 0 during
   * that turn.
   */
  startMs = 0;
  /** The body of the request while the handler may read it; null otherwise. */
  body: RequestBody | null = null;
  /** True once the client was asked to send the announced body (100 Continue). */
  isContinued = false;
  /** True once there is a response. A later result of the handler is dropped. */
  isAnswered = false;
  /** The response is a stream of server-sent events, which has no end of its own. */
  isEventStream = false;
  /** The source of the response's body while it is produced; null otherwise. */
  stream: ResponseStream | null = null;
  /** The response, while its head waits for the first piece of {@linkcode stream}; null otherwise. */
  held: HttpResponse | null = null;
  /** The instant at which the head is sent even without a piece. */
  heldUntilMs = 0;
  /** The instant by which the handler must have answered. */
  deadlineMs: number = Infinity;
  /** What the deadline of the connection is about; null if none is set. */
  wait: "handler" | "head" | "sending" | "leaving" | "body" | null = null;
  /** True once the body was waited for. */
  hasBodyRate = false;
  #promise: Promise<unknown> | null = null;
  #release: () => void = () => {};
  #controller: AbortController | null = null;
  #reason: Error | null = null;
  readonly #report: (error: unknown) => void;

  /** `report` is called for exceptions of the embedder's code after the request is over. */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /** True once the client counts as gone. */
  get isAbandoned(): boolean {
    return this.#reason !== null;
  }

  /** True if the client counts as gone, and nothing was sent to it. */
  get isUnwanted(): boolean {
    return this.isAbandoned && !this.isAnswered;
  }

  /** Aborted when the client is gone, or the handler has taken too long. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#reason !== null) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Sets the promise of the handler's response. `release` tells the loop that the result is no longer needed. */
  await(promise: Promise<unknown>, release: () => void): void {
    this.#promise = promise;
    this.#release = release;
  }

  /** Marks the promise as settled and used. */
  settled(): void {
    this.#promise = null;
  }

  /** Stops waiting for the promise. A response that comes later is discarded, which frees its file or stream. */
  release(): void {
    const promise = this.#promise;
    if (promise === null) return;
    this.#promise = null;
    this.#release();
    // A late exception of the handler is dropped. An exception while a late response is discarded is reported.
    promise.then((response) => {
      try {
        if (response instanceof HttpResponse) response.discard();
      } catch (error) {
        this.#report(error);
      }
    }, () => {});
  }

  /** Undoes the response, because its stream failed before the first byte. */
  takeBack(): void {
    this.held = this.stream = null;
    this.isAnswered = false;
  }

  /** Aborts the signal and fails the body, because the result of the exchange is not needed any more. */
  abort(reason: Error): void {
    this.#reason ??= reason;
    this.body?.fail(reason);
    if (this.#controller !== null) abort(this.#controller, reason, this.#report);
  }
}
