/**
 * Conditional requests: when the client's copy is still current. RFC 9110 §13.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { cpuSeconds } from "../../ffi/process/usage.ts";
import {
  isRangeFresh,
  lastModifiedOf,
  preconditionStatus,
  type Validators,
} from "../../server/http/fields/conditional.ts";
import { formatHttpDate } from "../../server/http/date.ts";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { bytesOf, withFields } from "../support/request_replay.ts";

const MODIFIED = Date.UTC(2024, 1, 29, 12, 0, 0) / 1000;
const NOW = Date.UTC(2025, 0, 1) / 1000;
const VALIDATORS: Validators = { etag: '"abc"', modifiedSeconds: MODIFIED };
const UNTAGGED: Validators = { etag: null, modifiedSeconds: MODIFIED };

function requestWith(lines: readonly string[]): HttpRequest {
  const bytes = bytesOf(withFields(...lines));
  const request = new HttpRequest();
  assertEquals(parseRequest(bytes, 0, bytes.length, request), bytes.length, lines.join());
  return request;
}

function assertStatus(expected: 304 | 412 | null, lines: readonly string[], validators = VALIDATORS): void {
  assertEquals(preconditionStatus(requestWith(lines), validators, NOW), expected, lines.join(" and "));
}

function assertNotModified(expected: boolean, ...lines: string[]): void {
  assertStatus(expected ? 304 : null, lines);
}

/** Asserts whether the condition fails with 412. */
function assertFailed(expected: boolean, ...lines: string[]): void {
  assertStatus(expected ? 412 : null, lines);
}

function assertRangeFresh(expected: boolean, ...lines: string[]): void {
  assertEquals(isRangeFresh(requestWith(lines), VALIDATORS, NOW), expected, lines.join(" and "));
}

const at = (seconds: number) => formatHttpDate(seconds);

Deno.test("RFC 9110 §13.2: without a condition nothing is known of the client's copy", () => {
  assertNotModified(false);
  assertNotModified(false, "Range: bytes=0-1", 'If-Range: "abc"', "ETag: abc");
});

Deno.test("RFC 9110 §13.1.2: If-None-Match is false for a listed tag, and for a star", () => {
  for (
    const list of ['"abc"', '"x", "abc"', '"abc", "x"', '"x","abc","y"', "*", '"x" , "abc" ', '"x"\t,\t"abc"']
  ) {
    assertNotModified(true, `If-None-Match: ${list}`);
  }
  for (const list of ['"x"', '"x", "y"', '"ABC"', '"ab"', '"abcd"', '""', '" abc"', '"abc "']) {
    assertNotModified(false, `If-None-Match: ${list}`);
  }
});

Deno.test("RFC 9110 §8.8.3.2: If-None-Match compares weakly", () => {
  assertNotModified(true, 'If-None-Match: W/"abc"');
  assertNotModified(true, 'If-None-Match: "x", W/"abc"');
  assertNotModified(false, 'If-None-Match: W/"x"');
});

Deno.test("RFC 9110 §8.8.3: a comma, or another tag, within a tag is part of it", () => {
  assertNotModified(true, 'If-None-Match: "a,b", "abc"');
  assertNotModified(true, 'If-None-Match: "x\\", "abc"');
  assertNotModified(true, 'If-None-Match: "\xe9,W/", "abc"');
  assertNotModified(true, 'If-None-Match: "\x80\x9f", "abc"');
  assertNotModified(false, 'If-None-Match: "x,abc,y"');
  assertNotModified(false, 'If-None-Match: "*"');
  const comma = { etag: '"a,b"', modifiedSeconds: MODIFIED };
  assertStatus(304, ['If-None-Match: "x", "a,b"'], comma);
  assertStatus(null, ['If-None-Match: "a", "b"'], comma);
});

Deno.test("RFC 9110 §5.6.1.2: empty elements of the list are ignored", () => {
  for (const list of [', "abc"', ',, "x",,\t, "abc",,', '"abc",', ',"abc"']) {
    assertNotModified(true, `If-None-Match: ${list}`);
  }
  for (const list of ["", ",", ", ,", '"x",,']) assertNotModified(false, `If-None-Match: ${list}`);
});

Deno.test("RFC 9110 §5.3: several lines of If-None-Match are one list", () => {
  assertNotModified(true, 'If-None-Match: "x"', 'If-None-Match: "abc"');
  assertNotModified(false, 'If-None-Match: "x"', 'If-None-Match: "y"');
});

Deno.test("RFC 9110 §8.8.3: a malformed tag matches none, and neither does anything after it", () => {
  for (
    const list of [
      "abc",
      "'abc'",
      'w/"abc"',
      'W/ "abc"',
      '"abc',
      'abc"',
      'x "abc"',
      '"x" "abc"',
      'W/x, "abc"',
      'W/W/"abc"',
      '"abc"x',
      '"abc" "x"',
      '*, "x"',
      '"x", *',
    ]
  ) {
    assertNotModified(false, `If-None-Match: ${list}`);
    assertFailed(true, `If-Match: ${list}`);
  }
});

Deno.test("RFC 9110 §13.1.1: If-Match is true for a listed tag, and for a star", () => {
  for (
    const list of [
      '"abc"',
      '"x", "abc"',
      '"abc","x"',
      'W/"x", "abc"',
      'W/"abc", "abc"',
      ', ,"abc"',
      '"a,b", "abc"',
      '"abc", x',
      "*",
    ]
  ) {
    assertFailed(false, `If-Match: ${list}`);
  }
  for (const list of ['"x"', '"x", "y"', '"ABC"', '"*"', "", ",", '"x,abc,y"']) {
    assertFailed(true, `If-Match: ${list}`);
  }
  assertFailed(false, 'If-Match: "x"', 'If-Match: "abc"');
  assertFailed(true, 'If-Match: "x"', 'If-Match: "y"');
});

Deno.test("RFC 9110 §8.8.3.2: If-Match compares strongly: a weak tag never matches", () => {
  assertFailed(true, 'If-Match: W/"abc"');
  assertFailed(true, 'If-Match: W/"x", W/"abc"');
});

Deno.test("RFC 9110 §13.1.4: If-Unmodified-Since is compared with the time of the change", () => {
  assertFailed(false, `If-Unmodified-Since: ${at(MODIFIED)}`);
  assertFailed(false, `If-Unmodified-Since: ${at(MODIFIED + 1)}`);
  assertFailed(false, `If-Unmodified-Since: ${at(NOW + 1000)}`);
  assertFailed(true, `If-Unmodified-Since: ${at(MODIFIED - 1)}`);
  assertFailed(true, "If-Unmodified-Since: Thursday, 29-Feb-24 11:59:59 GMT");
  assertFailed(true, "If-Unmodified-Since: Thu Feb 29 11:59:59 2024");
});

Deno.test("RFC 9110 §13.1.4: If-Unmodified-Since is ignored when it is no date, or more than one", () => {
  for (const value of ["", "yesterday", "0", "-1", "2000-01-01", at(0).toLowerCase()]) {
    assertFailed(false, `If-Unmodified-Since: ${value}`);
  }
  assertFailed(false, `If-Unmodified-Since: ${at(0)}`, `If-Unmodified-Since: ${at(0)}`);
});

Deno.test("RFC 9110 §13.2.2: 412 comes before 304; dates count only when there are no tags", () => {
  const old = at(MODIFIED - 1);
  const same = at(MODIFIED);
  const rows: readonly (readonly [304 | 412 | null, ...string[]])[] = [
    [412, 'If-None-Match: "abc"', 'If-Match: "x"'],
    [412, `If-Modified-Since: ${same}`, 'If-Match: "x"'],
    [412, 'If-None-Match: "abc"', `If-Unmodified-Since: ${old}`],
    [412, `If-Modified-Since: ${same}`, `If-Unmodified-Since: ${old}`],
    [304, 'If-None-Match: "abc"', 'If-Match: "abc"'],
    [304, 'If-None-Match: W/"abc"', "If-Match: *"],
    [304, `If-Modified-Since: ${same}`, `If-Unmodified-Since: ${same}`],
    [304, 'If-None-Match: "abc"', "If-Unmodified-Since: yesterday"],
    [null, 'If-None-Match: "x"', 'If-Match: "abc"'],
    [null, `If-Unmodified-Since: ${old}`, 'If-Match: "abc"'],
    [412, `If-Unmodified-Since: ${same}`, 'If-Match: "x"'],
    [412, `If-Unmodified-Since: ${same}`, "If-Match:"],
    [412, 'If-Match: "x"', "Range: bytes=0-1", 'If-Range: "abc"'],
    [304, 'If-None-Match: "abc"', "Range: bytes=0-1", 'If-Range: "x"'],
  ];
  for (const [status, ...lines] of rows) assertStatus(status, lines);
});

Deno.test("without an ETag no list matches, and a star still matches an existing file", () => {
  assertStatus(412, ['If-Match: "abc"'], UNTAGGED);
  assertStatus(412, ['If-Match: "null"'], UNTAGGED);
  assertStatus(412, ["If-Match: null"], UNTAGGED);
  assertStatus(null, ["If-Match: *"], UNTAGGED);
  assertStatus(null, ['If-None-Match: "abc"'], UNTAGGED);
  assertStatus(null, ['If-None-Match: "abc"', `If-Modified-Since: ${at(MODIFIED)}`], UNTAGGED);
  assertStatus(304, ["If-None-Match: *"], UNTAGGED);
  assertStatus(304, [`If-Modified-Since: ${at(MODIFIED)}`], UNTAGGED);
  assertStatus(412, [`If-Unmodified-Since: ${at(MODIFIED - 1)}`], UNTAGGED);
  const isFresh = (...lines: string[]) => isRangeFresh(requestWith(lines), UNTAGGED, NOW);
  assertEquals(isFresh('If-Range: "abc"'), false);
  assertEquals(isFresh("If-Range: null"), false);
  assertEquals(isFresh("If-Range:"), false);
  assertEquals(isFresh(`If-Range: ${at(MODIFIED)}`), true);
  assertEquals(isFresh(), true);
});

Deno.test("a long list of tags is read in linear time, whatever is in it", () => {
  const length = 200_000;
  const lists = [",", " ", '"x",', 'W/"', '"', "W/", '"x" ', "\t", ", "].map((part) =>
    part.repeat(length / part.length)
  );
  for (const list of lists) {
    for (const end of ["", "x", '"', '"abc"']) {
      const request = new class extends HttpRequest {
        override header(name: string): string | null {
          return name === "if-none-match" ? list + end : null;
        }
      }();
      const start = cpuSeconds();
      const status = preconditionStatus(request, VALIDATORS, NOW);
      // Quadratic time would be many seconds.
      assert(cpuSeconds() - start < 0.5, `${list.slice(0, 9)}… ${end} takes too long`);
      const isFound = end === '"abc"' &&
        (list.startsWith(",") || list.startsWith(" ") || list.startsWith("\t") ||
          list.startsWith('"x",'));
      assertEquals(status, isFound ? 304 : null, `${list.slice(0, 9)}… ${end}`);
    }
  }
});

Deno.test("without a Last-Modified, dates are ignored", () => {
  const undated: Validators = { etag: '"abc"', modifiedSeconds: null };
  for (const seconds of [0, 1, MODIFIED, NOW]) {
    assertStatus(null, [`If-Modified-Since: ${at(seconds)}`], undated);
    assertStatus(null, [`If-Unmodified-Since: ${at(seconds)}`], undated);
    assertEquals(isRangeFresh(requestWith([`If-Range: ${at(seconds)}`]), undated, NOW), false);
  }
  for (const field of ["If-Modified-Since", "If-Unmodified-Since"]) {
    assertStatus(null, [`${field}: no`], undated);
  }
  assertEquals(isRangeFresh(requestWith(["If-Range: no"]), undated, NOW), false);
  assertStatus(304, ['If-None-Match: "abc"', `If-Modified-Since: ${at(0)}`], undated);
  assertEquals(isRangeFresh(requestWith(['If-Range: "abc"']), undated, NOW), true);
});

Deno.test("Last-Modified is neither in the future nor from before the Web existed", () => {
  const zip = Date.UTC(1980, 0, 1) / 1000;
  const npm = Date.UTC(1985, 9, 26, 8, 15) / 1000;
  for (const seconds of [-1e9, -1, 0, 1, zip - 86400, zip, zip + 86400, npm]) {
    assertEquals(lastModifiedOf(seconds, NOW), null, String(seconds));
  }
  assertEquals(lastModifiedOf(MODIFIED, NOW), MODIFIED);
  assertEquals(lastModifiedOf(Date.UTC(1994, 10, 6) / 1000, NOW), Date.UTC(1994, 10, 6) / 1000);
  for (const seconds of [NOW, NOW + 1, NOW + 1e9]) assertEquals(lastModifiedOf(seconds, NOW), NOW);
});

Deno.test("RFC 9110 §13.1.3: If-Modified-Since matches only the exact time of the change", () => {
  assertNotModified(true, `If-Modified-Since: ${at(MODIFIED)}`);
  // A later date may belong to a state that was replaced by an older file.
  assertNotModified(false, `If-Modified-Since: ${at(MODIFIED + 1)}`);
  assertNotModified(false, `If-Modified-Since: ${at(NOW)}`);
  assertNotModified(false, `If-Modified-Since: ${at(NOW + 1000)}`);
  assertNotModified(false, `If-Modified-Since: ${at(MODIFIED - 1)}`);
  assertNotModified(true, "If-Modified-Since: Thursday, 29-Feb-24 12:00:00 GMT");
  assertNotModified(true, "If-Modified-Since: Thu Feb 29 12:00:00 2024");
  assertNotModified(false, "If-Modified-Since: Thu Feb 29 11:59:59 2024");
});

Deno.test("RFC 9110 §13.1.3: If-Modified-Since is ignored when it is no date, or more than one", () => {
  for (const value of ["", "yesterday", "0", "-1", "2030-01-01", at(NOW).toLowerCase()]) {
    assertNotModified(false, `If-Modified-Since: ${value}`);
  }
  assertNotModified(false, `If-Modified-Since: ${at(NOW)}`, `If-Modified-Since: ${at(NOW)}`);
});

Deno.test("RFC 9110 §13.2.2: If-Modified-Since is ignored beside If-None-Match, whatever that says", () => {
  assertNotModified(false, 'If-None-Match: "x"', `If-Modified-Since: ${at(NOW)}`);
  assertNotModified(false, `If-Modified-Since: ${at(NOW)}`, "If-None-Match: nonsense");
  assertNotModified(false, "If-None-Match:", `If-Modified-Since: ${at(NOW)}`);
  assertNotModified(true, 'If-None-Match: "abc"', `If-Modified-Since: ${at(MODIFIED - 1)}`);
});

Deno.test("RFC 9110 §13.1.5: without If-Range a range is sent", () => {
  assertRangeFresh(true);
  assertRangeFresh(true, "Range: bytes=0-1");
});

Deno.test("RFC 9110 §13.1.5: If-Range compares a tag strongly, and takes one only", () => {
  assertRangeFresh(true, 'If-Range: "abc"');
  for (const value of ['W/"abc"', '"x"', "abc", "*", '"abc", "x"', '"x", "abc"', '"ABC"', "", '"abc']) {
    assertRangeFresh(false, `If-Range: ${value}`);
  }
  assertRangeFresh(false, 'If-Range: "abc"', 'If-Range: "abc"');
});

Deno.test("RFC 9110 §13.1.5: If-Range takes the exact date, not a later one", () => {
  assertRangeFresh(true, `If-Range: ${at(MODIFIED)}`);
  assertRangeFresh(true, "If-Range: Thu Feb 29 12:00:00 2024");
  assertRangeFresh(false, `If-Range: ${at(MODIFIED + 1)}`);
  assertRangeFresh(false, `If-Range: ${at(MODIFIED - 1)}`);
  assertRangeFresh(false, `If-Range: ${at(NOW)}`);
  assertRangeFresh(false, "If-Range: yesterday");
});
