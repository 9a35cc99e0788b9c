/**
 * Bodies that do not reach their handler, on a scripted socket, with level and edge trigger: too long, broken, late,
 * aborted, not wanted.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ECONNRESET } from "../../ffi/libc/errno.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { HttpError } from "../../server/http/http_error.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { BODY_TIMEOUT_MS, HANDLER_TIMEOUT_MS, LINGER_TIMEOUT_MS } from "../../server/limits.ts";
import {
  assertErrors,
  Calls,
  calm,
  pass,
  post,
  postChunked,
  says,
  scriptedWith,
  statuses,
  withClock,
} from "../support/exchanges.ts";
import { answer, onBoth, Scripted, withoutDate } from "../support/scripted.ts";
import { get } from "../support/wire.ts";

const EXPECT = "Expect: 100-continue";

/** Reads the body and records how that ended. */
class Reader {
  readonly ends: unknown[] = [];
  readonly handler: Handler = async (request) => {
    try {
      const text = await request.text();
      this.ends.push(text);
      return says(text);
    } catch (error) {
      this.ends.push(error);
      throw error;
    }
  };
  /** The status with which reading ended. */
  get status(): number {
    assertEquals(this.ends.length, 1);
    assert(this.ends[0] instanceof HttpError, String(this.ends[0]));
    return this.ends[0].status;
  }
}

onBoth(
  "the largest body is read; one byte more is 413, once, and the handler gets the reason",
  async (trigger) => {
    const largest = "x".repeat(50);
    for (const input of [post(largest), postChunked([largest]), postChunked([largest.slice(1), "x"])]) {
      const reader = new Reader();
      using scripted = scriptedWith(reader.handler, trigger, { bodyBytesMax: 50 });
      scripted.receive(input);
      await calm(scripted);
      assertEquals(reader.ends, [largest]);
    }
    for (const input of [post(largest + "x"), postChunked([largest + "x"]), postChunked([largest, "x"])]) {
      const reader = new Reader();
      using scripted = scriptedWith(reader.handler, trigger, { bodyBytesMax: 50 });
      const headEnd = input.indexOf("\r\n\r\n") + 4;
      scripted.receive(input.slice(0, headEnd));
      await calm(scripted);
      scripted.receive(input.slice(headEnd));
      await calm(scripted);
      assertEquals([statuses(scripted), scripted.state], [[413], "lingering"]);
      if (input.includes("Content-Length")) assertEquals(reader.ends, [], "the handler must not be called");
      else assertEquals(reader.status, 413);
      scripted.end();
      assertEquals(scripted.state, "closed");
      assertErrors(scripted, 0);
    }
  },
);

onBoth("broken chunks, in the first packet or later, are 400, once", async (trigger) => {
  const head = postChunked([]).slice(0, -5);
  for (
    const broken of ["xyz\r\n", "3\r\nabcdef\r\n", "3\r\nabc\r\n-1\r\n", "1;\x01\r\n", "0\r\nbad trailer\r\n"]
  ) {
    for (let cut = head.length; cut < head.length + broken.length; cut++) {
      const reader = new Reader();
      using scripted = new Scripted(reader.handler, trigger);
      scripted.receive((head + broken).slice(0, cut));
      await calm(scripted);
      scripted.receive((head + broken).slice(cut) + get("/smuggled"));
      await calm(scripted);
      assertEquals([statuses(scripted), scripted.state], [[400], "lingering"], `${broken} cut at ${cut}`);
      if (reader.ends.length > 0) assertEquals(reader.status, 400); // otherwise it was not even called
      assertErrors(scripted, 0);
    }
  }
});

onBoth(
  "when a client ends or resets in the middle of its body, only the handler is told",
  async (trigger) => {
    for (const input of [post("0123456789").slice(0, -3), postChunked(["0123"]).slice(0, -3)]) {
      for (const isReset of [true, false]) {
        const reader = new Reader();
        using scripted = new Scripted(reader.handler, trigger);
        scripted.receive(input);
        await calm(scripted);
        if (isReset) scripted.receive(-ECONNRESET);
        else scripted.end();
        await calm(scripted);
        assertEquals([scripted.socket.text, scripted.state, reader.ends.length], ["", "closed", 1]);
        assert(reader.ends[0] instanceof Error);
        assertErrors(scripted, 0);
      }
    }
  },
);

onBoth(
  "a body that stalls while its handler waits is 408; one whose handler does not wait is 503",
  async (trigger) => {
    for (const waits of [true, false]) {
      await withClock(async (advance) => {
        const reader = new Reader();
        const handler: Handler = waits ? reader.handler : new Calls().handler;
        const handlerTimeoutMs = waits ? 10 : 500;
        using scripted = scriptedWith(handler, trigger, { handlerTimeoutMs, receiveRateMin: 0 });
        scripted.receive(post("0123456789").slice(0, -8));
        await calm(scripted);
        await pass(scripted, (waits ? BODY_TIMEOUT_MS : handlerTimeoutMs) - 1, advance);
        scripted.receive("2");
        await calm(scripted);
        if (waits) await pass(scripted, BODY_TIMEOUT_MS - 1, advance); // each expected byte extends the deadline
        await calm(scripted);
        assertEquals(scripted.socket.text, "");
        advance(2);
        await calm(scripted);
        assertEquals(statuses(scripted), [waits ? 408 : 503]);
        if (waits) assertEquals([reader.status, scripted.state], [408, "lingering"]);
      });
    }
  },
);

onBoth(
  "Expect: a response without reading the body is final, and closes; later bytes do not reset it",
  async (trigger) => {
    for (const isPromised of [true, false]) {
      using scripted = new Scripted(() => isPromised ? Promise.resolve(says("no")) : says("no"), trigger);
      scripted.receive(post("0123456789", EXPECT).slice(0, -10));
      await calm(scripted);
      assertEquals(withoutDate(scripted.socket.text), answer("no", "close"));
      assertEquals([scripted.state, scripted.socket.isShutDown], ["lingering", true]);
      scripted.receive("0123456789" + get("/smuggled"));
      await calm(scripted);
      scripted.end();
      assertEquals([scripted.state, statuses(scripted)], ["closed", [200]]);
    }
  },
);

onBoth("Expect: a handler that neither reads nor answers gets 503, not 408", async (trigger) => {
  await withClock(async (advance) => {
    using scripted = scriptedWith(new Calls().handler, trigger, { handlerTimeoutMs: 2 * HANDLER_TIMEOUT_MS });
    scripted.receive(post("0123456789", EXPECT).slice(0, -10));
    advance(HANDLER_TIMEOUT_MS + 1);
    await calm(scripted);
    assertEquals(scripted.state, "handling");
    advance(HANDLER_TIMEOUT_MS);
    await calm(scripted);
    assertEquals(statuses(scripted), [503]);
  });
});

onBoth(
  "a body that is not read, or only half of it, is dropped, and the next request found after it",
  async (trigger) => {
    const ways: readonly ((request: HttpRequest) => HttpResponse | Promise<HttpResponse>)[] = [
      () => says("at once"),
      async () => {
        await null;
        return says("at once");
      },
      async (request) => {
        const reader = request.body?.getReader();
        await reader?.read();
        return says("at once");
      },
      (request) => {
        request.bytes(); // its rejection must not end the process
        request.text();
        request.json();
        return says("at once");
      },
    ];
    for (const way of ways) {
      for (const body of [post("0123456789"), postChunked(["0123", "456789"])]) {
        const input = body + get("/next");
        for (let cut = 1; cut < input.length; cut++) {
          using scripted = new Scripted(
            (request) => request.method === "POST" ? way(request) : says("next"),
            trigger,
          );
          scripted.receive(input.slice(0, cut));
          await calm(scripted);
          scripted.receive(input.slice(cut));
          await calm(scripted);
          assertEquals(
            withoutDate(scripted.socket.text),
            answer("at once") + answer("next"),
            `cut after ${cut} of ${input}`,
          );
          assertErrors(scripted, 0);
        }
      }
    }
  },
);

onBoth(
  "a response that closes while the body is still arriving is not destroyed by a reset",
  async (trigger) => {
    await withClock(async (advance) => {
      using scripted = new Scripted(() => Promise.reject(new Error("broken")), trigger);
      scripted.receive(post("0123456789").slice(0, -5));
      await calm(scripted);
      assertEquals([statuses(scripted), scripted.state, scripted.socket.isShutDown], [
        [500],
        "lingering",
        true,
      ]);
      scripted.receive("56789");
      await calm(scripted);
      assertEquals(scripted.state, "lingering");
      advance(LINGER_TIMEOUT_MS + 1);
      await calm(scripted);
      assertEquals(scripted.state, "closed");
    });
  },
);

onBoth(
  "the rest of an answered request's body may break or stall, without a second response",
  async (trigger) => {
    await withClock(async (advance) => {
      using broken = new Scripted(() => says("x"), trigger);
      broken.receive(postChunked(["abc"]).slice(0, -5));
      assertEquals(broken.state, "reading-body");
      broken.receive("xyz\r\n" + get("/smuggled"));
      await calm(broken);
      assertEquals([statuses(broken), broken.state], [[200], "lingering"]);
      using stalled = new Scripted(() => says("x"), trigger);
      stalled.receive(post("abc").slice(0, -1));
      await pass(stalled, BODY_TIMEOUT_MS + 1, advance);
      assertEquals([statuses(stalled), stalled.state], [[200], "closed"]);
    });
  },
);
