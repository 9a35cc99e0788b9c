/**
 * A request as a site answers it: the HTTP request with all that belongs to its answer, in one value.
 * @module
 */
import type { HandlerContext } from "../../../server/connection/handler.ts";
import type { HttpRequest } from "../../../server/http/request.ts";
import type { Fields } from "../../../server/http/response.ts";
import type { Trace } from "../settings/site_options.ts";

/** What is answered with a file other than the URL's own: an error page, or the page of an application. */
export interface Fallback {
  /** 200, or the status of the error. */
  readonly status: number;
  /** Further fields of the response. */
  readonly extraFields: Fields;
  /** True when the client gave a password for the path of the file. */
  readonly isPrivate?: boolean;
}

/** The object of the last request that was answered at once; null while it is in use. */
let spare: SiteRequest | null = null;

/**
 * One request to a site. An answer that a known head remembers is sent without one (`static.ts`). Other requests take the
 * object of an earlier request where that was answered at once, so they allocate none; an object that a promise may
 * still use is not reused.
 */
export class SiteRequest {
  #http: HttpRequest;
  #context: HandlerContext;
  #trace: Trace | null;
  readonly #fallback: Fallback | null;
  /** The path of the URL in its one spelling; empty until it is resolved, and for a path that cannot be (400). */
  url = "";

  private constructor(
    http: HttpRequest,
    context: HandlerContext,
    trace: Trace | null,
    fallback: Fallback | null,
  ) {
    this.#http = http;
    this.#context = context;
    this.#trace = trace;
    this.#fallback = fallback;
  }

  /** Returns an object for the request `http`; `trace` is null while the site serves. */
  static take(http: HttpRequest, context: HandlerContext, trace: Trace | null): SiteRequest {
    const request = spare;
    if (request === null) return new SiteRequest(http, context, trace, null);
    spare = null;
    request.#http = http;
    request.#context = context;
    request.#trace = trace;
    request.url = "";
    return request;
  }

  /** Gives back an object from {@linkcode take} once the response is made and no code keeps the object. */
  release(): void {
    spare = this;
  }

  get http(): HttpRequest {
    return this.#http;
  }

  get context(): HandlerContext {
    return this.#context;
  }

  /** Records the decisions for `--explain`; null while the site serves, so that no text is made for it. */
  get trace(): Trace | null {
    return this.#trace;
  }

  /** Null: the answer is the resource at the URL. */
  get fallback(): Fallback | null {
    return this.#fallback;
  }

  /** Returns the same request, to be answered with a file in place of the URL's own. */
  withFallback(fallback: Fallback): SiteRequest {
    const request = new SiteRequest(this.#http, this.#context, this.#trace, fallback);
    request.url = this.url;
    return request;
  }
}
