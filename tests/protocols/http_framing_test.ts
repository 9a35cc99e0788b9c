/**
 * The fields that decide which site a request is for and where it ends: Host, Content-Length, Transfer-Encoding. A
 * proxy that reads one of these differently could take one request for two. The tests show which requests are refused
 * for that reason. `⏎` stands for CR LF.
 * @module
 */
import {
  accepts,
  assertAccepted,
  assertRefused,
  postWith,
  refuses,
  withFields,
} from "../support/request_replay.ts";

// RFC 9112 §3.2: Host

refuses(
  "RFC 9112 §3.2: an HTTP/1.1 request without Host is refused",
  400,
  "GET / HTTP/1.1⏎⏎",
  "GET / HTTP/1.1⏎X: y⏎⏎",
  "GET http://a/ HTTP/1.1⏎⏎",
  "GET / HTTP/1.2⏎⏎",
);

accepts("RFC 9112 §3.2: an HTTP/1.0 request needs no Host", {
  minorVersion: 0,
  keepAlive: false,
}, "GET / HTTP/1.0⏎⏎");

refuses(
  "RFC 9112 §3.2: a request with more than one Host is refused, equal or not, in either version",
  400,
  "GET / HTTP/1.1⏎Host: a⏎Host: a⏎⏎",
  "GET / HTTP/1.1⏎Host: a⏎Host: b⏎⏎",
  "GET / HTTP/1.1⏎Host: a⏎X: y⏎hOST:⏎⏎",
  "GET / HTTP/1.0⏎Host: a⏎Host: a⏎⏎",
  "GET http://a/ HTTP/1.1⏎Host: a⏎Host: a⏎⏎",
);

Deno.test("RFC 9112 §3.2: a Host may be a name, an address with or without a port, or empty", () => {
  const valid = [
    "",
    "example.org",
    "EXAMPLE.org.",
    "example.org:80",
    "example.org:",
    "127.0.0.1:8080",
    "[::1]",
    "[2001:db8::1]:443",
    "[::ffff:192.0.2.1]",
    "a_b-c~d",
    "%41.example",
    "xn--bcher-kva.example",
    "a!$&'()*+,;=",
  ];
  for (const host of valid) {
    assertAccepted(`GET / HTTP/1.1⏎Host: ${host}⏎⏎`, { fields: [["Host", host]] });
    assertAccepted(`GET / HTTP/1.1⏎hOsT:${host} ⏎⏎`, { fields: [["hOsT", host]] });
  }
});

Deno.test("RFC 9112 §3.2: a Host with an invalid value is refused, in either version", () => {
  const invalid = [
    "a b",
    "a/b",
    "/",
    "a?b",
    "a#b",
    "user@a",
    "http://a",
    "a\\b",
    'a"b',
    "<a>",
    "a\xe9",
    "a\tb",
    ":80",
    "a:80:80",
    "a:8x",
    "a:-1",
    "a:123456",
    "::1",
    "[::1",
    "::1]",
    "[]",
    "[]:80",
    "[::1]x",
    "[::1]80",
    "[x]",
    "[::1%25eth0]",
    "a%4",
    "a%",
    "a%zz",
    "a[b]",
  ];
  for (const host of invalid) {
    assertRefused(400, `GET / HTTP/1.1⏎Host: ${host}⏎⏎`);
    assertRefused(400, `GET / HTTP/1.0⏎Host: ${host}⏎⏎`);
    assertRefused(400, `GET http://a/ HTTP/1.1⏎Host: ${host}⏎⏎`);
  }
});

// RFC 9110 §8.6, RFC 9112 §6.2: Content-Length

Deno.test("RFC 9110 §8.6: Content-Length is a decimal number", () => {
  for (
    const [text, contentLength] of [["0", 0], ["1", 1], ["1024", 1024], ["007", 7], ["4294967296", 2 ** 32]]
  ) {
    const hasBody = contentLength !== 0;
    const expected = { method: "POST", contentLength: Number(contentLength), hasBody };
    assertAccepted(postWith(`Content-Length: ${text}`), expected);
    assertAccepted(postWith(`cONTENT-lENGTH:\t${text} `), expected);
  }
});

accepts(
  "RFC 9112 §6.2: a GET may have a body, and an HTTP/1.0 request too",
  { contentLength: 5, hasBody: true, rest: "hello" },
  withFields("Content-Length: 5") + "hello",
);

accepts(
  "RFC 9110 §8.6: a length too large for a number does not wrap around",
  { method: "POST", contentLength: Number.MAX_SAFE_INTEGER, hasBody: true },
  postWith("Content-Length: 9007199254740993"),
  postWith("Content-Length: 18446744073709551616"),
  postWith("Content-Length: 18446744073709551621"),
  postWith(`Content-Length: 1${"0".repeat(400)}`),
);

refuses(
  "RFC 9112 §6.3: more than one Content-Length is refused, even when they are equal",
  400,
  postWith("Content-Length: 5", "Content-Length: 5"),
  postWith("Content-Length: 5", "Content-Length: 6"),
  postWith("Content-Length: 0", "Content-Length: 0"),
  postWith("Content-Length: 0", "X: y", "content-length: 5"),
  postWith("Content-Length: 5, 5"),
  postWith("Content-Length: 5, 6"),
  postWith("Content-Length: 5,"),
  postWith("Content-Length: ,5"),
);

Deno.test("RFC 9112 §6.3: a Content-Length that is not a number is refused", () => {
  const values = [
    "",
    "+5",
    "-5",
    "-0",
    "0x5",
    "5e0",
    "5.0",
    "1 0",
    "1\t0",
    "5;",
    '"5"',
    "five",
    "5h",
    "\xb2",
  ];
  for (const value of values) {
    assertRefused(400, postWith(`Content-Length: ${value}`));
    assertRefused(400, postWith(`Content-Length: ${value}`).replace("1.1", "1.0"));
  }
});

// RFC 9112 §6.1, §6.3, §7: Transfer-Encoding

accepts(
  "RFC 9112 §6.1: chunked is understood, whatever its case",
  { method: "POST", chunked: true, hasBody: true, rest: "0⏎⏎" },
  postWith("Transfer-Encoding: chunked") + "0⏎⏎",
  postWith("transfer-encoding:CHUNKED\t") + "0⏎⏎",
  postWith("TRANSFER-ENCODING: cHuNkEd") + "0⏎⏎",
);

accepts(
  "RFC 9110 §5.6.1.2: empty elements of a list are ignored",
  { method: "POST", chunked: true, hasBody: true },
  postWith("Transfer-Encoding: , chunked"),
  postWith("Transfer-Encoding: chunked ,, "),
);

refuses(
  "RFC 9112 §6.3: Transfer-Encoding together with Content-Length is refused, in either order",
  400,
  postWith("Transfer-Encoding: chunked", "Content-Length: 5"),
  postWith("Content-Length: 5", "Transfer-Encoding: chunked"),
  postWith("Content-Length: 0", "Transfer-Encoding: chunked"),
  postWith("Content-Length: 5", "Transfer-Encoding: identity"),
  postWith("Content-Length: 5", "Transfer-Encoding:"),
  postWith("Content-Length: 5", "Transfer-Encoding: gzip, chunked"),
);

refuses(
  "RFC 9112 §6.1: Transfer-Encoding in an HTTP/1.0 request is refused",
  400,
  postWith("Transfer-Encoding: chunked").replace("1.1", "1.0"),
  postWith("Transfer-Encoding: gzip, chunked").replace("1.1", "1.0"),
  postWith("Connection: keep-alive", "Transfer-Encoding: chunked").replace("1.1", "1.0"),
);

refuses(
  "RFC 9112 §6.3: a Transfer-Encoding whose last coding is not chunked is refused",
  400,
  postWith("Transfer-Encoding: gzip"),
  postWith("Transfer-Encoding: identity"),
  postWith("Transfer-Encoding: chunked, gzip"),
  postWith("Transfer-Encoding: chunked", "Transfer-Encoding: gzip"),
  postWith("Transfer-Encoding: chunked, identity"),
  postWith("Transfer-Encoding:"),
  postWith("Transfer-Encoding: ,"),
  postWith("Transfer-Encoding: chunked", "Transfer-Encoding:"),
  postWith("Transfer-Encoding: xchunked"),
  postWith("Transfer-Encoding: chunkedx"),
  postWith("Transfer-Encoding: chunke"),
  postWith("Transfer-Encoding: chunked x"),
  postWith("Transfer-Encoding: chunked;q=1"),
  postWith('Transfer-Encoding: "chunked"'),
  postWith("Transfer-Encoding: chunked\xa0"),
  postWith("Transfer-Encoding: \xa0chunked"),
  postWith("Transfer-Encoding: \xe3hunked"),
);

refuses(
  "RFC 9112 §7.1: chunked may not be applied twice",
  400,
  postWith("Transfer-Encoding: chunked, chunked"),
  postWith("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
  postWith("Transfer-Encoding: chunked, gzip, chunked"),
);

refuses(
  "RFC 9112 §6.1: a coding that is not understood, below a final chunked, is answered 501",
  501,
  postWith("Transfer-Encoding: gzip, chunked"),
  postWith("Transfer-Encoding: gzip,chunked"),
  postWith("Transfer-Encoding: gzip", "Transfer-Encoding: chunked"),
  postWith("Transfer-Encoding: identity, chunked"),
  postWith("Transfer-Encoding: gzip;a=b, deflate, chunked"),
);

accepts(
  "RFC 9110 §5.1: fields whose names only resemble framing fields are ordinary fields",
  { method: "POST" },
  postWith("Content_Length: 5"),
  postWith("Content-Lengths: 5"),
  postWith("XContent-Length: 5"),
  postWith("Transfer_Encoding: chunked"),
  postWith("Transfer-Encodin: chunked"),
  postWith("X-Transfer-Encoding: chunked"),
);
