/**
 * The interface of handlers, which are functions from a request to a response.
 * @module
 */
import type { SocketAddress } from "../../ffi/socket/socket.ts";
import type { HttpClock } from "../http/date.ts";
import type { Fields } from "../http/field_lines.ts";
import type { HttpRequest } from "../http/request.ts";
import type { HttpResponse } from "../http/response.ts";
import type { Forwarded } from "../clients/forwarded.ts";
import type { Reactor } from "../loop/reactor.ts";

/** Further information for a handler about the request. */
export interface HandlerContext {
  /**
   * The number of the reactor's turn, unique among all reactors of this isolate. All requests that are handled in a
   * turn were received before the first of them is handled. So a check that is made in a turn holds for all of them.
   */
  readonly turn: number;
  /** The current second, as in the `Date` field. */
  readonly clock: HttpClock;
  /**
   * The address of the client, or of the client that a PROXY header names. Null once the client is gone. The first use
   * for a connection costs a system call.
   */
  readonly remoteAddress: SocketAddress | null;
  /**
   * The name that the client has asked for in the handshake of TLS (SNI), in lower case; "" if it has asked for none.
   * Null without TLS.
   */
  readonly serverName: string | null;
  /** The address that the client has connected to; null once the client is gone. Each use costs a system call. */
  readonly localAddress: SocketAddress | null;
  /**
   * Returns the original request as a trusted proxy (`trustProxy`) describes it. Null if the connection does not come
   * from a trusted proxy.
   */
  forwarded(request: HttpRequest): Forwarded | null;
  /**
   * Sends an interim response 103 (Early Hints, RFC 8297) with `fields`, usually `Link` lines of what the page will need.
   * Does nothing for an HTTP/1.0 client, once the head of the response is sent, and without fields.
   * @throws {TypeError} for a field that is invalid, or that no interim response has
   */
  earlyHints(fields: Fields): void;
  /** Reports an error to the server's `onError`. The response is not affected. */
  report(error: unknown): void;
  /**
   * Returns the network of the client of `request`, for fair sharing: an IPv4 address, or the /64 of an IPv6 address.
   * If a trusted proxy names the client, it is that client's. Null for a UNIX socket, and once the client is gone. A
   * server always provides this method.
   */
  networkOf?(request: HttpRequest): string | null;
  /**
   * Aborted when the client is gone before its response is complete, or the handler has taken too long. A client that
   * has closed its writing half may still read. It counts as gone after ABANDONED_TIMEOUT_MS without a byte for it.
   */
  readonly signal: AbortSignal;
}

/** Returns a context for a request without a connection, in a turn of its own. */
export function contextOutside(clock: HttpClock, turn: number, signal: AbortSignal): HandlerContext {
  return {
    turn,
    clock,
    remoteAddress: null,
    serverName: null,
    localAddress: null,
    signal,
    forwarded: () => null,
    earlyHints: () => {},
    report: () => {},
  };
}

/**
 * A function that answers a request. A promise suspends the connection, not the loop. After `handlerTimeoutMs` the
 * client gets 503 (Service Unavailable). A thrown {@linkcode HttpError} becomes a response with its status, and every
 * other exception a 500.
 */
export interface Handler {
  (request: HttpRequest, context: HandlerContext): HttpResponse | Promise<HttpResponse>;
  /** True if request bodies are to be read and dropped before the handler is called. */
  readonly ignoresBodies?: boolean;
  /** Called with the loop of the server that calls the handler from now on, for a handler that has sources of its own. */
  readonly attach?: (reactor: Reactor) => void;
}
