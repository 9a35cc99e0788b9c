/**
 * Snapshots put together: of several workers, and of one that took another's place.
 * @module
 */
import {
  type CacheSnapshot,
  type ConnectionSnapshot,
  type HeadsSnapshot,
  SHOWN_CONNECTIONS_MAX,
  type Snapshot,
} from "./statistics.ts";

/**
 * What `now` says, with all that was counted `before` added: a worker that takes a dead one's place goes on counting
 * where that stopped, and no counter goes backwards. What is as it is at the moment is that of `now` alone.
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
  };
}

/**
 * Several workers as if they were one: the sum of what they count and hold. It drains when all of them do; it is as old
 * as the oldest; of their connections each shows its share.
 * @throws {RangeError} when there is none
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
  }));
  return { ...merged, connections: sharesOf(snapshots).flat() };
}

/** Of each snapshot's connections as many as are shown when all of them have the same share. */
export function sharesOf(snapshots: readonly Snapshot[]): ConnectionSnapshot[][] {
  const share = Math.floor(SHOWN_CONNECTIONS_MAX / Math.max(snapshots.length, 1));
  return snapshots.map(({ connections }) => connections.slice(0, share));
}

function addCacheCounters(now: CacheSnapshot, before: CacheSnapshot): CacheSnapshot {
  return {
    ...now,
    hits: now.hits + before.hits,
    misses: now.misses + before.misses,
    evictions: now.evictions + before.evictions,
    events: now.events + before.events,
    overflows: now.overflows + before.overflows,
  };
}

function mergeCaches(one: CacheSnapshot | null, other: CacheSnapshot | null): CacheSnapshot | null {
  if (one === null || other === null) return one ?? other;
  return {
    ...addCacheCounters(one, other),
    bytes: one.bytes + other.bytes,
    bytesMax: one.bytesMax + other.bytesMax,
    resources: one.resources + other.resources,
    watches: one.watches + other.watches,
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
