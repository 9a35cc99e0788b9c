/**
 * What a worker tells of itself, as its supervisor takes it. Workers speak with everybody, and the supervisor has rights that
 * they have given up: nothing else gets from them to it, nor from there to operators, than numbers and a few known words.
 * @module
 */
import { POLLER_NAMES } from "../../server/loop/pollers/mod.ts";
import {
  type CacheSnapshot,
  type ConnectionSnapshot,
  type HeadsSnapshot,
  LATENCY_BOUNDS,
  SHOWN_CONNECTIONS_MAX,
  type Snapshot,
} from "../../server/metrics/statistics.ts";

type Members = Readonly<Record<string, unknown>>;

const COUNTS = [
  "pid",
  "startedMs",
  "turns",
  "systemCalls",
  "accepted",
  "refused",
  "requests",
  "receivedBytes",
  "sentBytes",
  "latencySumSeconds",
  "residentBytes",
  "cpuSeconds",
  "openDescriptors",
] as const;
const CACHE_COUNTS = [
  "bytes",
  "bytesMax",
  "resources",
  "hits",
  "misses",
  "evictions",
  "watches",
  "events",
  "overflows",
] as const;
const HEADS_COUNTS = ["count", "bytes", "bytesMax"] as const;
const CONNECTION_COUNTS = ["fd", "ageMs", "queuedBytes"] as const;
/** A state of connections, or a status. */
const NAME = /^[a-z0-9-]{1,24}$/;
/** More than there are states, and as many as there are statuses of three digits. */
const NAMES_MAX = 1000;

/** What is no number counts as 0, and what has no name is left out. @throws {TypeError} for what is no snapshot at all */
export function readSnapshot(value: unknown): Snapshot {
  const { poller, trigger, isDraining, states, connections, responses, latencyCounts, cache, heads } =
    membersOf(
      value,
    );
  const known = POLLER_NAMES.find((name) => name === poller);
  if (known === undefined) throw new TypeError("A worker says of itself what no worker is");
  return {
    ...countsOf(value, COUNTS),
    poller: known,
    trigger: trigger === "edge" ? "edge" : "level",
    isDraining: isDraining === true,
    states: namedCounts(states),
    connections: listOf(connections, SHOWN_CONNECTIONS_MAX).flatMap(readConnection),
    responses: namedCounts(responses),
    latencyCounts: listOf(latencyCounts, LATENCY_BOUNDS.length + 1).map(countOf),
    cache: cache === null ? null : countsOf(cache, CACHE_COUNTS) satisfies CacheSnapshot,
    heads: countsOf(heads, HEADS_COUNTS) satisfies HeadsSnapshot,
  };
}

function readConnection(value: unknown): ConnectionSnapshot[] {
  const { state } = membersOf(value);
  return typeof state === "string" && NAME.test(state)
    ? [{ ...countsOf(value, CONNECTION_COUNTS), state }]
    : [];
}

function membersOf(value: unknown): Members {
  return typeof value === "object" && value !== null ? value as Members : {};
}

function listOf(value: unknown, lengthMax: number): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, lengthMax) : [];
}

function countOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? Math.max(value, 0) : 0;
}

function countsOf<Name extends string>(value: unknown, names: readonly Name[]): Record<Name, number> {
  const members = membersOf(value);
  return Object.fromEntries(names.map((name) => [name, countOf(members[name])])) as Record<Name, number>;
}

function namedCounts(value: unknown): Record<string, number> {
  const named = Object.entries(membersOf(value)).filter(([name]) => NAME.test(name));
  return Object.fromEntries(named.slice(0, NAMES_MAX).map(([name, count]) => [name, countOf(count)]));
}
