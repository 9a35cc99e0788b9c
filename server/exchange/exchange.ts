/**
 * A request and its answer, where they take more than one turn.
 * @module
 */
import { abort } from "../embedder/abort.ts";
import type { HttpRequest } from "../http/request.ts";
import type { RequestBody } from "../http/request_body.ts";
import { HttpResponse } from "../http/response.ts";
import type { ResponseStream } from "./response_stream.ts";

/** What a handler is told that answers with something else. */
export function noResponse(): TypeError {
  return new TypeError("A handler must return an HttpResponse (fromFetch adapts what returns a Response)");
}

/** A request that takes longer than its turn, and its response. Most requests are answered at once and have none. */
export class Exchange {
  request: HttpRequest | null = null;
  /** The turn in which it was whole; 0 while it is the present one. */
  startMs = 0;
  /** The request's body, where the handler gets it. */
  body: RequestBody | null = null;
  /** True once the client was told to send the body it announced. */
  isContinued = false;
  /** True once there is a response: what else the handler says is dropped. */
  isAnswered = false;
  /** The response is an event stream, which has no end of its own. */
  isEventStream = false;
  /** The response's body, while it is made. */
  stream: ResponseStream | null = null;
  /** The response, while its head waits for the first piece of {@linkcode stream}. */
  held: HttpResponse | null = null;
  /** The instant at which that does not wait any longer. */
  heldUntilMs = 0;
  /** The instant at which the handler should have answered. */
  deadlineMs: number = Infinity;
  /** What its deadline is about. */
  wait: "handler" | "head" | "sending" | "leaving" | "body" | null = null;
  /** Its body was waited for already. */
  hasBodyRate = false;
  #promise: Promise<unknown> | null = null;
  #release: () => void = () => {};
  #controller: AbortController | null = null;
  #reason: Error | null = null;
  readonly #report: (error: unknown) => void;

  /** `report` is told of what an embedder's code throws once its request is over. */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /** True once the client counts as gone. */
  get isAbandoned(): boolean {
    return this.#reason !== null;
  }

  /** The client counts as gone, and nothing was sent to it so far. */
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

  /** The handler's response is promised; `release` tells the loop that nobody waits for it. */
  await(promise: Promise<unknown>, release: () => void): void {
    this.#promise = promise;
    this.#release = release;
  }

  /** The promise is settled, and what it says is used. */
  settled(): void {
    this.#promise = null;
  }

  /** The promise is not waited for any longer: a response that it gives later is given back what it holds. */
  release(): void {
    const promise = this.#promise;
    if (promise === null) return;
    this.#promise = null;
    this.#release();
    // What the handler throws too late is dropped; what fails while a late response is given back is an error of its own.
    promise.then((response) => {
      try {
        if (response instanceof HttpResponse) response.discard();
      } catch (error) {
        this.#report(error);
      }
    }, () => {});
  }

  /** The stream failed before its first byte: there is no response yet. */
  takeBack(): void {
    this.held = this.stream = null;
    this.isAnswered = false;
  }

  /** Tells whoever works for this exchange that nobody waits for it. */
  abort(reason: Error): void {
    this.#reason ??= reason;
    this.body?.fail(reason);
    if (this.#controller !== null) abort(this.#controller, reason, this.#report);
  }
}
