/**
 * Listening sockets, and the connections that they accept. A server has one group. It may have others, whose clients
 * are served by another handler in the same loop.
 * @module
 */
import { describeErrno, orThrow } from "../../ffi/libc/errno.ts";
import { Connection } from "../connection/connection.ts";
import type { ConnectionContext } from "../connection/context.ts";
import { Connections, type Service } from "./connection_table.ts";
import { ACCEPTS_PER_TURN_MAX, SHARED_ACCEPTS_PER_TURN_MAX } from "../limits.ts";
import { Listener } from "./listener.ts";
import type { ListeningSocket } from "./open.ts";
import { Interest } from "../loop/poller.ts";
import type { ConnectionsShown } from "./show_connections.ts";

/** The context of a group's connections. */
export type GroupContext = ConnectionContext & { isDraining: boolean };

/** A group's context, of which some properties change while the server runs. */
export type ChangingContext = Omit<GroupContext, Changing> & { -readonly [K in Changing]: GroupContext[K] };
type Changing = "handler" | "limits" | "addressLimits" | "keepAliveFields" | "keepAlive" | "isDraining";

/** The protocol and the callbacks of a group. */
export interface GroupOptions {
  /** Null for HTTP/1. */
  readonly service: Service | null;
  readonly speaksHttp: boolean;
  /** Called after {@linkcode ListenerGroup.drain} when no more clients are accepted. */
  readonly onStoppedAccepting: () => void;
  /** Called when the last connection has ended, and no further client will be accepted. */
  readonly onDrained: () => void;
  /** Called for errors, at a limited rate. */
  readonly onError: (message: string) => void;
}

/** Listening sockets that share one service. */
export class ListenerGroup {
  readonly #context: GroupContext;
  readonly #connections: Connections;
  readonly #listeners: readonly Listener[];
  readonly #onStoppedAccepting: () => void;
  readonly #onDrained: () => void;

  /**
   * The group owns `sockets`, even if this throws.
   * @throws {SystemError} when the poller fails to watch a socket
   */
  constructor(context: GroupContext, sockets: readonly ListeningSocket[], options: GroupOptions) {
    const { service, speaksHttp, onStoppedAccepting, onDrained, onError } = options;
    this.#context = context;
    this.#onStoppedAccepting = onStoppedAccepting;
    this.#onDrained = onDrained;
    const connections = new Connections(context, service, () => this.#closed(), speaksHttp);
    this.#connections = connections;
    const { reactor } = context;
    this.#listeners = sockets.map(({ fd, isShared, scheme = "http" }) =>
      new Listener(fd, reactor, {
        acceptsPerTurnMax: isShared ? SHARED_ACCEPTS_PER_TURN_MAX : ACCEPTS_PER_TURN_MAX,
        accept: (client) => connections.accept(client, scheme),
        reject: (client) => connections.reject(client, scheme),
        makeRoom: () => connections.makeRoom(),
        exhausted: (errno) => onError(`Cannot accept clients for now: ${describeErrno(errno)}`),
        closed: () => this.#listenerClosed(),
      })
    );
    let status = 0;
    for (const listener of this.#listeners) {
      status = reactor.register(listener, Interest.READABLE);
      if (status < 0) break;
    }
    if (status >= 0) return;
    for (const listener of this.#listeners) reactor.retire(listener);
    orThrow(status, "watch the listening socket", "add");
  }

  /** The number of connections. */
  get count(): number {
    return this.#connections.count;
  }

  /** Returns the states of the connections. */
  snapshot(): ConnectionsShown {
    return this.#connections.snapshot();
  }

  /** Accepts the waiting clients, and finishes what has started. To be called in the loop only. */
  drain(): void {
    const { reactor } = this.#context;
    this.#context.isDraining = true;
    for (const listener of this.#listeners) listener.drain();
    for (const source of reactor.sources()) {
      if (source instanceof Connection && source.keeper === this.#connections) source.drain();
    }
    this.#connections.drain();
  }

  /** Closes connections that have been idle longer than the current limit. To be called in the loop only. */
  expire(): void {
    this.#connections.onDeadline();
  }

  /** Closes idle connections, after the reactor has ended. */
  close(): void {
    this.#connections.close();
  }

  #listenerClosed(): void {
    if (this.#context.isDraining && this.#listeners.every(({ retired }) => retired)) {
      this.#onStoppedAccepting();
    }
    this.#closed();
  }

  #closed(): void {
    const isAccepting = this.#listeners.some(({ retired }) => !retired);
    if (this.#context.isDraining && this.count === 0 && !isAccepting) this.#onDrained();
  }
}
