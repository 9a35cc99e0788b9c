/**
 * Range requests: which bytes are requested, when none can be sent, and when the field is ignored. RFC 9110 §14.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { cpuSeconds } from "../../ffi/process/usage.ts";
import { type ByteRange, parseRanges } from "../../server/http/fields/range.ts";
import { RANGES_MAX } from "../../server/limits.ts";
import { type Random, repeat } from "../support/random.ts";

const UNSATISFIABLE = "unsatisfiable";
const IGNORED = null;
type Outcome = readonly (readonly [start: number, end: number])[] | typeof UNSATISFIABLE | null;

/** The field value, the length of the representation, and the ranges as `[start, end)`. */
type Row = readonly [field: string, length: number, expected: Outcome];

function parsed(field: string, length: number): Outcome {
  const ranges = parseRanges(field, length);
  return ranges === null || ranges === UNSATISFIABLE ? ranges : ranges.map(({ start, end }) => [start, end]);
}

function assertTable(rows: readonly Row[]): void {
  for (const [field, length, expected] of rows) {
    assertEquals(parsed(field, length), expected, `${field.slice(0, 200)} of ${length} bytes`);
  }
}

Deno.test("RFC 9110 §14.1.2: a first and a last position, both included", () => {
  assertTable([
    ["bytes=0-0", 10, [[0, 1]]],
    ["bytes=0-9", 10, [[0, 10]]],
    ["bytes=2-5", 10, [[2, 6]]],
    ["bytes=9-9", 10, [[9, 10]]],
    ["bytes=5-100", 10, [[5, 10]]],
    ["bytes=002-005", 10, [[2, 6]]],
    ["bytes=0-0", 1, [[0, 1]]],
  ]);
});

Deno.test("RFC 9110 §14.1.2: a first position alone means to the end", () => {
  assertTable([["bytes=0-", 10, [[0, 10]]], ["bytes=9-", 10, [[9, 10]]], ["bytes=0-", 1, [[0, 1]]]]);
});

Deno.test("RFC 9110 §14.1.2: a suffix means the last bytes, or all when there are fewer", () => {
  assertTable([["bytes=-1", 10, [[9, 10]]], ["bytes=-10", 10, [[0, 10]]], ["bytes=-11", 10, [[0, 10]]]]);
});

Deno.test("RFC 9110 §15.5.17: a range after the end, or of no bytes, cannot be satisfied", () => {
  assertTable([
    ["bytes=10-", 10, UNSATISFIABLE],
    ["bytes=10-20", 10, UNSATISFIABLE],
    ["bytes=11-11", 10, UNSATISFIABLE],
    ["bytes=-0", 10, UNSATISFIABLE],
    ["bytes=-000", 10, UNSATISFIABLE],
    ["bytes=20-,30-", 10, UNSATISFIABLE],
    ["bytes=20-, -0, 10-11", 10, UNSATISFIABLE],
  ]);
});

Deno.test("an empty file is sent for a range that covers all of it; other ranges of it cannot be satisfied", () => {
  assertTable([
    ["bytes=0-", 0, IGNORED],
    ["bytes=0-0", 0, IGNORED],
    ["bytes=-1", 0, IGNORED],
    ["bytes=-1,-2", 0, IGNORED],
    ["bytes=5-,0-", 0, IGNORED],
    ["bytes=1-", 0, UNSATISFIABLE],
    ["bytes=-0", 0, UNSATISFIABLE],
    ["bytes=2-1", 0, UNSATISFIABLE],
    ["bytes=0-,x", 0, UNSATISFIABLE],
  ]);
});

Deno.test("a last position before the first has no bytes, like a range after the end", () => {
  assertTable([
    ["bytes=5-2", 10, UNSATISFIABLE],
    ["bytes=1-0", 10, UNSATISFIABLE],
    ["bytes=50-20", 10, UNSATISFIABLE],
    ["bytes=20-,5-2", 10, UNSATISFIABLE],
    ["bytes=5-2,0-0", 10, [[0, 1]]],
    ["bytes=0-0,50-30", 10, [[0, 1]]],
  ]);
});

Deno.test("RFC 9110 §14.2: a malformed range is rejected, also beside a valid one", () => {
  const malformed = [
    "bytes=-",
    "bytes=--1",
    "bytes=1",
    "bytes=abc",
    "bytes=a-b",
    "bytes=0x0-0x5",
    "bytes=1.0-2",
    "bytes=+1-2",
    "bytes=1e1-",
    "bytes=0-1-2",
    "bytes=0-1;q=1",
    "bytes=0-1x",
    "bytes=1 2-3",
    "bytes=1-2 3",
    "bytes=0-1\n",
    "bytes=\u0661-",
    "bytes=\xa01-2",
    "bytes==0-1",
    "bytes=*",
    "bytes=0-0;2-2",
    "bytes=0-0 2-2",
    "bytes=0-1, bytes=3-4",
    "bytes=0-0,x",
    "bytes=x,0-0",
    "bytes=0-0,-",
    "bytes=20-,x",
  ];
  assertTable(malformed.map((field): Row => [field, 10, UNSATISFIABLE]));
});

Deno.test("RFC 9110 §14.2: another unit, and a field without any range, are ignored", () => {
  const ignored = [
    "items=0-1",
    "byte=0-1",
    "bytess=0-1",
    " bytes=0-1",
    "bytes =0-1",
    "bytes 0-1",
    "none",
    "0-1",
    "=0-1",
    "",
    "bytes",
    "bytes=",
    "bytes= ",
    "bytes=,",
    "bytes= ,, \t,",
  ];
  assertTable(ignored.map((field): Row => [field, 10, IGNORED]));
});

Deno.test("RFC 9110 §14.1: the unit's case does not matter", () => {
  assertTable([["BYTES=1-2", 10, [[1, 3]]], ["Bytes=-2", 10, [[8, 10]]]]);
});

Deno.test("RFC 9110 §5.6.1: blanks and empty elements do not matter", () => {
  assertTable([
    ["bytes= 1-2", 10, [[1, 3]]],
    ["bytes=1-2 \t", 10, [[1, 3]]],
    ["bytes=1 -2", 10, [[1, 3]]],
    ["bytes=1- 2", 10, [[1, 3]]],
    ["bytes=1 - 2", 10, [[1, 3]]],
    ["bytes=- 2", 10, [[8, 10]]],
    ["bytes=8 -", 10, [[8, 10]]],
    ["bytes=0-0, 2-2", 10, [[0, 1], [2, 3]]],
    ["bytes=0-0 ,2-2", 10, [[0, 1], [2, 3]]],
    ["bytes=0-0,\t2-2", 10, [[0, 1], [2, 3]]],
    ["bytes=,0-0", 10, [[0, 1]]],
    ["bytes=0-0,", 10, [[0, 1]]],
    ["bytes=0-0,,2-2", 10, [[0, 1], [2, 3]]],
    ["bytes=, ,0-0, ,\t,2-2,, ", 10, [[0, 1], [2, 3]]],
  ]);
});

Deno.test("RFC 9110 §14.2: several ranges come in the requested order", () => {
  assertTable([
    ["bytes=0-0,2-2", 10, [[0, 1], [2, 3]]],
    ["bytes=0-0,-1", 10, [[0, 1], [9, 10]]],
    ["bytes=5-6,0-1", 10, [[5, 7], [0, 2]]],
    ["bytes=8-,0-1,4-5", 10, [[8, 10], [0, 2], [4, 6]]],
    ["bytes=0-0,20-,2-2,-0", 10, [[0, 1], [2, 3]]],
    ["bytes=20-,2-2", 10, [[2, 3]]],
  ]);
});

Deno.test("RFC 9110 §15.3.7.2: ranges that overlap or touch are joined, in the place of the first of them", () => {
  assertTable([
    ["bytes=0-3,2-5", 10, [[0, 6]]],
    ["bytes=0-3,4-5", 10, [[0, 6]]],
    ["bytes=4-5,0-3", 10, [[0, 6]]],
    ["bytes=0-3,5-6", 10, [[0, 4], [5, 7]]],
    ["bytes=0-9,3-4", 10, [[0, 10]]],
    ["bytes=3-4,0-9", 10, [[0, 10]]],
    ["bytes=0-1,0-1", 10, [[0, 2]]],
    ["bytes=0-,0-,0-", 10, [[0, 10]]],
    ["bytes=-5,0-4", 10, [[0, 10]]],
    ["bytes=8-8,0-0,9-9,4-4,1-1", 10, [[8, 10], [0, 2], [4, 5]]],
    ["bytes=6-7,0-1,4-5", 10, [[4, 8], [0, 2]]],
    ["bytes=4-4,0-1,8-8,2-3", 10, [[0, 5], [8, 9]]],
  ]);
});

Deno.test("positions past 32 and 53 bits do not wrap around", () => {
  const big = 2 ** 40;
  const digits = "9".repeat(400); // Infinity when it is parsed as a number
  const most = Number.MAX_SAFE_INTEGER;
  assertTable([
    [`bytes=${2 ** 32}-${2 ** 32 + 1}`, big, [[2 ** 32, 2 ** 32 + 2]]],
    [`bytes=-${2 ** 33}`, big, [[big - 2 ** 33, big]]],
    [`bytes=${2 ** 32}-`, 10, UNSATISFIABLE],
    [`bytes=0-0,${2 ** 32}-${2 ** 32}`, big, [[0, 1], [2 ** 32, 2 ** 32 + 1]]],
    ["bytes=9007199254740993-", 10, UNSATISFIABLE],
    ["bytes=18446744073709551616-18446744073709551617", 10, UNSATISFIABLE],
    ["bytes=0-9007199254740993", 10, [[0, 10]]],
    ["bytes=0-18446744073709551615", 10, [[0, 10]]],
    ["bytes=-18446744073709551616", 10, [[0, 10]]],
    [`bytes=0-${digits}`, 10, [[0, 10]]],
    [`bytes=${digits}-`, 10, UNSATISFIABLE],
    [`bytes=-${digits}`, 10, [[0, 10]]],
    [`bytes=${digits}-5`, 10, UNSATISFIABLE],
    [`bytes=${digits}-${digits}`, 10, UNSATISFIABLE],
    [`bytes=${digits}-5,1-1`, 10, [[1, 2]]],
    [`bytes=${most - 1}-`, most, [[most - 1, most]]],
    [`bytes=${most}-`, most, UNSATISFIABLE],
    [`bytes=${most + 1}-`, most, UNSATISFIABLE],
    [`bytes=${most - 1}-${most}`, most, [[most - 1, most]]],
    [`bytes=-${most}`, most, [[0, most]]],
    [`bytes=-${most + 1}`, most, [[0, most]]],
    ["bytes=9007199254740993-9007199254740992", most, UNSATISFIABLE],
  ]);
});

const asked = (count: number, nth: (i: number) => string) =>
  "bytes=" + Array.from({ length: count }, (_, i) => nth(i));

Deno.test("RFC 9110 §17.15: a request for more than RANGES_MAX ranges gets the whole file", () => {
  const single = Array.from({ length: RANGES_MAX }, (_, i): [number, number] => [2 * i, 2 * i + 1]);
  assertTable([
    [asked(RANGES_MAX, (i) => `${2 * i}-${2 * i}`), 1e4, single],
    [asked(RANGES_MAX + 1, (i) => `${2 * i}-${2 * i}`), 1e4, IGNORED],
    [asked(RANGES_MAX, () => "0-"), 1e4, [[0, 1e4]]],
    [asked(RANGES_MAX + 1, () => "0-"), 1e4, IGNORED],
    [asked(RANGES_MAX, () => "99999-"), 1e4, UNSATISFIABLE],
    [asked(RANGES_MAX + 1, () => "99999-"), 1e4, IGNORED],
    [asked(RANGES_MAX, () => "0-,,,"), 1e4, [[0, 1e4]]],
  ]);
});

Deno.test("a long field is read in linear time, whatever is in it", () => {
  for (const part of [",", " ", "0", "0-,", "-1,", "0-0 ", "1-", "-", "\t,", "9", "0-0,2-2,", " -", "5-2,"]) {
    const field = "bytes=" + part.repeat(200_000 / part.length);
    for (const end of ["", "x", "0-0", "-"]) {
      const start = cpuSeconds();
      parseRanges(field + end, 10); // quadratic time would be many seconds
      assert(cpuSeconds() - start < 0.5, `${part} again and again, then ${end}, takes too long`);
    }
  }
});

/**
 * Returns a range of a small file in a random spelling, and a slow check that tells of each byte whether it is
 * requested.
 */
function randomSpec(random: Random): { text: string; means: (byte: number, length: number) => boolean } {
  const first = random.below(16);
  const last = random.below(16);
  const blank = () => random.pick(["", "", "", " ", "\t"]);
  switch (random.below(3)) {
    case 0:
      return { text: `${first}${blank()}-`, means: (byte) => byte >= first };
    case 1:
      return { text: `-${blank()}${last}`, means: (byte, length) => byte >= length - last };
    default:
      return { text: `${blank()}${first}-${last}${blank()}`, means: (byte) => byte >= first && byte <= last };
  }
}

Deno.test("each requested byte is sent once, in the place of the first range that it is joined to", () => {
  repeat(5000, (random) => {
    const length = 1 + random.below(14);
    const specs = Array.from({ length: 1 + random.below(6) }, () => randomSpec(random));
    const field = "bytes=" + specs.map(({ text }) => text).join(random.pick([",", ", ", ",,", "\t,"]));
    const isMeant = Array.from({ length }, (_, byte) => specs.some(({ means }) => means(byte, length)));
    const runs: ByteRange[] = [];
    for (let start = 0; start < length; start++) {
      if (!isMeant[start] || (start > 0 && isMeant[start - 1])) continue;
      let end = start;
      while (isMeant[end]) end++;
      runs.push({ start, end });
    }
    // Joined ranges overlap or touch. Their place is that of the first of them.
    const placeOf = ({ start, end }: ByteRange) =>
      specs.findIndex(({ means }) =>
        isMeant.some((_, byte) => byte >= start && byte < end && means(byte, length))
      );
    runs.sort((a, b) => placeOf(a) - placeOf(b));
    const ranges = parseRanges(field, length);
    assertEquals<typeof ranges>(ranges, runs.length === 0 ? UNSATISFIABLE : runs, `${field} of ${length}`);
  });
});
