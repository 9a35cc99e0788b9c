/**
 * Range requests: which bytes are meant, when none can be, and when the field is ignored. RFC 9110 §14.
 * @module
 */
import { assertEquals } from "@std/assert";
import { parseRange } from "../server/http/range.ts";
import { repeat } from "./support/random.ts";

const UNSATISFIABLE = "unsatisfiable";
const IGNORED = null;
type Outcome = readonly [start: number, end: number] | typeof UNSATISFIABLE | null;

/** Field value, length of the representation, bytes `[start, end)`. */
type Row = readonly [field: string, length: number, expected: Outcome];

function assertTable(rows: readonly Row[]): void {
  for (const [field, length, expected] of rows) {
    const range = parseRange(field, length);
    const given = range === null || range === UNSATISFIABLE ? range : [range.start, range.end];
    assertEquals(given, expected as typeof given, `${field} of ${length} bytes`);
  }
}

Deno.test("RFC 9110 §14.1.2: a first and a last position, both included", () => {
  assertTable([
    ["bytes=0-0", 10, [0, 1]],
    ["bytes=0-9", 10, [0, 10]],
    ["bytes=2-5", 10, [2, 6]],
    ["bytes=9-9", 10, [9, 10]],
    ["bytes=5-100", 10, [5, 10]],
    ["bytes=002-005", 10, [2, 6]],
    ["bytes=0-0", 1, [0, 1]],
  ]);
});

Deno.test("RFC 9110 §14.1.2: a first position alone means to the end", () => {
  assertTable([["bytes=0-", 10, [0, 10]], ["bytes=9-", 10, [9, 10]], ["bytes=0-", 1, [0, 1]]]);
});

Deno.test("RFC 9110 §14.1.2: a suffix means the last bytes, or all when there are fewer", () => {
  assertTable([["bytes=-1", 10, [9, 10]], ["bytes=-10", 10, [0, 10]], ["bytes=-11", 10, [0, 10]]]);
});

Deno.test("RFC 9110 §15.5.17: a range behind the end, or of no bytes, cannot be satisfied", () => {
  assertTable([
    ["bytes=10-", 10, UNSATISFIABLE],
    ["bytes=10-20", 10, UNSATISFIABLE],
    ["bytes=11-11", 10, UNSATISFIABLE],
    ["bytes=-0", 10, UNSATISFIABLE],
    ["bytes=-000", 10, UNSATISFIABLE],
  ]);
});

Deno.test("RFC 9110 §15.5.17: an empty file has no range that could be satisfied", () => {
  assertTable([
    ["bytes=0-", 0, UNSATISFIABLE],
    ["bytes=0-0", 0, UNSATISFIABLE],
    ["bytes=-1", 0, UNSATISFIABLE],
    ["bytes=-0", 0, UNSATISFIABLE],
    ["bytes=2-1", 0, IGNORED],
  ]);
});

Deno.test("RFC 9110 §14.1.2: a last position before the first makes the field invalid: it is ignored", () => {
  assertTable([["bytes=5-2", 10, IGNORED], ["bytes=1-0", 10, IGNORED], ["bytes=50-20", 10, IGNORED]]);
});

Deno.test("RFC 9110 §14.2: more than one range is ignored, and so is another unit or what is no range", () => {
  const ignored = [
    "bytes=0-1,3-4",
    "bytes=0-1, 3-4",
    "bytes=0-0,-1",
    "bytes=0-1, bytes=3-4",
    "items=0-1",
    "byte=0-1",
    "bytess=0-1",
    "",
    "bytes",
    "bytes=",
    "bytes=-",
    "bytes=--1",
    "bytes=1",
    "bytes=a-b",
    "bytes=0x0-0x5",
    "bytes=1.0-2",
    "bytes=+1-2",
    "bytes=0-1-2",
    "bytes=0 - 1",
    "bytes 0-1",
    "bytes=0-1;q=1",
    "bytes =0-1",
    "bytes=0-1\n",
    "bytes=\u0661-",
    "0-1",
    "=0-1",
  ];
  assertTable(ignored.map((field): Row => [field, 10, IGNORED]));
});

Deno.test("RFC 9110 §14.1: the unit's case does not matter", () => {
  assertTable([["BYTES=1-2", 10, [1, 3]], ["Bytes=-2", 10, [8, 10]]]);
});

Deno.test("RFC 9110 §14.1.2: positions past 32 and 53 bits do not wrap around", () => {
  const big = 2 ** 40;
  const digits = "9".repeat(400); // Infinity as a number
  assertTable([
    [`bytes=${2 ** 32}-${2 ** 32 + 1}`, big, [2 ** 32, 2 ** 32 + 2]],
    [`bytes=-${2 ** 33}`, big, [big - 2 ** 33, big]],
    [`bytes=${2 ** 32}-`, 10, UNSATISFIABLE],
    ["bytes=9007199254740993-", 10, UNSATISFIABLE],
    ["bytes=18446744073709551616-18446744073709551617", 10, UNSATISFIABLE],
    ["bytes=0-9007199254740993", 10, [0, 10]],
    ["bytes=0-18446744073709551615", 10, [0, 10]],
    ["bytes=-18446744073709551616", 10, [0, 10]],
    [`bytes=0-${digits}`, 10, [0, 10]],
    [`bytes=${digits}-`, 10, UNSATISFIABLE],
    [`bytes=-${digits}`, 10, [0, 10]],
    [`bytes=${digits}-5`, 10, IGNORED],
  ]);
});

Deno.test("every range lies within the file and has at least one byte", () => {
  repeat(3000, (random) => {
    const length = random.below(12);
    const first = random.oneIn(4) ? "" : random.below(14);
    const last = random.oneIn(4) ? "" : random.below(14);
    const range = parseRange(`bytes=${first}-${last}`, length);
    // The slow way: ask of every byte whether it is meant.
    const meant = Array.from({ length }, (_, i) => i).filter((i) =>
      first === "" ? i >= length - Number(last) : i >= first && (last === "" || i <= last)
    );
    const isIgnored = first === "" ? last === "" : last !== "" && last < first;
    const wanted = isIgnored
      ? null
      : meant.length === 0
      ? UNSATISFIABLE
      : { start: meant[0], end: meant[meant.length - 1] + 1 };
    assertEquals<typeof range>(range, wanted, `bytes=${first}-${last} of ${length}`);
  });
});
