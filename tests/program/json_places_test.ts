/**
 * Positions in a JSON text, also in a text that an attacker made to keep the program busy.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { cpuSeconds } from "../../ffi/process/usage.ts";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { JsonPlaces } from "../../program/config/file/json_places.ts";
import { CONFIG_FILE_BYTES_MAX, REPEATED_KEYS_MAX } from "../../server/limits.ts";
import { TIME_SCALE } from "../support/deno.ts";

/** Returns `depth` nested lists of `element`, in as many bytes as a configuration file may have. */
function nested(depth: number, element: string): string {
  const room = CONFIG_FILE_BYTES_MAX - 2 * depth - 20;
  const elements = Array(Math.floor(room / (element.length + 1))).fill(element).join(",");
  return `{"$schema":${"[".repeat(depth)}${elements}${"]".repeat(depth)}}`;
}

Deno.test("a deep and wide text takes no more time and memory than its size justifies", () => {
  const texts = [
    nested(1000, "1"),
    nested(1000, "[]"),
    nested(1000, '{"a":1}'),
    `{"$schema":${'{"a":'.repeat(1000)}{${Array(100_000).fill('"a":1').join(",")}}${"}".repeat(1000)}}`,
    `{"$schema":${'[{"a":'.repeat(500)}${Array(30_000).fill('{"a":1}').join(",").replace(/.*/, "[$&]")}${
      "}]".repeat(500)
    }}`,
    `{"a":"${"x".repeat(CONFIG_FILE_BYTES_MAX - 100)}"}`,
    `{"a":"${"\\n".repeat(CONFIG_FILE_BYTES_MAX / 2 - 100)}"}`,
  ];
  for (const text of texts) {
    assert(text.length <= CONFIG_FILE_BYTES_MAX + 100);
    const startSeconds = cpuSeconds();
    const before = Deno.memoryUsage().rss;
    const places = new JsonPlaces(text);
    const tookSeconds = cpuSeconds() - startSeconds;
    assert(tookSeconds < 5 * TIME_SCALE, `${tookSeconds} s`);
    assert(Deno.memoryUsage().rss - before < 400 * 1024 * 1024);
    assertEquals(places.lineOf(["$schema", 0, 0, 0]), 1);
  }
});

Deno.test("a deep value has its own line, and a missing one the line of the object that lacks it", () => {
  const depth = 500;
  const text = `{"a":\n${"[\n".repeat(depth)}1,\n2${"]".repeat(depth)},\n"b": {"c": [\n{"d": 1}]}}`;
  const places = new JsonPlaces(text);
  const zeros = Array(depth - 1).fill(0);
  assertEquals(places.lineOf(["a", ...zeros]), depth + 1);
  assertEquals(places.lineOf(["a", ...zeros, 0]), depth + 2);
  assertEquals(places.lineOf(["a", ...zeros, 1]), depth + 3);
  assertEquals(places.lineOf(["a", ...zeros, 5]), depth + 1);
  assertEquals(places.lineOf(["b"]), depth + 4);
  assertEquals(places.lineOf(["b", "c", 0, "d"]), depth + 5);
  assertEquals(places.lineOf(["b", "c", 0, "absent", 7]), depth + 5);
  assertEquals(places.lineOf(["absent"]), 1);
  assertEquals(places.lineOf([]), 1);
});

Deno.test("the first repeated keys are named, each with its first line", () => {
  const three = parseConfig("epollet.json", '{"port":1,\n"port":2,\n"port":3}').warnings;
  assertEquals(three.map((line) => /:(\d+):.*line (\d+)/.exec(line)?.slice(1)), [["2", "1"], ["3", "1"]]);
  const many = `{${Array(5000).fill('"port":80').join(",\n")}}`;
  const { warnings } = parseConfig("epollet.json", many);
  assertEquals(warnings.length, REPEATED_KEYS_MAX + 1);
  assertEquals(warnings.at(-1), `epollet.json: and ${4999 - REPEATED_KEYS_MAX} more keys that stand twice`);
});
