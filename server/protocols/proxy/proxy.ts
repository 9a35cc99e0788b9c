/**
 * The header of the PROXY protocol at the beginning of a connection. The bytes after it are left to the protocol that
 * follows.
 * @module
 */
import { EAGAIN, ECONNABORTED } from "../../../ffi/libc/errno.ts";
import type { Connection } from "../../connection/connection.ts";
import type { Protocol } from "../../connection/protocol.ts";
import { Interest } from "../../loop/poller.ts";
import { ProxyHeader } from "./proxy_header.ts";

/** The protocol of a connection whose PROXY header is not complete. */
export class Proxy implements Protocol {
  readonly activity = "reading";
  readonly wantsInput: Interest = Interest.READABLE;
  readonly #connection: Connection;
  readonly #onWhole: (connection: Connection) => void;
  readonly #header = new ProxyHeader();

  /**
   * `onWhole` is called once the header is complete, in phase one. It makes the connection speak another protocol, or
   * retires it.
   */
  constructor(connection: Connection, onWhole: (connection: Connection) => void) {
    this.#connection = connection;
    this.#onWhole = onWhole;
  }

  /** Starts reading from a proxy whose connection was just accepted, in phase one. Usually its header has already arrived. */
  start(): void {
    const connection = this.#connection;
    const { reactor, limits, clientAddresses } = connection.context;
    connection.speak(this);
    if (!clientAddresses.mayNameClients(connection.fd)) return reactor.retire(connection);
    connection.expireAt(reactor.now + limits.headTimeoutMs);
    connection.receive();
    if (!this.#header.isWhole) connection.watch();
  }

  /** Receives the header, and once it is complete what follows. */
  recv(buffer: Uint8Array<ArrayBuffer>): number {
    const connection = this.#connection;
    const { fd, transport, context: { accounting, clientAddresses } } = connection;
    const header = this.#header;
    while (!header.isWhole) {
      const count = transport.peek(fd, buffer.subarray(0, header.wanted));
      // The bytes of the header are received at once, else a level-triggered poller would report them for ever.
      const taken = count <= 0 ? count : header.take(buffer, count);
      if (taken <= 0) return count < 0 ? count : -ECONNABORTED; // it has ended, or the header is invalid
      if (transport.recv(fd, buffer.subarray(0, taken)) !== taken) return -ECONNABORTED; // no other code reads from the socket
      accounting.counters.receive(taken);
    }
    if (header.client !== null) clientAddresses.set(fd, header.client);
    connection.expireAt(Infinity);
    this.#onWhole(connection);
    return connection.retired ? -EAGAIN : connection.recv(buffer);
  }

  onInput(): void {}

  onDeadline(): void {
    this.drain();
  }

  onClosed(): void {}

  drain(): void {
    this.#connection.context.reactor.retire(this.#connection);
  }
}
