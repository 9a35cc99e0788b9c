/**
 * HTTP/2 with prior knowledge: requests, bodies, windows, streams, and the end.
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Handler, HttpResponse } from "../../mod.ts";
import { bodyMemory } from "../../server/http/body_memory.ts";
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { Flag, FrameType, readUint32 } from "../../server/protocols/http2/frames/frame.ts";
import { frame, getFields, headers, Http2Wire, post, setting, update } from "../support/http2_wire.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { eventually } from "../support/waiting.ts";

const { DATA, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, RST_STREAM, HEADERS } = FrameType;
const LARGE = "0123456789".repeat(100_000);
const signals: AbortSignal[] = [];

const handler: Handler = (request, context) => {
  const { path } = request;
  if (path === "/large") return HttpResponse.text(LARGE);
  if (path === "/later") return sleep(20).then(() => HttpResponse.text("later"));
  if (path === "/body") return request.bytes().then((bytes) => HttpResponse.text(`${bytes.length}`));
  if (path === "/never") {
    signals.push(context.signal);
    return new Promise(() => {});
  }
  if (path === "/stream") {
    const pieces = Array.from({ length: 50 }, (_, i) => new TextEncoder().encode(`piece ${i};`.repeat(300)));
    return new HttpResponse(200, [], { stream: ReadableStream.from(pieces), length: null });
  }
  if (path === "/head") return HttpResponse.text("not sent, 14 B");
  if (path === "/throws") throw new Error("on purpose");
  return HttpResponse.text(`hello ${path} ${request.header("x-own") ?? ""}`);
};

const textOf = (body: Uint8Array | undefined) => new TextDecoder().decode(body);

onAll("HTTP/2: small and large answers, at once and later, many at once", async (poller) => {
  await withServer({ http2: true, handler }, async ({ port, errors }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(update(0, 10_000_000), headers(1, getFields("/a", ["x-own", "yes"])));
    const first = (await wire.response(1))!;
    assertEquals([first.fields[":status"], textOf(first.body)], ["200", "hello /a yes"]);
    assertEquals(first.fields["content-length"], "12");
    for (const name of ["connection", "keep-alive", "transfer-encoding"]) {
      assertEquals(first.fields[name], undefined);
    }
    assert(/GMT$/.test(first.fields["date"]!));
    const paths = ["/later", "/b", "/stream", "/c", "/later"];
    await wire.send(...paths.map((path, i) => headers(3 + 2 * i, getFields(path))));
    const ended = new Map<number, string>();
    const bodies = new Map<number, string>();
    while (ended.size < paths.length) {
      const { type, flags, stream, payload } = (await wire.next())!;
      if (type === HEADERS) ended.delete(stream);
      if (type === DATA) bodies.set(stream, (bodies.get(stream) ?? "") + textOf(payload));
      if (type === DATA && flags & Flag.END_STREAM) ended.set(stream, bodies.get(stream)!);
      if (type === DATA) await wire.send(update(stream, 65_535));
    }
    assertEquals([ended.get(3), ended.get(5), ended.get(9)], ["later", "hello /b ", "hello /c "]);
    assertEquals(ended.get(7)!.length, 50 * 300 * 8 + 40 * 300);
    assertEquals(errors, []);
  }, poller);
});

onAll("HTTP/2: a large answer keeps within the windows, and goes on when they widen", async (poller) => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port, setting(4, 1000));
    await wire.send(headers(1, getFields("/large")));
    let received = "";
    const take = async (until: number) => {
      while (received.length < until) received += textOf((await wire.expect(DATA)).payload);
      await sleep(10);
    };
    await take(1000);
    assertEquals(received.length, 1000);
    await wire.send(update(1, 5000));
    await take(6000);
    await wire.send(setting(4, 0)); // narrows the window by 1,000, below zero
    await wire.send(update(1, 500));
    await wire.expect(SETTINGS);
    await sleep(20);
    await wire.send(update(1, 501));
    await take(6001);
    assertEquals(received.length, 6001);
    await wire.send(update(1, 2_000_000), update(0, 2_000_000));
    await take(LARGE.length);
    assertEquals(received, LARGE);
  }, poller);
});

Deno.test("HTTP/2: HEAD, errors of handlers, heads that are too large, methods that are refused", async () => {
  await withServer({ http2: true, handler }, async ({ port, errors }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, [[":method", "HEAD"], ...getFields("/head").slice(1)]));
    const head = (await wire.response(1))!;
    assertEquals([head.fields["content-length"], head.body.length], ["14", 0]);
    await wire.send(headers(3, getFields("/throws")));
    assertEquals((await wire.response(3))?.fields[":status"], "500");
    assertEquals(errors.length, 1);
    await wire.send(headers(5, getFields("/", ["x", "y".repeat(15_000)], ["z", "y".repeat(1500)])));
    assertEquals((await wire.response(5))?.fields[":status"], "431");
    await wire.send(headers(7, [[":method", "CONNECT"], [":authority", "a.test:443"]]));
    assertEquals((await wire.response(7))?.fields[":status"], "501");
  });
});

onAll("HTTP/2: bodies of requests arrive whole, with back-pressure, padding and trailers", async (poller) => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(post(1, "/body", ["content-length", "40000"]));
    for (let i = 0; i < 4; i++) await wire.send(frame(DATA, i === 3 ? 1 : 0, 1, new Uint8Array(10_000)));
    assertEquals(textOf((await wire.response(1))?.body), "40000");
    await wire.send(post(3, "/body"), frame(DATA, Flag.PADDED, 3, [3, 1, 2, 0, 0, 0]));
    await wire.send(headers(3, [["x-checksum", "1"]]));
    assertEquals(textOf((await wire.response(3))?.body), "2");
    await wire.send(post(5, "/body", ["expect", "100-continue"]));
    const hundred = await wire.expect(HEADERS);
    assertEquals([wire.decode(hundred.payload)[":status"], hundred.flags & Flag.END_STREAM], ["100", 0]);
    await wire.send(frame(DATA, 1, 5, new Uint8Array(7)));
    assertEquals(textOf((await wire.response(5))?.body), "7");
    // 500 KB, within the windows that the server returns
    await wire.send(post(7, "/body"));
    let window = 65_535;
    for (let left = 500_000; left > 0;) {
      while (window === 0) {
        const { stream, payload } = await wire.expect(WINDOW_UPDATE);
        if (stream === 7) window += readUint32(payload, 0);
      }
      const count = Math.min(left, window, 16_384);
      left -= count;
      window -= count;
      await wire.send(frame(DATA, left === 0 ? 1 : 0, 7, new Uint8Array(count)));
    }
    assertEquals(textOf((await wire.response(7))?.body), "500000");
    await wire.send(post(9, "/body", ["content-length", "2000000"]));
    assertEquals((await wire.response(9))?.fields[":status"], "413");
  }, poller);
});

Deno.test("HTTP/2: RST_STREAM aborts the signal of the request, and other streams go on", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    signals.length = 0;
    await wire.send(headers(1, getFields("/never")), headers(3, getFields("/later")));
    await eventually(() => signals.length === 1, "the handler is called");
    assertEquals(signals[0]!.aborted, false);
    await wire.send(frame(RST_STREAM, 0, 1, [0, 0, 0, ErrorCode.CANCEL]));
    await eventually(() => signals[0]!.aborted, "the signal is aborted");
    assertEquals(textOf((await wire.response(3))?.body), "later");
  });
});

Deno.test("HTTP/2: PING is answered, unknown frames and settings are ignored, a smaller table is acknowledged", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(
      frame(0xee, 0xff, 99, [1, 2, 3]),
      setting(0xeeee, 7),
      frame(PING, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]),
    );
    const pong = await wire.expect(PING);
    assertEquals([pong.flags, ...pong.payload], [Flag.ACK, 1, 2, 3, 4, 5, 6, 7, 8]);
    await wire.send(setting(1, 0), headers(1, getFields("/")));
    const head = await wire.expect(HEADERS);
    assertEquals(head.payload[0], 0x20, "a dynamic table size update");
    await wire.send(headers(3, getFields("/")));
    assert((await wire.expect(HEADERS)).payload[0] !== 0x20);
  });
});

Deno.test("HTTP/2: more streams than announced are refused, and may be tried again", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    for (let i = 0; i < 101; i++) await wire.send(headers(1 + 2 * i, getFields("/never")));
    const refused = await wire.expect(RST_STREAM);
    assertEquals([refused.stream, readUint32(refused.payload, 0)], [201, ErrorCode.REFUSED_STREAM]);
    await wire.send(frame(RST_STREAM, 0, 1, [0, 0, 0, 8]), headers(203, getFields("/a")));
    assertEquals(textOf((await wire.response(203))?.body), "hello /a ");
  });
});

Deno.test("HTTP/2: who resets, pings or sends nothing all the time is sent away, and others are served", async () => {
  const floods: Record<string, (i: number) => Uint8Array[]> = {
    "rapid reset": (
      i,
    ) => [headers(1 + 2 * i, getFields("/never")), frame(RST_STREAM, 0, 1 + 2 * i, [0, 0, 0, 8])],
    pings: () => [frame(PING, 0, 0, new Uint8Array(8))],
    settings: () => [setting(3, 5)],
    "empty data": (i) => i === 0 ? [post(1, "/body")] : [frame(DATA, 0, 1)],
    "made-you-reset by WINDOW_UPDATE": (i) => [post(1 + 2 * i, "/never"), update(1 + 2 * i, 0)],
    priorities: () => [frame(FrameType.PRIORITY, 0, 1, [0, 0, 0, 3, 1])],
    "windows of closed streams": (i) => i === 0 ? [headers(1, getFields("/"))] : [update(1, 1)],
  };
  await withServer({ http2: true, handler }, async ({ port }) => {
    for (const [name, make] of Object.entries(floods)) {
      using wire = await Http2Wire.connect(port);
      const sending = (async () => {
        for (let i = 0; i < 400; i++) await wire.send(...make(i));
      })().catch(() => {});
      assertEquals(await wire.goAwayCode(), ErrorCode.ENHANCE_YOUR_CALM, name);
      await sending;
      using other = await Http2Wire.connect(port);
      await other.send(headers(1, getFields("/after")));
      assertEquals(textOf((await other.response(1))?.body), "hello /after ");
    }
  });
});

Deno.test("HTTP/2: a preface that is none, and a silent client, get GOAWAY and the end", async () => {
  await withServer(
    { http2: true, handler, headTimeoutMs: 100, keepAliveTimeoutMs: 100 },
    async ({ port }) => {
      using idle = await Http2Wire.connect(port);
      await idle.send(headers(1, getFields("/a")));
      assertEquals(textOf((await idle.response(1))?.body), "hello /a ");
      assertEquals(await idle.goAwayCode(), ErrorCode.NO_ERROR);
      const plain = await Deno.connect({ port });
      await plain.write(new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"));
      const bytes = new Uint8Array(await new Response(plain.readable).arrayBuffer());
      assertStringIncludes(Array.from(bytes).join(), [0, 0, 8, GOAWAY, 0, 0, 0, 0, 0].join());
    },
  );
});

Deno.test("HTTP/2: a client that opens no window, or opens it in drops, is sent away; so is one whose head has no end", async () => {
  await withServer({ http2: true, handler, sendTimeoutMs: 200, headTimeoutMs: 200 }, async ({ port }) => {
    const clients: Record<string, (wire: Http2Wire) => Promise<void>> = {
      "no window": (wire) => wire.send(headers(1, getFields("/large"))),
      "no window of the stream": (wire) => wire.send(setting(4, 0), headers(1, getFields("/large"))),
      drops: async (wire) => {
        await wire.send(setting(4, 0), headers(1, getFields("/large")));
        for (let i = 0; i < 100; i++) {
          await sleep(20);
          await wire.send(update(1, 1), frame(PING, Flag.ACK, 0, new Uint8Array(8)));
        }
      },
      "a head without an end": (wire) =>
        wire.send(headers(1, getFields("/never")), frame(HEADERS, 1, 3, [0x82])),
    };
    for (const [name, talk] of Object.entries(clients)) {
      using wire = await Http2Wire.connect(port);
      const talking = talk(wire).catch(() => {});
      const startMs = performance.now();
      assertEquals(await wire.goAwayCode(), ErrorCode.NO_ERROR, name);
      assert(performance.now() - startMs < 1500, name);
      await talking;
    }
    using fast = await Http2Wire.connect(port);
    await fast.send(headers(1, getFields("/large")));
    let received = 0;
    for (let i = 0; received < LARGE.length; i++) {
      const { payload } = await fast.expect(DATA);
      received += payload.length;
      if (i % 8 === 0) await sleep(30);
      await fast.send(update(1, payload.length), update(0, payload.length));
    }
    assertEquals(received, LARGE.length);
  });
});

Deno.test("HTTP/2: what waits for windows counts as held in memory, until it is sent or its client is gone", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    const before = bodyMemory.bytes;
    {
      using wire = await Http2Wire.connect(port);
      await wire.send(...Array.from({ length: 10 }, (_, i) => headers(1 + 2 * i, getFields("/large"))));
      await wire.expect(DATA);
      await eventually(() => bodyMemory.bytes - before >= 10 * LARGE.length, "all of it counts");
      await wire.send(frame(RST_STREAM, 0, 1, [0, 0, 0, 8]));
      await eventually(() => bodyMemory.bytes - before <= 9 * LARGE.length, "one is gone");
    }
    await eventually(() => bodyMemory.bytes === before, "nothing is held");
  });
});
