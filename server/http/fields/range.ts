/**
 * Range requests. Source: RFC 9110 §14.
 *
 * A server may ignore or reject a malformed Range (§14.2). This one does what nginx and Caddy agree on: 416 for an
 * invalid range and for one that ends before it starts; spaces around positions are allowed.
 * @module
 */
import { RANGES_MAX } from "../../limits.ts";

/** The bytes `[start, end)` of a representation. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const UNIT = /^bytes=/i;
const HTAB = 0x09;
const SP = 0x20;
const COMMA = 0x2c;
const DASH = 0x2d;

/**
 * Parses `field`, the value of Range, for a representation of `length` bytes. Returns the ranges in the requested
 * order, at least one, each with at least one byte. Ranges that overlap or touch are merged at the place of the first
 * of them (§15.3.7.2), so that no byte is sent twice. Ranges beyond the end are omitted.
 *
 * Returns null if the field is to be ignored and everything sent: another unit, no range, more than {@linkcode
 * RANGES_MAX} ranges, or a request for all bytes of an empty file. Some clients request every file that way, and no
 * Content-Range can express it. Returns `"unsatisfiable"` (416) if no range has a byte, or any range is malformed.
 */
export function parseRanges(field: string, length: number): readonly ByteRange[] | "unsatisfiable" | null {
  if (!UNIT.test(field)) return null;
  const ranges: ByteRange[] = [];
  let asked = 0;
  let asksForAllOfNothing = false;
  for (let i = skipBlanks(field, 6); i < field.length; i = skipBlanks(field, i)) {
    if (field.charCodeAt(i) === COMMA) {
      i++; // empty elements are ignored, §5.6.1.2
      continue;
    }
    const firstEnd = skipDigits(field, i);
    const dash = skipBlanks(field, firstEnd);
    if (field.charCodeAt(dash) !== DASH) return "unsatisfiable";
    const lastStart = skipBlanks(field, dash + 1);
    const lastEnd = skipDigits(field, lastStart);
    const first = i === firstEnd ? null : Number(field.slice(i, firstEnd));
    const last = lastStart === lastEnd ? null : Number(field.slice(lastStart, lastEnd));
    if (first === null && last === null) return "unsatisfiable";
    i = skipBlanks(field, lastEnd);
    if (i < field.length && field.charCodeAt(i) !== COMMA) return "unsatisfiable";
    if (++asked > RANGES_MAX) return null;
    if (length === 0 && (first === 0 || (first === null && last !== 0))) asksForAllOfNothing = true;
    const range = resolve(first, last, length);
    if (range.start < range.end) ranges.push(range);
  }
  if (asked === 0 || asksForAllOfNothing) return null;
  if (ranges.length === 0) return "unsatisfiable";
  return ranges.length === 1 ? ranges : coalesce(ranges);
}

/**
 * Returns the bytes of a range, maybe none. Positions above 2⁵³ are rounded, but never below 2⁵³, so they stay beyond
 * the end of any file.
 */
function resolve(first: number | null, last: number | null, length: number): ByteRange {
  if (first === null) return { start: Math.max(length - (last ?? 0), 0), end: length };
  return { start: first, end: last === null ? length : Math.min(last + 1, length) };
}

/** Merges ranges that overlap or touch. There are at most RANGES_MAX. */
function coalesce(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const ascending = ranges.map(({ start, end }, place) => ({ start, end, place }));
  ascending.sort((a, b) => a.start - b.start);
  const merged = [ascending[0]!];
  for (const range of ascending) {
    const previous = merged[merged.length - 1]!;
    if (range.start > previous.end) {
      merged.push(range);
    } else {
      previous.end = Math.max(previous.end, range.end);
      previous.place = Math.min(previous.place, range.place);
    }
  }
  merged.sort((a, b) => a.place - b.place);
  return merged.map(({ start, end }) => ({ start, end }));
}

function skipBlanks(text: string, i: number): number {
  while (text.charCodeAt(i) === SP || text.charCodeAt(i) === HTAB) i++;
  return i;
}

function skipDigits(text: string, i: number): number {
  while (text.charCodeAt(i) >= 0x30 && text.charCodeAt(i) <= 0x39) i++;
  return i;
}
