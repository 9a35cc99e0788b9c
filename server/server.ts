/**
 * Wires poller, reactor, listener and connections into a server.
 * @module
 */
import { FD_SETSIZE, STDERR_FILENO } from "../ffi/constants.ts";
import { describeErrno, EINVAL, orThrow } from "../ffi/errno.ts";
import { callCount } from "../ffi/libc.ts";
import { ignoreSigpipe, processId, raiseDescriptorLimit } from "../ffi/process.ts";
import { close, listenTcp, localAddress, type SocketAddress } from "../ffi/socket.ts";
import { tryPrint } from "../ffi/standard_output.ts";
import { processUsage } from "../ffi/usage.ts";
import { ByteConnection } from "./byte_connection.ts";
import { Connection } from "./connection.ts";
import { Connections, type Service } from "./connections.ts";
import type { ConnectionHost } from "./connection_host.ts";
import { CoroutineConnection } from "./coroutine.ts";
import { HttpClock } from "./http/date.ts";
import { DEFAULT_KEEP_ALIVE, keepAliveFields } from "./http/persistence.ts";
import { Clients } from "./clients.ts";
import {
  DESCRIPTORS_KEPT_MIN,
  DESCRIPTORS_PER_KEPT_ONE,
  GRACE_PERIOD_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  LISTEN_BACKLOG,
} from "./limits.ts";
import { Ledger } from "./ledger.ts";
import { Listener } from "./listener.ts";
import { Interest, type PollerName } from "./poller.ts";
import { createPoller } from "./pollers/mod.ts";
import { Reactor } from "./reactor.ts";
import { kernelTransport } from "./transport.ts";
import { limitsOf, type ServerLimits } from "./server_limits.ts";
import { checkOptions, DEFAULT_PORT, type ServerOptions } from "./server_options.ts";
import type { Snapshot } from "./statistics.ts";
import { Workspace } from "./workspace.ts";

/** HTTP has its own way (null), since those of its connections that rest are no objects. */
function serviceOf(options: ServerOptions): Service | null {
  if ("handler" in options) return null;
  if ("protocol" in options) {
    const { protocol } = options;
    return (fd, host, keeper) => new ByteConnection(host, keeper, protocol).attach(fd, Interest.NONE);
  }
  const { coroutine } = options;
  return (fd, host, keeper) => CoroutineConnection.run(coroutine, fd, host, keeper);
}

function noHandler(): never {
  throw new TypeError("This server has no handler");
}

/** A server that listens. It serves once {@linkcode run} is called. */
export class Server {
  /** Where it listens. */
  readonly address: SocketAddress;
  readonly #reactor: Reactor;
  readonly #listener: Listener;
  readonly #host: ConnectionHost & { isDraining: boolean };
  readonly #onError: (message: string) => void;
  readonly #connections: Connections;
  readonly #startedMs = Date.now();
  readonly #poller: PollerName;
  readonly #cache: ServerOptions["cache"];
  #complainedMs = -Infinity;
  #graceTimer: ReturnType<typeof setTimeout> | undefined = undefined;

  /**
   * Listens; clients wait until it runs.
   * @throws {SystemError} `Cannot listen on 0.0.0.0:80: EACCES (permission denied)`
   * @throws {TypeError | RangeError} as {@linkcode checkOptions}
   */
  constructor(options: ServerOptions) {
    checkOptions(options);
    const { onError = complain } = options;
    this.#onError = (message) => {
      try {
        onError(message);
      } catch (error) { // who cannot hear of an error must not end the server
        complain(`${message}\n${describeError(error)}`);
      }
    };
    ignoreSigpipe();
    const descriptors = raiseDescriptorLimit();
    const { hostname = "0.0.0.0", port = DEFAULT_PORT, poller = "epoll-edge" } = options;
    this.#poller = poller;
    this.#cache = options.cache;
    const service = serviceOf(options);
    const limits = withinDescriptors(limitsOf(options), descriptors);
    // Who may be greeted by the server has to be accepted before it speaks.
    const fd = listenTcp(hostname, port, LISTEN_BACKLOG, { deferAccept: service === null });
    let opened: Reactor | null = null;
    let listener: Listener | null = null;
    try {
      this.address = localAddress(fd);
      const reactor = opened = new Reactor(
        createPoller(poller),
        (error) => this.#onError(`Internal error, one connection lost: ${describeError(error)}`),
      );
      const clock = new HttpClock();
      clock.update(Date.now());
      let updatedMs = reactor.now;
      reactor.betweenPhases = () => {
        if (reactor.now === updatedMs) return; // many turns fit into a millisecond
        updatedMs = reactor.now;
        clock.update(Date.now());
      };
      this.#reactor = reactor;
      this.#host = {
        reactor,
        transport: kernelTransport,
        workspace: new Workspace(),
        handler: "handler" in options ? options.handler : noHandler,
        limits,
        clients: Clients.for(limits),
        keepAliveFields: limits.keepAliveTimeoutMs === KEEP_ALIVE_TIMEOUT_MS
          ? DEFAULT_KEEP_ALIVE // which responses are made with
          : keepAliveFields(limits.keepAliveTimeoutMs),
        clock,
        ledger: new Ledger(options.measureLatency ?? false),
        keepAlive: options.keepAlive ?? true,
        isDraining: false,
        onHandlerError: (error) => this.#onError(`A handler failed: ${describeError(error)}`),
        onRefused: (status) =>
          this.#complain(`Cannot serve another client: ${describeRefusal(poller, -status)}`),
        onFull: (reason) => this.#complain(`Clients are refused: ${reason}`),
      };
      const speaksHttp = "handler" in options ||
        ("coroutine" in options && options.coroutine.speaksHttp === true);
      this.#connections = new Connections(this.#host, service, () => this.#connectionClosed(), speaksHttp);
      this.#listener = listener = new Listener(fd, reactor, {
        accept: (client) => this.#connections.accept(client),
        refuse: (client) => this.#connections.refuse(client),
        makeRoom: () => this.#connections.makeRoom(),
        exhausted: (errno) => this.#complain(`Cannot accept clients for now: ${describeErrno(errno)}`),
      });
      orThrow(reactor.register(this.#listener, Interest.READABLE), "watch the listening socket", "add");
    } catch (error) {
      listener?.onClosed();
      opened?.close();
      close(fd);
      throw error;
    }
  }

  /** Clients that are connected. */
  get connections(): number {
    return this.#connections.count;
  }

  /** What it has done, and does now. */
  snapshot(): Snapshot {
    const { reactor, ledger: { counters }, isDraining } = this.#host;
    return {
      pid: processId(),
      startedMs: this.#startedMs,
      poller: this.#poller,
      trigger: reactor.trigger,
      isDraining,
      turns: reactor.batch,
      systemCalls: callCount[0],
      accepted: counters.accepted,
      refused: counters.refused,
      ...this.#connections.snapshot(),
      requests: counters.requests,
      responses: counters.responses,
      receivedBytes: counters.receivedBytes,
      sentBytes: counters.sentBytes,
      latencyCounts: counters.latencyCounts,
      latencySumSeconds: counters.latencySeconds,
      ...processUsage(),
      cache: this.#cache?.snapshot() ?? null,
    };
  }

  /** Serves until {@linkcode shutdown} or {@linkcode stop}. */
  async run(): Promise<void> {
    try {
      await this.#reactor.run();
    } finally {
      clearTimeout(this.#graceTimer);
      this.#connections.close();
    }
  }

  /** Stops accepting, lets every response that has begun be sent (for {@linkcode GRACE_PERIOD_MS} at most), ends. */
  shutdown(): void {
    this.#reactor.post(() => {
      if (this.#host.isDraining) return;
      this.#host.isDraining = true;
      this.#reactor.retire(this.#listener);
      for (const source of this.#reactor.sources()) {
        if (source instanceof Connection) source.drain();
      }
      this.#connections.drain();
      if (this.#connections.count === 0) this.#reactor.stop();
      const timer = this.#graceTimer = setTimeout(() => this.stop(), GRACE_PERIOD_MS);
      Deno.unrefTimer(timer);
    });
  }

  /** Ends at once; what is being sent is cut off. */
  stop(): void {
    this.#reactor.stop();
  }

  #connectionClosed(): void {
    if (this.#connections.count === 0 && this.#host.isDraining) this.#reactor.stop();
  }

  /** At most once a second: the cause of such a line tends to come again at once. */
  #complain(message: string): void {
    if (this.#reactor.now - this.#complainedMs < 1000) return;
    this.#complainedMs = this.#reactor.now;
    this.#onError(message);
  }
}

/** Writes to standard error, unless nobody takes it there. */
function complain(message: string): void {
  tryPrint(STDERR_FILENO, message);
}

function describeError(error: unknown): string {
  try {
    return error instanceof Error ? error.stack ?? error.message : String(error);
  } catch { // such as Object.create(null)
    return "something that cannot be shown";
  }
}

/** Unless it is said how many connections there may be: what leaves descriptors for files. */
function withinDescriptors(limits: ServerLimits, descriptors: number): ServerLimits {
  if (limits.connectionsMax < Infinity || descriptors === 0) return limits;
  const kept = Math.max(Math.ceil(descriptors / DESCRIPTORS_PER_KEPT_ONE), DESCRIPTORS_KEPT_MIN);
  return { ...limits, connectionsMax: Math.max(descriptors - kept, 1) };
}

/** Why the poller does not take a descriptor. */
function describeRefusal(poller: PollerName, errno: number): string {
  return poller === "select" && errno === EINVAL
    ? `select(2) holds no descriptor from ${FD_SETSIZE} on (FD_SETSIZE); another poller would`
    : `the poller refuses it: ${describeErrno(errno)}`;
}
