/**
 * Who is at the other end of each connection: asked of the kernel when somebody wants to know, and only once; or told by a
 * proxy that may say so.
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
  /** Whether those are trusted proxies; null: nobody has asked. */
  readonly #areTrusted: (boolean | null)[] = [];

  /** `trusted`: null where no proxy's word counts for a request. */
  constructor(trusted: TrustedProxies | null = null) {
    this.#trusted = trusted;
  }

  /** The client's address; null when it is gone already. */
  address(fd: number): SocketAddress | null {
    const known = this.#addresses[fd] ?? null;
    if (known !== null) return known;
    const address = peerAddress(fd);
    if (address !== null) this.tell(fd, address);
    return address;
  }

  /** What limits for each address count it as; null: it is gone, or has no address. */
  network(fd: number): string | null {
    const known = this.#addresses[fd] ?? null;
    return known === null ? peerNetwork(fd) : networkOf(known.address);
  }

  /** Somebody who must know says who the client is. */
  tell(fd: number, address: SocketAddress): void {
    while (this.#addresses.length <= fd) {
      this.#addresses.push(null);
      this.#areTrusted.push(null);
    }
    this.#addresses[fd] = address;
    this.#areTrusted[fd] = null;
  }

  /** The descriptor is, or will be, another's. */
  forget(fd: number): void {
    if (fd < this.#addresses.length) this.#addresses[fd] = this.#areTrusted[fd] = null;
  }

  /** Whether a header of the PROXY protocol is believed that `fd` begins with: anybody's, unless it is said whose. */
  mayNameClients(fd: number): boolean {
    return this.#trusted === null || this.#isTrusted(fd);
  }

  /** Who `request` comes from, where the connection is a trusted proxy's and says so; else null: the connection's own. */
  forwardedFor(fd: number, request: HttpRequest): string | null {
    if (this.#trusted === null || !this.#isTrusted(fd)) return null;
    if (!(request instanceof KnownRequest)) return forwardedClient(request, this.#trusted);
    let client = KnownRequest.clientOf(request);
    if (client === undefined) {
      KnownRequest.setClient(request, client = forwardedClient(request, this.#trusted));
    }
    return client;
  }

  /** What `request` was when it reached the first proxy, where the connection is a trusted proxy's; else null. */
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
