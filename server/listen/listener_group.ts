/**
 * Listening sockets, and all connections that come in by them. A server has one group, and maybe others beside it, whose
 * clients are served by another handler in the same loop.
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
import type { Snapshot } from "../metrics/statistics.ts";

/** What is shared by the connections of a group. */
export type GroupContext = ConnectionContext & { isDraining: boolean };

/** What a group does beside HTTP, and whom it tells. */
export interface GroupOptions {
  /** Gives its own objects to clients; null: HTTP. */
  readonly service: Service | null;
  readonly speaksHttp: boolean;
  /** After {@linkcode ListenerGroup.drain}: nobody is accepted any more. */
  readonly onStoppedAccepting: () => void;
  /** The last connection has ended, and no other will come. */
  readonly onDrained: () => void;
  /** Hears, not too often, of what went wrong. */
  readonly onError: (message: string) => void;
}

/** Listeners that share one service. */
export class ListenerGroup {
  readonly #host: GroupContext;
  readonly #connections: Connections;
  readonly #listeners: readonly Listener[];
  readonly #onDeaf: () => void;
  readonly #onDrained: () => void;

  /** The sockets are the group's, also when it throws. @throws {SystemError} when the poller does not take one */
  constructor(host: GroupContext, sockets: readonly ListeningSocket[], options: GroupOptions) {
    const { service, speaksHttp, onStoppedAccepting, onDrained, onError } = options;
    this.#host = host;
    this.#onDeaf = onStoppedAccepting;
    this.#onDrained = onDrained;
    const connections = new Connections(host, service, () => this.#closed(), speaksHttp);
    this.#connections = connections;
    const { reactor } = host;
    this.#listeners = sockets.map(({ fd, isShared }) =>
      new Listener(fd, reactor, {
        acceptsPerTurnMax: isShared ? SHARED_ACCEPTS_PER_TURN_MAX : ACCEPTS_PER_TURN_MAX,
        accept: (client) => connections.accept(client),
        refuse: (client) => connections.refuse(client),
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

  /** Clients that are connected. */
  get count(): number {
    return this.#connections.count;
  }

  /** What they do. */
  snapshot(): Pick<Snapshot, "states" | "connections"> {
    return this.#connections.snapshot();
  }

  /** Accepts those who wait already, and lets what has begun be finished. Only in the loop. */
  drain(): void {
    const { reactor } = this.#host;
    this.#host.isDraining = true;
    for (const listener of this.#listeners) listener.drain();
    for (const source of reactor.sources()) {
      if (source instanceof Connection && source.isKeptBy(this.#connections)) source.drain();
    }
    this.#connections.drain();
  }

  /** Ends connections that have been idle too long, by the limits that are in force now. Only in the loop. */
  expire(): void {
    this.#connections.onDeadline();
  }

  /** Once the reactor has ended: closes idle connections. */
  close(): void {
    this.#connections.close();
  }

  #listenerClosed(): void {
    if (this.#host.isDraining && this.#listeners.every(({ retired }) => retired)) this.#onDeaf();
    this.#closed();
  }

  #closed(): void {
    const isAccepting = this.#listeners.some(({ retired }) => !retired);
    if (this.#host.isDraining && this.count === 0 && !isAccepting) this.#onDrained();
  }
}
