/**
 * Responses as bytes: the head, the body, and the file that a response may own.
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { HTTP_DATE_BYTES, HttpClock } from "../../server/http/date.ts";
import { keepAliveFields } from "../../server/http/persistence.ts";
import { errorResponse } from "../../server/exchange/error_response.ts";
import { type Body, type Fields, HttpResponse } from "../../server/http/response.ts";
import { mayHaveContent, reasonPhrase } from "../../server/http/status.ts";
import { INLINE_BODY_BYTES_MAX } from "../../server/limits.ts";
import { CountedFile } from "../support/exchanges.ts";
import { bytesOf, textOf } from "../support/request_replay.ts";

/** The fields of every response that does not end its connection. */
const KEEPS = "Connection: keep-alive\r\nKeep-Alive: timeout=60\r\n";
const DATE = "Sun, 06 Nov 1994 08:49:37 GMT";

function clockAt(seconds: number): HttpClock {
  const clock = new HttpClock();
  clock.update(seconds * 1000);
  return clock;
}

/** Returns the response as it is sent at the time {@linkcode DATE}. */
function stamped(status: number, fields: Fields, body: Body): string {
  const response = new HttpResponse(status, fields, body);
  response.stamp(clockAt(784111777));
  return textOf(response.bytes);
}

Deno.test("RFC 9112 §4: a response is a status line, lines of fields in their order, an empty line and the body", () => {
  const fields: Fields = [["B", "2"], ["a", "1"], ["B", "3"]];
  assertEquals(
    stamped(200, fields, bytesOf("hello⏎\0")),
    `HTTP/1.1 200 OK\r\nDate: ${DATE}\r\nB: 2\r\na: 1\r\nB: 3\r\nContent-Length: 8\r\n${KEEPS}\r\nhello\r\n\0`,
  );
});

Deno.test("RFC 9112 §4: a status without a known phrase has an empty one, its space kept", () => {
  assertEquals(reasonPhrase(299), "");
  assertMatch(stamped(299, [], null), /^HTTP\/1\.1 299 \r\nDate: /);
});

Deno.test("the head's length is right, and the rest is the body", () => {
  const body = bytesOf("hello");
  const response = new HttpResponse(200, [["X", "ü €"]], body);
  assertEquals(response.bytes.subarray(response.headLength), body);
  assertEquals(textOf(response.bytes.subarray(response.headLength - 4, response.headLength)), "\r\n\r\n");
  assertEquals(response.tail, null);
});

Deno.test("RFC 9110 §8.6: Content-Length is the length of the body, 0 without one", () => {
  for (const length of [0, 1, 9, 10, 12345, INLINE_BODY_BYTES_MAX, INLINE_BODY_BYTES_MAX + 1]) {
    const bytes = textOf(new HttpResponse(200, [], new Uint8Array(length)).bytes.subarray(0, 200));
    assertMatch(bytes, new RegExp(`\r\nContent-Length: ${length}\r\n${KEEPS}\r\n`));
    const file = textOf(new HttpResponse(206, [], new CountedFile(length).body).bytes);
    assertMatch(file, new RegExp(`\r\nContent-Length: ${length}\r\n${KEEPS}\r\n$`));
  }
  for (const status of [200, 206, 301, 404, 416, 500]) {
    assertMatch(stamped(status, [], null), new RegExp(`\r\nContent-Length: 0\r\n${KEEPS}\r\n$`));
  }
});

Deno.test("RFC 9110 §8.6: 204 and 304 have no Content-Length, and an interim status is no response", () => {
  for (const status of [100, 101, 103, 199]) {
    assert(!mayHaveContent(status), String(status));
    assertThrows(() => new HttpResponse(status, [], null), RangeError, "200 to 599");
  }
  for (const status of [204, 304]) {
    assert(!mayHaveContent(status), String(status));
    assertMatch(stamped(status, [["X", "y"]], null), new RegExp(`\r\nX: y\r\n${KEEPS}\r\n$`));
    assert(!stamped(status, [], null).includes("Content-Length"), String(status));
  }
  for (const status of [200, 201, 203, 206, 300, 303, 305, 400, 404, 503]) {
    assert(mayHaveContent(status), `${status}`);
  }
});

Deno.test("RFC 9110 §6.4.1: a body is refused when the status has none: it would be taken for the next response", () => {
  for (const status of [204, 304]) {
    for (const body of [bytesOf("x"), new Uint8Array(0), new CountedFile(1).body]) {
      assertThrows(() => new HttpResponse(status, [], body), TypeError, `A response ${status} has no body`);
    }
  }
});

Deno.test("RFC 9110 §5.1: a field whose name is no token is refused", () => {
  for (
    const name of ["", "A B", "A:", ":A", "A\r\nB", "A\n", "\nA", "A\0", "Ä", "A(", " A", "A\x7f", "A\t"]
  ) {
    assertThrows(() => new HttpResponse(200, [[name, "x"]], null), TypeError, "Invalid field name");
  }
  assertMatch(stamped(200, [["!#$%&'*+-.^_`|~09azAZ", "x"]], null), /\r\n!#\$%&'\*\+-\.\^_`\|~09azAZ: x\r\n/);
});

Deno.test("RFC 9110 §5.5: a field whose value would break the head in two is refused", () => {
  for (let code = 0; code < 128; code++) {
    const character = String.fromCharCode(code);
    const isControl = code === 127 || (code < 32 && character !== "\t");
    for (const value of [character, `x${character}`, `${character}x`, `x${character}Set-Cookie: y`]) {
      const make = () => new HttpResponse(200, [["X", value]], null);
      if (isControl) assertThrows(make, TypeError, "Invalid value of X");
      else make();
    }
  }
  assertThrows(
    () => new HttpResponse(301, [["A", "b"], ["Location", "/\r\n\r\n<p>"]], null),
    TypeError,
    "Location",
  );
});

Deno.test("no character of a field becomes a CR or LF when it is encoded", () => {
  // U+010D and U+010A would become CR and LF if only the low byte were taken.
  const value = "\u010d\u010a\u560d\u560a\ud83d\ude00\ud800";
  const head = stamped(200, [["X", value]], null);
  assertEquals(head.split("\r\n").length, 8);
  assert(!/[\r\n]/.test(head.replaceAll("\r\n", "")));
});

Deno.test("an encoded field does not break the head: no line end, no control character, no other status line", () => {
  const lowBytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
  const make = (value: string, encode: (text: string) => Uint8Array, name = "X") =>
    new HttpResponse(200, [[name, value]], null, false, undefined, encode);
  for (
    const value of [
      "a\u010aSet-Cookie: b",
      "\u010d",
      "\u010d\u010aB: c",
      "\u0100",
      "\u017f",
      "\u560d\u560a\u560d\u560a<p>",
    ]
  ) {
    assertThrows(() => make(value, lowBytes), TypeError, "head");
  }
  const encoders: ((text: string) => Uint8Array)[] = [
    (text) => lowBytes(text.replace("200 OK", "100 OK")),
    (text) => lowBytes(text.replace("X: y", "")),
    (text) => lowBytes(text.replace("X: y", "X: y\r\nA: b")),
    (text) => lowBytes(text.replace("X: y", "X: y\nA: b")),
    (text) => lowBytes(`${text}\r\n`),
    (text) => lowBytes(text.slice(0, -2)),
    () => new Uint8Array(0),
  ];
  for (const encode of encoders) assertThrows(() => make("y", encode), TypeError, "head");
  assert(make("\xe9\t\xff", lowBytes).bytes.includes(0xe9));
});

Deno.test("RFC 9110 §6.6.1: stamping changes the 29 bytes of the date and nothing else", () => {
  for (const status of [200, 204, 431]) {
    const response = new HttpResponse(status, [["X", "y"]], status === 204 ? null : bytesOf("hello"));
    const clock = clockAt(0);
    response.stamp(clock);
    const before = response.bytes.slice();
    clock.update(784111777_000);
    response.stamp(clock);
    const at = textOf(before).indexOf("Date: ") + 6;
    assertEquals(textOf(before.subarray(at, at + HTTP_DATE_BYTES)), "Thu, 01 Jan 1970 00:00:00 GMT");
    assertEquals(textOf(response.bytes.subarray(at, at + HTTP_DATE_BYTES)), DATE);
    before.set(response.bytes.subarray(at, at + HTTP_DATE_BYTES), at);
    assertEquals(response.bytes, before);
  }
});

Deno.test("a response tells the server's own limit for how long a connection may be idle", () => {
  const body = bytesOf("hello");
  const response = new HttpResponse(200, [["X", "y"]], body);
  for (
    const [timeoutMs, line] of [[5_500, "timeout=5"], [86_400_000, "timeout=86400"], [
      900,
      "timeout=0",
    ]] as const
  ) {
    const fields = keepAliveFields(timeoutMs);
    response.stamp(clockAt(784111777), fields);
    const text = textOf(response.bytes);
    assert(text.startsWith(`HTTP/1.1 200 OK\r\nDate: ${DATE}\r\nX: y\r\n`), text);
    const end = `Content-Length: 5\r\nConnection: keep-alive\r\nKeep-Alive: ${line}\r\n\r\nhello`;
    assert(text.endsWith(end), text);
    assertEquals(response.bytes.subarray(response.headLength), body);
    const bytes = HttpResponse.http1(response).bytes;
    response.stamp(clockAt(784111777), fields);
    assert(HttpResponse.http1(response).bytes === bytes);
  }
  assertEquals(textOf(keepAliveFields(Infinity)), "Connection: keep-alive\r\n");
});

Deno.test("a response gets a new date only in another second, which may be an earlier one", () => {
  const response = new HttpResponse(200, [], null);
  const clock = clockAt(10);
  const show = () => textOf(response.bytes).slice(23, 52);
  assertEquals(show().trim(), "");
  response.stamp(clock);
  assertEquals(show(), "Thu, 01 Jan 1970 00:00:10 GMT");
  response.bytes[23] = 0x54 + 1;
  response.stamp(clock);
  assertEquals(show(), "Uhu, 01 Jan 1970 00:00:10 GMT");
  clock.update(9_000);
  response.stamp(clock);
  assertEquals(show(), "Thu, 01 Jan 1970 00:00:09 GMT");
});

Deno.test("a body in memory follows its head up to a limit; a longer one, and a file, is the tail", () => {
  const atLimit = new HttpResponse(200, [], new Uint8Array(INLINE_BODY_BYTES_MAX).fill(7));
  assertEquals([atLimit.tail, atLimit.bytes.length], [null, atLimit.headLength + INLINE_BODY_BYTES_MAX]);
  assertEquals(atLimit.bytes.at(-1), 7);
  const body = new Uint8Array(INLINE_BODY_BYTES_MAX + 1);
  const over = new HttpResponse(200, [], body);
  assert(over.tail instanceof Uint8Array && over.tail.buffer === body.buffer);
  assertEquals(over.bytes.length, over.headLength);
  const file = new CountedFile(5);
  const fromFile = new HttpResponse(200, [], file.body);
  assert(fromFile.tail === file.body);
  assertEquals(fromFile.bytes.length, fromFile.headLength);
});

Deno.test("discarding a response closes its file, once, and only that", () => {
  const file = new CountedFile(5);
  const response = new HttpResponse(200, [], file.body);
  assertEquals(file.closed, 0);
  response.discard();
  assertEquals(file.closed, 1);
  new HttpResponse(200, [], null).discard();
  new HttpResponse(200, [], new Uint8Array(5)).discard();
  new HttpResponse(200, [], new Uint8Array(INLINE_BODY_BYTES_MAX + 1)).discard();
});

Deno.test("an error describes itself in a body of plain text, and closes only when told to", () => {
  const explained = [
    400,
    401,
    403,
    404,
    405,
    406,
    408,
    412,
    413,
    414,
    416,
    417,
    429,
    431,
    500,
    501,
    503,
    505,
  ];
  for (const status of explained) {
    const response = errorResponse(status, [["Allow", "GET"]]);
    const head = textOf(response.bytes.subarray(0, response.headLength));
    const body = response.bytes.subarray(response.headLength);
    assertEquals([response.status, response.closes], [status, false]);
    assertMatch(head, /\r\nContent-Type: text\/plain; charset=utf-8\r\n/);
    assertMatch(head, /\r\nX-Content-Type-Options: nosniff\r\nAllow: GET\r\n/);
    assertMatch(head, new RegExp(`\r\nContent-Length: ${body.length}\r\n${KEEPS}\r\n$`));
    const [first, second] = new TextDecoder().decode(body).split("\n") as [string, string];
    assertEquals(first, `${status} ${reasonPhrase(status)}`);
    assert(first.length > 4 && second.length > 10, `${status} is not explained`);
  }
  assertEquals(errorResponse(400, [], true).closes, true);
  assertEquals(new HttpResponse(200, [], null).closes, false);
});
