/**
 * What a handler is: a function from a request to a response.
 * @module
 */
import type { HttpClock } from "./http/date.ts";
import type { HttpRequest } from "./http/request.ts";
import type { HttpResponse } from "./http/response.ts";

/** What a handler may know beside the request. */
export interface HandlerContext {
  /**
   * The reactor's turn. Every request that is handled in a turn was received before the first of them is handled:
   * what is known to be true in a turn is true for all requests of it.
   */
  readonly batch: number;
  readonly clock: HttpClock;
}

/** Answers a request. A promise suspends the connection, not the loop. */
export type Handler = (request: HttpRequest, context: HandlerContext) => HttpResponse | Promise<HttpResponse>;
