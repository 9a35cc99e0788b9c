/**
 * The states of a connection, and its owner.
 * @module
 */
import type { Activity } from "./protocol.ts";

/**
 * The state of a connection: "writing" while output waits for the client and the protocol is not duplex, otherwise that of
 * the protocol. "closed": the reactor has retired the connection.
 */
export type State = Activity | "writing" | "closed";
/** All states except for "closed". */
export const STATES: readonly State[] = [
  "handshaking",
  "reading",
  "reading-body",
  "handling",
  "writing",
  "lingering",
];

/** The owner of the connections. */
export interface ConnectionKeeper<Connection> {
  /** Takes a connection that waits for its client's next request. Its object may serve another client. */
  idle(connection: Connection): void;
  /** Notes that a connection waits for a request from now on, and keeps its objects. */
  noteIdle(connection: Connection): void;
  /** Notes that such a connection is at work again, or ends. */
  noteBusy(connection: Connection): void;
  /** Ends a connection that the poller failed to watch. `status` is −errno. */
  refused(connection: Connection, status: number): void;
  /** Called after the descriptor of a connection was closed. */
  closed(connection: Connection): void;
}
