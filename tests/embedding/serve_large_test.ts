/**
 * `serve()` with bodies of 50 MB, in both directions, by length and in chunks, over real sockets.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Handler } from "../../server/connection/handler.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { eventually, openDescriptors } from "../support/descriptors.ts";
import { serving, servingFetch } from "../support/in_process.ts";
import { sleep } from "../support/sleep.ts";
import { Wire } from "../support/wire.ts";

const TOTAL = 50_000_000;
const data = new Uint8Array(TOTAL);
for (let i = 0; i < TOTAL; i += 4096) data[i] = i >> 12; // cheap, and no two pages are the same
const digest = await sha(data);

async function sha(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), (byte) => byte.toString(16))
    .join();
}

const settings = { bodyBytesMax: TOTAL };

const digested: Handler = async (request) => HttpResponse.text(await sha(await request.bytes()));

Deno.test("an upload of 50 MB with Content-Length reaches the handler unchanged", async () => {
  await using server = serving(digested, settings);
  using wire = await Wire.connect(server.port);
  await wire.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${TOTAL}\r\n\r\n`);
  await wire.send(data);
  assertEquals((await wire.expect()).text, digest);
  assertEquals(server.errors, []);
});

Deno.test(
  "an upload of 50 MB in chunks of all sizes does, too, even if the handler is slow",
  async () => {
    await using server = serving(async (request) => {
      const whole = new Uint8Array(TOTAL);
      let at = 0;
      let pieces = 0;
      for await (const piece of request.body!) {
        whole.set(piece, at);
        at += piece.length;
        if (++pieces % 500 === 0) await sleep(1);
      }
      return HttpResponse.text(await sha(whole));
    }, settings);
    const response = await fetch(server.url, {
      method: "POST",
      body: new ReadableStream({
        start: (controller) => {
          let size = 1;
          for (let at = 0; at < TOTAL; at += size) {
            size = Math.min(size * 3 + 1, 1_000_000);
            controller.enqueue(data.subarray(at, at + size));
          }
          controller.close();
        },
      }),
    });
    assertEquals(await response.text(), digest);
  },
);

Deno.test("a download of 50 MB as a stream, with Content-Length and in chunks, arrives unchanged", async () => {
  const before = openDescriptors();
  {
    await using server = serving((request) => {
      let at = 0;
      const stream = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          const size = 1 + at % 300_000;
          if (at >= TOTAL) return controller.close();
          controller.enqueue(data.subarray(at, at + size));
          at += size;
        },
      });
      return new HttpResponse(200, [], request.path === "/known" ? { stream, length: TOTAL } : stream);
    });
    for (const path of ["/known", "/chunked"]) {
      const response = await fetch(server.url + path);
      const bytes = new Uint8Array(await response.arrayBuffer());
      assertEquals([bytes.length, await sha(bytes)], [TOTAL, digest]);
    }
    assertEquals(server.errors, []);
  }
  await eventually(() => openDescriptors() <= before, "descriptors");
});

Deno.test("an echo of 50 MB through fromFetch: full duplex, bounded", async () => {
  await using server = servingFetch((request) => new Response(request.body), settings);
  using wire = await Wire.connect(server.port);
  await wire.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${TOTAL}\r\nConnection: close\r\n\r\n`);
  const sending = wire.send(data);
  let received = 0;
  for (let part = await wire.some(); part !== null; part = await wire.some()) received += part.length;
  await sending;
  assert(received > TOTAL && received < TOTAL * 1.01, `${received} bytes came back`);
});
