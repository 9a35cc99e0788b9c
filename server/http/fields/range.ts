/**
 * Range requests. Source: RFC 9110 §14.
 *
 * The RFC lets a server ignore or reject what is malformed (§14.2). Where nginx and Caddy agree, this does the same:
 * they answer a range that is none, or that ends before it starts, by 416, and allow blanks around positions.
 * @module
 */
import { RANGES_MAX } from "../../limits.ts";

/** Bytes `[start, end)` of a representation. */
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
 * The ranges that `field` asks of `length` bytes, in the order in which they were asked for; at least one, and each
 * has at least one byte. Those that overlap or touch each other are one, in the place of the first of them (§15.3.7.2),
 * so that no byte is sent twice; those that have no byte are left out.
 *
 * Null when the field is to be ignored, so that everything is sent: another unit, no range at all, more than
 * {@linkcode RANGES_MAX} of them, or one that asks for all of no bytes, as some clients do of every file: no
 * Content-Range could name that. `"unsatisfiable"`, 416: when no range has a byte, and when one of them is malformed.
 */
export function parseRanges(field: string, length: number): readonly ByteRange[] | "unsatisfiable" | null {
  if (!UNIT.test(field)) return null;
  const ranges: ByteRange[] = [];
  let asked = 0;
  let asksForAllOfNothing = false;
  for (let i = skipBlanks(field, 6); i < field.length; i = skipBlanks(field, i)) {
    if (field.charCodeAt(i) === COMMA) {
      i++; // elements that are empty are ignored, §5.6.1.2
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
 * The bytes that are meant, perhaps none. Positions past 2^53 are rounded, never to less than 2^53, and so lie behind
 * the end of any file as they should.
 */
function resolve(first: number | null, last: number | null, length: number): ByteRange {
  if (first === null) return { start: Math.max(length - (last ?? 0), 0), end: length };
  return { start: first, end: last === null ? length : Math.min(last + 1, length) };
}

/** Makes one of those that overlap or touch; there are at most RANGES_MAX. */
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
