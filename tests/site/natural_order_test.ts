/**
 * The natural order of names, and the sort that can be interrupted.
 * @module
 */
import { assertEquals } from "@std/assert";
import { inNaturalOrder, naturalKey, ordered, textOf } from "../../handlers/site/listing/natural_order.ts";
import { repeat } from "../support/random.ts";

function run<T>(work: Generator<void, T>): T {
  let step = work.next();
  while (step.done !== true) step = work.next();
  return step.value;
}

Deno.test("numbers in names are compared by value, whatever their length, and leading zeros are ignored", () => {
  const names = [
    "a",
    "a0",
    "a1",
    "a01",
    "a001b",
    "a2",
    "a9",
    "a10",
    "a99999999",
    "a100000000",
    "a9999999999999999",
  ];
  const more = ["a10000000000000000", "a99999999999999999", "a123456789012345678901234567890", "a-1", "ab"];
  const expected = ["a", "a-1", "a0", "a01", "a1", ...names.slice(4), ...more.slice(0, 3), "ab"];
  const actual = run(inNaturalOrder([...more, ...names].reverse()));
  assertEquals(actual, expected);
  assertEquals(naturalKey("a007"), naturalKey("A7"));
});

Deno.test("the sort gives the order of Array.sort, and is stable", () => {
  repeat(200, (random) => {
    const values = Array.from({ length: random.below(100) }, () => random.below(10));
    const expected = values.map((_, index) => index).sort((a, b) => values[a]! - values[b]!);
    const actual = run(ordered(values.length, (a, b) => values[a]! - values[b]!));
    assertEquals(Array.from(actual), expected);
  });
});

Deno.test("a name that is not UTF-8 is shown as text, and a byte order mark is a part of its name", () => {
  const table = { "a": "a", "\xc3\xa9": "é", "a\xffb": "a\ufffdb", "\xef\xbb\xbfa": "\ufeffa" };
  for (const [name, text] of Object.entries(table)) assertEquals(textOf(name), text);
});
