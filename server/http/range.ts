/**
 * Range requests. Source: RFC 9110 §14.
 * @module
 */

/** Bytes `[start, end)` of a representation. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The one range that `field` asks of `length` bytes. Null when the field is to be ignored: another unit, bad syntax
 * or more than one range (§14.2 allows that). `"unsatisfiable"`: 416.
 */
export function parseRange(field: string, length: number): ByteRange | "unsatisfiable" | null {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(field);
  if (match === null) return null;
  const [, first, last] = match;
  if (first === "") {
    if (last === "") return null;
    const suffix = Number(last); // perhaps inexact past 2^53, and then longer than any file
    return suffix === 0 || length === 0
      ? "unsatisfiable"
      : { start: Math.max(length - suffix, 0), end: length };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return null; // invalid, §14.1.2
  if (start >= length) return "unsatisfiable";
  return { start, end: last === "" ? length : Math.min(Number(last) + 1, length) };
}
