/**
 * A request that a coroutine has taken.
 * @module
 */
import type { HandlerContext } from "../connection/handler.ts";
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
  /** The context of this request, as handlers get it. */
  readonly context: HandlerContext;
  /**
   * Answers the request; resolves when all is sent, and returns nothing if that is so at once. If an HTTP/2 client has
   * reset the stream of the request, the response is dropped.
   * @throws {Cancelled} once the client is gone
   * @throws {TypeError} when the request is already answered, or for anything but an HttpResponse
   */
  readonly respond: (response: HttpResponse) => void | Promise<void>;
  /**
   * Answers as for a handler that has thrown `error`: by its status if it is an {@linkcode HttpError}, else by a 500 and
   * a report. Does nothing if the request is answered already, or its client is gone.
   */
  readonly fail: (error: unknown) => void;

  /** Combines `request` with its context and the ways to answer it. */
  constructor(
    request: HttpRequest,
    context: HandlerContext,
    respond: (response: HttpResponse) => void | Promise<void>,
    fail: (error: unknown) => void,
  ) {
    super(0);
    this.resemble(request);
    (this as { fields: Int32Array }).fields = request.fields; // which do not change any more
    this.request = request;
    this.context = context;
    this.respond = respond;
    this.fail = fail;
    Object.preventExtensions(this); // like every request
  }

  /** Aborted when the client is gone, has reset the stream of this request, or has waited for too long. */
  get signal(): AbortSignal {
    return this.context.signal;
  }
}
