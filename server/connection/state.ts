/**
 * The states of a connection, and its owner.
 * @module
 */
import type { Activity } from "./protocol.ts";

/**
 * The state of a connection. That of a protocol is shown while nothing waits to be sent. "writing": output waits for the
 * client, and nothing else is done. "closed": the reactor has retired the connection.
 */
export type State = Activity | "writing" | "closed";
/** All states except for "closed". */
export const STATES: readonly State[] = ["reading", "reading-body", "handling", "writing", "lingering"];

/** The owner of the idle connections. */
export interface ConnectionKeeper<Connection> {
  /** Takes a connection that waits for its client's next request. Its object may serve another client. */
  idle(connection: Connection): void;
  /** Handles the failure of the poller to watch a connection (−errno). The connection must end. */
  refused(connection: Connection, status: number): void;
  /** Called after the descriptor of a connection was closed. */
  closed(connection: Connection): void;
}
