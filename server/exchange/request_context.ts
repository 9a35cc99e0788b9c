/**
 * The context of a request on a connection.
 * @module
 */
import { localAddress, type SocketAddress } from "../../ffi/socket/socket.ts";
import type { ConnectionContext } from "../connection/context.ts";
import type { HandlerContext } from "../connection/handler.ts";
import type { HttpClock } from "../http/date.ts";
import type { HttpRequest } from "../http/request.ts";
import type { Forwarded } from "../clients/forwarded.ts";
import { networkOf } from "../clients/ip_address.ts";

/** The connection that the context describes. */
interface Owner {
  readonly address: SocketAddress | null;
  readonly openFd: number;
  readonly signal: AbortSignal;
}

/**
 * The context of a connection's requests. One object serves all requests that are answered in their turn. After
 * {@linkcode bind} it belongs to one request for ever.
 */
export class RequestContext implements HandlerContext {
  readonly #context: ConnectionContext;
  readonly #owner: Owner;
  #bound: { readonly signal: AbortSignal } | null = null;

  constructor(context: ConnectionContext, owner: Owner) {
    this.#context = context;
    this.#owner = owner;
    Object.preventExtensions(this); // it is shared by requests, also of different clients
  }

  /**
   * Ties the context to a request that takes more than this turn. The connection's next request gets another context.
   */
  bind(exchange: { readonly signal: AbortSignal }): void {
    this.#bound = exchange;
  }

  get turn(): number {
    return this.#context.reactor.turnNumber;
  }

  get clock(): HttpClock {
    return this.#context.clock;
  }

  get remoteAddress(): SocketAddress | null {
    return this.#owner.address;
  }

  get serverName(): string | null {
    return this.#context.tls?.sessionOf(this.#owner.openFd)?.serverName ?? null;
  }

  get localAddress(): SocketAddress | null {
    const { openFd } = this.#owner;
    return openFd < 0 ? null : localAddress(openFd);
  }

  forwarded(request: HttpRequest): Forwarded | null {
    const { openFd } = this.#owner;
    return openFd < 0 ? null : this.#context.clientAddresses.forwarded(openFd, request);
  }

  networkOf(request: HttpRequest): string | null {
    const { openFd } = this.#owner;
    const client = openFd < 0 ? null : this.#context.clientAddresses.forwardedFor(openFd, request);
    const address = client ?? this.#owner.address?.address ?? null;
    return address === null ? null : networkOf(address);
  }

  report(error: unknown): void {
    this.#context.onHandlerError(error);
  }

  get signal(): AbortSignal {
    return (this.#bound ?? this.#owner).signal;
  }
}
