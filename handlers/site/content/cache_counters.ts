/**
 * The counters of caches, summed over sites.
 * @module
 */
import type { CacheSnapshot } from "../../../server/metrics/statistics.ts";

/** The counters of no site. */
export const NO_COUNTERS: CacheSnapshot = {
  bytes: 0,
  bytesMax: 0,
  resources: 0,
  hits: 0,
  misses: 0,
  evictions: 0,
  watches: 0,
  events: 0,
  overflows: 0,
  roots: [],
  kept: null,
};

/** Returns the counters of `a` plus those of `b`. */
export function sumOf(a: CacheSnapshot, b: Partial<CacheSnapshot>): CacheSnapshot {
  const { roots, kept, ...counts } = a;
  const names = Object.keys(counts) as (keyof typeof counts)[];
  const sums = names.map((name) => [name, counts[name] + (b[name] ?? 0)]);
  return { ...Object.fromEntries(sums) as unknown as typeof counts, roots, kept };
}
