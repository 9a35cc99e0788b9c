/**
 * Snapshots of several workers, also of workers that replace each other.
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { addCounters, mergeSnapshots } from "../../server/metrics/merge_snapshots.ts";
import { SHOWN_CONNECTIONS_MAX, type Snapshot } from "../../server/metrics/statistics.ts";
import { cacheWith, snapshotWith } from "../support/snapshots.ts";

/**
 * Returns the snapshot of a worker that did everything `n` times, and holds `n` of everything, with the properties of
 * `overrides`.
 */
function busy(n: number, overrides: Partial<Snapshot> = {}): Snapshot {
  const connections = Array.from(
    { length: 400 },
    (_, fd) => ({ fd, state: "idle", ageMs: n, queuedBytes: 0 }),
  );
  return snapshotWith({
    turns: n,
    systemCalls: n,
    accepted: n,
    refused: n,
    states: { idle: n, writing: n },
    connections,
    requests: n,
    responses: { 200: n, [400 + n]: 1 },
    receivedBytes: n,
    sentBytes: n,
    latencyCounts: snapshotWith().latencyCounts.map(() => n),
    latencySumSeconds: n,
    residentBytes: n,
    cpuSeconds: n,
    openDescriptors: n,
    cache: cacheWith(n),
    tls: { tls12: n, tls13: n, resumed: n, failed: n, certificates: [{ name: "a.test", notAfterMs: 5 }] },
    ...overrides,
  });
}

Deno.test("several workers: counters and gauges are added, and each worker shows its share of connections", () => {
  const merged = mergeSnapshots([
    busy(1, { pid: 7, startedMs: 500, isDraining: true }),
    busy(2, { pid: 8, startedMs: 400 }),
  ]);
  const { responses, connections } = merged;
  assertEquals(merged, { ...busy(3), pid: 7, startedMs: 400, responses, connections });
  assertEquals(responses, { 200: 3, 401: 1, 402: 1 });
  assertEquals(connections.filter(({ ageMs }) => ageMs === 1).length, SHOWN_CONNECTIONS_MAX / 2);
  assertEquals(connections.length, SHOWN_CONNECTIONS_MAX);
  assertEquals(
    mergeSnapshots([busy(1, { isDraining: true }), busy(1, { isDraining: true })]).isDraining,
    true,
  );
  assertEquals(mergeSnapshots([busy(1, { cache: null }), busy(2)]).cache, cacheWith(2));
  assertThrows(() => mergeSnapshots([]), RangeError);
});

Deno.test("a worker that replaces another continues its counters, and has only its own gauges", () => {
  const now = addCounters(busy(1), busy(10));
  assertEquals([now.requests, now.turns, now.cpuSeconds, now.latencyCounts[0]], [11, 11, 11, 11]);
  assertEquals(now.responses, { 200: 11, 401: 1, 410: 1 });
  assertEquals([now.residentBytes, now.openDescriptors, now.states], [1, 1, { idle: 1, writing: 1 }]);
  assertEquals(now.cache, { ...cacheWith(11), bytes: 1, bytesMax: 1, resources: 1, watches: 1 });
});
