/**
 * A server, made of a poller, a reactor, listeners and connections.
 * @module
 */
import { ignoreSigpipe, raiseDescriptorLimit } from "../ffi/process/process.ts";
import type { SocketAddress } from "../ffi/socket/socket.ts";
import { AccessLog } from "./access_log/access_log.ts";
import { atMostOnceASecond, describeError, describeRefusal, guardedReporter, logError } from "./error_log.ts";
import { bodyMemory } from "./http/body_memory.ts";
import type { Handler } from "./connection/handler.ts";
import { HttpClock } from "./http/date.ts";
import { AddressLimits } from "./clients/address_limits.ts";
import { Accounting } from "./metrics/accounting.ts";
import { type ChangingContext, ListenerGroup } from "./listen/listener_group.ts";
import { type ListeningSocket, removeSocketFiles } from "./listen/open.ts";
import type { PollerName } from "./loop/poller.ts";
import { createPoller, DEFAULT_POLLER } from "./loop/pollers/mod.ts";
import { BOOLEAN, checkKinds, FUNCTION } from "./embedder/option_kinds.ts";
import { TrustedProxies } from "./clients/trusted_proxies.ts";
import { keepProcessAlive } from "./loop/parking.ts";
import { Reactor } from "./loop/reactor.ts";
import { ClientAddresses } from "./clients/client_addresses.ts";
import { socketTransport } from "./transport/socket.ts";
import { securePortOf, ServerTls } from "./server_tls.ts";
import type { TlsCertificate } from "./tls_options.ts";
import type { CertificateFacts } from "../ffi/openssl/certificate.ts";
import { isSameForAddresses, limitsOf, withinDescriptors } from "./server_limits.ts";
import { keepAliveFieldsOf } from "./http/persistence.ts";
import {
  checkOptions,
  openSockets,
  type Reconfiguration,
  type SecondService,
  type ServerOptions,
  speaksHttp,
} from "./server_options.ts";
import { handlerOf, serviceOf } from "./protocol_for.ts";
import { openSecond } from "./second_service.ts";
import { takeSnapshot } from "./snapshot.ts";
import type { Snapshot } from "./metrics/statistics.ts";
import { Buffers } from "./connection/buffers.ts";

/** The longest delay of a timer in milliseconds. */
const TIMER_MS_MAX = 0x7fff_ffff;

/** A server that listens. It starts serving with {@linkcode run}. */
export class Server {
  /** The first of {@linkcode addresses}. */
  readonly address: SocketAddress;
  /** Where the server listens. */
  readonly addresses: readonly SocketAddress[];
  /** Called in the loop when no more clients are accepted, after {@linkcode shutdown}. */
  onStoppedAccepting: () => void = () => {};
  /** Called in the loop when the server is about to end after {@linkcode shutdown}. */
  beforeEnd: () => void = () => {};
  readonly #tls: ServerTls | null;
  readonly #reactor: Reactor;
  readonly #context: ChangingContext;
  readonly #group: ListenerGroup;
  readonly #otherGroups: ListenerGroup[] = [];
  /** The sockets that the server has opened itself. */
  readonly #opened: readonly ListeningSocket[];
  readonly #onError: (message: string, error?: unknown) => void;
  readonly #startedMs = Date.now();
  readonly #poller: PollerName;
  readonly #cache: ServerOptions["cache"];
  readonly #log: AccessLog | null;
  #continues = false;
  readonly #networkOf: (fd: number) => string | null;
  readonly #logError: (message: string) => void;
  readonly #descriptors: number;
  #graceTimer: ReturnType<typeof setTimeout> | undefined = undefined;

  /**
   * Starts listening. Clients wait until {@linkcode run} is called.
   * @throws {SystemError} `Cannot listen on 0.0.0.0:80: EACCES (permission denied)`
   * @throws {TypeError | RangeError} for invalid options
   */
  constructor(options: ServerOptions) {
    checkOptions(options);
    const { onError = logError } = options;
    this.#onError = guardedReporter(onError);
    ignoreSigpipe();
    const descriptors = this.#descriptors = raiseDescriptorLimit();
    const { poller = DEFAULT_POLLER } = options;
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
    this.#logError = atMostOnceASecond(this.#onError, reactor);
    const { reclaimer } = bodyMemory;
    const buffers = new Buffers();
    reactor.betweenPhases = ({ rounds, isQuiet }) => {
      reclaimer.run(rounds, isQuiet);
      clock.tick(reactor.now);
      buffers.checkGathered();
    };
    let log: AccessLog | null = null;
    let opened: readonly ListeningSocket[] = [];
    try {
      log = this.#log = accessLog &&
        new AccessLog(accessLog, reactor, clock, clientAddresses, (line) => this.#onError(line));
      const onHandlerError = (error: unknown) =>
        this.#onError(`A handler failed: ${describeError(error)}`, error);
      const tls = this.#tls = ServerTls.of(options, reactor, onHandlerError);
      if (options.sockets === undefined) opened = openSockets(options); // last, after all that may fail
      const sockets = options.sockets ?? opened;
      this.#opened = opened;
      this.addresses = sockets.map(({ address }) => address);
      this.address = this.addresses[0]!;
      buffers.heads.isLogged = log !== null;
      this.#context = {
        reactor,
        transport: tls?.transport ?? socketTransport,
        tls: tls?.transport ?? null,
        onPlainHttp: (request, isExpected) =>
          tls!.answerPlain(request, isExpected ? securePortOf(sockets) : null),
        http2: options.http2 !== false,
        isMisdirected: (request, serverName) => tls?.isMisdirected(request, serverName) ?? false,
        buffers,
        handler: this.#guard(handlerOf(options)),
        limits,
        addressLimits: AddressLimits.for(limits, this.#networkOf),
        keepAliveFields: keepAliveFieldsOf(limits.keepAliveTimeoutMs),
        clock,
        accounting: new Accounting(options.measureLatency ?? false, log),
        clientAddresses,
        proxyProtocol,
        keepAlive: options.keepAlive ?? true,
        isDraining: false,
        onHandlerError,
        onRefused: (status) =>
          this.#logError(`Cannot serve another client: ${describeRefusal(poller, -status)}`),
        onFull: (reason) => this.#logError(`Clients are refused: ${reason}`),
      };
      this.#group = new ListenerGroup(this.#context, sockets, {
        service,
        speaksHttp: speaksHttp(options),
        onStoppedAccepting: () => this.onStoppedAccepting(),
        onDrained: () => this.#continues || this.#end(),
        onError: (message) => this.#logError(message),
      });
      handlerOf(options).attach?.(reactor);
    } catch (error) {
      reactor.close(); // this also closes the sockets of the group
      removeSocketFiles(opened);
      log?.close();
      throw error;
    }
  }

  /** What the certificates say, one after the other; empty without TLS. */
  get certificates(): readonly CertificateFacts[] {
    return this.#tls?.certificates ?? [];
  }

  /**
   * Reads the certificates again, or those that are given instead. New connections get them, and all others continue.
   * Does nothing without TLS.
   * @throws {CertificateError} when one of them cannot be used; then all stay
   */
  updateCertificates(tls?: TlsCertificate | readonly TlsCertificate[]): void {
    this.#tls?.update(tls);
  }

  /** Answers authorities by TLS (RFC 8737), with a certificate for each name. Returns a line for each unusable one. */
  answerChallenges(given: Readonly<Record<string, TlsCertificate>>): string[] {
    return this.#tls?.answerChallenges(given) ?? [];
  }

  /** The number of connections, without those of {@linkcode listenAlso}. */
  get connections(): number {
    return this.#group.count;
  }

  /**
   * Serves a second group of sockets with another handler, such as an admin port. Its connections are not counted. They
   * are served until the end, even while {@linkcode shutdown} waits for responses, so the state of the server can still
   * be queried. Must be called before {@linkcode run}.
   * @throws {SystemError} when the poller fails to watch a socket
   * @throws {TypeError | RangeError} for invalid settings
   */
  listenAlso(second: SecondService): void {
    this.#otherGroups.push(openSecond(this.#context, second, this.#networkOf, this.#logError));
  }

  /**
   * Stops accepting, because another process accepts on the same sockets from now on. "beside" concerns the sockets of
   * {@linkcode listenAlso}. "all" concerns all sockets, and the loop then runs on without connections.
   */
  leave(whose: "beside" | "all"): void {
    this.#continues = whose === "all";
    const groups = this.#continues ? [this.#group, ...this.#otherGroups] : this.#otherGroups;
    this.#reactor.post(() => groups.forEach((group) => group.drain()));
  }

  /** Writes waiting lines of the access log, as far as possible without waiting. For a process that ends at once. */
  flushLog(): void {
    this.#log?.flush();
  }

  /** Continues the access log in the file that has its name now, which is created if it does not exist. */
  reopenLog(): void {
    this.#log?.reopen();
  }

  /** Returns the counters and the present state. */
  snapshot(): Snapshot {
    return takeSnapshot(this.#context, {
      startedMs: this.#startedMs,
      poller: this.#poller,
      connections: this.#group,
      cache: this.#cache ?? null,
      tls: this.#tls,
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

  /** The event loop, for further sources. Do not stop it. */
  get reactor(): Reactor {
    return this.#reactor;
  }

  /** True after {@linkcode shutdown}: no more clients are accepted. */
  get isDraining(): boolean {
    return this.#context.isDraining;
  }

  /**
   * Changes settings from the next request on. Connections stay open, and what has started is finished with the old
   * settings.
   * @throws {TypeError | RangeError} for invalid settings; nothing is changed then
   */
  reconfigure(settings: Reconfiguration): void {
    const limits = withinDescriptors(limitsOf(settings), this.#descriptors);
    checkKinds(settings, { handler: FUNCTION, keepAlive: BOOLEAN });
    const { handler, keepAlive = true } = settings;
    this.#reactor.post(() => {
      const context = this.#context;
      if (handler !== undefined) {
        handler.attach?.(this.#reactor);
        context.handler = this.#guard(handler);
      }
      if (!isSameForAddresses(limits, context.limits)) {
        context.addressLimits = AddressLimits.for(limits, this.#networkOf);
      }
      context.limits = limits;
      context.keepAlive = keepAlive;
      context.keepAliveFields = keepAliveFieldsOf(limits.keepAliveTimeoutMs);
      this.#group.expire(); // connections may be idle for longer than the new timeout
    });
  }

  /**
   * Stops accepting, and ends after all responses that have started are sent, but at most after the grace period
   * (`gracePeriodMs`).
   */
  shutdown(): void {
    this.#reactor.post(() => {
      if (this.#context.isDraining) return;
      this.#group.drain();
      const { gracePeriodMs } = this.#context.limits;
      if (gracePeriodMs > TIMER_MS_MAX) return; // a timer would treat it as 0
      this.#graceTimer = setTimeout(() => this.#reactor.post(() => this.#end()), gracePeriodMs);
      keepProcessAlive(this.#graceTimer, false);
    });
  }

  #end(): void {
    this.beforeEnd();
    this.#reactor.stop();
  }

  /** Ends at once. Responses that are being sent are cut off. */
  stop(): void {
    this.#reactor.stop();
  }

  #guard(handler: Handler): Handler {
    return this.#tls?.guard(handler) ?? handler;
  }
}
