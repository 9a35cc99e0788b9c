/**
 * HTTP dates: the three forms that are read, the one that is written, and the cached date of the current second. RFC
 * 9110 §5.6.7.
 * @module
 */
import { assertEquals } from "@std/assert";
import { formatHttpDate, HTTP_DATE_BYTES, HttpClock, parseHttpDate } from "../../server/http/date.ts";
import { repeat } from "../support/random.ts";
import { textOf } from "../support/request_replay.ts";

/** The example date of the RFC. */
const EXAMPLE = 784111777;
const NOW = Date.UTC(2025, 5, 15) / 1000;
const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const two = (value: number) => String(value).padStart(2, "0");

/** Returns the three forms of a time, without any code of the server. */
function forms(seconds: number): { fixdate: string; rfc850: string; asctime: string } {
  const date = new Date(seconds * 1000);
  const weekday = WEEKDAYS[date.getUTCDay()]!;
  const month = MONTHS[date.getUTCMonth()];
  const year = String(date.getUTCFullYear()).padStart(4, "0");
  const day = date.getUTCDate();
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return {
    fixdate: `${weekday.slice(0, 3)}, ${two(day)} ${month} ${year} ${time} GMT`,
    rfc850: `${weekday}, ${two(day)}-${month}-${year.slice(-2)} ${time} GMT`,
    asctime: `${weekday.slice(0, 3)} ${month} ${String(day).padStart(2, " ")} ${time} ${year}`,
  };
}

Deno.test("RFC 9110 §5.6.7: the example of the RFC is read in all three forms", () => {
  assertEquals(parseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT", NOW), EXAMPLE);
  assertEquals(parseHttpDate("Sunday, 06-Nov-94 08:49:37 GMT", NOW), EXAMPLE);
  assertEquals(parseHttpDate("Sun Nov  6 08:49:37 1994", NOW), EXAMPLE);
  assertEquals(formatHttpDate(EXAMPLE), "Sun, 06 Nov 1994 08:49:37 GMT");
});

Deno.test("RFC 9110 §5.6.7: random moments are read in all three forms, and written in the first", () => {
  const [first, last] = [Date.UTC(0, 0, 1) / 1000, Date.UTC(9999, 11, 31, 23, 59, 59) / 1000];
  repeat(2000, (random) => {
    const seconds = first + random.below(last - first + 1);
    const { fixdate, asctime } = forms(seconds);
    assertEquals(formatHttpDate(seconds), fixdate);
    assertEquals(fixdate.length, HTTP_DATE_BYTES);
    assertEquals([parseHttpDate(fixdate, NOW), parseHttpDate(asctime, NOW)], [seconds, seconds], fixdate);
    const recent = Date.UTC(1976, 0, 1) / 1000 + random.below(99 * 365 * 86400);
    assertEquals(parseHttpDate(forms(recent).rfc850, NOW), recent, forms(recent).rfc850);
  });
});

Deno.test("RFC 9110 §5.6.7: every weekday and month is known", () => {
  for (let day = 0; day < 366; day++) {
    const seconds = Date.UTC(2024, 0, 1, 12) / 1000 + day * 86400;
    for (const text of Object.values(forms(seconds))) assertEquals(parseHttpDate(text, NOW), seconds, text);
  }
});

Deno.test("RFC 9110 §5.6.7: leap years have a 29 February, other years have not, and no year has a 30th", () => {
  for (const year of [1904, 1996, 2000, 2024, 2400]) {
    const seconds = Date.UTC(year, 1, 29, 1, 2, 3) / 1000;
    assertEquals(parseHttpDate(`Thu, 29 Feb ${year} 01:02:03 GMT`, NOW), seconds, String(year));
    assertEquals(parseHttpDate(`Thu Feb 29 01:02:03 ${year}`, NOW), seconds, String(year));
    assertEquals(parseHttpDate(`Thu, 30 Feb ${year} 01:02:03 GMT`, NOW), null, String(year));
  }
  for (const year of [1900, 2023, 2025, 2100, 2200]) {
    assertEquals(parseHttpDate(`Thu, 29 Feb ${year} 01:02:03 GMT`, NOW), null, String(year));
    assertEquals(parseHttpDate(`Thu Feb 29 01:02:03 ${year}`, NOW), null, String(year));
  }
  assertEquals(parseHttpDate("Thursday, 29-Feb-24 01:02:03 GMT", NOW), Date.UTC(2024, 1, 29, 1, 2, 3) / 1000);
  assertEquals(parseHttpDate("Thursday, 29-Feb-23 01:02:03 GMT", NOW), null);
});

Deno.test("RFC 9110 §5.6.7: a two-digit year more than 50 years ahead is in the past", () => {
  const yearOf = (digits: string, now: number) => {
    const seconds = parseHttpDate(`Friday, 01-Jan-${digits} 00:00:00 GMT`, Date.UTC(now, 5, 15) / 1000);
    return new Date(seconds! * 1000).getUTCFullYear();
  };
  const table: [string, number, number][] = [
    ["25", 2025, 2025],
    ["26", 2025, 2026],
    ["75", 2025, 2075],
    ["76", 2025, 1976],
    ["94", 2025, 1994],
    ["99", 2025, 1999],
    ["00", 2025, 2000],
    ["94", 1994, 1994],
    ["44", 1994, 1944],
    ["45", 1995, 1945],
    ["49", 2099, 2049],
    ["99", 2099, 2099],
    ["50", 2100, 2150],
    ["51", 2100, 2051],
  ];
  for (const [digits, now, year] of table) assertEquals(yearOf(digits, now), year, `'${digits} in ${now}`);
});

Deno.test("RFC 9110 §5.6.7: a four-digit year is taken as it is, even below 100", () => {
  for (const year of ["0001", "0094", "0099", "0100", "1899", "9999"]) {
    const seconds = parseHttpDate(`Sun, 06 Nov ${year} 08:49:37 GMT`, NOW);
    assertEquals(seconds, Date.parse(`${year}-11-06T08:49:37Z`) / 1000, year);
  }
});

Deno.test("RFC 9110 §5.6.7: a leap second is the first second of the next minute", () => {
  assertEquals(parseHttpDate("Sat, 31 Dec 2016 23:59:60 GMT", NOW), Date.UTC(2017, 0, 1) / 1000);
  assertEquals(parseHttpDate("Sat, 31 Dec 2016 23:59:61 GMT", NOW), null);
  assertEquals(parseHttpDate("Thu, 30 Feb 2016 23:59:60 GMT", NOW), null);
});

Deno.test("RFC 9110 §5.6.7: malformed dates are rejected", () => {
  const invalid = [
    "",
    "0",
    "784111777",
    "1994-11-06T08:49:37Z",
    "yesterday",
    "06 Nov 1994 08:49:37 GMT",
    "Sun 06 Nov 1994 08:49:37 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun,  6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 94 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 +0000",
    "Sun, 06 Nov 1994 08:49:37 gmt",
    "sun, 06 nov 1994 08:49:37 GMT",
    "Sunday, 06 Nov 1994 08:49:37 GMT",
    "Son, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Okt 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT",
    "Sun, 32 Dec 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:37 GMT",
    "Sun, 06 Nov 1994 8:49:37 GMT",
    "Sun, 06 Nov 1994 08:49 GMT",
    " Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT ",
    "Sun, 06 Nov 1994 08:49:37 GMT\n",
    "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov -994 08:49:37 GMT",
    "Sun, 06-Nov-94 08:49:37 GMT",
    "Sunday, 06-Nov-1994 08:49:37 GMT",
    "Sunday, 6-Nov-94 08:49:37 GMT",
    "Sunday, 31-Feb-94 08:49:37 GMT",
    "Sun Nov 6 08:49:37 1994",
    "Sun Nov  0 08:49:37 1994",
    "Sun Nov 31 08:49:37 1994",
    "Sun Nov  6 08:49:37 94",
    "Sun Nov  6 08:49:37 1994 GMT",
  ];
  for (const text of invalid) assertEquals(parseHttpDate(text, NOW), null, JSON.stringify(text));
});

Deno.test("RFC 9110 §6.6.1: the clock shows the current second, in the same bytes", () => {
  const clock = new HttpClock();
  const { bytes } = clock;
  assertEquals(bytes.length, HTTP_DATE_BYTES);
  for (const [nowMs, seconds] of [[0, 0], [999, 0], [1000, 1], [EXAMPLE * 1000 + 999, EXAMPLE], [5000, 5]]) {
    clock.update(nowMs!);
    assertEquals([clock.seconds, textOf(bytes)], [seconds, forms(seconds!).fixdate]);
    assertEquals(clock.bytes, bytes);
  }
});
