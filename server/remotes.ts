/**
 * Who is at the other end of each connection: asked of the kernel when somebody wants to know, and only once.
 * @module
 */
import { peerAddress, type SocketAddress } from "../ffi/socket.ts";

/** See the module's comment. */
export class Remotes {
  readonly #addresses: (SocketAddress | null)[] = [];

  /** The client's address; null when it is gone already. */
  address(fd: number): SocketAddress | null {
    const known = this.#addresses[fd] ?? null;
    if (known !== null) return known;
    const address = peerAddress(fd);
    if (address !== null) this.tell(fd, address);
    return address;
  }

  /** Somebody who must know says who the client is. */
  tell(fd: number, address: SocketAddress): void {
    while (this.#addresses.length <= fd) this.#addresses.push(null);
    this.#addresses[fd] = address;
  }

  /** The descriptor is, or will be, another's. */
  forget(fd: number): void {
    if (fd < this.#addresses.length) this.#addresses[fd] = null;
  }
}
