/**
 * Combines snapshots, of several workers, or of a worker and its predecessor.
 * @module
 */
import {
  type CacheSnapshot,
  type ConnectionSnapshot,
  type HeadsSnapshot,
  type Http2Snapshot,
  type KeptSnapshot,
  SHOWN_CONNECTIONS_MAX,
  SHOWN_KEPT_MAX,
  SHOWN_ROOTS_MAX,
  type Snapshot,
} from "./statistics.ts";

/**
 * Returns `now` with the counters of `before` added. A worker that replaces another continues its counters, so no
 * counter goes backwards. Values that describe the present are those of `now`.
 */
export function addCounters(now: Snapshot, before: Snapshot): Snapshot {
  return {
    ...now,
    turns: now.turns + before.turns,
    systemCalls: now.systemCalls + before.systemCalls,
    accepted: now.accepted + before.accepted,
    refused: now.refused + before.refused,
    requests: now.requests + before.requests,
    responses: addRecords(now.responses, before.responses),
    receivedBytes: now.receivedBytes + before.receivedBytes,
    sentBytes: now.sentBytes + before.sentBytes,
    latencyCounts: addLists(now.latencyCounts, before.latencyCounts),
    latencySumSeconds: now.latencySumSeconds + before.latencySumSeconds,
    cpuSeconds: now.cpuSeconds + before.cpuSeconds,
    cache: now.cache === null || before.cache === null
      ? now.cache
      : addCacheCounters(now.cache, before.cache),
    tls: now.tls === null || before.tls === null ? now.tls : addNamed(now.tls, before.tls, TLS_COUNTERS),
    http2: now.http2 === null || before.http2 === null
      ? now.http2
      : addHttp2Counters(now.http2, before.http2),
  };
}

/**
 * Combines the snapshots of several workers: counters and sizes are added. The result is draining if all workers are.
 * Its start is the earliest one. Each worker contributes an equal share of connections.
 * @throws {RangeError} when `snapshots` is empty
 */
export function mergeSnapshots(snapshots: readonly Snapshot[]): Snapshot {
  if (snapshots.length === 0) throw new RangeError("There is no snapshot to merge");
  const merged = snapshots.reduce((sum, next) => ({
    ...addCounters(sum, next),
    startedMs: Math.min(sum.startedMs, next.startedMs),
    isDraining: sum.isDraining && next.isDraining,
    states: addRecords(sum.states, next.states),
    residentBytes: sum.residentBytes + next.residentBytes,
    openDescriptors: sum.openDescriptors + next.openDescriptors,
    cache: mergeCaches(sum.cache, next.cache),
    heads: mergeHeads(sum.heads, next.heads),
    http2: mergeHttp2(sum.http2, next.http2),
  }));
  return { ...merged, connections: sharesOf(snapshots).flat() };
}

/** Returns the first connections of each snapshot, as many as an equal share allows. */
export function sharesOf(snapshots: readonly Snapshot[]): ConnectionSnapshot[][] {
  const share = Math.floor(SHOWN_CONNECTIONS_MAX / Math.max(snapshots.length, 1));
  return snapshots.map(({ connections }) => connections.slice(0, share));
}

const CACHE_COUNTERS = ["hits", "misses", "evictions", "events", "overflows"] as const;
const TLS_COUNTERS = ["tls12", "tls13", "resumed", "failed"] as const;

const HTTP2_COUNTERS = ["accepted", "refused", "resetByServer", "resetByClient"] as const;

function addHttp2Counters(now: Http2Snapshot, before: Http2Snapshot): Http2Snapshot {
  return {
    ...addNamed(now, before, HTTP2_COUNTERS),
    responses: addRecords(now.responses, before.responses),
    goAways: addRecords(now.goAways, before.goAways),
  };
}

function mergeHttp2(one: Http2Snapshot | null, other: Http2Snapshot | null): Http2Snapshot | null {
  if (one === null || other === null) return one ?? other;
  return {
    ...addHttp2Counters(one, other),
    connections: one.connections + other.connections,
    streams: addRecords(one.streams, other.streams),
  };
}

/** Returns `now` with the counters `names` of `before` added. */
function addNamed<Name extends string, T extends Readonly<Record<Name, number>>>(
  now: T,
  before: T,
  names: readonly Name[],
): T {
  return { ...now, ...Object.fromEntries(names.map((name) => [name, now[name] + before[name]])) };
}

function addCacheCounters(now: CacheSnapshot, before: CacheSnapshot): CacheSnapshot {
  const kept = now.kept === null || before.kept === null
    ? now.kept
    : addNamed(now.kept, before.kept, ["asked"]);
  return { ...addNamed(now, before, CACHE_COUNTERS), kept };
}

function mergeCaches(one: CacheSnapshot | null, other: CacheSnapshot | null): CacheSnapshot | null {
  if (one === null || other === null) return one ?? other;
  return {
    ...addCacheCounters(one, other),
    bytes: one.bytes + other.bytes,
    bytesMax: one.bytesMax + other.bytesMax,
    resources: one.resources + other.resources,
    watches: one.watches + other.watches,
    roots: [...one.roots, ...other.roots].slice(0, SHOWN_ROOTS_MAX),
    kept: one.kept === null || other.kept === null ? one.kept ?? other.kept : mergeKept(one.kept, other.kept),
  };
}

/** Combines what is kept of two roots, or by two workers. */
export function mergeKept(one: KeptSnapshot, other: KeptSnapshot): KeptSnapshot {
  return {
    ...addNamed(one, other, ["files", "bytes", "heldFiles", "heldBytes", "directories", "asked"]),
    keptMs: Math.max(one.keptMs, other.keptMs),
    shown: [...one.shown, ...other.shown].slice(0, SHOWN_KEPT_MAX),
  };
}

function mergeHeads(one: HeadsSnapshot, other: HeadsSnapshot): HeadsSnapshot {
  return {
    count: one.count + other.count,
    bytes: one.bytes + other.bytes,
    bytesMax: one.bytesMax + other.bytesMax,
  };
}

function addRecords(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Record<string, number> {
  const sums = { ...one };
  for (const [name, count] of Object.entries(other)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

function addLists(one: readonly number[], other: readonly number[]): number[] {
  const [longer, shorter] = one.length < other.length ? [other, one] : [one, other];
  return longer.map((count, i) => count + (shorter[i] ?? 0));
}
