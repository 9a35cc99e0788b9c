/**
 * Conditional requests: when what the client has is still the same. RFC 9110 §13.
 * @module
 */
import { assertEquals } from "@std/assert";
import { isNotModified, isRangeFresh } from "../server/http/conditional.ts";
import { formatHttpDate } from "../server/http/date.ts";
import { parseRequest } from "../server/http/parser.ts";
import { HttpRequest } from "../server/http/request.ts";
import { bytesOf, withFields } from "./support/request_replay.ts";

const MODIFIED = Date.UTC(2024, 1, 29, 12, 0, 0) / 1000;
const NOW = Date.UTC(2025, 0, 1) / 1000;
const VALIDATORS = { etag: '"abc"', modifiedSeconds: MODIFIED };

function requestWith(lines: readonly string[]): HttpRequest {
  const bytes = bytesOf(withFields(...lines));
  const request = new HttpRequest();
  assertEquals(parseRequest(bytes, 0, bytes.length, request), bytes.length, lines.join());
  return request;
}

function assertNotModified(expected: boolean, ...lines: string[]): void {
  assertEquals(isNotModified(requestWith(lines), VALIDATORS, NOW), expected, lines.join(" and "));
}

function assertRangeFresh(expected: boolean, ...lines: string[]): void {
  assertEquals(isRangeFresh(requestWith(lines), VALIDATORS, NOW), expected, lines.join(" and "));
}

const at = (seconds: number) => formatHttpDate(seconds);

Deno.test("RFC 9110 §13.2: without a condition nothing is known of what the client has", () => {
  assertNotModified(false);
  assertNotModified(false, "Range: bytes=0-1", 'If-Range: "abc"', "ETag: abc");
});

Deno.test("RFC 9110 §13.1.2: If-None-Match is true of no tag that is listed, and of nothing at all for a star", () => {
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

Deno.test("RFC 9110 §8.8.3: a comma, or what looks like a tag, within a tag is part of it", () => {
  assertNotModified(true, 'If-None-Match: "a,b", "abc"');
  assertNotModified(true, 'If-None-Match: "x\\", "abc"');
  assertNotModified(true, 'If-None-Match: "\xe9,W/", "abc"');
  assertNotModified(true, 'If-None-Match: "\x80\x9f", "abc"');
  assertNotModified(false, 'If-None-Match: "x,abc,y"');
  assertNotModified(false, 'If-None-Match: "*"');
  const comma = { etag: '"a,b"', modifiedSeconds: MODIFIED };
  assertEquals(isNotModified(requestWith(['If-None-Match: "x", "a,b"']), comma, NOW), true);
  assertEquals(isNotModified(requestWith(['If-None-Match: "a", "b"']), comma, NOW), false);
});

Deno.test("RFC 9110 §5.6.1.2: elements of the list that are empty are ignored", () => {
  for (const list of [', "abc"', ',, "x",,\t, "abc",,', '"abc",', ',"abc"']) {
    assertNotModified(true, `If-None-Match: ${list}`);
  }
  for (const list of ["", ",", ", ,", '"x",,']) assertNotModified(false, `If-None-Match: ${list}`);
});

Deno.test("RFC 9110 §5.3: several lines of If-None-Match are one list", () => {
  assertNotModified(true, 'If-None-Match: "x"', 'If-None-Match: "abc"');
  assertNotModified(false, 'If-None-Match: "x"', 'If-None-Match: "y"');
});

Deno.test("RFC 9110 §8.8.3: what is no tag matches none, and neither does what follows it", () => {
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
    ]
  ) {
    assertNotModified(false, `If-None-Match: ${list}`);
  }
});

Deno.test("RFC 9110 §13.1.3: If-Modified-Since is compared with the time of the change", () => {
  assertNotModified(true, `If-Modified-Since: ${at(MODIFIED)}`);
  assertNotModified(true, `If-Modified-Since: ${at(MODIFIED + 1)}`);
  assertNotModified(true, `If-Modified-Since: ${at(NOW + 1000)}`);
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

Deno.test("RFC 9110 §13.2.2: If-Modified-Since is not looked at beside If-None-Match, whatever that says", () => {
  assertNotModified(false, 'If-None-Match: "x"', `If-Modified-Since: ${at(NOW)}`);
  assertNotModified(false, `If-Modified-Since: ${at(NOW)}`, "If-None-Match: nonsense");
  assertNotModified(false, "If-None-Match:", `If-Modified-Since: ${at(NOW)}`);
  assertNotModified(true, 'If-None-Match: "abc"', `If-Modified-Since: ${at(MODIFIED - 1)}`);
});

Deno.test("RFC 9110 §13.1.5: without If-Range a range is honoured", () => {
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
