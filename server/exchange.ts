/**
 * A request and its answer, where they take more than one turn.
 * @module
 */
import type { HttpRequest } from "./http/request.ts";
import type { RequestBody } from "./http/request_body.ts";
import type { ResponseStream } from "./response_stream.ts";

/** See the module's comment. Most requests are answered at once and have none. */
export class Exchange {
  request: HttpRequest | null = null;
  /** The request's body, where the handler gets it. */
  body: RequestBody | null = null;
  /** True once the client was told to send the body it announced. */
  isContinued = false;
  /** True once there is a response: what else the handler says is dropped. */
  isAnswered = false;
  /** The response's body, while it is made. */
  stream: ResponseStream | null = null;
  /** The instant at which the handler should have answered. */
  deadlineMs = Infinity;
  /** True once the client counts as gone. */
  isAbandoned = false;
  #controller: AbortController | null = null;

  /** Aborted when the client is gone, or the handler has taken too long. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  /** Tells whoever works for this exchange that nobody waits for it. */
  abandon(reason: Error): void {
    this.isAbandoned = true;
    this.body?.fail(reason);
    this.#controller?.abort(reason);
  }
}
