/**
 * HTTP/2: what clients do with the windows of their streams costs little, and holds nothing for long.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { FrameType, INT31_MAX, readUint32, Setting } from "../../server/protocols/http2/frames/frame.ts";
import { PeerSettings, settingsPayload } from "../../server/protocols/http2/frames/settings.ts";
import { handler, LARGE } from "../support/http2_handler.ts";
import { frame, getFields, headers, Http2Wire, setting, update } from "../support/http2_wire.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";

const { DATA, GOAWAY, PING, RST_STREAM, SETTINGS } = FrameType;
const { INITIAL_WINDOW_SIZE } = Setting;
const WIDE = setting(INITIAL_WINDOW_SIZE, INT31_MAX);

onAll(
  "HTTP/2: what a window holds back ends after sendTimeoutMs, whatever the client asks for meanwhile: with the window of the connection the connection, else the streams",
  async (poller) => {
    for (const isOfConnection of [true, false]) {
      await withServer({ http2: true, handler, sendTimeoutMs: 600 }, async ({ port, server }) => {
        using wire = await Http2Wire.connect(port, isOfConnection ? WIDE : setting(INITIAL_WINDOW_SIZE, 0));
        await wire.send(headers(1, getFields("/big")), headers(3, getFields("/big")));
        const startMs = Date.now();
        let isOver = false;
        const asking = (async () => { // what needs no window
          for (let stream = 5; !isOver && Date.now() - startMs < 10_000; stream += 2) {
            const ask = headers(stream, [[":method", "HEAD"], ...getFields("/a").slice(1)]);
            await wire.send(ask, frame(PING, 0, 0, new Uint8Array(8))).catch(() => isOver = true);
            await sleep(50); // 20 PINGs in a second are no trouble
          }
        })();
        const ended = [];
        for (let one = await wire.next(); one !== null && ended.length < 2; one = await wire.next()) {
          if (one.type === GOAWAY) ended.push(`GOAWAY ${readUint32(one.payload, 4)}`);
          if (one.type === RST_STREAM) ended.push(`${one.stream} ${readUint32(one.payload, 0)}`);
        }
        const tookMs = Date.now() - startMs;
        isOver = true;
        await asking;
        assert(tookMs >= 500 && tookMs < 5000, `${tookMs} ms`);
        assertEquals(ended, isOfConnection ? ["GOAWAY 0"] : ["1 8", "3 8"]);
        assertEquals(server.snapshot().http2?.streams, {});
      }, poller);
    }
  },
);

Deno.test("HTTP/2: windows that open by turns, of a stream and of the connection, end the streams as well", async () => {
  await withServer({ http2: true, handler, sendTimeoutMs: 600 }, async ({ port }) => {
    using wire = await Http2Wire.connect(port, setting(INITIAL_WINDOW_SIZE, 65_535));
    await wire.send(headers(1, getFields("/big")));
    let isOver = false;
    const dribbling = (async () => {
      for (let i = 0; !isOver && i < 100; i++) {
        await wire.send(update(i % 2, 1 + i % 2)).catch(() => isOver = true);
        await sleep(60);
      }
      return isOver;
    })();
    await wire.expect(RST_STREAM, GOAWAY);
    isOver = true;
    assert(await dribbling);
  });
});

Deno.test("HTTP/2: a client that opens the window of the connection little by little is served at that rate", async () => {
  await withServer({ http2: true, handler, sendTimeoutMs: 500, sendRateMin: 1000 }, async ({ port }) => {
    using wire = await Http2Wire.connect(port, WIDE);
    await wire.send(headers(1, getFields("/big")));
    let bytes = 0;
    while (bytes < 65_535) bytes += (await wire.expect(DATA)).payload.length;
    for (let i = 0; i < 15; i++) { // 1.5 seconds
      await sleep(100);
      await wire.send(update(0, 2000));
      const wanted = bytes + 2000;
      while (bytes < wanted) bytes += (await wire.expect(DATA)).payload.length;
    }
    await wire.send(update(0, LARGE.length));
    while (bytes < LARGE.length) bytes += (await wire.expect(DATA)).payload.length;
    assertEquals(bytes, LARGE.length);
  });
});

Deno.test("thousands of initial windows in a frame of SETTINGS change the windows of streams once", () => {
  const settings = new PeerSettings();
  const calls: number[][] = [];
  const streams = {
    widenAll(bytes: number, mostBytes: number) {
      calls.push([bytes, mostBytes]);
      return true;
    },
  };
  const take = (values: readonly number[]) => {
    const payload = settingsPayload(values.map((value) => [INITIAL_WINDOW_SIZE, value] as const));
    return settings.take(payload, 0, payload.length, streams);
  };
  assertEquals(take(Array.from({ length: 2730 }, (_, i) => i)), ErrorCode.NO_ERROR);
  assertEquals(calls, [[2729 - 65_535, 0]]);
  assertEquals(settings.initialWindowBytes, 2729);
  take([2729]);
  assertEquals(calls.length, 1, "nothing has changed");
  take([70_000, 2729]);
  assertEquals(calls.at(-1), [0, 70_000 - 2729]);
});

Deno.test("HTTP/2: an initial window that pushes a stream past 2³¹−1 is an error of the connection, also if the next one takes it back", async () => {
  for (const values of [[INT31_MAX], [INT31_MAX, 0], [0, INT31_MAX, 100]]) {
    await withServer({ http2: true, handler }, async ({ port }) => {
      using wire = await Http2Wire.connect(port, setting(INITIAL_WINDOW_SIZE, 0));
      await wire.send(headers(1, getFields("/big")), update(1, 1));
      await wire.expect(DATA);
      await wire.send(update(1, 1));
      await wire.send(update(1, 500_000));
      const more = settingsPayload(values.map((value) => [INITIAL_WINDOW_SIZE, value] as const));
      await wire.send(update(0, 1_000_000), update(1, 10_000_000), frame(SETTINGS, 0, 0, more));
      assertEquals(await wire.goAwayCode(), ErrorCode.FLOW_CONTROL_ERROR);
    });
  }
});

Deno.test("HTTP/2: a window that SETTINGS narrows below zero sends on once it is wide enough", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port, setting(INITIAL_WINDOW_SIZE, 1000));
    await wire.send(headers(1, getFields("/big")));
    assertEquals((await wire.expect(DATA)).payload.length, 1000);
    const zeroAndBack = settingsPayload([[INITIAL_WINDOW_SIZE, 5000], [INITIAL_WINDOW_SIZE, 0]]);
    await wire.send(frame(SETTINGS, 0, 0, zeroAndBack), update(1, 1000), headers(3, getFields("/big")));
    await wire.send(frame(PING, 0, 0, new Uint8Array(8)));
    await wire.expect(PING);
    assertEquals(wire.frames.filter(({ type }) => type === DATA).length, 1);
    await wire.send(update(1, 10), update(3, 20));
    assertEquals([(await wire.expect(DATA)).payload.length, (await wire.expect(DATA)).payload.length], [
      10,
      20,
    ]);
  });
});
