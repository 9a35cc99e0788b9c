/**
 * What a snapshot tells of the connections.
 * @module
 */
import type { Connection } from "../connection/connection.ts";
import { STATES } from "../connection/state.ts";
import {
  type ConnectionSnapshot,
  type Http2Snapshot,
  SHOWN_CONNECTIONS_MAX,
  type Snapshot,
} from "../metrics/statistics.ts";
import type { IdleConnections } from "./idle_connections.ts";

/** What a snapshot tells of the connections, and of the streams of those that speak HTTP/2. */
export type ConnectionsShown =
  & Pick<Snapshot, "states" | "connections">
  & { readonly streams: Pick<Http2Snapshot, "connections" | "streams"> };

/**
 * Returns the number of connections in each state, and details of some of them, starting with those at work. `objects` are
 * the connections that are not idle, without those that were accepted in this turn and are not registered yet. `count` is
 * the number of all connections, and `acceptedMs` tells when one was accepted.
 */
export function showConnections(
  objects: readonly Connection[],
  idle: IdleConnections,
  count: number,
  acceptedMs: (fd: number) => number,
): ConnectionsShown {
  const nowMs = Math.trunc(performance.now()); // the reactor's clock stands still while the loop is parked
  const shown: ConnectionSnapshot[] = [];
  const show = (fd: number, state: string, queuedBytes: number, streams?: ConnectionSnapshot["streams"]) => {
    if (shown.length >= SHOWN_CONNECTIONS_MAX) return;
    shown.push({
      fd,
      state,
      ageMs: nowMs - acceptedMs(fd),
      queuedBytes,
      ...streams === undefined ? {} : { streams },
    });
  };
  const ofAll: Record<string, number> = {};
  let multiplexed = 0;
  for (const { protocol } of objects) {
    if (protocol.countStreams === undefined) continue;
    multiplexed++;
    for (const [state, count] of Object.entries(protocol.countStreams())) {
      ofAll[state] = (ofAll[state] ?? 0) + count;
    }
  }
  const streamsOf = ({ protocol }: Connection) => protocol.countStreams?.();
  const states: Record<string, number> = Object.fromEntries(STATES.map((state) => [state, 0]));
  states["idle"] = idle.count;
  states["reading"] = count - idle.count;
  for (const connection of objects) {
    const { fd, state, output } = connection;
    if (state === "reading") continue;
    states[state]!++;
    states["reading"]!--;
    show(fd, state, output.queuedBytes, streamsOf(connection));
  }
  for (const connection of objects) {
    const { fd, state } = connection;
    if (state === "reading" && idle.keptAt(fd) === undefined) show(fd, state, 0, streamsOf(connection));
  }
  for (const fd of idle) {
    if (shown.length >= SHOWN_CONNECTIONS_MAX) break;
    show(fd, "idle", 0, idle.keptAt(fd) === undefined ? undefined : {});
  }
  return { states, connections: shown, streams: { connections: multiplexed, streams: ofAll } };
}
