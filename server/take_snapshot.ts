/**
 * A server's snapshot, out of all that knows a part of it.
 * @module
 */
import { callCount } from "../ffi/libc.ts";
import { processId } from "../ffi/process.ts";
import { processUsage } from "../ffi/usage.ts";
import type { ConnectionHost } from "./connection_host.ts";
import type { ListenerGroup } from "./listener_group.ts";
import type { PollerName } from "./poller.ts";
import type { CacheSnapshot, Snapshot } from "./statistics.ts";

/** What a server is, as long as it lives. */
export interface Identity {
  /** Since 1970. */
  readonly startedMs: number;
  readonly poller: PollerName;
  /** Null: it has none. */
  readonly cache: { snapshot(): CacheSnapshot } | null;
}

/** What the server has done, and does now; of connections, only what `group` has. */
export function takeSnapshot(
  { reactor, ledger: { counters }, isDraining }: ConnectionHost,
  group: ListenerGroup,
  { startedMs, poller, cache }: Identity,
): Snapshot {
  return {
    pid: processId(),
    startedMs,
    poller,
    trigger: reactor.trigger,
    isDraining,
    turns: reactor.batch,
    systemCalls: callCount[0],
    accepted: counters.accepted,
    refused: counters.refused,
    ...group.snapshot(),
    requests: counters.requests,
    responses: counters.responses,
    receivedBytes: counters.receivedBytes,
    sentBytes: counters.sentBytes,
    latencyCounts: counters.latencyCounts,
    latencySumSeconds: counters.latencySeconds,
    ...processUsage(),
    cache: cache?.snapshot() ?? null,
  };
}
