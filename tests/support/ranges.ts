/**
 * Checks responses with ranges.
 * @module
 */
import { assertEquals } from "@std/assert";
import { partsOf } from "./multipart.ts";
import type { WireResponse } from "./wire.ts";

export function cut(content: Uint8Array, range: string): Uint8Array {
  const [start, last] = range.split("-").map(Number) as [number, number];
  return content.subarray(start, last + 1);
}

/** Asserts that `answer` has these `ranges` of `whole`, and nothing else. */
export function assertRanges(
  answer: WireResponse,
  ranges: readonly string[],
  whole: WireResponse,
  what: string,
): void {
  const size = whole.body.length;
  assertEquals(answer.status, 206, what);
  for (
    const name of ["etag", "last-modified", "cache-control", "vary", "content-encoding", "accept-ranges"]
  ) {
    assertEquals(answer.fields[name], whole.fields[name], `${name}: ${what}`);
  }
  if (ranges.length === 1) {
    assertEquals(answer.fields["content-range"], `bytes ${ranges[0]}/${size}`, what);
    assertEquals(answer.fields["content-type"], whole.fields["content-type"], what);
    assertEquals(answer.body, cut(whole.body, ranges[0]!), what);
    return;
  }
  const parts = partsOf(answer);
  assertEquals(parts.map(({ start, last }) => `${start}-${last}`), ranges, what);
  for (const [i, part] of parts.entries()) {
    assertEquals([part.type, part.size], [whole.fields["content-type"], size], what);
    assertEquals(part.body, cut(whole.body, ranges[i]!), what);
  }
}
