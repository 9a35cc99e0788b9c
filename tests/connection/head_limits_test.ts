/**
 * Limits of a head's length and number of fields: exact to the byte, however the head is cut, set by options, by
 * flags, and by a reload.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Handler } from "../../server/connection/handler.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { Read, RequestReader } from "../../server/protocols/http1/request_reader.ts";
import { serve } from "../../server/serve.ts";
import type { ServerSettings } from "../../server/server_options.ts";
import { Input } from "../../server/connection/input.ts";
import { Buffers } from "../../server/connection/buffers.ts";
import { serving } from "../support/in_process.ts";
import { Program, programCommand, runProgram, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { eventually } from "../support/waiting.ts";
import { Wire, type WireResponse } from "../support/wire.ts";

const KIB = 1024;

/** Returns a head of exactly `bytes` bytes, with `fields` fields in all. */
function headOf(bytes: number, fields = 2, line = "GET / HTTP/1.1"): string {
  const others = Array.from({ length: fields - 2 }, (_, i) => `X-${i}: ${i}\r\n`).join("");
  const begin = `${line}\r\nHost: a\r\n${others}X-Long: `;
  return `${begin}${"v".repeat(bytes - begin.length - 4)}\r\n\r\n`;
}

/** Returns a head with `count` fields. */
function fieldsOf(count: number, line = "GET / HTTP/1.1"): string {
  const others = Array.from({ length: count - 1 }, (_, i) => `X-${i}: ${i}\r\n`).join("");
  return `${line}\r\nHost: a\r\n${others}\r\n`;
}

/** Returns the response to bytes that are sent in pieces of this size, one after the other. */
async function answerTo(port: number, bytes: string, piece = Infinity): Promise<WireResponse> {
  using wire = await Wire.connect(port);
  for (let at = 0; at < bytes.length; at += piece) {
    await wire.send(bytes.slice(at, at + piece));
    if (piece < bytes.length) await sleep(0);
  }
  return await wire.expect();
}

/** Answers with the length of the head, and its number of fields. */
const measure: Handler = (request) => {
  const fields = Array.from(request.headers());
  const long = request.header("x-long") ?? "";
  return HttpResponse.text(`${fields.length} ${long.length} ${request.body === null ? "" : "body"}`);
};

Deno.test("a head may be as long as headBytesMax says, to the byte, in one piece or in many", async () => {
  for (const headBytesMax of [KIB, 5000, 16 * KIB, 16 * KIB + 1, 64 * KIB, 1024 * KIB]) {
    await using server = serving(measure, { headBytesMax });
    for (const piece of [Infinity, 16 * KIB, Math.ceil(headBytesMax / 7)]) {
      const whole = await answerTo(server.port, headOf(headBytesMax), piece);
      assertEquals([whole.status, whole.text.split(" ")[0]], [200, "2"], `${headBytesMax} in ${piece}`);
      assertEquals(whole.text.split(" ")[1], String(headBytesMax - headOf(100).indexOf("v") - 4));
      const longer = await answerTo(server.port, headOf(headBytesMax + 1), piece);
      assertEquals(longer.status, 431, `${headBytesMax} in ${piece}`);
    }
  }
});

Deno.test("a long head in small pieces, each with a line end, does not take quadratic time", () => {
  const line = `X: ${"v".repeat(95)}\r\n`;
  const headOfLines = (bytes: number) =>
    `GET / HTTP/1.1\r\nHost: a\r\n${line.repeat((bytes - 40) / line.length | 0)}\r\n`;
  const limits = { headBytesMax: 1024 * KIB, fieldsMax: 10_000, bodyBytesMax: 0 };
  const timeOf = (bytes: number): number => {
    const head = encodeUtf8(headOfLines(bytes));
    const [input, buffers] = [new Input(), new Buffers(1)];
    const reader = new RequestReader(input);
    const startMs = performance.now();
    let found: number = Read.INCOMPLETE;
    for (let at = 0, turn = 0; at < head.length; at += line.length, turn++) {
      assertEquals(found, Read.INCOMPLETE);
      const slot = buffers.takeSlot(turn)!;
      const piece = head.subarray(at, at + line.length);
      slot.bytes.set(piece);
      input.take(buffers, slot, piece.length, true);
      found = reader.read(buffers, limits);
      input.keep();
    }
    assertEquals([found, buffers.request.fieldCount > bytes / line.length - 3], [Read.REQUEST, true]);
    return performance.now() - startMs;
  };
  timeOf(64 * KIB);
  const short = Math.min(timeOf(128 * KIB), timeOf(128 * KIB), timeOf(128 * KIB));
  const long = Math.min(timeOf(900 * KIB), timeOf(900 * KIB)); // quadratic time would be 49 times as much
  assert(long < short * 25, `${short} ms and ${long} ms`);
});

Deno.test("a head may have as many fields as fieldsMax says, and no more; also one that is found in the cache", async () => {
  for (const fieldsMax of [1, 5, 99, 100, 101, 1000, 10_000]) {
    await using server = serving(measure, { fieldsMax, headBytesMax: 1024 * KIB });
    for (let round = 0; round < 3; round++) {
      const most = await answerTo(server.port, fieldsOf(fieldsMax));
      assertEquals([most.status, most.text.split(" ")[0]], [200, String(fieldsMax)]);
      assertEquals((await answerTo(server.port, fieldsOf(fieldsMax + 1))).status, 431, String(fieldsMax));
    }
  }
});

Deno.test("requests with bodies, and requests to slow handlers, keep all of their fields", async () => {
  const fields = 700;
  const seen: string[] = [];
  const slow: Handler = async (request) => {
    const text = request.body === null ? "" : await request.text();
    await sleep(5);
    return HttpResponse.text(
      `${request.header(`x-${fields - 2}`)} ${Array.from(request.headers()).length} ${text}`,
    );
  };
  const settings: ServerSettings = {
    fieldsMax: fields,
    headBytesMax: 64 * KIB,
    onError: (line) => seen.push(line),
  };
  await using server = serving(slow, settings);
  const head = fieldsOf(fields - 1, "POST / HTTP/1.1").replace(/\r\n\r\n$/, "\r\nContent-Length: 5\r\n\r\n");
  const answers = await Promise.all(
    Array.from(
      { length: 8 },
      (_, i) => answerTo(server.port, `${head}body${i}`, i % 2 === 0 ? Infinity : 3000),
    ),
  );
  assertEquals(
    answers.map(({ text }) => text),
    answers.map((_, i) => `undefined ${fields} body${i}`.replace("undefined", String(null))),
  );
  assertEquals(seen, []);
});

Deno.test("reconfigure sets both for the next request, on existing connections as well", async () => {
  await using server = serving(measure, {});
  using wire = await Wire.connect(server.port);
  const ask = async (request: string) => {
    await wire.send(request);
    return (await wire.expect()).status;
  };
  assertEquals(await ask(fieldsOf(50)), 200);
  assertEquals(await ask(fieldsOf(50)), 200); // found in the cache from now on
  assertEquals(await ask(fieldsOf(50)), 200);
  server.handle.reconfigure({ fieldsMax: 300, headBytesMax: 100 * KIB });
  await eventually(async () => (await answerTo(server.port, fieldsOf(300))).status === 200, "more fields");
  assertEquals(await ask(headOf(100 * KIB, 300)), 200);
  server.handle.reconfigure({ fieldsMax: 49, headBytesMax: 2 * KIB });
  await eventually(async () => (await answerTo(server.port, fieldsOf(50))).status === 431, "fewer fields");
  assertEquals((await answerTo(server.port, headOf(2 * KIB + 1))).status, 431);
  assertEquals(await ask(headOf(2 * KIB)), 200);
  assertEquals(await ask(fieldsOf(50)), 431);
});

Deno.test("a bad limit is refused by name, and nothing listens", () => {
  const options = (limits: object) => ({ port: 0, hostname: "127.0.0.1", handler: measure, ...limits });
  const refused: [object, typeof RangeError | typeof TypeError, string][] = [
    [{ headBytesMax: 1023 }, RangeError, "headBytesMax must be at least 1024, not 1023"],
    [
      { headBytesMax: 1024 * KIB + 1 },
      RangeError,
      "headBytesMax must be a whole number from 1024 to 1048576",
    ],
    [{ headBytesMax: Infinity }, RangeError, "headBytesMax must be a whole number"],
    [{ headBytesMax: 2048.5 }, RangeError, "headBytesMax must be a whole number"],
    [{ headBytesMax: "64K" }, TypeError, "headBytesMax must be a number"],
    [{ fieldsMax: 0 }, RangeError, "fieldsMax must be at least 1, not 0"],
    [{ fieldsMax: 1.5 }, RangeError, "fieldsMax must be a whole number from 1 to 10000, not 1.5"],
    [{ fieldsMax: 10_001 }, RangeError, "fieldsMax must be a whole number from 1 to 10000"],
  ];
  for (const [limits, kind, message] of refused) assertThrows(() => serve(options(limits)), kind, message);
});

Deno.test("--max-head and --max-fields, their keys and a reload set the same, and the log shows the whole request", async () => {
  using site = new Site({
    "html/index.html": "hello",
    "c.json": '{ "root": "html", "maxHead": "64K", "maxFields": 500 }',
  });
  const log = site.path("access.log");
  const command = programCommand([
    "-a",
    "127.0.0.1",
    "-p",
    "0",
    "--config",
    "c.json",
    "--access-log-file",
    log,
  ]);
  await using program = await Program.startCommand(command, site.root);
  const long = headOf(64 * KIB, 500).replace("X-Long", "Referer");
  assertEquals((await answerTo(program.port, long.replace("vv", "v"))).status, 200); // Referer is one letter longer
  assertEquals((await answerTo(program.port, headOf(64 * KIB + 1))).status, 431);
  assertEquals((await answerTo(program.port, fieldsOf(501))).status, 431);
  await eventually(() => Deno.readTextFileSync(log).includes(`"${"v".repeat(50_000)}`), "the whole line");
  site.write("c.json", '{ "root": "html", "maxHead": 2048, "maxFields": 10 }');
  Deno.kill(program.pid, "SIGHUP");
  await eventually(async () => (await answerTo(program.port, fieldsOf(11))).status === 431, "the reload");
  assertEquals((await answerTo(program.port, headOf(2048, 10))).status, 200);
  assertEquals((await answerTo(program.port, headOf(2049))).status, 431);
  const { code, stdout } = await runProgram(
    ["html", "--check", "--max-head=32K", "--max-fields=7"],
    site.root,
  );
  const { maxHead, maxFields } = JSON.parse(stdout);
  assertEquals([code, maxHead, maxFields], [0, "32K", 7]);
});
