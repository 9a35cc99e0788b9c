/**
 * A request that a coroutine has taken.
 * @module
 */
import { HttpRequest } from "../http/request.ts";
import type { HttpResponse } from "../http/response.ts";

/**
 * A request and the way to answer it. It is also a request itself, with the same values, for code that answers by
 * {@linkcode CoroutineConnection.respond}. A handler is better called with `request`, because it may have stored its answer
 * with that.
 */
export class RequestExchange extends HttpRequest {
  /** The request, as handlers get it. */
  readonly request: HttpRequest;
  /**
   * Answers the request; resolves when all is sent, and returns nothing if that is so at once.
   * @throws {Cancelled} once the client is gone
   * @throws {TypeError} when the request is already answered, or for anything but an HttpResponse
   */
  readonly respond: (response: HttpResponse) => void | Promise<void>;

  /** Combines `request` with `respond`. */
  constructor(request: HttpRequest, respond: (response: HttpResponse) => void | Promise<void>) {
    super(0);
    this.resemble(request);
    (this as { fields: Int32Array }).fields = request.fields; // which do not change any more
    this.request = request;
    this.respond = respond;
    Object.preventExtensions(this); // like every request
  }
}
