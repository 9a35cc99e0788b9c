/**
 * Wires poller, reactor, listener and connections into a server.
 * @module
 */
import { describeErrno, orThrow } from "../ffi/errno.ts";
import { ignoreSigpipe, raiseDescriptorLimit } from "../ffi/process.ts";
import { close, listenTcp, localAddress, type SocketAddress } from "../ffi/socket.ts";
import { Connection } from "./connection.ts";
import { Connections } from "./connections.ts";
import type { ConnectionHost } from "./connection_host.ts";
import type { Handler } from "./handler.ts";
import { HttpClock } from "./http/date.ts";
import { GRACE_PERIOD_MS, LISTEN_BACKLOG } from "./limits.ts";
import { Listener } from "./listener.ts";
import { Interest, type PollerName } from "./poller.ts";
import { createPoller } from "./pollers/mod.ts";
import { Reactor } from "./reactor.ts";
import { kernelTransport } from "./transport.ts";
import { Workspace } from "./workspace.ts";

/** What a server needs to know. */
export interface ServerOptions {
  readonly handler: Handler;
  /** An IPv4 or IPv6 address; `::` takes both kinds of clients. Default `0.0.0.0`. */
  readonly host?: string;
  /** 0: the kernel chooses. Default 0. */
  readonly port?: number;
  /** Default `epoll-edge`. */
  readonly poller?: PollerName;
  /** False: close after each response. Default true. */
  readonly keepAlive?: boolean;
  /** Hears, in one line, of what went wrong on the server's side. Default: standard error. */
  readonly onError?: (message: string) => void;
}

/** A server that listens. It serves once {@linkcode run} is called. */
export class Server {
  readonly address: SocketAddress;
  readonly #reactor: Reactor;
  readonly #listener: Listener;
  readonly #host: ConnectionHost & { isDraining: boolean };
  readonly #onError: (message: string) => void;
  readonly #connections: Connections;
  #complainedMs = -Infinity;

  /** @throws {SystemError} `Cannot listen on 0.0.0.0:80: EACCES (permission denied)` */
  constructor(options: ServerOptions) {
    this.#onError = options.onError ?? ((message) => console.error(message));
    ignoreSigpipe();
    raiseDescriptorLimit();
    const fd = listenTcp(options.host ?? "0.0.0.0", options.port ?? 0, LISTEN_BACKLOG);
    try {
      this.address = localAddress(fd);
      const reactor = new Reactor(
        createPoller(options.poller ?? "epoll-edge"),
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
        handler: options.handler,
        context: {
          get batch() {
            return reactor.batch;
          },
          clock,
        },
        clock,
        keepAlive: options.keepAlive ?? true,
        isDraining: false,
        onHandlerError: (error) => this.#onError(`A handler failed: ${describeError(error)}`),
        onRefused: (status) =>
          this.#complain(`Cannot serve another client: the poller refuses it: ${describeErrno(-status)}`),
      };
      this.#connections = new Connections(this.#host, () => this.#connectionClosed());
      this.#listener = new Listener(
        fd,
        reactor,
        (client) => this.#connections.accept(client),
        (errno) => this.#complain(`Cannot accept clients for now: ${describeErrno(errno)}`),
      );
      orThrow(reactor.register(this.#listener, Interest.READABLE), "watch the listening socket", "add");
    } catch (error) {
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
      const timer = setTimeout(() => this.stop(), GRACE_PERIOD_MS);
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

function describeError(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
