/**
 * Floods of HTTP/2: a client that causes trouble is sent away, and work on the requests that it has left ends. At full size:
 * `deno task attack http2`.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { floodBytes, HTTP2_FLOODS, type Http2Flood } from "../attacks/http2_floods.ts";
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { Flag, FrameType, Setting } from "../../server/protocols/http2/frames/frame.ts";
import { concat } from "../../server/http/bytes.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { handler, LARGE, textOf, working } from "../support/http2_handler.ts";
import { getFields, headers, Http2Wire, reset, setting, update } from "../support/http2_wire.ts";
import { local } from "../support/tls_serving.ts";
import { withServer } from "../support/serving.ts";
import { eventually } from "../support/waiting.ts";

const { DATA } = FrameType;
const ROUNDS = 500;

async function isServed(port: number): Promise<void> {
  using other = await Http2Wire.connect(port);
  await other.send(headers(1, getFields("/after")));
  assertEquals(textOf((await other.response(1))?.body), "hello /after");
}

/** Connects by TLS. */
async function secure(port: number): Promise<Http2Wire> {
  const options = { port, hostname: "localhost", caCerts: [local.cert], alpnProtocols: ["h2"] };
  return await Http2Wire.over(await Deno.connectTls(options));
}

/**
 * Sends a flood's frames until the server has ended the connection. Returns the code of its GOAWAY. All are sent at once: on a
 * busy machine the budget would grow between them.
 */
async function flooded(connected: Promise<Http2Wire>, flood: Http2Flood): Promise<number> {
  using wire = await connected;
  const bytes = floodBytes(flood, ROUNDS).subarray(floodBytes({ round: () => [] }, 0).length);
  const sending = wire.send(bytes).catch(() => {});
  const code = await wire.goAwayCode();
  await sending;
  return code;
}

for (const flood of HTTP2_FLOODS.filter(({ codes }) => codes.length > 0)) {
  Deno.test(`a flood ends the connection, and what it has begun: ${flood.name}`, async () => {
    await withServer({ http2: true, handler }, async ({ port, errors }) => {
      working.begun = working.now = 0;
      const code = await flooded(Http2Wire.connect(port), flood);
      assert(flood.codes.includes(code), `GOAWAY has ${code}`);
      if (flood.abandons) assert(working.begun > 0);
      await eventually(() => working.now === 0, () => `${working.now} handlers still work`);
      await isServed(port);
      assertEquals(errors, []);
    });
  });
}

Deno.test("floods end connections over TLS, too", async () => {
  await withServer({ http2: true, handler, tls: local }, async ({ port, errors }) => {
    for (
      const name of [
        "rapid reset of a long work",
        "PING, unread",
        "a window dribble of a stream",
        "empty DATA",
      ]
    ) {
      const flood = HTTP2_FLOODS.find((flood) => flood.name === name)!;
      assertEquals(await flooded(secure(port), flood), ErrorCode.ENHANCE_YOUR_CALM, name);
    }
    await eventually(() => working.now === 0, () => `${working.now} handlers still work`);
    using other = await secure(port);
    await other.send(headers(1, getFields("/after")));
    assertEquals(textOf((await other.response(1))?.body), "hello /after");
    assertEquals(errors, []);
  });
});

Deno.test("responses that break off in the server do not count as the client's trouble", async () => {
  const broken = () => {
    const pull = (controller: ReadableStreamDefaultController) => controller.error(new Error("no more"));
    const start = (controller: ReadableStreamDefaultController) => controller.enqueue(new Uint8Array(10));
    return new HttpResponse(200, [], new ReadableStream({ start, pull }, { highWaterMark: 0 }));
  };
  await withServer({ http2: true, handler: broken }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    for (let first = 1; first < 2 * 1500; first += 2 * 50) {
      const streams = Array.from({ length: 50 }, (_, i) => first + 2 * i);
      await wire.send(concat(streams.map((stream) => headers(stream, getFields("/")))));
      for (let ended = 0; ended < streams.length;) {
        const { type } = await wire.expect(FrameType.RST_STREAM, FrameType.GOAWAY);
        assert(type !== FrameType.GOAWAY, `${first}: sent away`);
        ended++;
      }
    }
  });
});

Deno.test("a client that answers each DATA frame by two WINDOW_UPDATEs, also of streams that have ended, is not sent away", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    // Some at a time: from one turn of the server to the next the budget grows, and the test takes longer.
    const STREAMS = Array.from({ length: 10 }, (_, i) => 2 * i);
    for (let first = 1; first < 2001; first += 2 * STREAMS.length) {
      const streams = STREAMS.map((more) => first + more);
      await wire.send(
        concat(streams.flatMap((stream) => [headers(stream, getFields("/a")), update(stream, 1_000_000)])),
      );
      for (let ended = 0; ended < streams.length;) {
        const { stream, flags, payload } = await wire.expect(DATA);
        if (flags & Flag.END_STREAM) ended++;
        if (payload.length > 0) await wire.send(update(stream, payload.length), update(0, payload.length));
      }
    }
    await wire.send(headers(3001, getFields("/big")), headers(3003, getFields("/big")));
    let left = 2 * LARGE.length;
    while (left > 0) {
      const { stream, payload } = await wire.expect(DATA);
      left -= payload.length;
      await wire.send(update(stream, payload.length), update(0, payload.length));
    }
  });
});

Deno.test("a client that takes large responses at once, and then widens their windows for every 4 KiB, is not sent away", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port, setting(Setting.INITIAL_WINDOW_SIZE, 2 * LARGE.length));
    const streams = [1, 3, 5, 7];
    const bytes = streams.length * LARGE.length;
    await wire.send(update(0, bytes), ...streams.map((stream) => headers(stream, getFields("/big"))));
    for (let left = bytes; left > 0;) left -= (await wire.expect(DATA)).payload.length;
    const updates = streams.flatMap((stream) =>
      Array.from({ length: LARGE.length / 4096 }, () => update(stream, 4096))
    );
    await wire.send(...updates, headers(9, getFields("/after")));
    assertEquals(textOf((await wire.response(9))?.body), "hello /after");
  });
});

Deno.test("a client that leaves a page with a hundred requests, and does something else, is not sent away", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    const ids = Array.from({ length: 100 }, (_, i) => 1 + 2 * i);
    for (const id of ids) await wire.send(headers(id, getFields("/never")));
    await wire.send(
      ...ids.map((id) => reset(id)),
      ...ids.slice(0, 50).map((id) => headers(id + 200, getFields("/never"))),
    );
    await wire.send(...ids.slice(0, 50).map((id) => reset(id + 200)), headers(401, getFields("/after")));
    assertEquals(textOf((await wire.response(401))?.body), "hello /after");
  });
});
