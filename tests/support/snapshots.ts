/**
 * Snapshots as a server might take them.
 * @module
 */
import { LATENCY_BOUNDS, type Snapshot } from "../../server/metrics/statistics.ts";

/** Returns the snapshot of a server that has done nothing yet, with the properties of `overrides`. */
export function snapshotWith(overrides: Partial<Snapshot> = {}): Snapshot {
  return {
    pid: 100,
    startedMs: 1_000_000,
    poller: "epoll-edge",
    trigger: "edge",
    isDraining: false,
    turns: 0,
    systemCalls: 0,
    accepted: 0,
    refused: 0,
    states: { reading: 0, "reading-body": 0, handling: 0, writing: 0, lingering: 0, idle: 0 },
    connections: [],
    requests: 0,
    responses: {},
    receivedBytes: 0,
    sentBytes: 0,
    latencyCounts: [...LATENCY_BOUNDS, Infinity].map(() => 0),
    latencySumSeconds: 0,
    residentBytes: 0,
    cpuSeconds: 0,
    openDescriptors: 0,
    cache: null,
    heads: { count: 0, bytes: 0, bytesMax: 0 },
    tls: null,
    http2: null,
    ...overrides,
  };
}

/** Returns the statistics of a cache in which all values depend on `n`. */
export function cacheWith(n: number): NonNullable<Snapshot["cache"]> {
  return {
    bytes: n,
    bytesMax: n,
    resources: n,
    hits: n,
    misses: n,
    evictions: n,
    watches: n,
    events: n,
    overflows: n,
    roots: [],
    kept: null,
  };
}
