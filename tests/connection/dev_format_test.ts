/**
 * The format `dev` of the access log: sizes, durations and colours for people.
 * @module
 */
import { assertEquals } from "@std/assert";
import { devFormat } from "../../server/access_log/dev_format.ts";

const decoder = new TextDecoder();

/** Returns what a part writes at the beginning of a buffer. */
function writtenBy(part: (out: Uint8Array<ArrayBuffer>) => number): string {
  const out = new Uint8Array(200);
  return decoder.decode(out.subarray(0, part(out)));
}

Deno.test("sizes and durations have two or three digits and a unit", () => {
  const { answer, duration } = devFormat(false);
  const sizes: readonly (readonly [number, string])[] = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KB"],
    [10_188, "9.9 KB"],
    [10_240, "10 KB"],
    [1_048_575, "1.0 MB"],
    [5_000_000, "4.8 MB"],
    [3 * 1024 ** 3, "3.0 GB"],
  ];
  for (const [bytes, text] of sizes) {
    assertEquals(writtenBy((out) => answer(200, bytes, out, 0)), `200 ${text} `);
  }
  const times: readonly (readonly [number, string])[] = [
    [0, "0.0 ms"],
    [0.00034, "0.3 ms"],
    [0.0123, "12 ms"],
    [0.99949, "999 ms"],
    [0.9996, "1.0 s"],
    [75, "75 s"],
  ];
  for (const [seconds, text] of times) assertEquals(writtenBy((out) => duration(seconds, out, 0)), text);
});

Deno.test("each class of statuses has its colour", () => {
  const { answer } = devFormat(true);
  const colours = [204, 304, 404, 503].map((status) => {
    const text = writtenBy((out) => answer(status, 1, out, 0));
    return text.slice(2, text.indexOf("m"));
  });
  assertEquals(colours, ["32", "36", "33", "31"]);
});
