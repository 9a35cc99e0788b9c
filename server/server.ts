/**
 * Wires poller, reactor, listener and connections into a server.
 * @module
 */
import { FD_SETSIZE, STDERR_FILENO } from "../ffi/constants.ts";
import { describeErrno, EINVAL, orThrow } from "../ffi/errno.ts";
import { ignoreSigpipe, raiseDescriptorLimit } from "../ffi/process.ts";
import { close, listenTcp, localAddress, type SocketAddress } from "../ffi/socket.ts";
import { tryPrint } from "../ffi/standard_output.ts";
import { ByteConnection } from "./byte_connection.ts";
import { Connection } from "./connection.ts";
import { Connections, type Service } from "./connections.ts";
import type { ConnectionHost } from "./connection_host.ts";
import { CoroutineConnection } from "./coroutine.ts";
import type { Handler } from "./handler.ts";
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
import { Listener } from "./listener.ts";
import { Interest, type PollerName } from "./poller.ts";
import { createPoller } from "./pollers/mod.ts";
import { Reactor } from "./reactor.ts";
import { kernelTransport } from "./transport.ts";
import { limitsOf, type ServerLimits } from "./server_limits.ts";
import { checkOptions, DEFAULT_PORT, type ServerOptions } from "./server_options.ts";
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

/** What changes while it serves. */
type ChangingHost =
  & Omit<ConnectionHost, Changing>
  & { -readonly [K in Changing]: ConnectionHost[K] };
type Changing = "handler" | "limits" | "clients" | "keepAliveFields" | "keepAlive" | "isDraining";

/** What {@linkcode Server.reconfigure} changes; what is left out is as by default. */
export interface Reconfiguration extends Partial<ServerLimits> {
  /** Answers requests from now on, where it is a handler that does. */
  readonly handler?: Handler;
  readonly keepAlive?: boolean;
  readonly gracePeriodMs?: number;
}

/** A server that listens. It serves once {@linkcode run} is called. */
export class Server {
  /** Where it listens. */
  readonly address: SocketAddress;
  readonly #reactor: Reactor;
  readonly #listener: Listener;
  readonly #host: ChangingHost;
  readonly #onError: (message: string) => void;
  readonly #connections: Connections;
  #complainedMs = -Infinity;
  readonly #descriptors: number;
  #gracePeriodMs: number;
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
    const descriptors = this.#descriptors = raiseDescriptorLimit();
    this.#gracePeriodMs = options.gracePeriodMs ?? GRACE_PERIOD_MS;
    const { hostname = "0.0.0.0", port = DEFAULT_PORT, poller = "epoll-edge" } = options;
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
        keepAliveFields: keepAliveFieldsOf(limits),
        clock,
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

  /** Serves until {@linkcode shutdown} or {@linkcode stop}. */
  async run(): Promise<void> {
    try {
      await this.#reactor.run();
    } finally {
      clearTimeout(this.#graceTimer);
      this.#connections.close();
    }
  }

  /** The loop, for who has something else that it should wake; it must not be stopped by others. */
  get reactor(): Reactor {
    return this.#reactor;
  }

  /**
   * From the next request on other settings are in force; connections stay, and what has begun is finished as it began.
   * @throws {TypeError | RangeError} for a limit that cannot be; then nothing has changed
   */
  reconfigure(settings: Reconfiguration): void {
    const limits = withinDescriptors(limitsOf(settings), this.#descriptors);
    const { handler, keepAlive = true, gracePeriodMs = GRACE_PERIOD_MS } = settings;
    this.#reactor.post(() => {
      const host = this.#host;
      if (handler !== undefined) host.handler = handler;
      if (!isSameForAddresses(limits, host.limits)) host.clients = Clients.for(limits);
      host.limits = limits;
      host.keepAlive = keepAlive;
      host.keepAliveFields = keepAliveFieldsOf(limits);
      this.#gracePeriodMs = gracePeriodMs;
      this.#connections.onDeadline(); // those who rest may have rested for too long by now
    });
  }

  /** Stops accepting, lets every response that has begun be sent (for the grace period at most), ends. */
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
      const timer = this.#graceTimer = setTimeout(() => this.stop(), this.#gracePeriodMs);
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

/** What responses say of a connection that stays open. */
function keepAliveFieldsOf({ keepAliveTimeoutMs }: ServerLimits): Uint8Array<ArrayBuffer> {
  return keepAliveTimeoutMs === KEEP_ALIVE_TIMEOUT_MS
    ? DEFAULT_KEEP_ALIVE // which responses are made with
    : keepAliveFields(keepAliveTimeoutMs);
}

/** Those who are connected are counted on, unless they have to be counted in another way. */
function isSameForAddresses(one: ServerLimits, other: ServerLimits): boolean {
  return one.connectionsPerAddressMax === other.connectionsPerAddressMax &&
    one.requestRateMax?.requests === other.requestRateMax?.requests &&
    one.requestRateMax?.periodMs === other.requestRateMax?.periodMs;
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
