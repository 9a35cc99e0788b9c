/**
 * Coroutines over HTTP/2: responses that wait, and the ends of coroutine, server and streams.
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Coroutine, type Handler, HttpResponse, requestCoroutine } from "../../mod.ts";
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { FrameType, readUint32 } from "../../server/protocols/http2/frames/frame.ts";
import { seen } from "../support/http2_serving.ts";
import { getFields, headers, Http2Wire, reset, setting, update } from "../support/http2_wire.ts";
import { withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { eventually } from "../support/waiting.ts";

const { GOAWAY, RST_STREAM } = FrameType;

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
