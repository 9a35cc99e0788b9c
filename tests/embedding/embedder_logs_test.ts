/**
 * Log files of programs in JavaScript.
 * @module
 */
import { assertEquals } from "@std/assert";
import * as epollet from "../../mod.ts";
import { eventually } from "../support/descriptors.ts";
import { serving } from "../support/in_process.ts";
import { Site } from "../support/program.ts";
import { refused } from "../support/refused.ts";

/** Any values, as JavaScript programs may pass them. */
type Any = ReturnType<typeof JSON.parse>;
const hello = () => epollet.HttpResponse.text("hello");

Deno.test("a log file writes no more bytes than there are, and accepts nothing but bytes", () => {
  using site = new Site({});
  const { LogFile } = epollet as Any;
  const log = new LogFile(site.path("a.log"));
  log.open();
  class Liar extends Uint8Array<ArrayBuffer> {
    override get length(): number {
      return 100_000;
    }
  }
  refused([
    [
      () => log.write(new Uint8Array(3), 100_000),
      /The length must be a whole number from 0 to 3, not 100000/,
    ],
    [
      () => log.write(new Liar(new ArrayBuffer(3)), 4),
      /The length must be a whole number from 0 to 3, not 4/,
    ],
    [() => log.write(new Uint8Array(3), NaN), /The length .* not NaN/],
    [() => log.write(new Uint8Array(3), -1), /The length/],
    [() => log.write(new Uint8Array(3)), /The length .* not undefined/],
    [() => log.write([1, 2, 3], 3), /What is logged must be a Uint8Array, not an array/],
    [() => log.write("abc", 3), /What is logged must be a Uint8Array, not a string/],
  ]);
  assertEquals(log.write(new TextEncoder().encode("abcdef"), 3), 3);
  log.close();
  assertEquals(Deno.readTextFileSync(site.path("a.log")), "abc");
});

Deno.test("a log target that claims to have written more than it got breaks no line", async () => {
  using site = new Site({});
  const lines: string[] = [];
  let answer: unknown;
  class OwnLog extends epollet.LogFile {
    override write(bytes: Uint8Array<ArrayBuffer>, length: number): number {
      lines.push(new TextDecoder().decode(bytes.subarray(0, length)));
      return answer as number;
    }
  }
  for (answer of [1e9, Infinity, "many"]) {
    const accessLog = { format: "common", file: new OwnLog(site.path("own.log")) } as const;
    const running = serving(hello, { accessLog, keepAlive: false });
    assertEquals(await (await fetch(`${running.url}/one`)).text(), "hello");
    await eventually(() => lines.length > 0, "a line is written");
    lines.length = 0;
    assertEquals(await (await fetch(`${running.url}/two`)).text(), "hello");
    await eventually(() => lines.at(-1)?.includes("GET /two HTTP/1.1") === true, "the next line is whole");
    await running.handle.shutdown();
    lines.length = 0;
  }
});
