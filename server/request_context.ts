/**
 * What a handler may know beside the request.
 * @module
 */
import type { SocketAddress } from "../ffi/socket.ts";
import type { ConnectionHost } from "./connection_host.ts";
import type { HandlerContext } from "./handler.ts";
import type { HttpClock } from "./http/date.ts";

/** The connection that a context speaks of. */
interface Owner {
  readonly address: SocketAddress | null;
  readonly signal: AbortSignal;
}

/** One object a connection: it speaks of the request at hand. */
export class RequestContext implements HandlerContext {
  readonly #host: ConnectionHost;
  readonly #owner: Owner;

  constructor(host: ConnectionHost, owner: Owner) {
    this.#host = host;
    this.#owner = owner;
  }

  get batch(): number {
    return this.#host.reactor.batch;
  }

  get clock(): HttpClock {
    return this.#host.clock;
  }

  get remoteAddress(): SocketAddress | null {
    return this.#owner.address;
  }

  get signal(): AbortSignal {
    return this.#owner.signal;
  }
}
