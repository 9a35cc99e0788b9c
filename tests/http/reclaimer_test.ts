/**
 * Memory that a cache has released: when it is freed, and when it must not be.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { BodyMemory, bodyMemory } from "../../server/http/body_memory.ts";
import { bytesWithHeadRoom } from "../../server/http/head_room.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { staticHandler } from "../../handlers/static.ts";
import { serving } from "../support/in_process.ts";
import { Site } from "../support/program.ts";
import { Random, SEED } from "../support/random.ts";
import { sleep } from "../support/sleep.ts";
import { eventually } from "../support/waiting.ts";
import { get, Wire } from "../support/wire.ts";

const QUIET = true;
const PENDING = false;

function memoryThatReclaims(): BodyMemory {
  const memory = new BodyMemory();
  memory.reclaimer.isOn = true;
  return memory;
}

Deno.test("memory that a cache drops is freed in the next turn when no response is promised", () => {
  const memory = memoryThatReclaims();
  const bytes = new Uint8Array(1000);
  memory.keep(bytes);
  memory.drop(bytes);
  assertEquals([bytes.length, memory.reclaimer.bytes], [1000, 1000]);
  memory.reclaimer.run(1, QUIET);
  assertEquals([bytes.length, memory.reclaimer.bytes], [0, 0]);
});

Deno.test("while a response is promised, memory is freed after three rounds of Deno's own loop", () => {
  const memory = memoryThatReclaims();
  const bytes = new Uint8Array(1000);
  memory.reclaimer.run(1, PENDING);
  memory.keep(bytes);
  memory.drop(bytes);
  for (const round of [1, 1, 2, 2, 3, 3]) {
    memory.reclaimer.run(round, PENDING);
    assertEquals(bytes.length, 1000, `round ${round}`);
  }
  memory.reclaimer.run(4, PENDING);
  assertEquals(bytes.length, 0);
});

Deno.test("memory that came back to a cache and left it again is freed three rounds after that", () => {
  const memory = memoryThatReclaims();
  const bytes = new Uint8Array(1000);
  memory.reclaimer.run(1, PENDING);
  memory.keep(bytes);
  memory.drop(bytes);
  memory.reclaimer.run(3, PENDING);
  memory.keep(bytes);
  memory.drop(bytes);
  for (const round of [4, 5]) {
    memory.reclaimer.run(round, PENDING);
    assertEquals([bytes.length, memory.reclaimer.bytes], [1000, 1000], `round ${round}`);
  }
  memory.reclaimer.run(6, PENDING);
  assertEquals([bytes.length, memory.reclaimer.bytes], [0, 0]);
});

Deno.test("a body with room before it gets its head there, once", () => {
  const body = bytesWithHeadRoom(100_000).fill(7);
  const first = new HttpResponse(200, [], body);
  assert(first.bytes.buffer === body.buffer);
  const second = new HttpResponse(200, [["X-Other", "1"]], body);
  const large = new HttpResponse(200, [["X-Large", "x".repeat(2000)]], bytesWithHeadRoom(100_000).fill(7));
  const part = new HttpResponse(206, [], bytesWithHeadRoom(100_000).fill(7).subarray(0, 1000));
  for (const response of [first, second, large, part]) {
    const text = new TextDecoder().decode(response.bytes);
    const length = response === part ? 1000 : 100_000;
    assert(text.startsWith(`HTTP/1.1 ${response.status} `) && text.includes(`Content-Length: ${length}\r\n`));
    assertEquals(text.slice(response.headLength), "\x07".repeat(length));
    if (response !== first) assert(response.bytes.buffer !== body.buffer);
  }
});

Deno.test("memory that a client holds is freed when the client releases it; memory that is cached again, that no cache had, or that is not reclaimed, is not", () => {
  const memory = memoryThatReclaims();
  const [held, again, own] = [new Uint8Array(1000), new Uint8Array(2000), new Uint8Array(3000)] as const;
  for (const bytes of [held, again]) memory.keep(bytes);
  for (const bytes of [held, own]) memory.hold(bytes);
  for (const bytes of [held, again]) memory.drop(bytes);
  memory.keep(again);
  memory.release(own);
  memory.reclaimer.run(1, QUIET);
  assertEquals([held.length, again.length, own.length], [1000, 2000, 3000]);
  memory.release(held);
  memory.reclaimer.run(1, QUIET);
  assertEquals([held.length, again.length, own.length], [0, 2000, 3000]);
  memory.reclaimer.isOn = false;
  memory.drop(again);
  memory.reclaimer.run(9, QUIET);
  assertEquals(again.length, 2000);
});

Deno.test("a library's caller may keep the responses of its static handler for as long as it likes", async () => {
  using site = new Site({ "a.txt": "a".repeat(1000), "b.txt": "b".repeat(1000) });
  const handler = staticHandler({ root: site.root, cacheSize: 4000 });
  let kept: HttpResponse | null = null;
  {
    await using server = serving((request, context) => {
      if (request.path === "/kept") return kept!;
      const response = handler(request, context) as HttpResponse;
      kept ??= response;
      return response;
    });
    using wire = await Wire.connect(server.port);
    for (const path of ["/a.txt", "/b.txt", "/b.txt", "/kept"]) {
      await wire.send(get(path));
      assertEquals((await wire.expect()).text, (path === "/b.txt" ? "b" : "a").repeat(1000));
    }
  }
  handler.close();
});

Deno.test("fast and slow clients get every byte, whatever leaves the cache and is freed meanwhile", async () => {
  const random = new Random();
  const files = Array.from({ length: 12 }, (_, i) => {
    const words = Array.from({ length: 4000 }, () => `${i}-${random.below(500)}`);
    return words.join(" ").repeat(1 + random.below(6));
  });
  using site = new Site(Object.fromEntries(files.map((text, i) => [`f${i}.txt`, text])));
  const handler = staticHandler({ root: site.root, cacheSize: 300_000, compress: true, compressLevel: 6 });
  let freed = 0;
  const { reclaimer } = bodyMemory;
  const transfer = ArrayBuffer.prototype.transfer;
  ArrayBuffer.prototype.transfer = function (size) {
    freed++;
    return transfer.call(this, size);
  };
  reclaimer.isOn = true;
  try {
    await using server = serving((request, context) => handler(request, context));
    const client = async () => {
      for (let asked = 0; asked < 60; asked++) {
        const file = random.below(files.length);
        const from = random.below(files[file]!.length);
        const headers: Record<string, string> = {
          "Accept-Encoding": random.pick(["gzip", "br", "gzip, br", "identity"]), // fetch decodes no zstd,
          ...random.oneIn(5)
            ? { Range: `bytes=${from}-` }
            : random.oneIn(5)
            ? { Range: `bytes=0-9,${from}-` }
            : {},
        };
        const url = `http://127.0.0.1:${server.port}/f${file}.txt`;
        const response = await fetch(url, { headers });
        let text = "";
        for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
          text += part;
          if (random.oneIn(4)) await sleep(random.below(20));
        }
        const told = `${url} ${JSON.stringify(headers)} ${response.status}, seed ${SEED}`;
        if (response.status === 200) assert(text === files[file], told);
        else if (headers.Range!.includes(",")) assert(text.includes(files[file]!.slice(from)), told);
        else assert(text === files[file]!.slice(from), told);
      }
    };
    await Promise.all(Array.from({ length: 12 }, client));
    assertEquals(server.errors, []);
    await eventually(() => bodyMemory.bytes === 0, `${bodyMemory.bytes} bytes are still held`);
  } finally {
    reclaimer.isOn = false;
    ArrayBuffer.prototype.transfer = transfer;
    handler.close();
  }
  assert(freed > 100, `${freed} buffers were freed`);
});
