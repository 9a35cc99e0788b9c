/**
 * The request line, the empty lines before it, and the field lines: which are accepted, and which are refused with
 * which status. Each name has the section of the RFC that it follows. `⏎` stands for CR LF.
 * @module
 */
import { FIELDS_MAX, HEAD_BYTES_MAX, METHOD_BYTES_MAX } from "../../server/limits.ts";
import {
  accepts,
  assertAccepted,
  assertIncomplete,
  assertRefused,
  refuses,
  withFields,
} from "../support/request_replay.ts";

const HOST = "Host: a⏎⏎";
const CONTROLS = Array.from({ length: 33 }, (_, code) => String.fromCharCode(code === 32 ? 127 : code));
const allBytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
const TCHAR = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/;

// RFC 9112 §2: the message

accepts(
  "RFC 9112 §2.1: a head is a request line, lines of fields, and an empty line",
  { path: "/a.html", query: "?b=c", fields: [["Host", "example.org"], ["Accept", "*/*"]] },
  "GET /a.html?b=c HTTP/1.1⏎Host: example.org⏎Accept: */*⏎⏎",
);

Deno.test("RFC 9112 §2.1: a head without its last byte is incomplete, and so is empty input", () => {
  for (const text of ["", "\r", "⏎", "⏎\r", "G", "GET", "GET ", "GET /", "GET / ", "GET / HTTP/1.1\r"]) {
    assertIncomplete(text);
  }
  assertIncomplete("GET / HTTP/1.1⏎Host: a⏎");
  assertIncomplete("GET / HTTP/1.1⏎Host: a⏎\r");
  assertIncomplete("GET / HTTP/1.1⏎Host: a\r");
  assertIncomplete("GET / HTTP/1.1⏎Host");
});

accepts(
  "RFC 9112 §9.3.2: a pipelined second request is not read",
  { rest: "GET /second HTTP/1.1⏎Host: b⏎⏎" },
  "GET / HTTP/1.1⏎Host: a⏎⏎GET /second HTTP/1.1⏎Host: b⏎⏎",
);

accepts(
  "RFC 9112 §6: a body is not read",
  { method: "POST", contentLength: 3, hasBody: true, rest: "\0⏎" },
  "POST / HTTP/1.1⏎Host: a⏎Content-Length: 3⏎⏎\0⏎",
);

accepts(
  "RFC 9112 §2.2: empty lines before the request line are ignored",
  {},
  `⏎GET / HTTP/1.1⏎${HOST}`,
  `⏎⏎⏎GET / HTTP/1.1⏎${HOST}`,
);

refuses(
  "RFC 9112 §2.2: anything else before the request line is refused",
  400,
  ` GET / HTTP/1.1⏎${HOST}`,
  `\tGET / HTTP/1.1⏎${HOST}`,
  `\nGET / HTTP/1.1⏎${HOST}`,
  `\rGET / HTTP/1.1⏎${HOST}`,
  `\r\rGET / HTTP/1.1⏎${HOST}`,
  `⏎ ⏎GET / HTTP/1.1⏎${HOST}`,
  `\0GET / HTTP/1.1⏎${HOST}`,
  `\xef\xbb\xbfGET / HTTP/1.1⏎${HOST}`,
);

refuses(
  "RFC 9112 §2.2: a line that ends with a bare LF is refused, though a recipient may accept it",
  400,
  "GET / HTTP/1.1\nHost: a⏎⏎",
  "GET / HTTP/1.1⏎Host: a\n⏎",
  "GET / HTTP/1.1⏎Host: a⏎\n",
  "GET / HTTP/1.1⏎Host: a\nX: y⏎⏎",
  "GET / HTTP/1.1⏎Host: a\n\nGET /second HTTP/1.1⏎",
  "GET /\n",
);

refuses(
  "RFC 9112 §2.2: a bare CR is refused anywhere",
  400,
  "GET\r/ HTTP/1.1⏎Host: a⏎⏎",
  "GET /\r HTTP/1.1⏎Host: a⏎⏎",
  "GET / HTTP/1.1\rHost: a⏎⏎",
  "GET / HTTP/1.1\r⏎Host: a⏎⏎",
  "GET / HTTP/1.1⏎Host\r: a⏎⏎",
  "GET / HTTP/1.1⏎Host:\ra⏎⏎",
  "GET / HTTP/1.1⏎Host: a\rX: y⏎⏎",
  "GET / HTTP/1.1⏎Host: a\r⏎⏎",
  "GET / HTTP/1.1⏎Host: a⏎\rX: y⏎⏎",
);

refuses(
  "RFC 9112 §2.2: white space between the request line and the first field is refused",
  400,
  "GET / HTTP/1.1⏎ Host: a⏎⏎",
  "GET / HTTP/1.1⏎\tHost: a⏎⏎",
  "GET / HTTP/1.1⏎ ⏎Host: a⏎⏎",
);

// RFC 9112 §3: the request line

refuses(
  "RFC 9112 §3: the parts of a request line are separated by exactly one space",
  400,
  `GET  / HTTP/1.1⏎${HOST}`,
  `GET /  HTTP/1.1⏎${HOST}`,
  `GET\t/ HTTP/1.1⏎${HOST}`,
  `GET /\tHTTP/1.1⏎${HOST}`,
  `GET / HTTP/1.1 ⏎${HOST}`,
  `GET / HTTP/1.1\t⏎${HOST}`,
  `GET /a b HTTP/1.1⏎${HOST}`,
);

refuses(
  "RFC 9112 §3: a request line with a part missing is refused",
  400,
  "GET⏎",
  "GET ⏎",
  "GET /⏎",
  "GET / ⏎",
  "GET HTTP/1.1⏎",
  " / HTTP/1.1⏎",
  "/ HTTP/1.1⏎",
);

Deno.test("RFC 9110 §9.1: a method is what was sent, and its case matters", () => {
  for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "PATCH", "OPTIONS"]) {
    assertAccepted(`${method} / HTTP/1.1⏎${HOST}`, { method });
    const capitalized = method[0] + method.slice(1).toLowerCase();
    for (const other of [method.toLowerCase(), capitalized, `${method}S`, method.slice(0, -1)]) {
      assertAccepted(`${other} / HTTP/1.1⏎${HOST}`, { method: other });
    }
  }
});

Deno.test("RFC 9110 §9.1: every token is a method; the handler decides which ones exist", () => {
  for (const method of ["PROPFIND", "QUERY", "PURGE", "X", "!#$%&'*+-.^_|~`"]) {
    assertAccepted(`${method} / HTTP/1.1⏎${HOST}`, { method });
    assertRefused(400, `${method} * HTTP/1.1⏎${HOST}`);
  }
});

refuses(
  "RFC 9113 §3.4: the preface of HTTP/2 is answered 505, not 501",
  505,
  "PRI * HTTP/2.0⏎⏎SM⏎⏎",
);

refuses(
  "RFC 9112 §3: a line that begins with a word but is no request line is 400, not 501",
  400,
  "BAD REQUEST⏎⏎",
  "HELLO WORLD AGAIN⏎⏎",
  "PROPFIND / HTTP⏎⏎",
);

Deno.test("RFC 9112 §3: a method longer than the limit is answered 501, without waiting for its end", () => {
  assertIncomplete("A".repeat(METHOD_BYTES_MAX));
  assertRefused(501, "A".repeat(METHOD_BYTES_MAX + 1));
  const longest = "A".repeat(METHOD_BYTES_MAX);
  assertAccepted(`${longest} / HTTP/1.1⏎${HOST}`, { method: longest });
  assertRefused(400, "A".repeat(METHOD_BYTES_MAX) + ":");
  assertRefused(501, "A".repeat(1000));
});

Deno.test("RFC 9110 §9.1: a method is a token; any other byte in it is refused", () => {
  for (const byte of allBytes) {
    if (byte === " ") continue;
    if (TCHAR.test(byte)) assertAccepted(`GE${byte}T / HTTP/1.1⏎${HOST}`, { method: `GE${byte}T` });
    else assertRefused(400, `GE${byte}T / HTTP/1.1⏎${HOST}`);
  }
});

accepts("RFC 9110 §2.5: HTTP/1.1", { minorVersion: 1 }, `GET / HTTP/1.1⏎${HOST}`);
accepts("RFC 9110 §2.5: HTTP/1.0", { minorVersion: 0, keepAlive: false }, `GET / HTTP/1.0⏎${HOST}`);
accepts(
  "RFC 9110 §2.5: a higher minor version is read as the highest known one",
  { minorVersion: 1 },
  `GET / HTTP/1.2⏎${HOST}`,
  `GET / HTTP/1.9⏎${HOST}`,
);

refuses(
  "RFC 9110 §15.6.6: another major version is answered 505",
  505,
  `GET / HTTP/0.9⏎${HOST}`,
  `GET / HTTP/2.0⏎${HOST}`,
  `GET / HTTP/3.0⏎${HOST}`,
  `GET / HTTP/9.9⏎${HOST}`,
);

refuses(
  "RFC 9112 §2.3: a malformed version is refused",
  400,
  `GET / http/1.1⏎${HOST}`,
  `GET / Http/1.1⏎${HOST}`,
  `GET / HTTP/11⏎${HOST}`,
  `GET / HTTP/1⏎${HOST}`,
  `GET / HTTP/2⏎${HOST}`,
  `GET / HTTP/1.⏎${HOST}`,
  `GET / HTTP/.1⏎${HOST}`,
  `GET / HTTP/1,1⏎${HOST}`,
  `GET / HTTP/1.10⏎${HOST}`,
  `GET / HTTP/01.1⏎${HOST}`,
  `GET / HTTP/1.x⏎${HOST}`,
  `GET / HTTP/-1.1⏎${HOST}`,
  `GET / HTTPS/1.1⏎${HOST}`,
  `GET / ICY/1.1⏎${HOST}`,
  `GET / HTTP 1.1⏎${HOST}`,
);

// RFC 9112 §5: fields

refuses(
  "RFC 9112 §5.1: white space between a name and its colon is refused",
  400,
  "GET / HTTP/1.1⏎Host : a⏎⏎",
  "GET / HTTP/1.1⏎Host\t: a⏎⏎",
  withFields("X : y"),
  withFields("Content-Length : 5"),
  withFields("Transfer-Encoding : chunked"),
);

refuses(
  "RFC 9112 §5.2: a folded line is refused",
  400,
  withFields("X: y", " z"),
  withFields("X: y", "\tz"),
  withFields("X: y", " Y: z"),
  withFields("X:", " y"),
  withFields("Transfer-Encoding:", " chunked"),
);

refuses(
  "RFC 9110 §5.1: a line without a name, or without a colon, is refused",
  400,
  withFields(": y"),
  withFields(":"),
  withFields("X"),
  withFields("X y"),
);

Deno.test("RFC 9110 §5.6.2: a name has token characters only, and any other byte in it is refused", () => {
  for (const byte of allBytes) {
    if (TCHAR.test(byte)) assertAccepted(withFields(`X${byte}: y`), {});
    else if (byte !== ":") assertRefused(400, withFields(`X${byte}: y`));
    if (byte !== ":" && byte !== "\r" && !TCHAR.test(byte)) assertRefused(400, withFields(`${byte}X: y`));
  }
});

Deno.test("RFC 9110 §5.5: control characters in a value, NUL included, are refused; the tab is not", () => {
  for (const byte of CONTROLS) {
    const lines = [`X: ${byte}y`, `X: y${byte}z`, `X: y${byte}`].map((line) => withFields(line));
    for (const text of lines) {
      if (byte === "\t") assertAccepted(text);
      else assertRefused(400, text);
    }
  }
});

Deno.test("RFC 9110 §5.5: bytes above 0x7f are allowed in a value", () => {
  for (const byte of allBytes.slice(128)) {
    const value = `${byte}y${byte}`;
    assertAccepted(withFields(`X: ${value}`), { fields: [["Host", "a"], ["X", value]] });
  }
});

accepts(
  "RFC 9112 §5.1: white space around a value is not part of it; that within it is",
  { fields: [["Host", "a"], ["X", "y \t z"]] },
  withFields("X:y \t z"),
  withFields("X: y \t z "),
  withFields("X: \t y \t z\t \t"),
);

accepts(
  "RFC 9110 §5.5: a value may be empty",
  { fields: [["Host", "a"], ["X", ""]] },
  withFields("X:"),
  withFields("X: "),
  withFields("X:\t  \t"),
);

// The limits

Deno.test("RFC 6585 §5: the maximal number of fields is read, one more is answered 431", () => {
  const lines = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: ${i}`);
  assertAccepted(withFields(...lines(FIELDS_MAX - 1)), {
    fields: [["Host", "a"], ...lines(FIELDS_MAX - 1).map((_, i): [string, string] => [`X-${i}`, `${i}`])],
  });
  assertRefused(431, withFields(...lines(FIELDS_MAX)));
});

Deno.test("RFC 6585 §5: a head of the maximal length is read, one byte more is answered 431", () => {
  const frame = withFields("X: ").length + 4; // each of its four ⏎ is two bytes
  const value = "v".repeat(HEAD_BYTES_MAX - frame);
  assertAccepted(withFields(`X: ${value}`), { fields: [["Host", "a"], ["X", value]] });
  assertAccepted(withFields(`X: ${value}`) + "GET", { rest: "GET" });
  assertRefused(431, withFields(`X: ${value}v`));
});

Deno.test("RFC 6585 §5: a head that never ends is answered 431 at the limit", () => {
  assertRefused(431, "⏎".repeat(HEAD_BYTES_MAX / 2));
  assertRefused(431, `GET / HTTP/1.1⏎${"n".repeat(HEAD_BYTES_MAX)}`);
  assertIncomplete(`GET / HTTP/1.1⏎X:${" ".repeat(HEAD_BYTES_MAX - 19)}`);
});
