/**
 * All connections of a server. An idle connection has no object (`idle_connections.ts`). When it becomes readable it gets a
 * pooled `Connection`.
 * @module
 */
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { close } from "../../ffi/socket/socket.ts";
import { Connection } from "../connection/connection.ts";
import type { ConnectionContext } from "../connection/context.ts";
import type { Protocol } from "../connection/protocol.ts";
import type { ConnectionKeeper } from "../connection/state.ts";
import { AcceptTimes } from "./accept_times.ts";
import { ConnectionPool } from "./connection_pool.ts";
import { Http2 } from "../protocols/http2/http2.ts";
import { Http1 } from "../protocols/http1/http1.ts";
import { IdleConnections } from "./idle_connections.ts";
import { Interest, Readiness } from "../loop/poller.ts";
import { Proxy } from "../protocols/proxy/proxy.ts";
import type { Scheme } from "./address.ts";
import { beginTls, redirect } from "./secure.ts";
import { ServerFull } from "../protocols/http1/server_full.ts";
import { Source } from "../loop/source.ts";
import { type ConnectionsShown, showConnections } from "./show_connections.ts";

const NONE = -1;
const ONE_BYTE = new Uint8Array(new ArrayBuffer(128), 0, 1);

/** Makes a connection, whose client was just accepted, speak a protocol. Called in phase one. */
export type Service = (connection: Connection) => void;

/** The table of all connections of a server. It is also the source that the reactor wakes for an idle connection. */
export class Connections extends Source implements ConnectionKeeper<Connection> {
  readonly #context: ConnectionContext;
  readonly #service: Service | null;
  readonly #onClosed: () => void;
  readonly #speaksHttp: boolean;
  readonly #pool = new ConnectionPool();
  readonly #idle = new IdleConnections();
  readonly #acceptTimes = new AcceptTimes();
  #count = 0;
  readonly #serverFull: ServerFull;

  /**
   * `service` is null for HTTP/1, whose idle connections have no objects.
   * `onClosed` is called after each connection has ended. `speaksHttp` tells whether rejected clients get an HTTP
   * response.
   */
  constructor(
    context: ConnectionContext,
    service: Service | null,
    onClosed: () => void,
    speaksHttp: boolean = service === null,
  ) {
    super(NONE);
    this.#context = context;
    this.#service = service;
    this.#onClosed = onClosed;
    this.#speaksHttp = speaksHttp;
    this.#serverFull = new ServerFull(context);
  }

  /** The number of connections in all states. */
  get count(): number {
    return this.#count;
  }

  /**
   * Handles a client that was just accepted as `fd`. Usually its first request has already arrived, and the poller need
   * not watch the descriptor before that is answered. Called in phase one, so that the request is received together
   * with the others.
   */
  accept(fd: number, scheme: Scheme = "http"): void {
    const { reactor, transport, buffers, accounting } = this.#context;
    accounting.counters.accept();
    this.#forget(fd);
    if (this.#context.proxyProtocol) {
      if (!this.#hasRoom()) return this.reject(fd, scheme);
      this.#enter(fd);
      return new Proxy(this.#attachNew(fd), (connection) => this.#named(connection, scheme)).start();
    }
    if (!this.#mayEnter(fd) || !this.#hasRoom(fd)) return this.reject(fd, scheme);
    this.#enter(fd);
    if (scheme !== "http") {
      const http = this.#service === null ? this.#attach(fd, Interest.NONE) : null;
      const connection = http ?? this.#attachNew(fd);
      this.#begin(connection, scheme, http?.protocol);
      return void connection.receive(); // its first bytes have arrived, as a request has
    }
    if (this.#service !== null) return this.#service(this.#attachNew(fd));
    const slot = buffers.takeSlot(reactor.turnNumber);
    const count = slot === null ? -EAGAIN : transport.recv(fd, slot.bytes);
    if (slot !== null && count !== -EAGAIN) {
      return this.#attach(fd, Interest.NONE).begin(Readiness.NONE, slot, count);
    }
    if (slot !== null) buffers.returnSlot();
    const interest = Interest.READABLE | transport.wants(fd);
    const status = reactor.register(this, interest, fd);
    if (status >= 0) {
      this.#append(fd, interest);
      if (this.#context.isDraining) this.#wake(fd).drain(); // no request has arrived yet
      return;
    }
    this.#count--;
    this.#context.addressLimits?.leave(fd);
    this.#context.onRefused(status);
    this.reject(fd);
  }

  /** Serves the client that a PROXY header has named. */
  #named(connection: Connection, scheme: Scheme): void {
    const { fd } = connection;
    if (!this.#mayEnter(fd)) {
      this.#refuse(fd, scheme);
      this.#context.reactor.retire(connection);
    } else this.#begin(connection, scheme);
  }

  /** Serves a client whose address is known. `http` is the protocol that an object was reused with. */
  #begin(connection: Connection, scheme: Scheme, http?: Protocol): void {
    if (scheme === "redirect") redirect(connection, this.#context);
    else if (scheme === "http") this.#serve(connection);
    else {beginTls(connection, this.#context.tls!, this.#speaksHttp, (secured) =>
        this.#secured(secured, http));}
  }

  #secured(connection: Connection, http?: Protocol): void {
    const isHttp2 = this.#context.tls!.sessionOf(connection.fd)!.protocol === "h2";
    if (isHttp2 && this.#service === null) new Http2(connection).begin();
    else this.#serve(connection, http);
  }

  /** Serves a client whose PROXY header and TLS handshake, if any, are complete. */
  #serve(connection: Connection, http?: Protocol): void {
    if (this.#service !== null) return this.#service(connection);
    this.#speakHttp(connection, http);
    if (this.#context.isDraining) connection.drain(); // no request has arrived yet
  }

  /** Counts a client that has a place. */
  #enter(fd: number): void {
    this.#count++;
    this.#idle.reserve(fd);
    this.#acceptTimes.set(fd, this.#context.reactor.now);
  }

  /** Returns true if the address of the client may have another connection, which is counted then. */
  #mayEnter(fd: number): boolean {
    const { reactor, limits, addressLimits } = this.#context;
    const network = addressLimits === null ? null : addressLimits.enter(fd, reactor.now);
    if (network === null) return true;
    this.#context.onFull(
      `${network} has all ${limits.connectionsPerAddressMax} connections that an address may have`,
    );
    return false;
  }

  /**
   * Returns true if there is room for another connection; otherwise the address of `fd` has one less. To be called after
   * {@linkcode Connections.#mayEnter}: a client with too many connections must not evict others.
   */
  #hasRoom(fd: number = NONE): boolean {
    const { limits, addressLimits } = this.#context;
    if (this.#count < limits.connectionsMax || this.makeRoom()) return true;
    if (fd !== NONE) addressLimits?.leave(fd);
    this.#context.onFull(`all ${limits.connectionsMax} connections that the server may have are in use`);
    return false;
  }

  /** Rejects a client that was just accepted, with a response if it speaks HTTP. */
  reject(fd: number, scheme: Scheme = "http"): void {
    this.#refuse(fd, scheme);
    close(fd);
  }

  /** Rejects `fd`. A client of HTTPS gets no response, because that needs a handshake. */
  #refuse(fd: number, scheme: Scheme): void {
    this.#context.accounting.counters.refuse();
    if (this.#speaksHttp && scheme !== "https") this.#serverFull.reject(fd);
    this.#forget(fd);
  }

  /** Evicts the connection that has been idle longest, if that is long enough. Returns false if none can be evicted. */
  makeRoom(): boolean {
    const { reactor, transport } = this.#context;
    const fd = this.#idle.evictable(reactor.now, (fd) => transport.peek(fd, ONE_BYTE) > 0);
    if (fd !== NONE) this.#endIdle(fd).close();
    return fd !== NONE;
  }

  /** Handles readiness of `fd`, which is idle, in phase one. */
  override onReady(readiness: Readiness, fd: number): void {
    const { reactor, transport, buffers } = this.#context;
    if (readiness === Readiness.WRITABLE && transport.wants(fd) === Interest.NONE) return;
    const slot = buffers.takeSlot(reactor.turnNumber);
    if (slot === null) return this.#wake(fd).onReady(readiness);
    const count = transport.recv(fd, slot.bytes);
    const waitsAsBefore = transport.wants(fd) === Interest.NONE &&
      this.#idle.interestOf(fd) === Interest.READABLE;
    const mayHaveEnded = (readiness & (Readiness.HANGUP | Readiness.ERROR)) !== 0 &&
      !transport.isDrained(fd, count, slot.bytes.length);
    if (count === -EAGAIN && waitsAsBefore && !mayHaveEnded) buffers.returnSlot(); // the readiness was false, so it stays idle
    else this.#wake(fd).begin(readiness, slot, count);
  }

  idle(connection: Connection): void {
    const { fd } = connection;
    this.#append(fd, connection.interest);
    this.#context.reactor.handOver(fd, this);
    this.#pool.put(connection);
  }

  noteIdle(connection: Connection): void {
    const isThere = this.#idle.renew(connection, this.#context.reactor.now);
    if (!isThere) this.#append(connection.fd, connection.interest, connection);
  }

  noteBusy(connection: Connection): void {
    this.#idle.removeKept(connection);
  }

  refused(connection: Connection, status: number): void {
    this.#context.reactor.retire(connection);
    this.#context.accounting.counters.refuse();
    this.#context.onRefused(status);
  }

  closed(connection: Connection): void {
    this.#count--;
    this.#idle.removeKept(connection);
    this.#context.addressLimits?.leave(connection.fd);
    this.#forget(connection.fd);
    this.#pool.put(connection);
    this.#onClosed();
  }

  /** Closes connections whose idle timeout has passed. */
  override onDeadline(): void {
    const { reactor, limits } = this.#context;
    const end = (fd: number) => void this.#endIdle(fd);
    reactor.expireAt(this, this.#idle.expire(reactor.now, limits.keepAliveTimeoutMs, end));
  }

  /** Ends a connection that is idle. Returns it, since its protocol may have something to say before. */
  #endIdle(fd: number): Connection {
    const connection = this.#wake(fd);
    if (connection.protocol.endIdle === undefined) connection.close();
    else connection.protocol.endIdle();
    return connection;
  }

  /**
   * Prepares for the stop of the server: idle connections are woken, and wait a moment longer for a request that may be
   * on its way.
   */
  drain(): void {
    for (let fd = this.#idle.oldest; fd !== NONE; fd = this.#idle.oldest) {
      const sinceMs = this.#idle.sinceMs(fd);
      this.#wake(fd).drain(sinceMs);
    }
  }

  /** Closes idle connections, after the reactor has ended. */
  close(): void {
    for (let fd = this.#idle.oldest; fd !== NONE; fd = this.#idle.oldest) {
      this.#idle.remove(fd);
      this.#forget(fd);
      close(fd);
    }
  }

  /** Returns the number of connections in each state, and details of some of them, starting with those at work. */
  snapshot(): ConnectionsShown {
    const objects = [...this.#context.reactor.sources()]
      .filter((source): source is Connection => source instanceof Connection && source.keeper === this);
    return showConnections(objects, this.#idle, this.#count, (fd) => this.#acceptTimes.get(fd));
  }

  #append(fd: number, interest: Interest, kept: Connection | null = null): void {
    const { reactor, limits } = this.#context;
    this.#idle.add(fd, interest, reactor.now, kept);
    if (this.deadlineMs === Infinity) reactor.expireAt(this, reactor.now + limits.keepAliveTimeoutMs);
  }

  /** Gives `fd`, which is idle, an object, unless it has kept its own. */
  #wake(fd: number): Connection {
    const kept = this.#idle.keptAt(fd);
    const interest = this.#idle.remove(fd);
    if (kept !== undefined) return kept;
    const connection = this.#attach(fd, interest);
    this.#context.reactor.handOver(fd, connection);
    return connection;
  }

  #attach(fd: number, interest: Interest): Connection {
    const connection = this.#pool.take();
    if (connection === null) return this.#speakHttp(this.#attachNew(fd, interest));
    connection.attach(fd, interest);
    return connection;
  }

  #attachNew(fd: number, interest: Interest = Interest.NONE): Connection {
    const connection = new Connection(this.#context, this);
    connection.attach(fd, interest);
    return connection;
  }

  #speakHttp(connection: Connection, http: Protocol = new Http1(connection)): Connection {
    connection.speak(http);
    connection.isReusable = true;
    return connection;
  }

  #forget(fd: number): void {
    this.#context.transport.forget(fd);
    this.#context.clientAddresses.forget(fd);
    this.#context.accounting.forget(fd);
  }
}
