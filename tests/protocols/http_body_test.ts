/**
 * The end of a request's body in both framings, however the bytes are cut, and the framings that are refused. `⏎`
 * stands for CR LF.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { BodyReader } from "../../server/protocols/http1/body_reader.ts";
import { HttpRequest } from "../../server/http/request.ts";
import {
  BODY_BYTES_MAX,
  CHUNK_LINE_BYTES_MAX,
  CHUNK_OVERHEAD_BYTES_MAX,
  TRAILER_BYTES_MAX,
} from "../../server/limits.ts";
import { Random, repeat } from "../support/random.ts";
import { bytesOf } from "../support/request_replay.ts";

const MORE = "more is to come";
const NEXT = "GET / HTTP/1.1⏎0⏎⏎";

function begin(contentLength: number): BodyReader {
  const request = new HttpRequest();
  request.contentLength = contentLength;
  request.chunked = contentLength < 0;
  const reader = new BodyReader();
  assertEquals(reader.begin(request), 0);
  assertEquals(reader.isDone, contentLength === 0);
  return reader;
}

/**
 * Reads `input` in pieces of the lengths that `nextLength` returns. Returns the number of bytes up to the body's end,
 * a negated status, or {@linkcode MORE}.
 */
function readInPieces(input: Uint8Array, contentLength: number, nextLength: () => number): number | string {
  const reader = begin(contentLength);
  let at = 0;
  while (at < input.length && !reader.isDone) {
    const end = Math.min(at + nextLength(), input.length);
    const taken = reader.read(input, at, end);
    if (taken < 0) return taken;
    assert(taken <= end - at, `${taken} bytes taken of ${end - at}`);
    assert(reader.isDone || taken === end - at, "bytes were left although the body goes on");
    at += taken;
  }
  return reader.isDone ? at : MORE;
}

/** Asserts the same result for the whole at once, byte by byte, and in random pieces. */
function assertOutcome(text: string, contentLength: number, expected: number | string): void {
  const input = bytesOf(text);
  const shown = JSON.stringify(text.slice(0, 100));
  const random = new Random(1);
  assertEquals(readInPieces(input, contentLength, () => Math.max(input.length, 1)), expected, shown);
  assertEquals(readInPieces(input, contentLength, () => 1), expected, `${shown}, byte by byte`);
  for (let i = 0; i < 10; i++) {
    const outcome = readInPieces(input, contentLength, () => 1 + random.below(9));
    assertEquals(outcome, expected, `${shown}, in pieces`);
  }
}

/**
 * Asserts that a chunked body is complete, with other bytes after it that are not read, and that every prefix is
 * incomplete.
 */
function assertChunked(text: string): void {
  const { length } = bytesOf(text);
  assertOutcome(text, -1, length);
  assertOutcome(text + NEXT, -1, length);
  for (let end = Math.max(length - 300, 0); end < length; end++) {
    assertEquals(readInPieces(bytesOf(text).subarray(0, end), -1, () => length), MORE, text.slice(0, 100));
  }
}

function assertBroken(status: number, ...texts: string[]): void {
  for (const text of texts) assertOutcome(text, -1, -status);
}

// RFC 9112 §6.2

Deno.test("RFC 9112 §6.2: a body with a Content-Length ends there, and the following bytes are not read", () => {
  for (const length of [1, 2, 5, 1000]) {
    const body = "\0\r\n5⏎".repeat(length).slice(0, length);
    const sent = bytesOf(body).subarray(0, length);
    assertEquals(readInPieces(sent, length, () => 1), length);
    assertEquals(readInPieces(sent.subarray(1), length, () => 1), MORE);
    assertOutcome("x".repeat(length) + NEXT, length, length);
  }
});

Deno.test("RFC 9112 §6.2: an empty body is complete before anything is read", () => {
  const reader = begin(0);
  assertEquals(reader.read(bytesOf(NEXT), 0, 5), 0);
});

Deno.test("RFC 9110 §15.5.14: a body of the maximal length is read, a longer one is answered 413", () => {
  const body = new Uint8Array(BODY_BYTES_MAX);
  assertEquals(readInPieces(body, BODY_BYTES_MAX, () => 4096), BODY_BYTES_MAX);
  for (const length of [BODY_BYTES_MAX + 1, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER]) {
    const request = new HttpRequest();
    request.contentLength = length;
    assertEquals(new BodyReader().begin(request), -413);
  }
});

// RFC 9112 §7.1

Deno.test("RFC 9112 §7.1: a chunked body ends with a chunk of no bytes and an empty line", () => {
  assertChunked("0⏎⏎");
  assertChunked("5⏎hello⏎0⏎⏎");
  assertChunked("5⏎hello⏎6⏎ world⏎0⏎⏎");
  assertChunked("a⏎0123456789⏎A⏎0123456789⏎0⏎⏎");
  assertChunked(`fF⏎${"x".repeat(255)}⏎0⏎⏎`);
});

Deno.test("RFC 9112 §7.1: data may look like framing", () => {
  assertChunked("5⏎0⏎⏎⏎0⏎⏎");
  assertChunked("3⏎\0\r\r⏎2⏎⏎⏎0⏎⏎");
});

Deno.test("RFC 9112 §7.1: a size may have leading zeros, and the last chunk's more than one zero", () => {
  assertChunked("005⏎hello⏎000⏎⏎");
  assertChunked(`${"0".repeat(CHUNK_LINE_BYTES_MAX - 1)}5⏎hello⏎0⏎⏎`);
});

Deno.test("RFC 9112 §7.1.1: unknown extensions are ignored, quoted ones too", () => {
  assertChunked("5;a⏎hello⏎0;b⏎⏎");
  assertChunked("5;a=b;c=d⏎hello⏎0⏎⏎");
  assertChunked('5;a="b;c \\" 0"⏎hello⏎0⏎⏎');
  assertChunked("5;a=\xe9\xff⏎hello⏎0⏎⏎");
  assertChunked("5;⏎hello⏎0⏎⏎");
});

Deno.test("RFC 9112 §7.1.1: white space before and within extensions is allowed", () => {
  assertChunked("5 ;a⏎hello⏎0⏎⏎");
  assertChunked("5\t ; a = b\t⏎hello⏎0 ;c⏎⏎");
});

Deno.test("RFC 9112 §7.1.2: trailers are dropped, whatever they contain", () => {
  assertChunked("5⏎hello⏎0⏎X: y⏎⏎");
  assertChunked("0⏎X:⏎Y: \t z\xff⏎⏎");
  assertChunked("0⏎Content-Length: 100⏎Transfer-Encoding: gzip⏎Host: b⏎⏎");
});

Deno.test("RFC 9112 §7.1: a size that is not a hexadecimal number is refused", () => {
  assertBroken(400, "⏎", "g⏎", "-5⏎hello⏎", "+5⏎hello⏎", "0x5⏎hello⏎", "5h⏎", "5,5⏎", "5.⏎", "5_0⏎", ";a⏎");
  assertBroken(400, "0X0⏎⏎", "@⏎", "`⏎", "G⏎", "/⏎", ":⏎", "\0", "\xff", '"5"⏎', "5\0⏎", "1\xb2⏎");
});

Deno.test("RFC 9112 §7.1: white space before a size, or after it without an extension, is refused", () => {
  assertBroken(400, " 5⏎hello⏎0⏎⏎", "\t5⏎hello⏎0⏎⏎", "⏎5⏎hello⏎0⏎⏎");
  assertBroken(400, "5 ⏎hello⏎0⏎⏎", "5\t⏎hello⏎0⏎⏎", "5 5⏎hello⏎0⏎⏎", "0 ⏎⏎");
});

Deno.test("RFC 9112 §7.1: data that is longer or shorter than its size is refused", () => {
  assertBroken(400, "5⏎hello!⏎0⏎⏎", "5⏎hell⏎0⏎⏎", "5⏎hello0⏎⏎", "5⏎hello⏎⏎0⏎⏎");
});

Deno.test("RFC 9112 §2.2: a bare LF is refused wherever a line ends, and so is a bare CR", () => {
  const whole = '5;a="b"⏎hello⏎0⏎X: y⏎⏎';
  assertChunked(whole);
  for (let at = whole.indexOf("⏎"); at >= 0; at = whole.indexOf("⏎", at + 1)) {
    const [before, after] = [whole.slice(0, at), whole.slice(at + 1)];
    for (const end of ["\n", "\r", "\r\r\n", "\n\n", "\n\r"]) assertBroken(400, `${before}${end}${after}x`);
  }
  assertBroken(400, "5;a\nb⏎hello⏎0⏎⏎", "5;a\rb⏎hello⏎0⏎⏎", '5;"\n"⏎hello⏎0⏎⏎', '5;"⏎"⏎hello⏎0⏎⏎');
  assertBroken(400, "0⏎X: a\nY: b⏎⏎", "0⏎X: a\rb⏎⏎", "0⏎\n", "0⏎X\n: a⏎⏎");
});

Deno.test("RFC 9112 §7.1.1: control characters in an extension are refused", () => {
  for (let code = 0; code < 32; code++) {
    if (code !== 9 && code !== 13) assertBroken(400, `5;a${String.fromCharCode(code)}⏎hello⏎0⏎⏎`);
  }
  assertBroken(400, "5;a\x7f⏎hello⏎0⏎⏎");
});

Deno.test("RFC 9112 §5: trailers must have the syntax of fields", () => {
  assertBroken(400, "0⏎ X: y⏎⏎", "0⏎X : y⏎⏎", "0⏎: y⏎⏎", "0⏎X⏎⏎", "0⏎X y: z⏎⏎", "0⏎X: y⏎ z⏎⏎", "0⏎X: \0⏎⏎");
});

// The limits

Deno.test("RFC 9110 §15.5.14: chunks that are too large together are answered 413, at the size that exceeds the limit", () => {
  const half = BODY_BYTES_MAX / 2;
  const data = "x".repeat(half);
  const size = half.toString(16);
  const two = `${size}⏎${data}⏎${size}⏎${data}⏎`;
  assertEquals(readInPieces(bytesOf(two + "0⏎⏎"), -1, () => 65536), bytesOf(two + "0⏎⏎").length);
  assertEquals(readInPieces(bytesOf(two + "1"), -1, () => 65536), -413);
  assertEquals(readInPieces(bytesOf(BODY_BYTES_MAX.toString(16) + "⏎"), -1, () => 1), MORE);
  assertBroken(
    413,
    (BODY_BYTES_MAX + 1).toString(16),
    "fffffffff",
    "80000000",
    "100000000",
    "f".repeat(1000),
  );
});

Deno.test("a size that would be 0 in 32, 53 or 64 bits is not read as 0", () => {
  assertBroken(413, "100000000⏎⏎", "20000000000000⏎⏎", "10000000000000000⏎⏎", `1${"0".repeat(300)}⏎⏎`);
});

Deno.test("a chunk line that never ends is refused: zeros, white space, extensions", () => {
  assertBroken(400, "0".repeat(CHUNK_LINE_BYTES_MAX + 1));
  assertBroken(400, "5" + " ".repeat(CHUNK_LINE_BYTES_MAX));
  assertBroken(400, "5;" + "a".repeat(CHUNK_LINE_BYTES_MAX));
  assertOutcome("5;" + "a".repeat(CHUNK_LINE_BYTES_MAX - 1), -1, MORE);
  assertChunked(`5;${"a".repeat(CHUNK_LINE_BYTES_MAX - 1)}⏎hello⏎0⏎⏎`);
});

Deno.test("each chunk line has its own limit, and all framing together another", () => {
  const long = `1;${"a".repeat(CHUNK_LINE_BYTES_MAX - 1)}⏎x⏎`;
  assertChunked(long.repeat(3) + "0⏎⏎");
  assertBroken(400, long.repeat(CHUNK_OVERHEAD_BYTES_MAX / CHUNK_LINE_BYTES_MAX));
  const small = "1⏎x⏎"; // one byte of data to five of framing
  const greatest = small.repeat(CHUNK_OVERHEAD_BYTES_MAX / 5) + small.slice(0, CHUNK_OVERHEAD_BYTES_MAX % 5);
  assertOutcome(greatest, -1, MORE);
  assertBroken(400, `${greatest}⏎`);
});

Deno.test("RFC 6585 §5: trailers of the maximal length are read, longer ones are answered 431", () => {
  const frame = bytesOf("X:⏎⏎").length;
  assertChunked(`0⏎X:${"y".repeat(TRAILER_BYTES_MAX - frame)}⏎⏎`);
  assertBroken(431, `0⏎X:${"y".repeat(TRAILER_BYTES_MAX - frame + 1)}⏎⏎`);
  assertBroken(431, `0⏎${"X:⏎".repeat(TRAILER_BYTES_MAX / 4 + 1)}`);
  assertBroken(431, `0⏎${"n".repeat(TRAILER_BYTES_MAX + 1)}`);
});

// One reader for many bodies

Deno.test("a reader starts each body anew, even after a broken one", () => {
  const request = new HttpRequest();
  const endings = [
    "5;" + "a".repeat(CHUNK_LINE_BYTES_MAX),
    "fffff⏎x",
    `0⏎X: ${"y".repeat(8000)}`,
    "1⏎x⏎0⏎⏎",
    "z",
  ];
  for (const text of endings) {
    const reader = new BodyReader();
    assert(reader.isDone, "before the first body there is nothing to read");
    request.chunked = true;
    request.contentLength = -1;
    reader.begin(request);
    reader.read(bytesOf(text), 0, bytesOf(text).length);
    const longest = bytesOf(`5;${"a".repeat(4000)}⏎hello⏎0⏎X: ${"y".repeat(8000)}⏎⏎`);
    assertEquals(reader.begin(request), 0);
    assertEquals(reader.read(longest, 0, longest.length), longest.length);
    assert(reader.isDone);
    request.chunked = false;
    request.contentLength = 3;
    assertEquals(reader.begin(request), 0);
    assertEquals([reader.read(bytesOf("abcdef"), 1, 6), reader.isDone], [3, true]);
  }
});

Deno.test("random chunks end at the right place, cut at random", () => {
  repeat(300, (random) => {
    let text = "";
    for (let chunks = random.below(5); chunks > 0; chunks--) {
      const data = "x⏎0;:\r\n"[random.below(7)]!.repeat(random.below(40) + 1);
      const size = bytesOf(data).length.toString(16);
      const extension = random.oneIn(3) ? ` ;e="${"q".repeat(random.below(20))}"` : "";
      text += "0".repeat(random.below(3)) + (random.oneIn(2) ? size.toUpperCase() : size) +
        `${extension}⏎${data}⏎`;
    }
    text += `0⏎${random.oneIn(2) ? "T: v⏎" : ""}⏎`;
    const input = bytesOf(text + NEXT);
    const taken = readInPieces(input, -1, () => 1 + random.below(20));
    assertEquals(taken, bytesOf(text).length, JSON.stringify(text));
  });
});
