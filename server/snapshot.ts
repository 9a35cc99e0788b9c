/**
 * The snapshot of a server.
 * @module
 */
import { callCount } from "../ffi/libc/libc.ts";
import { processId } from "../ffi/process/process.ts";
import { processUsage } from "../ffi/process/usage.ts";
import type { ConnectionContext } from "./connection/context.ts";
import type { ConnectionsShown } from "./listen/show_connections.ts";
import type { CacheSnapshot, Snapshot, TlsSnapshot } from "./metrics/statistics.ts";

/** The parts of a snapshot that are not in the connections' context. */
export interface SnapshotParts extends Pick<Snapshot, "startedMs" | "poller"> {
  readonly connections: { snapshot(): ConnectionsShown };
  readonly cache: { snapshot(): CacheSnapshot } | null;
  readonly tls: { snapshot(): TlsSnapshot } | null;
}

/** Returns a snapshot of the present state. */
export function takeSnapshot(context: ConnectionContext, parts: SnapshotParts): Snapshot {
  const { reactor, accounting: { counters }, isDraining, buffers } = context;
  const { startedMs, poller, connections, cache, tls } = parts;
  const { streams, ...shown } = connections.snapshot();
  return {
    pid: processId(),
    startedMs,
    poller,
    trigger: reactor.trigger,
    isDraining,
    turns: reactor.turns,
    systemCalls: callCount[0]!,
    accepted: counters.accepted,
    refused: counters.refused,
    ...shown,
    requests: counters.requests,
    responses: counters.responses,
    receivedBytes: counters.receivedBytes,
    sentBytes: counters.sentBytes,
    latencyCounts: counters.latencyCounts,
    latencySumSeconds: counters.latencySeconds,
    ...processUsage(),
    cache: cache?.snapshot() ?? null,
    heads: buffers.heads.snapshot(),
    tls: tls?.snapshot() ?? null,
    http2: context.http2 ? { ...streams, ...counters.http2.snapshot() } : null,
  };
}
