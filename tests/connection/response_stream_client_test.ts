/**
 * Streamed responses, on a scripted socket, with level and edge trigger: clients that leave, read slowly, stop
 * reading, or send while they receive.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ECONNRESET, EPIPE } from "../../ffi/libc/errno.ts";
import type { HandlerContext } from "../../server/connection/handler.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { HttpResponse } from "../../server/http/response.ts";
import {
  ABANDONED_TIMEOUT_MS,
  BODY_TIMEOUT_MS,
  HANDLER_TIMEOUT_MS,
  RATE_STEP_MS_MAX,
  REQUEST_BODY_QUEUE_BYTES_MAX,
  SEND_TIMEOUT_MS,
} from "../../server/limits.ts";
import { Readiness } from "../../server/loop/poller.ts";
import {
  assertErrors,
  calm,
  chunked,
  HEAD,
  pass,
  Pipe,
  post,
  postChunked,
  says,
  scriptedWith,
  Source,
  statuses,
  streams,
  withClock,
} from "../support/exchanges.ts";
import { answer, onBoth, Scripted, withoutDate } from "../support/scripted.ts";
import { get } from "../support/wire.ts";

onBoth(
  "when a client leaves, the stream is cancelled once, with a reason, and the signal aborted",
  async (trigger) => {
    for (const [errno, isSend] of [[ECONNRESET, false], [EPIPE, true], [ECONNRESET, true]] as const) {
      const source = new Source(isSend ? ["a", "b"] : ["a"], false); // the head is sent with the first chunk
      let signal: AbortSignal | null = null;
      using scripted = new Scripted((_request, context) => {
        signal = context.signal;
        return new HttpResponse(200, [], source.stream);
      }, trigger);
      if (isSend) scripted.socket.sends = [Infinity, -errno];
      scripted.receive(get("/"));
      if (!isSend) {
        await calm(scripted);
        assertEquals([scripted.state, source.pulls], ["handling", 2]);
        scripted.receive(-errno);
      }
      await calm(scripted);
      assertEquals([scripted.state, source.cancels.length], ["closed", 1]);
      assertEquals([(source.cancels[0] as Error).name, signal!.aborted], ["AbortError", true]);
      assertErrors(scripted, 0);
    }
  },
);

onBoth("a server that ends cancels streams in progress", async (trigger) => {
  const source = new Source(["a"], false);
  {
    using scripted = new Scripted(streams(source), trigger);
    scripted.receive(get("/"));
    await calm(scripted);
  }
  assertEquals(source.cancels.length, 1);
});

onBoth(
  "a client that ended its half gets the stream, as long as it gets bytes every second",
  async (trigger) => {
    await withClock(async (advance) => {
      const pipe = new Pipe();
      using scripted = new Scripted(() => new HttpResponse(200, [], pipe.stream), trigger);
      scripted.receive(get("/"));
      scripted.end();
      for (let i = 0; i < 10; i++) {
        advance(ABANDONED_TIMEOUT_MS - 1);
        await calm(scripted);
        assertEquals(scripted.state, "handling", `second ${i}`);
        pipe.write("x");
        await calm(scripted);
      }
      advance(ABANDONED_TIMEOUT_MS + 1);
      await calm(scripted);
      assertEquals(scripted.state, "closed");
      assertEquals(withoutDate(scripted.socket.text), HEAD + chunked(Array(10).fill("x"), false));
    });
  },
);

onBoth(
  "a client that ended its half long before the stream began does not keep it for ever",
  async (trigger) => {
    await withClock(async (advance) => {
      const { promise, resolve } = Promise.withResolvers<HttpResponse>();
      using scripted = new Scripted(() => promise, trigger);
      scripted.receive(get("/"));
      scripted.end();
      advance(ABANDONED_TIMEOUT_MS + 1);
      await calm(scripted);
      const source = new Source(["a"], false);
      resolve(new HttpResponse(200, [], source.stream));
      await calm(scripted);
      assertEquals([withoutDate(scripted.socket.text), scripted.state], [
        HEAD + chunked(["a"], false),
        "handling",
      ]);
      advance(ABANDONED_TIMEOUT_MS + 1);
      await calm(scripted);
      assertEquals([scripted.state, source.cancels.length], ["closed", 1]);
    });
  },
);

onBoth(
  "for a client that reads slowly nothing is pulled while bytes wait to be sent",
  async (trigger) => {
    const source = new Source(["a".repeat(1000), "b".repeat(1000), "c"]);
    using scripted = new Scripted(streams(source), trigger);
    scripted.socket.capacity = 0;
    scripted.receive(get("/"));
    await calm(scripted);
    assertEquals([source.pulls, scripted.socket.text], [1, ""]); // the chunk that the head waits for
    for (let i = 0; scripted.state === "handling"; i++) {
      assert(i < 5000, "no progress");
      scripted.socket.capacity = 0;
      scripted.socket.sends = [7];
      scripted.writable();
      await calm(scripted);
      const body = scripted.socket.text.split("\r\n\r\n")[1] ?? "";
      const most = body.includes("c\r\n") ? 4 : body.includes("\r\nb") || body.endsWith("b") ? 3 : 2;
      assert(source.pulls <= most, `${source.pulls} pulls after ${body.length} bytes`);
    }
    scripted.socket.capacity = Infinity;
    scripted.writable();
    await calm(scripted);
    assertEquals(
      withoutDate(scripted.socket.text),
      HEAD + chunked(["a".repeat(1000), "b".repeat(1000), "c"]),
    );
  },
);

onBoth(
  "a client that takes nothing is cut off, whenever it stops, and never before its time",
  async (trigger) => {
    for (const isSilent of [true, false]) {
      for (let taken = 0; taken < 130; taken += 13) {
        await withClock(async (advance) => {
          const source = new Source(["a".repeat(50), "b".repeat(50)]);
          using scripted = scriptedWith(streams(source), trigger, { sendRateMin: 0 });
          scripted.socket.capacity = 0;
          if (taken > 0) scripted.socket.sends = [taken];
          scripted.receive(get("/"));
          await calm(scripted);
          await pass(scripted, SEND_TIMEOUT_MS - 1, advance);
          if (!isSilent) {
            scripted.socket.sends = [1];
            scripted.writable();
            await calm(scripted);
            await pass(scripted, SEND_TIMEOUT_MS - 1, advance);
          }
          assertEquals(scripted.state, "handling", `${taken}`);
          // The next check sees whether the client has taken bytes.
          await pass(scripted, isSilent ? 2 : RATE_STEP_MS_MAX + 2, advance);
          assertEquals([scripted.state, source.cancels.length], ["closed", 1], `${taken}`);
        });
      }
    }
  },
);

onBoth(
  "the body of a request is piped into the response: each chunk comes back before the next is sent",
  async (trigger) => {
    for (const wrap of [false, true]) {
      await withClock(async (advance) => {
        using scripted = new Scripted((request) => {
          const body = request.body!;
          return new HttpResponse(200, [], wrap ? body.pipeThrough(new TransformStream()) : body);
        }, trigger);
        scripted.receive(postChunked([]).slice(0, -5));
        await calm(scripted);
        const sent: string[] = [];
        for (const piece of ["one", "two", "three"]) {
          advance(HANDLER_TIMEOUT_MS - 1); // more than a handler has in all
          scripted.receive(chunked([piece], false));
          await calm(scripted);
          sent.push(piece);
          assertEquals(withoutDate(scripted.socket.text), HEAD + chunked(sent, false));
        }
        scripted.receive("0\r\n\r\n");
        await calm(scripted);
        assertEquals([withoutDate(scripted.socket.text), scripted.state], [HEAD + chunked(sent), "reading"]);
        scripted.receive(postChunked(["again"]).slice(0, -5));
        await calm(scripted);
        await pass(scripted, BODY_TIMEOUT_MS + 1, advance);
        assertEquals([statuses(scripted), scripted.state], [[200, 200], "closed"], "it stalled");
      });
    }
  },
);

onBoth(
  "Expect: 100 is sent before a response that is made of the body, never inside of it",
  async (trigger) => {
    for (const wrap of [false, true]) {
      for (const isPromised of [false, true]) {
        using scripted = new Scripted((request) => {
          const body = request.body!;
          const response = new HttpResponse(200, [], wrap ? body.pipeThrough(new TransformStream()) : body);
          return isPromised ? Promise.resolve(response) : response;
        }, trigger);
        const input = post("0123456789", "Expect: 100-continue");
        scripted.receive(input.slice(0, -10));
        await calm(scripted);
        scripted.receive(input.slice(-10) + get("/").replace("GET", "DELETE").slice(0, 10));
        await calm(scripted);
        assertEquals(
          withoutDate(scripted.socket.text),
          "HTTP/1.1 100 Continue\r\n\r\n" + HEAD + chunked(["0123456789"]),
        );
      }
    }
    using other = new Scripted(streams(new Source(["a"])), trigger);
    other.receive(post("0123456789", "Expect: 100-continue").slice(0, -10));
    await calm(other);
    assertEquals([statuses(other), other.state], [[200], "lingering"], "this one does not want it");
  },
);

onBoth("an echo to a client that does not read: what the server holds is bounded", async (trigger) => {
  const total = 40 * REQUEST_BODY_QUEUE_BYTES_MAX;
  const handler: Handler = (request) => new HttpResponse(200, [], request.body);
  using scripted = scriptedWith(handler, trigger, { bodyBytesMax: total });
  scripted.socket.capacity = 0;
  const left = () =>
    scripted.socket.incoming.reduce<number>((sum, part) => sum + (part as Uint8Array).length, 0);
  scripted.receive(post("x".repeat(total)));
  await calm(scripted);
  scripted.wake(Readiness.READABLE);
  await calm(scripted);
  assert(total - left() < 2 * REQUEST_BODY_QUEUE_BYTES_MAX, `${total - left()} bytes were received`);
  scripted.socket.capacity = 10_000;
  for (let i = 0; scripted.state === "handling"; i++) {
    assert(i < 1000, "no progress");
    scripted.wake(Readiness.READABLE | Readiness.WRITABLE);
    await calm(scripted);
  }
  assertEquals(scripted.socket.text.match(/x/g)?.length, total);
});

onBoth(
  "a streamed response drops the rest of a request body that is not read",
  async (trigger) => {
    const contexts: HandlerContext[] = [];
    using scripted = new Scripted((request, context) => {
      contexts.push(context);
      return request.method === "GET" ? says("next") : new HttpResponse(200, [], new Source(["a"]).stream);
    }, trigger);
    const input = post("0123456789") + get("/next");
    for (const cut of [input.indexOf("0123"), input.indexOf("0123") + 5]) {
      scripted.receive(input.slice(0, cut));
      await calm(scripted);
      scripted.receive(input.slice(cut));
      await calm(scripted);
      assert(withoutDate(scripted.socket.text).endsWith(HEAD + chunked(["a"]) + answer("next")));
    }
    assertEquals(statuses(scripted), [200, 200, 200, 200]);
    assert(!contexts[0]!.signal.aborted, "it was answered, not abandoned");
  },
);
