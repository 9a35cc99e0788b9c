/**
 * What a handler is: a function from a request to a response.
 * @module
 */
import type { SocketAddress } from "../../ffi/socket/socket.ts";
import type { HttpClock } from "../http/date.ts";
import type { HttpRequest } from "../http/request.ts";
import type { HttpResponse } from "../http/response.ts";
import type { Forwarded } from "../clients/forwarded.ts";

/** What a handler may know beside the request. */
export interface HandlerContext {
  /**
   * The reactor's turn: a number that no other turn of any reactor in this isolate has. Every request that is handled in a
   * turn was received before the first of them is handled: what is known to be true in a turn is true for all of them.
   */
  readonly turn: number;
  /** The current second, as `Date` says it. */
  readonly clock: HttpClock;
  /** The client's; null once it is gone. A system call each time. */
  readonly remoteAddress: SocketAddress | null;
  /** Where the client has connected to; null once it is gone. A system call each time. */
  readonly localAddress: SocketAddress | null;
  /** What `request` was when it reached the first proxy, where a trusted proxy says so (`trustProxy`); else null. */
  forwarded(request: HttpRequest): Forwarded | null;
  /** Tells the server's `onError` of what went wrong; the answer is not changed by that. */
  report(error: unknown): void;
  /**
   * The network that `request` comes from, for fair shares: an IPv4 address, or the /64 of an IPv6 address; of the client that a
   * trusted proxy names, where one does. Null for a UNIX socket, and once the client is gone. A server always has it.
   */
  networkOf?(request: HttpRequest): string | null;
  /**
   * Aborted when the client is gone before its answer is complete, or the handler took too long. A client that ended
   * its half of the connection, and may still read, counts as gone after ABANDONED_TIMEOUT_MS without a byte for it.
   */
  readonly signal: AbortSignal;
}

/** The context of a request that no connection brings, in a turn of its own. */
export function contextOutside(clock: HttpClock, turn: number, signal: AbortSignal): HandlerContext {
  return {
    turn,
    clock,
    remoteAddress: null,
    localAddress: null,
    signal,
    forwarded: () => null,
    report: () => {},
  };
}

/**
 * Answers a request. A promise suspends the connection, not the loop; after `handlerTimeoutMs` the client gets 503.
 * An {@linkcode HttpError} that is thrown becomes the response of its status; anything else that is thrown, 500.
 */
export interface Handler {
  (request: HttpRequest, context: HandlerContext): HttpResponse | Promise<HttpResponse>;
  /** True: bodies are read to their end and dropped before it is called, so that it need not think of them. */
  readonly ignoresBodies?: boolean;
}
