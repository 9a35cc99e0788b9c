/**
 * Connections that begin with a header of the PROXY protocol. A connection waits here for its header, and is then
 * served as if the client that the header names had connected. Bytes behind the header are not received.
 * @module
 */
import { EAGAIN, EINTR } from "../../../ffi/libc/errno.ts";
import type { ConnectionContext } from "../../connection/context.ts";
import { Interest } from "../../loop/poller.ts";
import { Source } from "../../loop/source.ts";
import { ProxyHeader } from "./proxy_header.ts";

/** The receiver of connections whose header was read. */
export interface Admission {
  /** Takes the connection `fd` after its header. It is not registered with the reactor. Called in phase one. */
  admit(fd: number): void;
  /** Called when a connection ended before its header was complete. */
  lost(fd: number): void;
}

/** Connections whose PROXY header has not arrived yet. */
export class ProxyGate {
  readonly #context: ConnectionContext;
  readonly #keeper: Admission;
  readonly #waiting = new Set<WaitingConnection>();

  constructor(context: ConnectionContext, admission: Admission) {
    this.#context = context;
    this.#keeper = admission;
  }

  /** Handles a proxy that was just accepted as `fd`, in phase one. Usually its header has already arrived. */
  accept(fd: number): void {
    const { reactor, limits, clientAddresses } = this.#context;
    const connection = new WaitingConnection(fd, this.#context, this.#keeper, this.#waiting);
    if (!clientAddresses.mayNameClients(fd)) return reactor.retire(connection);
    if (connection.read()) return;
    const status = connection.retired ? 0 : reactor.register(connection, Interest.READABLE);
    if (status < 0) {
      reactor.retire(connection);
      this.#context.onRefused(status);
    }
    if (connection.retired) return;
    this.#waiting.add(connection);
    reactor.expireAt(connection, reactor.now + limits.headTimeoutMs);
  }

  /** On shutdown, closes connections whose PROXY header has not arrived. */
  drain(): void {
    for (const connection of this.#waiting) this.#context.reactor.retire(connection);
  }
}

/** A connection whose header is not complete. */
class WaitingConnection extends Source {
  readonly #context: ConnectionContext;
  readonly #keeper: Admission;
  readonly #waiting: Set<WaitingConnection>;
  readonly #header = new ProxyHeader();

  constructor(fd: number, context: ConnectionContext, admission: Admission, waiting: Set<WaitingConnection>) {
    super(fd);
    this.#context = context;
    this.#keeper = admission;
    this.#waiting = waiting;
  }

  override onReady(): void {
    this.read();
  }

  /** Reads what has arrived of the header. Returns true once it is complete, and the connection was passed on. */
  read(): boolean {
    const { transport, reactor, accounting, clientAddresses } = this.#context;
    const { fd } = this;
    const header = this.#header;
    while (!header.isWhole) {
      const bytes = new Uint8Array(header.wanted);
      const count = transport.peek(fd, bytes);
      if (count === -EAGAIN || count === -EINTR) { // a level is reported again, an edge is not
        if (count === -EINTR) reactor.again(this);
        return false;
      }
      // The bytes of the header are received at once, else a level-triggered poller would report them for ever.
      const taken = count <= 0 ? count : header.take(bytes, count);
      if (taken <= 0) {
        reactor.retire(this);
        return false;
      }
      const received = transport.recv(fd, bytes.subarray(0, taken));
      if (received !== taken) { // no other code reads from the socket, so it has failed
        reactor.retire(this);
        return false;
      }
      accounting.counters.receive(taken);
    }
    this.#waiting.delete(this);
    reactor.retire(this, false);
    if (header.client !== null) clientAddresses.set(fd, header.client);
    this.#keeper.admit(fd);
    return true;
  }

  override onDeadline(): void {
    this.#context.reactor.retire(this);
  }

  override onClosed(): void {
    this.#waiting.delete(this);
    this.#keeper.lost(this.fd);
  }
}
