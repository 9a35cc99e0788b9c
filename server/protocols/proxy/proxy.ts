/**
 * Connections that begin with the header of the PROXY protocol: each waits here until it is there, and is then served as if
 * the client that it names had connected. No byte behind the header is taken.
 * @module
 */
import { EAGAIN, EINTR } from "../../../ffi/libc/errno.ts";
import type { ConnectionContext } from "../../connection/context.ts";
import { Interest } from "../../loop/poller.ts";
import { Source } from "../../loop/source.ts";
import { ProxyHeader } from "./proxy_header.ts";

/** Who waits for them. */
export interface Admission {
  /** The header of the connection `fd` was read; the reactor does not know it. For phase one. */
  admit(fd: number): void;
  /** It has ended before. */
  lost(fd: number): void;
}

/** Connections whose PROXY header has not arrived yet. */
export class ProxyGate {
  readonly #host: ConnectionContext;
  readonly #keeper: Admission;
  readonly #waiting = new Set<WaitingConnection>();

  constructor(host: ConnectionContext, admission: Admission) {
    this.#host = host;
    this.#keeper = admission;
  }

  /** A proxy was accepted as `fd`. Most often its header is there. For phase one. */
  accept(fd: number): void {
    const { reactor, limits, clientAddresses } = this.#host;
    const connection = new WaitingConnection(fd, this.#host, this.#keeper, this.#waiting);
    if (!clientAddresses.mayNameClients(fd)) return reactor.retire(connection);
    if (connection.read()) return;
    const status = connection.retired ? 0 : reactor.register(connection, Interest.READABLE);
    if (status < 0) {
      reactor.retire(connection);
      this.#host.onRefused(status);
    }
    if (connection.retired) return;
    this.#waiting.add(connection);
    reactor.expireAt(connection, reactor.now + limits.headTimeoutMs);
  }

  /** The server is to stop: who has not said for whom it comes is not waited for. */
  drain(): void {
    for (const connection of this.#waiting) this.#host.reactor.retire(connection);
  }
}

/** One connection whose header is not whole. */
class WaitingConnection extends Source {
  readonly #host: ConnectionContext;
  readonly #keeper: Admission;
  readonly #waiting: Set<WaitingConnection>;
  readonly #header = new ProxyHeader();

  constructor(fd: number, host: ConnectionContext, admission: Admission, waiting: Set<WaitingConnection>) {
    super(fd);
    this.#host = host;
    this.#keeper = admission;
    this.#waiting = waiting;
  }

  override onReady(): void {
    this.read();
  }

  /** Takes what has come of the header; true once it is whole, and the connection somebody else's. */
  read(): boolean {
    const { transport, reactor, accounting, clientAddresses } = this.#host;
    const { fd } = this;
    const header = this.#header;
    while (!header.isWhole) {
      const bytes = new Uint8Array(header.wanted);
      const count = transport.peek(fd, bytes);
      if (count === -EAGAIN || count === -EINTR) { // a level tells again, an edge of a signal does not
        if (count === -EINTR) reactor.again(this);
        return false;
      }
      // What belongs to the header is taken at once, or a level would tell of it for ever.
      const taken = count <= 0 ? count : header.take(bytes, count);
      if (taken <= 0) {
        reactor.retire(this);
        return false;
      }
      const received = transport.recv(fd, bytes.subarray(0, taken));
      if (received !== taken) { // nobody else reads from it: it has failed
        reactor.retire(this);
        return false;
      }
      accounting.counters.receive(taken);
    }
    this.#waiting.delete(this);
    reactor.retire(this, false);
    if (header.client !== null) clientAddresses.tell(fd, header.client);
    this.#keeper.admit(fd);
    return true;
  }

  override onDeadline(): void {
    this.#host.reactor.retire(this);
  }

  override onClosed(): void {
    this.#waiting.delete(this);
    this.#keeper.lost(this.fd);
  }
}
