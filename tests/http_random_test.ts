/**
 * Requests changed at random: whatever the parser is given, a prefix is incomplete or decided for good, and what it
 * accepts passes an independent, slow look by regular expressions.
 * @module
 */
import { assert } from "@std/assert";
import { parseRequest } from "../server/http/parser.ts";
import { HttpRequest } from "../server/http/request.ts";
import { type Random, repeat } from "./support/random.ts";
import { bytesOf, replay, textOf } from "./support/request_replay.ts";

const CASES = 6000;

const VALID = [
  "GET / HTTP/1.1⏎Host: a⏎⏎",
  "GET /a/b.html?c=%20d HTTP/1.1⏎Host: example.org:8080⏎Accept: */*⏎User-Agent: x (y; z)⏎⏎",
  "HEAD http://example.org/%41?q HTTP/1.1⏎Host: [::1]:80⏎Connection: keep-alive, x⏎⏎",
  "POST /form HTTP/1.1⏎Host: a⏎Content-Length: 5⏎Expect: 100-continue⏎⏎hello",
  "POST /form HTTP/1.1⏎Host: a⏎Transfer-Encoding: chunked⏎⏎5⏎hello⏎0⏎⏎",
  'OPTIONS * HTTP/1.1⏎Host:⏎If-None-Match: "a", W/"b"⏎⏎',
  "CONNECT a:443 HTTP/1.1⏎Host: a:443⏎⏎",
  "GET / HTTP/1.0⏎Connection: Keep-Alive⏎⏎GET / HTTP/1.1⏎Host: a⏎⏎",
];

/** Bytes that mean something to the parser, and so find more than others. */
const TELLING = [
  "\r",
  "\n",
  "⏎",
  "\0",
  " ",
  "\t",
  ":",
  ",",
  "/",
  "?",
  "%",
  "*",
  "[",
  "]",
  "@",
  "0",
  "\x7f",
  "\x80",
  "\xff",
];
const LINES = [
  "Host: b⏎",
  "Content-Length: 5⏎",
  "Transfer-Encoding: chunked⏎",
  "Connection: close⏎",
  "Expect: x⏎",
  " x⏎",
];

/** `text` with one to three changes. */
function mutate(text: string, random: Random): string {
  for (let changes = random.below(3) + 1; changes > 0; changes--) {
    const at = random.below(text.length + 1);
    const byte = random.oneIn(2) ? random.pick(TELLING) : String.fromCharCode(random.below(256));
    const lineStart = text.indexOf("⏎", at) + 1;
    switch (random.below(6)) {
      case 0: // another byte in its place
        text = text.slice(0, at) + byte + text.slice(at + 1);
        break;
      case 1: // one byte more
        text = text.slice(0, at) + byte + text.slice(at);
        break;
      case 2: // some bytes less
        text = text.slice(0, at) + text.slice(at + 1 + random.below(3));
        break;
      case 3: // some bytes twice
        text = text.slice(0, at) + text.slice(Math.max(at - 1 - random.below(30), 0));
        break;
      case 4: // a further line
        text = text.slice(0, lineStart) + random.pick(LINES) + text.slice(lineStart);
        break;
      case 5: // another case of the letters from there on
        text = text.slice(0, at) + text.slice(at).replace(/[a-z]/g, (letter) => letter.toUpperCase());
        break;
    }
  }
  return text;
}

const TCHAR = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
/** Trims what RFC 9110 §5.6.3 calls white space; `trim` takes a byte 0xA0 for a space, too. */
function withoutSpace(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, "");
}

const HEAD = new RegExp(
  `^(?:\\r\\n)*(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH) ([^\\x00-\\x20\\x7f#]+) HTTP/1\\.(\\d)\\r\\n` +
    `((?:${TCHAR}+:[\\t\\x20-\\x7e\\x80-\\xff]*\\r\\n)*)\\r\\n$`,
);

/** The values of all fields of this name. */
function valuesOf(fields: string, name: string): string[] {
  const lines = fields.split("\r\n").filter((line) => line.toLowerCase().startsWith(`${name}:`));
  return lines.map((line) => line.slice(name.length + 1).replace(/^[ \t]+|[ \t]+$/g, ""));
}

/** Looks at an accepted head without any code of the parser. */
function requireSound(head: string, request: HttpRequest): void {
  const shown = JSON.stringify(head);
  assert(!/\r(?!\n)|(?<!\r)\n|\0/.test(head), `accepted with a bare CR, a bare LF or a NUL: ${shown}`);
  const match = HEAD.exec(head);
  assert(match !== null, `accepted, and no request: ${shown}`);
  const [, target, minor, fields] = match;
  const lengths = valuesOf(fields, "content-length");
  const codings = valuesOf(fields, "transfer-encoding");
  const hosts = valuesOf(fields, "host");
  assert(hosts.length === 1 || (hosts.length === 0 && minor === "0"), `${hosts.length} Host: ${shown}`);
  assert(!/[^A-Za-z0-9\-._~%!$&'()*+,;=:[\]]/.test(hosts[0] ?? ""), `accepted with this Host: ${shown}`);
  assert(lengths.length + Math.min(codings.length, 1) <= 1, `accepted with doubtful framing: ${shown}`);
  assert(lengths.every((value) => /^\d+$/.test(value)), `accepted with this length: ${shown}`);
  const elements = codings.join().toLowerCase().split(",").map(withoutSpace).filter(Boolean);
  assert(codings.length === 0 || elements.join() === "chunked", `accepted with these codings: ${shown}`);
  assert(codings.length === 0 || minor !== "0", `chunked in HTTP/1.0: ${shown}`);
  assert(request.chunked === codings.length > 0, `chunked is ${request.chunked}: ${shown}`);
  assert(request.contentLength === Number(lengths[0] ?? -1), `length is ${request.contentLength}: ${shown}`);
  const options = valuesOf(fields, "connection").join().toLowerCase().split(",").map(withoutSpace);
  const persists = !options.includes("close") && (minor !== "0" || options.includes("keep-alive"));
  assert(request.keepAlive === persists, `keepAlive is ${request.keepAlive}: ${shown}`);
  assert(request.fieldCount === fields.split("\r\n").length - 1, `${request.fieldCount} fields: ${shown}`);
  assert(target.endsWith(request.query), `the query is ${request.query}: ${shown}`);
}

Deno.test("changed at random, no request is answered differently for how it was cut, and none passes that is unsound", () => {
  const request = new HttpRequest();
  let accepted = 0;
  repeat(CASES, (random) => {
    const input = bytesOf(mutate(random.pick(VALID), random));
    const taken = replay(input);
    if (taken <= 0) return;
    accepted++;
    parseRequest(input, 0, input.length, request);
    requireSound(textOf(input.subarray(0, taken)), request);
  });
  assert(
    accepted > CASES / 20 && accepted < CASES * 0.9,
    `${accepted} of ${CASES} accepted: the changes are wrong`,
  );
});

Deno.test("bytes that are no request at all are refused or waited for, and nothing is thrown", () => {
  repeat(500, (random) => {
    const input = Uint8Array.from({ length: random.below(200) }, () => random.below(256));
    const answer = replay(input);
    assert([0, -400, -501].includes(answer), `${answer} for ${JSON.stringify(textOf(input))}`);
  });
});
