/**
 * Fuzzes the Range field. The reference marks each requested byte.
 * @module
 */
import { parseRanges } from "../../server/http/fields/range.ts";
import { RANGES_MAX } from "../../server/limits.ts";
import type { Random } from "../support/random.ts";
import { type Input, pure, requireSame, shown } from "./fuzz_target.ts";
import { mutateOnce } from "./mutations.ts";

/** The result for a field; the ranges as `[start, end)`. */
export type Asked = readonly (readonly [number, number])[] | "unsatisfiable" | null;

/** Returns the ranges that `field` requests of `length` bytes: RFC 9110 §14.1.2, §14.2 and §15.3.7.2. */
export function referenceRanges(field: string, length: number): Asked {
  if (!/^bytes=/i.test(field)) return null;
  const specs = field.slice(6).split(",").map((spec) => spec.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((spec) => spec !== "");
  const parts = specs.map((spec) => /^(\d*)[ \t]*-[ \t]*(\d*)$/.exec(spec));
  const malformed = parts.findIndex((part) => part === null || (part[1] === "" && part[2] === ""));
  if (malformed >= 0 && malformed <= RANGES_MAX) return "unsatisfiable";
  if (specs.length === 0 || specs.length > RANGES_MAX) return null;
  const size = BigInt(length);
  const ranges: [bigint, bigint][] = [];
  for (const part of parts) {
    const [, first, last] = part!;
    // The full range of an empty file cannot be named by Content-Range, so the file is sent whole.
    const isAll = first === "" ? /[1-9]/.test(last!) : BigInt(first!) === 0n;
    if (length === 0 && isAll) return null;
    const from = first !== "" ? BigInt(first!) : size - (BigInt(last!) < size ? BigInt(last!) : size);
    const to = first === "" || last === "" || BigInt(last!) >= size ? size : BigInt(last!) + 1n;
    if (from < to) ranges.push([from, to]);
  }
  if (ranges.length === 0) return "unsatisfiable";
  return merged(ranges.map(([from, to]) => [Number(from), Number(to)]));
}

/** Joins ranges that overlap or touch, in the place of the first of them, until none do. */
function merged(ranges: readonly (readonly [number, number])[]): [number, number][] {
  const left = ranges.map(([from, to]): [number, number] => [from, to]);
  for (let isChanged = true; isChanged;) {
    isChanged = false;
    for (let a = 0; a < left.length; a++) {
      for (let b = left.length - 1; b > a; b--) {
        if (left[b]![0] > left[a]![1] || left[b]![1] < left[a]![0]) continue;
        left[a] = [Math.min(left[a]![0], left[b]![0]), Math.max(left[a]![1], left[b]![1])];
        left.splice(b, 1);
        isChanged = true;
      }
    }
  }
  return left;
}

/** Returns a random Range field for `length` bytes. */
export function randomRange(random: Random, length: number): string {
  const position = () => {
    if (random.oneIn(20)) {
      return random.pick(["9007199254740993", "18446744073709551616", "00", "4294967296"]);
    }
    return String(Math.max(random.oneIn(3) ? length + random.below(5) - 2 : random.below(length + 2), 0));
  };
  const spec = () => {
    const blank = () => random.oneIn(20) ? random.pick([" ", "\t", "  "]) : "";
    if (random.oneIn(4)) return `-${blank()}${random.oneIn(4) ? 0 : position()}`;
    return `${position()}${blank()}-${blank()}${random.oneIn(4) ? "" : position()}`;
  };
  const count = random.oneIn(100)
    ? RANGES_MAX - 2 + random.below(5)
    : 1 + (random.oneIn(2) ? 0 : random.below(5));
  const specs = Array.from({ length: count }, () => random.oneIn(30) ? "" : spec());
  const field = `${random.oneIn(20) ? "Bytes=" : "bytes="}${specs.join(random.pick([",", ", ", " ,"]))}`;
  return random.oneIn(5) ? mutateOnce(field, random) : field;
}

function make(random: Random): Input {
  const length = random.oneIn(20) ? 0 : random.oneIn(10) ? 2 ** 53 - 1 - random.below(3) : random.below(60);
  return [randomRange(random, length), String(length)];
}

function check([field, size]: Input): void {
  const length = Number(size);
  if (!/^\d+$/.test(size!) || !Number.isSafeInteger(length)) return;
  const given = parseRanges(field!, length);
  const about = `${shown(field!)} of ${size} bytes`;
  const wanted = referenceRanges(field!, length);
  const pairs = typeof given === "string" || given === null
    ? given
    : given.map(({ start, end }) => [start, end]);
  requireSame(pairs, wanted, about);
  if (typeof given === "string" || given === null || length > 1000) return;
  // No byte is sent twice, and none outside of the file.
  const marks = new Uint8Array(length + 1);
  for (const { start, end } of given) {
    if (!(start >= 0 && start < end && end <= length)) throw new Error(`${start} to ${end} for ${about}`);
    for (let i = start; i < end; i++) {
      if (marks[i]!++ > 0) throw new Error(`byte ${i} twice for ${about}`);
    }
  }
}

export const ranges = pure({ name: "ranges", batch: 5000, make, check });
