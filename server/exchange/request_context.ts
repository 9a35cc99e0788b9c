/**
 * The context of a request on a connection.
 * @module
 */
import { localAddress, type SocketAddress } from "../../ffi/socket/socket.ts";
import type { Connection } from "../connection/connection.ts";
import type { ConnectionContext } from "../connection/context.ts";
import type { HandlerContext } from "../connection/handler.ts";
import type { HttpClock } from "../http/date.ts";
import { type Fields, toEarlyHints } from "../http/field_lines.ts";
import type { HttpRequest } from "../http/request.ts";
import type { Forwarded } from "../clients/forwarded.ts";
import { networkOf } from "../clients/ip_address.ts";

/** What a context asks about its request. */
export interface ContextOwner {
  /** Aborted once the result of the handler is not needed. */
  readonly signal: AbortSignal;
  /** Sends an interim response with checked fields, or does nothing if it is too late for that. */
  earlyHints(fields: Fields): void;
}

/**
 * The context of a connection's requests. One object serves all requests that are answered in their turn. After
 * {@linkcode bind} it belongs to one request for ever.
 */
export class RequestContext implements HandlerContext {
  readonly #connection: Connection;
  readonly #context: ConnectionContext;
  readonly #owner: ContextOwner;
  #bound: ContextOwner | null = null;

  /** `owner` is what answers the request, until {@linkcode bind}. */
  constructor(connection: Connection, owner: ContextOwner) {
    this.#connection = connection;
    this.#context = connection.context;
    this.#owner = owner;
    Object.preventExtensions(this); // it is shared by requests, also of different clients
  }

  /**
   * Ties the context to a request that takes more than this turn. The connection's next request gets another context.
   */
  bind(exchange: ContextOwner): void {
    this.#bound = exchange;
  }

  /** The descriptor; −1 once the client is gone. */
  get #openFd(): number {
    return this.#connection.retired ? -1 : this.#connection.fd;
  }

  get turn(): number {
    return this.#context.reactor.turnNumber;
  }

  get clock(): HttpClock {
    return this.#context.clock;
  }

  get remoteAddress(): SocketAddress | null {
    const fd = this.#openFd;
    return fd < 0 ? null : this.#context.clientAddresses.address(fd);
  }

  get serverName(): string | null {
    return this.#context.tls?.sessionOf(this.#openFd)?.serverName ?? null;
  }

  get localAddress(): SocketAddress | null {
    const fd = this.#openFd;
    return fd < 0 ? null : localAddress(fd);
  }

  forwarded(request: HttpRequest): Forwarded | null {
    const fd = this.#openFd;
    return fd < 0 ? null : this.#context.clientAddresses.forwarded(fd, request);
  }

  networkOf(request: HttpRequest): string | null {
    const fd = this.#openFd;
    const client = fd < 0 ? null : this.#context.clientAddresses.forwardedFor(fd, request);
    const address = client ?? this.remoteAddress?.address ?? null;
    return address === null ? null : networkOf(address);
  }

  report(error: unknown): void {
    this.#context.onHandlerError(error);
  }

  earlyHints(fields: Fields): void {
    const hints = toEarlyHints(fields);
    if (hints.length > 0) (this.#bound ?? this.#owner).earlyHints(hints);
  }

  get signal(): AbortSignal {
    return (this.#bound ?? this.#owner).signal;
  }
}
