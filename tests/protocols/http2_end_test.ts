/**
 * The end of HTTP/2 connections: servers that stop, times that pass, connections that make room.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Handler, HttpResponse } from "../../mod.ts";
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import {
  Flag,
  FrameType,
  INT31_MAX,
  readUint31,
  readUint32,
} from "../../server/protocols/http2/frames/frame.ts";
import { type Frame, frame, getFields, headers, Http2Wire, post } from "../support/http2_wire.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { TestCertificates } from "../support/test_certificates.ts";
import {} from "../support/tls_client.ts"; // opens OpenSSL, which stays open
import { eventually } from "../support/waiting.ts";
import { get, Wire } from "../support/wire.ts";

const { DATA, PING, GOAWAY, SETTINGS, RST_STREAM } = FrameType;
const LARGE = "0123456789".repeat(100_000);

const handler: Handler = (request) => {
  if (request.path === "/later") return sleep(30).then(() => HttpResponse.text("later"));
  if (request.path === "/much-later") return sleep(400).then(() => HttpResponse.text("much later"));
  if (request.path === "/large") return HttpResponse.text(LARGE);
  if (request.path === "/fails") throw new Error("on purpose");
  if (request.path === "/last") return LAST;
  if (request.path === "/last-later") return sleep(30).then(() => LAST);
  return HttpResponse.text(`hello ${request.path}`);
};

/** It ends the connection. */
const LAST = new HttpResponse(200, [], new TextEncoder().encode("last"), true);

const textOf = (body: Uint8Array | undefined) => new TextDecoder().decode(body);
const contentOf = ({ payload }: Frame) => [readUint31(payload, 0), readUint32(payload, 4)];

onAll(
  "HTTP/2: a server that stops announces it, serves what comes until its PING is answered, and names the last stream",
  async (poller) => {
    await withServer({ handler }, async ({ port, server }) => {
      using wire = await Http2Wire.connect(port);
      await wire.send(headers(1, getFields("/much-later")));
      await wire.expect(SETTINGS);
      await sleep(20);
      void server.shutdown();
      assertEquals(contentOf(await wire.expect(GOAWAY)), [INT31_MAX, ErrorCode.NO_ERROR]);
      const ping = await wire.expect(PING);
      await wire.send(
        headers(3, getFields("/between")),
        headers(5, getFields("/later")),
        frame(PING, Flag.ACK, 0, ping.payload),
        headers(7, getFields("/too-late")),
        post(9, "/too-late"),
        ...Array.from({ length: 200 }, () => frame(DATA, 0, 9, new Uint8Array(1))),
        headers(9, [["x", "y"]]),
      );
      const answers: Record<number, string> = {};
      let last: number[] = [];
      for (let one = await wire.next(); one !== null; one = await wire.next()) {
        if (one.type === GOAWAY) last = contentOf(one);
        if (one.type === DATA) answers[one.stream] = textOf(one.payload);
        assert(one.type !== RST_STREAM);
      }
      assertEquals(wire.failure, null);
      assertEquals(last, [5, ErrorCode.NO_ERROR]);
      assertEquals(answers, { 1: "much later", 3: "hello /between", 5: "later" });
    }, poller);
  },
);

Deno.test("HTTP/2: a client that does not answer the PING of a stopping server is told the last stream after a second, or keepAliveMinTimeoutMs", async () => {
  for (
    const [options, leastMs, mostMs] of [[{}, 950, 3000], [{ keepAliveMinTimeoutMs: 100 }, 90, 800]] as const
  ) {
    await withServer({ handler, ...options }, async ({ port, server }) => {
      using wire = await Http2Wire.connect(port);
      await wire.send(headers(1, getFields("/a")));
      assertEquals(textOf((await wire.response(1))?.body), "hello /a");
      const startMs = performance.now();
      void server.shutdown();
      await wire.expect(GOAWAY);
      await wire.send(headers(3, getFields("/b")));
      assertEquals(textOf((await wire.response(3))?.body), "hello /b");
      assertEquals(contentOf(await wire.expect(GOAWAY)), [3, ErrorCode.NO_ERROR]);
      const tookMs = performance.now() - startMs;
      assert(tookMs >= leastMs && tookMs < mostMs, `${tookMs} ms`);
      assertEquals([await wire.next(), wire.failure], [null, null]);
    });
  }
  await withServer({ handler, keepAliveMinTimeoutMs: 0 }, async ({ port, server }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, getFields("/later")));
    await wire.expect(SETTINGS);
    await sleep(10);
    void server.shutdown();
    assertEquals(contentOf(await wire.expect(GOAWAY)), [1, ErrorCode.NO_ERROR]);
    assertEquals(textOf((await wire.response(1))?.body), "later");
  });
});

Deno.test("HTTP/2: idle connections of a stopping server end after one round trip, with close_notify over TLS", async () => {
  using certificates = new TestCertificates();
  const tls = certificates.make({ names: ["localhost", "127.0.0.1"], isIssued: true });
  const authority = Deno.readTextFileSync(certificates.root);
  for (const secure of [false, true]) {
    await withServer({ handler, ...secure ? { tls } : {} }, async ({ port, server }) => {
      const connect = () => secure ? Http2Wire.connectTls(port, authority) : Http2Wire.connect(port);
      const wires = await Promise.all(Array.from({ length: 10 }, connect));
      for (const wire of wires) {
        await wire.send(headers(1, getFields("/a")));
        assertEquals(textOf((await wire.response(1))?.body), "hello /a");
      }
      const startMs = performance.now();
      const ended = server.shutdown();
      for (const wire of wires) {
        const { payload } = await wire.expect(PING);
        await wire.send(frame(PING, Flag.ACK, 0, payload));
        assertEquals(contentOf(await wire.expect(GOAWAY)), [1, ErrorCode.NO_ERROR]);
        assertEquals([await wire.next(), wire.failure], [null, null]);
        wire[Symbol.dispose]();
      }
      await ended;
      assert(performance.now() - startMs < 900, "sooner than without an answer");
    });
  }
});

Deno.test("HTTP/2: clients that begin to speak while the server stops are served", async () => {
  await withServer({ handler }, async ({ port, server }) => {
    using busy = await Http2Wire.connect(port);
    await busy.send(headers(1, getFields("/much-later")));
    using waiting = await Wire.connect(port); // not yet a client of HTTP/2
    await waiting.send(get("/first"));
    assertEquals((await waiting.read())?.text, "hello /first");
    void server.shutdown();
    await waiting.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    await waiting.send(frame(SETTINGS, 0, 0));
    await waiting.send(headers(1, getFields("/second")));
    const text = textOf(await waiting.readToEnd());
    assert(text.includes("hello /second"), text);
    assertEquals(textOf((await busy.response(1))?.body), "much later");
  });
});

Deno.test("HTTP/2: an idle connection ends after keepAliveTimeoutMs; its PINGs do not count", async () => {
  await withServer({ handler, keepAliveTimeoutMs: 300 }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, getFields("/a")));
    assertEquals(textOf((await wire.response(1))?.body), "hello /a");
    const startMs = performance.now();
    const code = wire.goAwayCode();
    const pings = (async () => {
      for (let i = 0; i < 20; i++) {
        await wire.send(frame(PING, 0, 0, new Uint8Array(8)));
        await sleep(50);
      }
    })().catch(() => {});
    assertEquals(await code, ErrorCode.NO_ERROR);
    const tookMs = performance.now() - startMs;
    assert(tookMs > 280 && tookMs < 900, `${tookMs}`);
    await pings;
    using busy = await Http2Wire.connect(port);
    for (let i = 0; i < 4; i++) {
      await sleep(150);
      await busy.send(headers(1 + 2 * i, getFields("/a")));
      assertEquals(
        textOf((await busy.response(1 + 2 * i))?.body),
        "hello /a",
        "a request begins the time anew",
      );
    }
    await busy.send(headers(9, getFields("/much-later")));
    assertEquals(textOf((await busy.response(9))?.body), "much later", "a connection at work is not idle");
    using silent = await Http2Wire.connect(port);
    assertEquals(await silent.goAwayCode(), ErrorCode.NO_ERROR, "before the first request, too");
  });
});

Deno.test("HTTP/2: without keep-alive a connection ends with its last stream", async () => {
  await withServer({ handler, keepAlive: false }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(
      headers(1, getFields("/later")),
      headers(3, getFields("/large")),
      headers(5, getFields("/b")),
    );
    assertEquals(textOf((await wire.response(5))?.body), "hello /b");
    await wire.send(
      frame(FrameType.WINDOW_UPDATE, 0, 3, [0, 0x10, 0, 0]),
      frame(FrameType.WINDOW_UPDATE, 0, 0, [0, 0x10, 0, 0]),
    );
    assertEquals(await wire.goAwayCode(), ErrorCode.NO_ERROR);
    const bytes = wire.frames.filter(({ type, stream }) => type === DATA && stream === 3)
      .reduce((sum, { payload }) => sum + payload.length, 0);
    assertEquals(bytes, LARGE.length);
    assertEquals(wire.failure, null);
  });
});

Deno.test("HTTP/2: a connection that was idle for a second makes room for a new client; one at work does not", async () => {
  await withServer({ handler, connectionsMax: 2 }, async ({ port }) => {
    using idle = await Http2Wire.connect(port);
    await idle.send(headers(1, getFields("/a")));
    assertEquals(textOf((await idle.response(1))?.body), "hello /a");
    await sleep(1100);
    using busy = await Http2Wire.connect(port);
    await busy.send(headers(1, getFields("/a")));
    assertEquals(textOf((await busy.response(1))?.body), "hello /a");
    using third = await Http2Wire.connect(port);
    await third.send(headers(1, getFields("/c")));
    assertEquals(textOf((await third.response(1))?.body), "hello /c");
    assertEquals(await idle.goAwayCode(), ErrorCode.NO_ERROR);
    using fourth = await Http2Wire.connect(port);
    await fourth.send(headers(1, getFields("/d")));
    const refused = await fourth.response(1);
    assertEquals(refused?.fields[":status"], "503");
    for (const wire of [busy, third]) {
      await wire.send(headers(3, getFields("/e")));
      assertEquals(textOf((await wire.response(3))?.body), "hello /e");
    }
  });
});

Deno.test("HTTP/2: a snapshot tells connections and streams by state, and nothing is left of those that are gone", async () => {
  await withServer({ handler, bodyTimeoutMs: 60_000 }, async ({ port, server }) => {
    {
      using wire = await Http2Wire.connect(port);
      await wire.send(headers(1, getFields("/a")));
      assertEquals(textOf((await wire.response(1))?.body), "hello /a");
      await eventually(() => server.snapshot().states["idle"] === 1, "it is idle");
      const [idle] = server.snapshot().connections;
      assertEquals([idle?.state, idle?.streams], ["idle", {}]);
      await wire.send(headers(3, getFields("/much-later")), headers(5, getFields("/large")));
      await wire.expect(DATA);
      const { http2, states, connections: [shown] } = server.snapshot();
      assertEquals([http2?.connections, http2?.streams], [1, { handling: 1, writing: 1 }]);
      assertEquals([shown?.state, shown?.streams], ["handling", { handling: 1, writing: 1 }]);
      assertEquals([states["idle"], states["handling"]], [0, 1]);
      await wire.send(frame(RST_STREAM, 0, 3, [0, 0, 0, 8]));
      await eventually(() => server.snapshot().http2?.resetByClient === 1, "the reset counts");
    }
    await eventually(() => server.snapshot().http2?.connections === 0, "it is gone");
    const { states, http2, responses, requests } = server.snapshot();
    assert(Object.values(states).every((count) => count === 0), JSON.stringify(states));
    assertEquals([http2?.accepted, http2?.responses, responses], [1, { 200: 2 }, { 200: 2 }]);
    assertEquals(requests, 3, "two answers, and one request whose client did not wait");
  });
});

onAll(
  "HTTP/2: a response that ends the connection is announced by GOAWAY, and requests that have come by then are answered",
  async (poller) => {
    for (const path of ["/last", "/last-later"]) {
      await withServer({ handler }, async ({ port }) => {
        using wire = await Http2Wire.connect(port);
        await wire.send(headers(1, getFields("/much-later")), headers(3, getFields(path)));
        assertEquals(contentOf(await wire.expect(GOAWAY)), [INT31_MAX, ErrorCode.NO_ERROR]);
        const { payload } = await wire.expect(PING);
        await wire.send(
          headers(5, getFields("/last")),
          frame(PING, Flag.ACK, 0, payload),
          headers(7, getFields("/a")),
        );
        const answers: Record<number, string> = {};
        const goAways: number[][] = [];
        for (let one = await wire.next(); one !== null; one = await wire.next()) {
          if (one.type === GOAWAY) goAways.push(contentOf(one));
        }
        for (const one of wire.frames) if (one.type === DATA) answers[one.stream] = textOf(one.payload);
        assertEquals(wire.failure, null);
        assertEquals(answers, { 1: "much later", 3: "last", 5: "last" });
        assertEquals(goAways, [[5, ErrorCode.NO_ERROR]]);
      }, poller);
    }
  },
);

Deno.test("HTTP/2: the errors of a handler, and late or large bodies, end their streams only", async () => {
  await withServer(
    { handler, bodyBytesMax: 10, bodyTimeoutMs: 100, handlerTimeoutMs: 200 },
    async ({ port }) => {
      using wire = await Http2Wire.connect(port);
      const post = (stream: number, path: string) =>
        headers(stream, [[":method", "POST"], ...getFields(path).slice(1)], 0);
      await wire.send(headers(1, getFields("/fails")), headers(3, getFields("/much-later")));
      await wire.send(post(5, "/a"), frame(DATA, 0, 5, new Uint8Array(11)));
      assertEquals((await wire.response(1))?.fields[":status"], "500");
      assertEquals((await wire.response(3))?.fields[":status"], "503");
      await sleep(50);
      await wire.send(headers(7, getFields("/b")));
      assertEquals(textOf((await wire.response(7))?.body), "hello /b");
      assertEquals(wire.frames.filter(({ type }) => type === GOAWAY), []);
    },
  );
});
