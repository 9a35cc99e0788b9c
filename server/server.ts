/**
 * Wires poller, reactor, listeners and connections into a server.
 * @module
 */
import { ignoreSigpipe, raiseDescriptorLimit } from "../ffi/process/process.ts";
import type { SocketAddress } from "../ffi/socket/socket.ts";
import { SOCKET_MODE } from "../ffi/socket/unix_socket.ts";
import { AccessLog } from "./access_log/access_log.ts";
import { describeError, describeRefusal, logError } from "./error_log.ts";
import { bodyMemory } from "./http/body_memory.ts";
import { HttpClock } from "./http/date.ts";
import { AddressLimits } from "./clients/address_limits.ts";
import type { Handler } from "./connection/handler.ts";
import { LISTEN_BACKLOG } from "./limits.ts";
import { Accounting } from "./metrics/accounting.ts";
import { type GroupContext, ListenerGroup } from "./listen/listener_group.ts";
import { type ListeningSocket, openListeners, removeSocketFiles } from "./listen/open.ts";
import type { PollerName } from "./loop/poller.ts";
import { createPoller } from "./loop/pollers/mod.ts";
import { BOOLEAN, checkKinds, FUNCTION } from "./embedder/option_kinds.ts";
import { TrustedProxies } from "./clients/trusted_proxies.ts";
import { Reactor } from "./loop/reactor.ts";
import { reportRejection } from "./embedder/rejections.ts";
import { ClientAddresses } from "./clients/client_addresses.ts";
import { kernelTransport } from "./transport/transport.ts";
import { isSameForAddresses, limitsOf, type ServerLimits, withinDescriptors } from "./server_limits.ts";
import { keepAliveFieldsOf } from "./http/persistence.ts";
import {
  checkOptions,
  listenAddressesOf,
  LISTENING_SOCKETS,
  type ServerOptions,
  speaksSecond,
} from "./server_options.ts";
import { serviceOf } from "./protocol_for.ts";
import { takeSnapshot } from "./snapshot.ts";
import type { Snapshot } from "./metrics/statistics.ts";
import { Buffers } from "./connection/buffers.ts";

/** The longest time that a timer can be given. */
const TIMER_MS_MAX = 0x7fff_ffff;

function noHandler(): never {
  throw new TypeError("This server has no handler");
}

/** What changes while it serves. */
type ChangingContext = Omit<GroupContext, Changing> & { -readonly [K in Changing]: GroupContext[K] };
type Changing = "handler" | "limits" | "addressLimits" | "keepAliveFields" | "keepAlive" | "isDraining";

/** What {@linkcode Server.reconfigure} changes; what is left out is as by default. */
export interface Reconfiguration extends Partial<ServerLimits> {
  /** Answers requests from now on, where it is a handler that does. */
  readonly handler?: Handler;
  /** False: close after each response. Default true. */
  readonly keepAlive?: boolean;
}

/** Whom a second group of listeners serves; see {@linkcode Server.listenAlso}. */
export interface SecondService extends Partial<ServerLimits> {
  /** Answers its requests. */
  readonly handler: Handler;
  /** Sockets that listen, and become the server's. */
  readonly sockets: readonly ListeningSocket[];
}

/** A server that listens. It serves once {@linkcode run} is called. */
export class Server {
  /** Where it listens: the first of {@linkcode addresses}. */
  readonly address: SocketAddress;
  /** Everywhere it listens. */
  readonly addresses: readonly SocketAddress[];
  /** Called in the loop when, after {@linkcode shutdown}, no client is accepted any more. */
  onStoppedAccepting: () => void = () => {};
  /** Called in the loop when {@linkcode shutdown} is about to end it. */
  beforeEnd: () => void = () => {};
  readonly #reactor: Reactor;
  readonly #host: ChangingContext;
  readonly #group: ListenerGroup;
  readonly #otherGroups: ListenerGroup[] = [];
  /** Sockets that it has opened itself. */
  readonly #opened: readonly ListeningSocket[];
  readonly #onError: (message: string, error?: unknown) => void;
  readonly #startedMs = Date.now();
  readonly #poller: PollerName;
  readonly #cache: ServerOptions["cache"];
  readonly #log: AccessLog | null;
  #goesOn = false;
  readonly #networkOf: (fd: number) => string | null;
  #errorLoggedMs = -Infinity;
  readonly #descriptors: number;
  #graceTimer: ReturnType<typeof setTimeout> | undefined = undefined;

  /**
   * Listens; clients wait until it runs.
   * @throws {SystemError} `Cannot listen on 0.0.0.0:80: EACCES (permission denied)`
   * @throws {TypeError | RangeError} as {@linkcode checkOptions}
   */
  constructor(options: ServerOptions) {
    checkOptions(options);
    const { onError = logError } = options;
    this.#onError = (message, cause) => {
      const failed = (error: unknown) => logError(`${message}\n${describeError(error)}`);
      try {
        reportRejection(onError(message, cause), failed);
      } catch (error) {
        failed(error);
      }
    };
    ignoreSigpipe();
    const descriptors = this.#descriptors = raiseDescriptorLimit();
    const { poller = "epoll-edge" } = options;
    this.#poller = poller;
    this.#cache = options.cache;
    const service = serviceOf(options);
    const limits = withinDescriptors(limitsOf(options), descriptors);
    const { trustProxy = [], proxyProtocol = false, accessLog = null } = options;
    const clientAddresses = new ClientAddresses(
      trustProxy.length === 0 ? null : new TrustedProxies(trustProxy),
    );
    this.#networkOf = (fd) => clientAddresses.network(fd);
    const clock = new HttpClock();
    clock.update(Date.now());
    const reactor = this.#reactor = new Reactor(
      createPoller(poller),
      (error) => this.#onError(`Internal error, one connection lost: ${describeError(error)}`, error),
    );
    let updatedMs = reactor.now;
    const { reclaimer } = bodyMemory;
    reactor.betweenPhases = ({ rounds, isQuiet }) => {
      reclaimer.run(rounds, isQuiet);
      if (reactor.now === updatedMs) return; // many turns fit into a millisecond
      updatedMs = reactor.now;
      clock.update(Date.now());
    };
    let log: AccessLog | null = null;
    let opened: readonly ListeningSocket[] = [];
    try {
      log = this.#log = accessLog &&
        new AccessLog(accessLog, reactor, clock, clientAddresses, (line) => this.#onError(line));
      if (options.sockets === undefined) opened = openSockets(options); // last: who fails has listened nowhere
      const sockets = options.sockets ?? opened;
      this.#opened = opened;
      this.addresses = sockets.map(({ address }) => address);
      this.address = this.addresses[0]!;
      const buffers = new Buffers();
      buffers.heads.isLogged = log !== null;
      this.#host = {
        reactor,
        transport: kernelTransport,
        buffers,
        handler: "handler" in options ? options.handler : noHandler,
        limits,
        addressLimits: AddressLimits.for(limits, this.#networkOf),
        keepAliveFields: keepAliveFieldsOf(limits.keepAliveTimeoutMs),
        clock,
        accounting: new Accounting(options.measureLatency ?? false, log),
        clientAddresses,
        proxyProtocol,
        keepAlive: options.keepAlive ?? true,
        isDraining: false,
        onHandlerError: (error) => this.#onError(`A handler failed: ${describeError(error)}`, error),
        onRefused: (status) =>
          this.#logError(`Cannot serve another client: ${describeRefusal(poller, -status)}`),
        onFull: (reason) => this.#logError(`Clients are refused: ${reason}`),
      };
      this.#group = new ListenerGroup(this.#host, sockets, {
        service,
        speaksHttp: "handler" in options || ("coroutine" in options && options.coroutine.speaksHttp === true),
        onStoppedAccepting: () => this.onStoppedAccepting(),
        onDrained: () => this.#goesOn || this.#end(),
        onError: (message) => this.#logError(message),
      });
    } catch (error) {
      reactor.close(); // and with it the sockets that the group had
      removeSocketFiles(opened);
      log?.close();
      throw error;
    }
  }

  /** Clients that are connected. */
  get connections(): number {
    return this.#group.count;
  }

  /**
   * Serves others beside: by another handler, on sockets of their own. They do not count, and are served until the very
   * end, also while {@linkcode shutdown} waits for the responses that have begun; so that somebody can ask how it is.
   * Before {@linkcode run} only.
   * @throws {SystemError} when the poller does not take a socket
   */
  listenAlso(second: SecondService): void {
    checkKinds(second, { handler: FUNCTION, sockets: LISTENING_SOCKETS });
    const limits = limitsOf(second);
    const host: GroupContext = {
      ...this.#host,
      handler: second.handler,
      accounting: new Accounting(false),
      proxyProtocol: false,
      limits,
      addressLimits: AddressLimits.for(limits, this.#networkOf),
      keepAliveFields: keepAliveFieldsOf(limits.keepAliveTimeoutMs),
      isDraining: false,
    };
    this.#otherGroups.push(
      new ListenerGroup(host, second.sockets, {
        service: null,
        speaksHttp: true,
        onStoppedAccepting() {},
        onDrained() {},
        onError: (message) => this.#logError(message),
      }),
    );
  }

  /** Another process accepts on the same sockets from now on: those beside, or all; then the loop goes on without. */
  leave(whose: "beside" | "all"): void {
    this.#goesOn = whose === "all";
    const groups = this.#goesOn ? [this.#group, ...this.#otherGroups] : this.#otherGroups;
    this.#reactor.post(() => groups.forEach((group) => group.drain()));
  }

  /** Writes out what the access log still holds, as far as that needs no waiting. For whoever ends the process at once. */
  flushLog(): void {
    this.#log?.flush();
  }

  /** The access log's file was renamed: goes on in the one that has its name now, or makes it. */
  reopenLog(): void {
    this.#log?.reopen();
  }

  /** What it has done, and does now. */
  snapshot(): Snapshot {
    return takeSnapshot(this.#host, {
      startedMs: this.#startedMs,
      poller: this.#poller,
      connections: this.#group,
      cache: this.#cache ?? null,
    });
  }

  /** Serves until {@linkcode shutdown} or {@linkcode stop}. */
  async run(): Promise<void> {
    try {
      await this.#reactor.run();
    } finally {
      clearTimeout(this.#graceTimer);
      for (const group of [this.#group, ...this.#otherGroups]) group.close();
      removeSocketFiles(this.#opened);
      this.#log?.close();
    }
  }

  /** The loop, for who has something else that it should wake; it must not be stopped by others. */
  get reactor(): Reactor {
    return this.#reactor;
  }

  /** It was told to end, and does not accept clients any more. */
  get isDraining(): boolean {
    return this.#host.isDraining;
  }

  /**
   * From the next request on other settings are in force; connections stay, and what has begun is finished as it began.
   * @throws {TypeError | RangeError} for a limit that cannot be; then nothing has changed
   */
  reconfigure(settings: Reconfiguration): void {
    const limits = withinDescriptors(limitsOf(settings), this.#descriptors);
    checkKinds(settings, { handler: FUNCTION, keepAlive: BOOLEAN });
    const { handler, keepAlive = true } = settings;
    this.#reactor.post(() => {
      const host = this.#host;
      if (handler !== undefined) host.handler = handler;
      if (!isSameForAddresses(limits, host.limits)) {
        host.addressLimits = AddressLimits.for(limits, this.#networkOf);
      }
      host.limits = limits;
      host.keepAlive = keepAlive;
      host.keepAliveFields = keepAliveFieldsOf(limits.keepAliveTimeoutMs);
      this.#group.expire(); // idle connections may have been idle for too long by now
    });
  }

  /** Stops accepting, lets every response that has begun be sent (for the grace period at most), ends. */
  shutdown(): void {
    this.#reactor.post(() => {
      if (this.#host.isDraining) return;
      this.#group.drain();
      const { gracePeriodMs } = this.#host.limits;
      if (gracePeriodMs > TIMER_MS_MAX) return; // which a timer would take for none at all
      this.#graceTimer = setTimeout(() => this.#reactor.post(() => this.#end()), gracePeriodMs);
      Deno.unrefTimer(this.#graceTimer);
    });
  }

  #end(): void {
    this.beforeEnd();
    this.#reactor.stop();
  }

  /** Ends at once; what is being sent is cut off. */
  stop(): void {
    this.#reactor.stop();
  }

  /** At most once a second: the cause of such a line tends to come again at once. */
  #logError(message: string): void {
    if (this.#reactor.now - this.#errorLoggedMs < 1000) return;
    this.#errorLoggedMs = this.#reactor.now;
    this.#onError(message);
  }
}

function openSockets(options: ServerOptions): ListeningSocket[] {
  const { backlog = LISTEN_BACKLOG, socketMode: mode = SOCKET_MODE } = options;
  const [sockets] = openListeners(listenAddressesOf(options), {
    backlog,
    mode,
    deferAccept: speaksSecond(options),
  });
  return sockets!;
}
