/**
 * The properties of a parsed request. One object is filled again and again, and carries nothing over from one request
 * to the next. `⏎` stands for CR LF.
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { assertAccepted, bytesOf, describe, postWith, withFields } from "../support/request_replay.ts";

function parse(text: string, request = new HttpRequest()): HttpRequest {
  const bytes = bytesOf(text);
  assertEquals(parseRequest(bytes, 0, bytes.length, request), bytes.length, text);
  return request;
}

Deno.test("RFC 9110 §5.1: a field is found whatever the case of its name", () => {
  const request = parse(withFields("X-Some-Field: value", "ETAG: 1"));
  assertEquals(request.header("x-some-field"), "value");
  assertEquals(request.header("etag"), "1");
  assertEquals(request.header("host"), "a");
});

Deno.test("RFC 9110 §5.6.2: a field is found whichever characters of a token its name has", () => {
  const name = "!#$%&'*+-.^_`|~09azAZ";
  const request = parse(withFields(`${name}: value`));
  assertEquals(request.header(name.toLowerCase()), "value");
});

Deno.test("RFC 9110 §5.1: a name is compared as a whole, and case matters for nothing but letters", () => {
  const request = parse(withFields("X-Field: 1", "^: 2", "_: 3", "X_Field2: 4"));
  for (
    const name of ["x-fiel", "x-fields", "-field", "x_field", "x-field2", "x", "~", "\x7f", "", "absent"]
  ) {
    assertEquals(request.header(name), null, name);
  }
  assertEquals([request.header("^"), request.header("_")], ["2", "3"]);
});

Deno.test("RFC 9110 §5.3: several lines of a field are joined in order by a comma and a space", () => {
  const request = parse(withFields("Accept: a", "X: y", "ACCEPT: b, c", "accept:", "Accept: d"));
  assertEquals(request.header("accept"), "a, b, c, , d");
});

Deno.test("RFC 9110 §5.5: an empty value is not an absent field, and each byte above 0x7f is one character", () => {
  const request = parse(withFields("X:", "Y: \xe9\xff"));
  assertEquals(request.header("x"), "");
  assertEquals(request.header("y"), "\xe9\xff");
  assertEquals(request.header("z"), null);
});

Deno.test("RFC 9110 §13.1: a request is conditional with Range or one of the If fields, and not otherwise", () => {
  const names = [
    "Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "If-Range",
  ];
  for (const name of names) {
    for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
      assertAccepted(withFields(`${spelling}: x`), { isConditional: true });
      assertAccepted(withFields(`${spelling}: x`, "Accept: y"), { isConditional: true });
    }
    assertAccepted(withFields(`${name}s: x`), { isConditional: false });
    assertAccepted(withFields(`${name.slice(1)}: x`), { isConditional: false });
    assertAccepted(withFields(`X${name.slice(1)}: x`), { isConditional: false });
  }
});

/** Requests that differ from a plain GET in every possible way. */
const STRANGERS = [
  "OPTIONS * HTTP/1.0⏎Connection: keep-alive⏎⏎",
  "CONNECT a:1 HTTP/1.1⏎Host: a⏎Connection: close⏎⏎",
  "HEAD http://a/some/path?and=query HTTP/1.0⏎Range: bytes=0-0⏎If-Match: x⏎⏎",
  postWith("Content-Length: 5", "Expect: 100-continue", "If-None-Match: x"),
  postWith("Transfer-Encoding: chunked", "Expect: 100-continue", "Connection: close"),
  "GET / HTTP/1.0⏎⏎",
];

/** Heads that are incomplete or refused, as late as possible. */
const BROKEN = [
  postWith("Transfer-Encoding: gzip, chunked", "Connection: close", "Range: x"),
  postWith("Transfer-Encoding: chunked", "Content-Length: 5"),
  postWith("Content-Length: 5", "Expect: x", "If-Range: y", "Connection: close"),
  postWith("Content-Length: 7", "Range: x", "Expect: 100-continue").slice(0, -1),
  "CONNECT a:1 HTTP/1.0⏎Transfer-Encoding: chunked⏎Connection: keep-alive⏎If-Match: x⏎",
  "OPTIONS * HTTP/1.1⏎Host: a⏎Content-Length: 5⏎Host: b⏎⏎",
];

Deno.test("a request carries nothing over from the one before, whether that was complete, refused or cut off", () => {
  const texts = [...STRANGERS, withFields(), withFields("Accept: a", "Accept: b")];
  for (const former of [...STRANGERS, ...BROKEN]) {
    for (const text of texts) {
      const reused = new HttpRequest();
      const bytes = bytesOf(former);
      parseRequest(bytes, 0, bytes.length, reused);
      parse(text, reused);
      assertEquals(describe(reused), describe(parse(text)), `${text} after ${former}`);
    }
  }
});

Deno.test("a refused request has its own method or none: its error is not cut short because a HEAD came before it", () => {
  const table: [string, string][] = [
    ["HEAD / HTTP/1.1⏎⏎", "HEAD"],
    ["GET / HTTP/1.1⏎⏎", "GET"],
    ["HEAD * HTTP/1.1⏎⏎", "HEAD"],
    ["MAKE / HTTP/1.1⏎⏎", "MAKE"],
    ["\0", ""],
    ["HEAD\r", ""],
    ["A".repeat(1000), ""],
  ];
  for (const [text, method] of table) {
    const request = parse("HEAD / HTTP/1.1⏎Host: a⏎⏎");
    const bytes = bytesOf(text);
    assert(parseRequest(bytes, 0, bytes.length, request) < 0, text);
    assertEquals(request.method, method, text);
  }
});

Deno.test("the requests of this test really differ in everything that is compared", () => {
  const plain = describe(parse(withFields()));
  const others = STRANGERS.map((text) => describe(parse(text)));
  for (const key of Object.keys(plain) as (keyof typeof plain)[]) {
    assert(others.some((other) => String(other[key]) !== String(plain[key])), `${key} is the same in all`);
  }
});

Deno.test("a request points into the bytes it was parsed from, wherever they begin", () => {
  const head = bytesOf(withFields("X: y").replace(" / ", " /path?query "));
  const buffer = new Uint8Array(head.length + 100);
  buffer.set(head, 50);
  const request = new HttpRequest();
  assertEquals(parseRequest(buffer, 50, 50 + head.length, request), head.length);
  assertEquals(request.buffer, buffer);
  assertEquals([request.pathStart, request.pathEnd, request.queryStart, request.queryEnd], [54, 59, 59, 65]);
  buffer[55] = 0x51;
  assertEquals(request.path, "/Qath");
  assertNotEquals(request.path, "/path");
});
