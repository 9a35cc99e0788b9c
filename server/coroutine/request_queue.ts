/**
 * An HTTP connection whose requests a coroutine takes one after the other, instead of a handler being called for each.
 * @module
 */
import type { ConnectionKeeper } from "../connection/connection.ts";
import type { ConnectionContext } from "../connection/context.ts";
import type { HttpRequest } from "../http/request.ts";
import type { HttpResponse } from "../http/response.ts";
import { HttpConnection } from "../protocols/http1/http1.ts";

/** The receiver of requests. */
export interface RequestTaker {
  /** Called for a request, which {@linkcode SequentialHttpConnection.send} answers. */
  arrived(request: HttpRequest): void;
  /** Called when the response is sent completely. */
  sent(): void;
  closed(): void;
}

/**
 * An HTTP connection whose requests wait for a coroutine. It keeps its object while it is idle, because the coroutine
 * belongs to it.
 */
export class SequentialHttpConnection extends HttpConnection {
  readonly #taker: RequestTaker;
  readonly #keeper: ConnectionKeeper;
  #isSending = false;

  constructor(context: ConnectionContext, keeper: ConnectionKeeper, taker: RequestTaker) {
    super(context, {
      idle: (connection) =>
        context.reactor.expireAt(connection, context.reactor.now + context.limits.keepAliveTimeoutMs),
      refused: (connection, status) => keeper.refused(connection, status),
      closed: (connection) => keeper.closed(connection),
    });
    this.isReusable = false;
    this.#taker = taker;
    this.#keeper = keeper;
  }

  override isKeptBy(keeper: ConnectionKeeper): boolean {
    return this.#keeper === keeper;
  }

  /** Starts serving a client that was just attached. */
  start(): void {
    const { reactor, limits } = this.context;
    if (!this.watch()) return;
    this.input.isReadable = true;
    reactor.expireAt(this, reactor.now + limits.keepAliveTimeoutMs);
    reactor.again(this);
  }

  /** True if a request waits for {@linkcode send}. */
  get isAwaiting(): boolean {
    return this.current === "handling" && this.exchange?.isAnswered === false && !this.retired;
  }

  /** Answers the request that was taken. Returns true if the response is already sent. */
  send(response: HttpResponse): boolean {
    this.#isSending = true;
    try {
      this.answer((request) => this.respond(response, request));
    } catch (error) { // the coroutine gets it, and the loop would not hear of it
      this.context.reactor.retire(this);
      throw error;
    }
    return !this.#isSending;
  }

  /**
   * Ends the connection, because no more requests are taken. `error` is the coroutine's exception; null if it has
   * returned. A waiting request is answered if the coroutine has taken it (`wasTaken`), or has thrown.
   */
  end(error: unknown, wasTaken: boolean): void {
    if (this.isAwaiting && (wasTaken || error !== null)) {
      this.closeAfter = true;
      const reason = error ?? new Error("The coroutine ended before it responded");
      this.answer((request) => this.handlerFailed(reason, request));
    } else if (!this.retired) {
      this.closeAfter = true;
      if (this.isAwaiting || this.current === "reading-body") { // the client may continue sending
        this.lingerAfter = true;
        this.current = "reading";
      }
      if (this.current === "reading") this.settle();
    }
  }

  protected override call(request: HttpRequest): null {
    this.#taker.arrived(request);
    return null;
  }

  protected override aborted(): void {
    this.context.reactor.retire(this);
  }

  protected override settle(): void {
    super.settle();
    if (!this.#isSending || !this.output.isEmpty || (this.exchange?.stream ?? null) !== null) return;
    this.#isSending = false;
    this.#taker.sent();
  }

  override onClosed(): void {
    super.onClosed();
    this.#taker.closed();
  }
}
