/**
 * Arrays of bytes: compared and joined.
 * @module
 */
import { assertEquals } from "@std/assert";
import { concat, endsWith, isEqual, isRangeEqual } from "../../server/http/bytes.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("arrays are equal when their bytes are, wherever these stand in a buffer", () => {
  assertEquals(isEqual(bytes("abc"), bytes("xabcx").subarray(1, 4)), true);
  assertEquals(isEqual(bytes("abc"), bytes("abd")), false);
  assertEquals(isEqual(bytes("abc"), bytes("ab")), false);
  assertEquals(isEqual(bytes("ab"), bytes("abc")), false);
  assertEquals(isEqual(bytes(""), bytes("")), true);
});

Deno.test("a range is compared whole, and nothing beside it", () => {
  assertEquals(isRangeEqual(bytes("abc"), bytes("xabcx"), 1, 4), true);
  assertEquals(isRangeEqual(bytes("abc"), bytes("xabcx"), 1, 5), false);
  assertEquals(isRangeEqual(bytes("abc"), bytes("xabcx"), 0, 3), false);
  assertEquals(isRangeEqual(bytes(""), bytes("xabcx"), 2, 2), true);
});

Deno.test("an array that is shorter than an ending does not end with it", () => {
  assertEquals(endsWith(bytes("a.html"), bytes(".html")), true);
  assertEquals(endsWith(bytes(".html"), bytes(".html")), true);
  assertEquals(endsWith(bytes("html"), bytes(".html")), false);
  assertEquals(endsWith(bytes("a.htm"), bytes(".html")), false);
});

Deno.test("arrays are joined in their order, into one that shares no memory with them", () => {
  const first = bytes("ab");
  const joined = concat([first, bytes(""), bytes("c")]);
  first[0] = 0;
  assertEquals(joined, bytes("abc"));
  assertEquals(concat([]), new Uint8Array(0));
});
