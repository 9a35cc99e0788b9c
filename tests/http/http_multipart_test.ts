/**
 * Several ranges in one response: the parts and the length. RFC 9110 §14.6, RFC 2046 §5.1.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Multipart, multipartOf } from "../../server/http/fields/multipart.ts";
import type { ByteRange } from "../../server/http/fields/range.ts";
import { repeat } from "../support/random.ts";

const CONTENT = new TextEncoder().encode("0123456789");

/** Returns the body with its content filled in. */
function filled({ parts }: Multipart, content = CONTENT): string {
  return parts.map((part) =>
    new TextDecoder().decode(part instanceof Uint8Array ? part : content.subarray(part.start, part.end))
  ).join("");
}

Deno.test("RFC 9110 §14.6: each part has its type and its range, and the last delimiter ends it", () => {
  const multipart = multipartOf(
    [{ start: 0, end: 1 }, { start: 5, end: 7 }],
    "text/plain",
    10,
    "THIS_STRING",
  );
  assertEquals(multipart.contentType, "multipart/byteranges; boundary=THIS_STRING");
  const expected = [
    "--THIS_STRING",
    "Content-Type: text/plain",
    "Content-Range: bytes 0-0/10",
    "",
    "0",
    "--THIS_STRING",
    "Content-Type: text/plain",
    "Content-Range: bytes 5-6/10",
    "",
    "56",
    "--THIS_STRING--",
    "",
  ].join("\r\n");
  assertEquals(filled(multipart), expected);
  assertEquals(multipart.length, expected.length);
});

Deno.test("the ranges stand between the part heads in their order, and are not copied", () => {
  const ranges = [{ start: 7, end: 9 }, { start: 0, end: 2 }];
  const { parts } = multipartOf(ranges, "text/plain", 10, "b");
  assertEquals(parts.map((part) => part instanceof Uint8Array), [true, false, true, false, true]);
  assert(parts[1] === ranges[0] && parts[3] === ranges[1]);
});

Deno.test("sizes past 4 GiB are added up exactly, and a type counts by its bytes", () => {
  const size = 2 ** 50 + 1;
  const ranges = [{ start: 2 ** 33, end: 2 ** 49 }, { start: size - 1, end: size }];
  const type = "text/plain; name=é";
  const { length, parts } = multipartOf(ranges, type, size, "b");
  const heads = parts.filter((part) => part instanceof Uint8Array);
  const overhead = heads.reduce((sum, head) => sum + head.length, 0);
  assertEquals(length, 2 ** 49 - 2 ** 33 + 1 + overhead);
  const text = heads.map((head) => new TextDecoder().decode(head)).join("");
  assert(text.includes(`Content-Range: bytes 8589934592-562949953421311/${size}\r\n`), text);
  assert(text.includes(`Content-Range: bytes ${size - 1}-${size - 1}/${size}\r\n`), text);
  assert(text.includes(`Content-Type: ${type}\r\n`), text);
});

/** Reads a body by the grammar of RFC 2046 §5.1.1, without a preamble or an epilogue. */
function read(text: string, boundary: string): { type: string; range: string; body: string }[] {
  const [before, ...parts] = `\r\n${text}`.split(`\r\n--${boundary}`);
  assertEquals(before, "");
  assertEquals(parts.pop(), "--\r\n");
  return parts.map((part) => {
    const match = /^\r\nContent-Type: (.*)\r\nContent-Range: bytes (.*)\r\n\r\n([^]*)$/.exec(part);
    assert(match !== null, JSON.stringify(part));
    return { type: match[1]!, range: match[2]!, body: match[3]! };
  });
}

Deno.test("a reader finds every part, also where the content looks like a delimiter", () => {
  const content = new TextEncoder().encode("--B\r\n\r\n--b--\r\n--\r\n\r\n\r\n--BOUNDAR\r\n--");
  repeat(500, (random) => {
    const ranges = Array.from({ length: 1 + random.below(5) }, (): ByteRange => {
      const start = random.below(content.length);
      return { start, end: start + 1 + random.below(content.length - start) };
    });
    const boundary = `BOUNDARY${random.below(1000)}`;
    const multipart = multipartOf(ranges, "a/b", content.length, boundary);
    const text = filled(multipart, content);
    assertEquals(multipart.length, text.length);
    const wanted = ranges.map(({ start, end }) => ({
      type: "a/b",
      range: `${start}-${end - 1}/${content.length}`,
      body: new TextDecoder().decode(content.subarray(start, end)),
    }));
    assertEquals(read(text, boundary), wanted);
    assertMatch(multipart.contentType, new RegExp(`^multipart/byteranges; boundary=${boundary}$`));
  });
});
