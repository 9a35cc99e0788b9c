/**
 * Checks the snapshot that a worker sends. Clients may attack a worker, and the supervisor has rights that workers gave
 * up. So only numbers and a few known words pass to the supervisor, and from there to operators.
 * @module
 */
import { POLLER_NAMES } from "../../server/loop/pollers/mod.ts";
import {
  type CacheSnapshot,
  type ConnectionSnapshot,
  type HeadsSnapshot,
  type Http2Snapshot,
  type KeptSnapshot,
  LATENCY_BOUNDS,
  SHOWN_CONNECTIONS_MAX,
  SHOWN_KEPT_MAX,
  SHOWN_ROOTS_MAX,
  type Snapshot,
  type TlsSnapshot,
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
const KEPT_COUNTS = ["files", "bytes", "heldFiles", "heldBytes", "directories", "asked", "keptMs"] as const;
const KEPT_FILE_COUNTS = ["untilMs", "asked"] as const;
const ROOT_COUNTS = ["generation", "sinceMs"] as const;
const PATH_LENGTH_MAX = 4096;
const TLS_COUNTS = ["tls12", "tls13", "resumed", "failed"] as const;
const HTTP2_COUNTS = ["connections", "accepted", "refused", "resetByServer", "resetByClient"] as const;
const HEADS_COUNTS = ["count", "bytes", "bytesMax"] as const;
const CONNECTION_COUNTS = ["fd", "ageMs", "queuedBytes"] as const;
/** The name of a connection state, or a status code. */
const NAME = /^[a-z0-9-]{1,24}$/;
/** The name of a certificate: a host, a wildcard, or an address. */
const HOST = /^[a-z0-9.*:_-]{1,255}$/;
const CERTIFICATES_MAX = 1000;
/** As many as there are status codes of three digits, and more than there are states. */
const NAMES_MAX = 1000;

/**
 * Returns `value` as a snapshot. Counts that are no numbers become 0, and members without a proper name are left out.
 * @throws {TypeError} for something that is no snapshot
 */
export function readSnapshot(value: unknown): Snapshot {
  const members = membersOf(value);
  const { poller, trigger, isDraining, states, connections, responses, latencyCounts } = members;
  const { cache, heads, tls, http2 } = members;
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
    cache: cache === null ? null : readCache(cache),
    heads: countsOf(heads, HEADS_COUNTS) satisfies HeadsSnapshot,
    tls: tls === null || tls === undefined ? null : readTls(tls),
    http2: http2 === null || http2 === undefined ? null : readHttp2(http2),
  };
}

function readCache(value: unknown): CacheSnapshot {
  const roots = listOf(membersOf(value)["roots"], SHOWN_ROOTS_MAX).flatMap((one) => {
    const { root, path, isLinked } = membersOf(one);
    return isPath(root) && isPath(path)
      ? [{ root, path, isLinked: isLinked === true, ...countsOf(one, ROOT_COUNTS) }]
      : [];
  });
  const { kept } = membersOf(value);
  const isKept = kept !== null && kept !== undefined;
  return { ...countsOf(value, CACHE_COUNTS), roots, kept: isKept ? readKept(kept) : null };
}

function readKept(value: unknown): KeptSnapshot {
  const shown = listOf(membersOf(value)["shown"], SHOWN_KEPT_MAX).flatMap((one) => {
    const { path } = membersOf(one);
    return isPath(path) ? [{ path, ...countsOf(one, KEPT_FILE_COUNTS) }] : [];
  });
  return { ...countsOf(value, KEPT_COUNTS), shown };
}

/** True for a text that is one line wherever it is shown. */
function isPath(value: unknown): value is string {
  return typeof value === "string" && value.length <= PATH_LENGTH_MAX && !/\p{C}/u.test(value);
}

function readTls(value: unknown): TlsSnapshot {
  const certificates = listOf(membersOf(value)["certificates"], CERTIFICATES_MAX).map((one) => {
    const { name, notAfterMs } = membersOf(one);
    return { name: typeof name === "string" && HOST.test(name) ? name : "", notAfterMs: countOf(notAfterMs) };
  });
  return { ...countsOf(value, TLS_COUNTS), certificates };
}

function readHttp2(value: unknown): Http2Snapshot {
  const { streams, responses, goAways } = membersOf(value);
  return {
    ...countsOf(value, HTTP2_COUNTS),
    streams: namedCounts(streams),
    responses: namedCounts(responses),
    goAways: namedCounts(goAways),
  };
}

function readConnection(value: unknown): ConnectionSnapshot[] {
  const { state, streams } = membersOf(value);
  return typeof state === "string" && NAME.test(state)
    ? [{ ...countsOf(value, CONNECTION_COUNTS), state, ...streams ? { streams: namedCounts(streams) } : {} }]
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
