/**
 * What a snapshot tells of the connections.
 * @module
 */
import type { Connection } from "../connection/connection.ts";
import { STATES } from "../connection/state.ts";
import { type ConnectionSnapshot, SHOWN_CONNECTIONS_MAX, type Snapshot } from "../metrics/statistics.ts";
import type { IdleConnections } from "./idle_connections.ts";

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
): Pick<Snapshot, "states" | "connections"> {
  const nowMs = Math.trunc(performance.now()); // the reactor's clock stands still while the loop is parked
  const shown: ConnectionSnapshot[] = [];
  const show = (fd: number, state: string, queuedBytes: number) => {
    if (shown.length >= SHOWN_CONNECTIONS_MAX) return;
    shown.push({ fd, state, ageMs: nowMs - acceptedMs(fd), queuedBytes });
  };
  const states: Record<string, number> = Object.fromEntries(STATES.map((state) => [state, 0]));
  states["idle"] = idle.count;
  states["reading"] = count - idle.count;
  for (const { fd, state, output } of objects) {
    if (state === "reading") continue;
    states[state]!++;
    states["reading"]!--;
    show(fd, state, output.queuedBytes);
  }
  for (const { fd, state } of objects) if (state === "reading") show(fd, state, 0);
  for (const fd of idle) {
    if (shown.length >= SHOWN_CONNECTIONS_MAX) break;
    show(fd, "idle", 0);
  }
  return { states, connections: shown };
}
