/**
 * The promise of a response.
 * @module
 */
import type { Reactor } from "../loop/reactor.ts";
import type { Source } from "../loop/source.ts";
import { HttpResponse } from "../http/response.ts";

/** Returns the error for a handler that returns something other than a response. */
export function noResponse(): TypeError {
  return new TypeError("A handler must return an HttpResponse (fromFetch adapts what returns a Response)");
}

/** A promise that a handler has returned, until it settles or is not needed any more. */
export class PendingResponse {
  readonly #promise: Promise<unknown>;
  readonly #release: () => void;
  readonly #report: (error: unknown) => void;
  #isOver = false;

  /**
   * Calls `respond` or `fail` in the loop once `promise` has settled, unless `source` is retired or the response is released
   * by then. `report` gets exceptions of the embedder's code after that.
   */
  constructor(
    promise: Promise<HttpResponse>,
    reactor: Reactor,
    source: Source,
    respond: (response: HttpResponse) => void,
    fail: (error: unknown) => void,
    report: (error: unknown) => void,
  ) {
    this.#report = report;
    this.#promise = Promise.resolve(promise);
    const settle = (then: () => void) => {
      if (this.#isOver) return;
      this.#isOver = true;
      then();
    };
    this.#release = reactor.suspend(
      source,
      this.#promise,
      (response) => settle(() => response instanceof HttpResponse ? respond(response) : fail(noResponse())),
      (error) => settle(() => fail(error)),
    );
  }

  /** Stops waiting for the promise. A response that comes later is discarded, which frees its file or stream. */
  release(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#release();
    // A late exception of the handler is dropped. An exception while a late response is discarded is reported.
    this.#promise.then((response) => {
      try {
        if (response instanceof HttpResponse) response.discard();
      } catch (error) {
        this.#report(error);
      }
    }, () => {});
  }
}
