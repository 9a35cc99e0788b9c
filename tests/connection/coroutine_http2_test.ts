/**
 * Coroutines with HTTP/2: the requests of many streams, one after the other or at the same time.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  Cancelled,
  type Coroutine,
  type Handler,
  HttpError,
  HttpResponse,
  requestCoroutine,
  type RequestExchange,
} from "../../mod.ts";
import { ErrorCode } from "../../server/protocols/http2/errors.ts";
import { Flag, FrameType, readUint32 } from "../../server/protocols/http2/frame.ts";
import { frame, getFields, headers, Http2Wire, post, setting, update } from "../support/http2_wire.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { readUntil } from "../support/in_process.ts";
import { get, Wire } from "../support/wire.ts";
import { eventually } from "../support/waiting.ts";

const { DATA, GOAWAY, PING, RST_STREAM } = FrameType;
const encoder = new TextEncoder();
const reset = (stream: number) => frame(RST_STREAM, 0, stream, [0, 0, 0, ErrorCode.CANCEL]);

/** Waits until the server has seen all that was sent. */
async function seen(wire: Http2Wire): Promise<void> {
  await wire.send(frame(PING, 0, 0, new Uint8Array(8)));
  await wire.expect(PING);
}

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

Deno.test("respond resolves when the client has taken the response, stream by stream", async () => {
  const sent: string[] = [];
  const coroutine: Coroutine = async (connection) => {
    for await (const { request: { path }, respond } of connection.requests()) {
      const answering = respond(HttpResponse.bytes(new Uint8Array(path === "/large" ? 100_000 : 10)));
      if (answering === undefined) sent.push(`${path} at once`);
      else answering.then(() => sent.push(path), () => {});
    }
  };
  await withServer({ http2: true, coroutine }, async ({ port, errors }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(update(0, 1_000_000), headers(1, getFields("/large")), headers(3, getFields("/small")));
    await eventually(() => sent.length === 1, "the small one is sent");
    await sleep(20);
    assertEquals(sent, ["/small at once"]);
    await wire.send(update(1, 100_000));
    await eventually(() => sent.length === 2, "the large one is sent");
    assertEquals([sent[1], errors], ["/large", []]);
  });
});

Deno.test("a coroutine that ends answers what it has taken by 500, and gives back what it has not", async () => {
  for (const fails of [false, true]) {
    let taken = 0;
    const coroutine: Coroutine = async (connection) => {
      for await (const { respond } of connection.requests()) {
        if (++taken === 1) await respond(HttpResponse.text("first"));
        if (taken < 3) continue;
        await connection.sleep(20); // more arrive
        if (fails) throw new Error("on purpose");
        return;
      }
    };
    await withServer({ http2: true, coroutine }, async ({ port, errors }) => {
      using wire = await Http2Wire.connect(port);
      await wire.send(...[1, 3, 5, 7, 9].map((stream) => headers(stream, getFields("/"))));
      const codes = new Map<number, string>();
      let isLeaving = false;
      for (let one = await wire.next(); one !== null; one = await wire.next()) {
        if (one.type === FrameType.HEADERS) codes.set(one.stream, wire.decode(one.payload)[":status"]!);
        if (one.type === RST_STREAM) codes.set(one.stream, `reset ${readUint32(one.payload, 0)}`);
        isLeaving ||= one.type === GOAWAY;
      }
      const refused = `reset ${ErrorCode.REFUSED_STREAM}`;
      assertEquals([...codes].sort(([a], [b]) => a - b).map(([, code]) => code), [
        "200",
        "500",
        "500",
        refused,
        refused,
      ]);
      assert(isLeaving, "GOAWAY precedes the end");
      assertEquals(errors.length, 1, `${errors}`);
      assertStringIncludes(errors[0]!, fails ? "on purpose" : "The coroutine ended before it responded");
    });
  }
});

Deno.test("requests that wait for the coroutine for too long get 503, and a late answer is an error", async () => {
  const failures: string[] = [];
  const coroutine: Coroutine = async (connection) => {
    for await (const { respond } of connection.requests()) {
      await sleep(150);
      try {
        await respond(HttpResponse.text("late"));
      } catch (error) {
        failures.push(String(error));
      }
    }
  };
  await withServer({ http2: true, coroutine, handlerTimeoutMs: 50 }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, getFields("/")), headers(3, getFields("/")));
    const statuses = [];
    for (let i = 0; i < 2; i++) {
      statuses.push(wire.decode((await wire.expect(FrameType.HEADERS)).payload)[":status"]);
    }
    assertEquals(statuses, ["503", "503"]);
    await eventually(() => failures.length === 1, "the first is answered late");
    assertEquals(failures, ["TypeError: There is no request that waits for this response"]);
    await sleep(200);
    assertEquals(failures.length, 1, "the second was not taken any more");
  });
});

Deno.test("on shutdown requests() ends, and what was taken is answered", async () => {
  const handler: Handler = async () => {
    await sleep(200);
    return HttpResponse.text("late");
  };
  await withServer(
    { http2: true, coroutine: requestCoroutine(handler) },
    async ({ port, server, errors }) => {
      using waiting = await Http2Wire.connect(port);
      using busy = await Http2Wire.connect(port);
      await waiting.send(headers(1, getFields("/")));
      assertEquals((await waiting.message(1)).body, "late");
      await busy.send(headers(1, getFields("/")));
      await sleep(50);
      const finished = server.shutdown();
      assertEquals(await waiting.goAwayCode(), ErrorCode.NO_ERROR);
      assertEquals((await busy.message(1)).body, "late");
      await finished;
      assertEquals(errors, []);
    },
  );
});

Deno.test("a response that waits for timers is sent while the coroutine waits for its next request", async () => {
  const coroutine: Coroutine = async (connection) => {
    for await (const { respond, fail } of connection.requests()) {
      const later = async () => {
        for (let i = 0; i < 5; i++) await sleep(5);
        await respond(HttpResponse.text("later"));
      };
      later().catch(fail);
    }
  };
  await withServer({ http2: true, coroutine }, async ({ port, errors }) => {
    using wire = await Http2Wire.connect(port, setting(4, 100_000));
    for (let i = 0; i < 10; i++) {
      await wire.send(headers(1 + 2 * i, getFields("/")));
      assertEquals((await wire.message(1 + 2 * i)).body, "later");
    }
    assertEquals(errors, []);
  });
});

Deno.test("many streams that are reset while the coroutine is busy leave nothing waiting", async () => {
  let release = () => {};
  const taken: string[] = [];
  const coroutine: Coroutine = async (connection) => {
    for await (const { request: { path }, respond } of connection.requests()) {
      taken.push(path);
      if (path === "/busy") await new Promise<void>((resolve) => release = resolve);
      await respond(HttpResponse.text(path));
    }
  };
  await withServer({ http2: true, coroutine }, async ({ port, errors }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, getFields("/busy")));
    await eventually(() => taken.length === 1, "the first is taken");
    for (let stream = 3; stream < 123; stream += 2) {
      await wire.send(headers(stream, getFields("/x")), reset(stream));
    }
    await wire.send(headers(201, getFields("/after")));
    await seen(wire);
    release();
    assertEquals((await wire.message(201)).body, "/after");
    assertEquals([taken, errors], [["/busy", "/after"], []]);
  });
});

Deno.test("without http2 the preface of HTTP/2 is no request for a coroutine", async () => {
  await withServer({ coroutine: paths }, async ({ port }) => {
    using wire = await Wire.connect(port);
    await wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assertMatch(await readUntil(wire, () => false), /^HTTP\/1\.1 505 /);
  });
});
