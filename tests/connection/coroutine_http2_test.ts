/**
 * Coroutines with HTTP/2: the requests of many streams, one after the other or at the same time.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  Cancelled,
  type Coroutine,
  type Handler,
  HttpError,
  HttpResponse,
  requestCoroutine,
  type RequestExchange,
} from "../../mod.ts";
import { Flag, FrameType } from "../../server/protocols/http2/frames/frame.ts";
import { seen } from "../support/http2_serving.ts";
import { frame, getFields, headers, Http2Wire, post, reset, update } from "../support/http2_wire.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { readUntil } from "../support/in_process.ts";
import { get, Wire } from "../support/wire.ts";
import { eventually } from "../support/waiting.ts";

const { DATA } = FrameType;
const encoder = new TextEncoder();

/** Answers each request with its path, one after the other. */
const paths: Coroutine = async (connection) => {
  let count = 0;
  for await (const { request, respond } of connection.requests()) {
    const text = await request.text();
    await respond(HttpResponse.text(`${request.protocol} ${request.path} ${++count} ${text}`));
  }
};

onAll(
  "requests of many streams reach a coroutine in their order, with bodies, next to clients of HTTP/1",
  async (poller) => {
    await withServer({ http2: true, coroutine: paths }, async ({ port, errors }) => {
      using wire = await Http2Wire.connect(port);
      const streams = Array.from({ length: 50 }, (_, i) => 1 + 2 * i);
      await wire.send(...streams.map((stream) => headers(stream, getFields(`/${stream}`))));
      for (const [i, stream] of streams.entries()) {
        assertEquals((await wire.message(stream)).body, `HTTP/2 /${stream} ${i + 1} `);
      }
      await wire.send(post(101, "/body"), frame(DATA, 0, 101, encoder.encode("bo")));
      await sleep(5);
      await wire.send(frame(DATA, 1, 101, encoder.encode("dy")));
      assertEquals((await wire.message(101)).body, "HTTP/2 /body 51 body");
      using plain = await Wire.connect(port);
      await plain.send(get("/1") + get("/2"));
      assertEquals((await plain.expect()).text, "HTTP/1.1 /1 1 ");
      assertEquals((await plain.expect()).text, "HTTP/1.1 /2 2 ");
      assertEquals(errors, []);
    }, poller);
  },
);

onAll(
  "a handler as a coroutine answers streams at the same time, and an error of one is its own",
  async (poller) => {
    const order: string[] = [];
    const handler: Handler = async ({ path }, context) => {
      if (path === "/slow") await sleep(60);
      if (path === "/throws") throw new Error("on purpose");
      if (path === "/missing") throw new HttpError(404, "on purpose");
      if (path === "/nothing") return undefined as unknown as HttpResponse;
      if (path === "/hints") context.earlyHints([["Link", "</a>"]]);
      order.push(path);
      return HttpResponse.text(path);
    };
    await withServer({ http2: true, coroutine: requestCoroutine(handler) }, async ({ port, errors }) => {
      using wire = await Http2Wire.connect(port);
      await wire.send(
        headers(1, getFields("/slow")),
        headers(3, getFields("/throws")),
        headers(5, getFields("/missing")),
        headers(7, getFields("/nothing")),
        headers(9, getFields("/hints")),
      );
      assertEquals((await wire.message(1)).body, "/slow");
      assertEquals(order, ["/hints", "/slow"], "the slow one holds up none");
      const statuses = new Map<number, string[]>();
      for (const { type, stream, payload } of wire.frames) {
        if (type !== FrameType.HEADERS) continue;
        statuses.set(stream, [...statuses.get(stream) ?? [], wire.decode(payload)[":status"]!]);
      }
      assertEquals([3, 5, 7, 9].map((stream) => statuses.get(stream)?.join()), [
        "500",
        "404",
        "500",
        "103,200",
      ]);
      assertEquals(errors.length, 2);
      await wire.send(headers(11, getFields("/again")));
      assertEquals((await wire.message(11)).body, "/again");
    }, poller);
  },
);

onAll(
  "a coroutine may take the next request before it has answered the last, which HTTP/1 refuses",
  async (poller) => {
    const coroutine: Coroutine = async (connection) => {
      const held: RequestExchange[] = [];
      for await (const exchange of connection.requests()) {
        held.push(exchange);
        if (exchange.path !== "/last") continue;
        while (held.length > 0) await held.pop()!.respond(HttpResponse.text(`${held.length}`));
      }
    };
    await withServer({ http2: true, coroutine }, async ({ port, errors }) => {
      using wire = await Http2Wire.connect(port);
      await wire.send(
        headers(1, getFields("/a")),
        headers(3, getFields("/b")),
        headers(5, getFields("/last")),
      );
      assertEquals((await wire.message(1)).body, "0");
      const ends = wire.frames.filter(({ type, flags }) => type === DATA && flags & Flag.END_STREAM);
      assertEquals(ends.map(({ stream }) => stream), [5, 3, 1]);
      assertEquals(errors, []);
      using plain = await Wire.connect(port);
      await plain.send(get("/a"));
      assertEquals((await plain.expect()).status, 500);
      assertMatch(errors.join(), /Respond to the last request before taking the next one/);
    }, poller);
  },
);

onAll(
  "RST_STREAM aborts the signal of its request, drops its response, and lets the others go on",
  async (poller) => {
    const taken: RequestExchange[] = [];
    const ends: unknown[] = [];
    let release = () => {};
    const coroutine: Coroutine = async (connection) => {
      for await (const exchange of connection.requests()) {
        taken.push(exchange);
        if (exchange.path === "/held") await new Promise<void>((resolve) => release = resolve);
        const large = exchange.path === "/large" ? new Uint8Array(1_000_000) : encoder.encode(exchange.path);
        ends.push(await exchange.respond(HttpResponse.bytes(large)));
        assert(!connection.signal.aborted);
      }
    };
    await withServer({ http2: true, coroutine }, async ({ port, errors }) => {
      {
        using wire = await Http2Wire.connect(port);
        await wire.send(
          headers(1, getFields("/held")),
          headers(3, getFields("/untaken")),
          headers(5, getFields("/a")),
        );
        await eventually(() => taken.length === 1, "the first is taken");
        const { signal } = taken[0]!;
        assertEquals([signal.aborted, signal === taken[0]!.context.signal], [false, true]);
        await wire.send(reset(1), reset(3));
        await seen(wire);
        assert(signal.aborted, "the signal is aborted");
        release();
        assertEquals((await wire.message(5)).body, "/a");
        assertEquals(
          taken.map(({ path }) => path),
          ["/held", "/a"],
          "one that was reset before is not taken",
        );
        await wire.send(update(0, 1_000_000), headers(7, getFields("/large")));
        await wire.expect(DATA); // as much as the window allows
        await sleep(10);
        assertEquals(ends.length, 2, "the response waits");
        await wire.send(headers(9, getFields("/b")), reset(7));
        assertEquals((await wire.message(9)).body, "/b");
        assertEquals(taken[3]!.signal.aborted, false);
      }
      assertEquals(errors, []);
    }, poller);
  },
);

onAll("a client that leaves cancels what waits, and nothing keeps the loop from waiting", async (poller) => {
  const ends: string[] = [];
  const signals: AbortSignal[] = [];
  const coroutine: Coroutine = async (connection) => {
    try {
      for await (const { request, respond, signal } of connection.requests()) {
        signals.push(signal);
        if (request.path === "/sleep") await connection.sleep(3_600_000);
        if (request.path === "/large") await respond(HttpResponse.bytes(new Uint8Array(1_000_000)));
      }
      ends.push("over");
    } catch (error) {
      ends.push(error instanceof Cancelled ? "cancelled" : String(error));
      throw error;
    }
  };
  await withServer({ http2: true, coroutine }, async ({ port, errors, server }) => {
    for (const path of ["/sleep", "/large", "/unanswered"]) {
      const before = signals.length;
      {
        using wire = await Http2Wire.connect(port);
        await wire.send(headers(1, getFields(path)));
        await eventually(() => signals.length > before, `${path} is taken`);
        await sleep(10);
      }
      await eventually(() => ends.length === signals.length, `${path} ends`);
      assert(signals.at(-1)!.aborted);
    }
    assertEquals([ends, errors], [["cancelled", "cancelled", "over"], []]);
    const before = server.snapshot().turns;
    await sleep(300);
    if (poller !== "naive") assert(server.snapshot().turns - before < 100, "the loop waits");
  }, poller);
});

Deno.test("without http2 the preface of HTTP/2 is no request for a coroutine", async () => {
  await withServer({ http2: false, coroutine: paths }, async ({ port }) => {
    using wire = await Wire.connect(port);
    await wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assertMatch(await readUntil(wire, () => false), /^HTTP\/1\.1 505 /);
  });
});
