/**
 * The client address of each connection. It is read from the kernel on first use, or set by the PROXY protocol. For a
 * request, a trusted proxy can name another client.
 * @module
 */
import { peerAddress, peerNetwork, type SocketAddress } from "../../ffi/socket/socket.ts";
import { KnownRequest } from "../http/heads/known_request.ts";
import type { HttpRequest } from "../http/request.ts";
import { type Forwarded, forwardedBy, forwardedClient } from "./forwarded.ts";
import { networkOf } from "./ip_address.ts";
import type { TrustedProxies } from "./trusted_proxies.ts";

/** The client address of each connection. */
export class ClientAddresses {
  readonly #trusted: TrustedProxies | null;
  readonly #addresses: (SocketAddress | null)[] = [];
  /** Whether each address is a trusted proxy; null if that is not known yet. */
  readonly #areTrusted: (boolean | null)[] = [];

  /** `trusted` is null if no proxy may name the client of a request. */
  constructor(trusted: TrustedProxies | null = null) {
    this.#trusted = trusted;
  }

  /** Returns the client's address; null if the client is already gone. */
  address(fd: number): SocketAddress | null {
    const known = this.#addresses[fd] ?? null;
    if (known !== null) return known;
    const address = peerAddress(fd);
    if (address !== null) this.set(fd, address);
    return address;
  }

  /**
   * Returns the network by which limits for each address count the client. Null if the client is gone, or has no
   * address.
   */
  network(fd: number): string | null {
    const known = this.#addresses[fd] ?? null;
    return known === null ? peerNetwork(fd) : networkOf(known.address);
  }

  /** Sets the address of the client, which a PROXY header has named. */
  set(fd: number, address: SocketAddress): void {
    while (this.#addresses.length <= fd) {
      this.#addresses.push(null);
      this.#areTrusted.push(null);
    }
    this.#addresses[fd] = address;
    this.#areTrusted[fd] = null;
  }

  /** Forgets the address, because the descriptor will be reused. */
  forget(fd: number): void {
    if (fd < this.#addresses.length) this.#addresses[fd] = this.#areTrusted[fd] = null;
  }

  /** Returns true if a PROXY header on `fd` is accepted. Without trusted proxies it is accepted from every client. */
  mayNameClients(fd: number): boolean {
    return this.#trusted === null || this.#isTrusted(fd);
  }

  /**
   * Returns the client that `request` names, if the connection comes from a trusted proxy. Null otherwise; the client
   * is then the peer of the connection.
   */
  forwardedFor(fd: number, request: HttpRequest): string | null {
    if (this.#trusted === null || !this.#isTrusted(fd)) return null;
    if (!(request instanceof KnownRequest)) return forwardedClient(request, this.#trusted);
    let client = KnownRequest.clientOf(request);
    if (client === undefined) {
      KnownRequest.setClient(request, client = forwardedClient(request, this.#trusted));
    }
    return client;
  }

  /**
   * Returns what a trusted proxy says about the original request. Null if the connection does not come from a trusted
   * proxy.
   */
  forwarded(fd: number, request: HttpRequest): Forwarded | null {
    return this.#trusted !== null && this.#isTrusted(fd) ? forwardedBy(request, this.#trusted) : null;
  }

  #isTrusted(fd: number): boolean {
    const known = this.#areTrusted[fd] ?? null;
    if (known !== null) return known;
    const address = this.address(fd);
    return address !== null && (this.#areTrusted[fd] = this.#trusted!.includes(address.address));
  }
}
