/**
 * Handlers that return promises, on a scripted socket, with level and edge trigger: responses that come too late,
 * clients that leave meanwhile, servers that end.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ECONNRESET, EPIPE } from "../../ffi/libc/errno.ts";
import { HttpResponse } from "../../server/http/response.ts";
import {
  ABANDONED_TIMEOUT_MS,
  BODY_TIMEOUT_MS,
  HANDLER_TIMEOUT_MS,
  LINGER_TIMEOUT_MS,
} from "../../server/limits.ts";
import { Readiness } from "../../server/loop/poller.ts";
import {
  assertErrors,
  Calls,
  calm,
  CountedFile,
  post,
  says,
  scriptedWith,
  Source,
  statuses,
  withClock,
} from "../support/exchanges.ts";
import { answer, onBoth, Scripted, withoutDate } from "../support/scripted.ts";
import { get } from "../support/wire.ts";

onBoth("after the deadline the client gets 503; the late response is released once", async (trigger) => {
  for (const kind of ["file", "stream", "rejection", "nothing"] as const) {
    await withClock(async (advance) => {
      const calls = new Calls();
      using scripted = new Scripted(calls.handler, trigger);
      scripted.receive(get("/late"));
      const late = calls.all[0]!;
      const { signal } = late.context;
      advance(HANDLER_TIMEOUT_MS - 1);
      await calm(scripted);
      assertEquals([scripted.state, signal.aborted], ["handling", false]);
      advance(2);
      await calm(scripted);
      assertEquals([statuses(scripted), scripted.state, signal.aborted], [[503], "reading", true]);
      scripted.receive(get("/next"));
      const file = new CountedFile();
      const source = new Source(["x"]);
      if (kind === "file") late.resolve(new HttpResponse(200, [], file.body));
      else if (kind === "stream") late.resolve(new HttpResponse(200, [], source.stream));
      else if (kind === "rejection") late.reject(new Error("late"));
      await calm(scripted);
      assertEquals(statuses(scripted), [503], "the late answer went to the next request");
      if (kind === "file") assertEquals(file.closed, 1);
      if (kind === "stream") assertEquals([source.cancels.length, source.pulls], [1, 0]);
      assert(late.context.signal.aborted, "the next request's signal");
      assert(!calls.all[1]!.context.signal.aborted);
      calls.all[1]!.resolve(says("next"));
      await calm(scripted);
      assert(withoutDate(scripted.socket.text).endsWith(answer("next")));
      assertErrors(scripted, 0);
    });
  }
});

onBoth(
  "a client that resets while its response is made aborts the signal at once, and the response is released",
  async (trigger) => {
    for (const kind of ["file", "stream", "rejection"] as const) {
      for (const isSettledBefore of [true, false]) {
        const calls = new Calls();
        using scripted = new Scripted(calls.handler, trigger);
        scripted.receive(get("/"));
        const call = calls.all[0]!;
        const { signal } = call.context;
        const file = new CountedFile();
        const source = new Source(["x"]);
        const settle = () => {
          if (kind === "file") call.resolve(new HttpResponse(200, [], file.body));
          else if (kind === "stream") call.resolve(new HttpResponse(200, [], source.stream));
          else call.reject(new Error("too late"));
        };
        if (isSettledBefore) {
          settle();
          for (let i = 0; i < 10; i++) await null; // the task is posted, and runs in the same turn as the reset
        }
        scripted.receive(-ECONNRESET);
        assertEquals([scripted.state, signal.aborted], ["closed", true]);
        assertEquals((signal.reason as Error).name, "AbortError");
        if (!isSettledBefore) settle();
        await calm(scripted);
        assertEquals([file.closed, source.cancels.length], [
          kind === "file" ? 1 : 0,
          kind === "stream" ? 1 : 0,
        ]);
        assertEquals(scripted.socket.text, "");
        assertErrors(scripted, 0);
      }
    }
  },
);

onBoth("a server that has ended releases later responses", async (trigger) => {
  const calls = new Calls();
  const file = new CountedFile();
  {
    using scripted = new Scripted(calls.handler, trigger);
    scripted.receive(get("/"));
  }
  calls.all[0]!.resolve(new HttpResponse(200, [], file.body));
  for (let i = 0; i < 10; i++) await null;
  assertEquals([file.closed, calls.all[0]!.context.signal.aborted], [1, true]);
});

onBoth("a signal that is first read after the client left is aborted", async (trigger) => {
  const calls = new Calls();
  using scripted = new Scripted(calls.handler, trigger);
  scripted.receive(get("/"));
  scripted.receive(-ECONNRESET);
  await calm(scripted);
  assertEquals(scripted.state, "closed");
  assert(calls.all[0]!.context.signal.aborted);
});

onBoth(
  "a client that ended its half gets its whole response; the signal is aborted after a while",
  async (trigger) => {
    for (const waitsMs of [0, ABANDONED_TIMEOUT_MS - 1, ABANDONED_TIMEOUT_MS + 1]) {
      await withClock(async (advance) => {
        const calls = new Calls();
        using scripted = new Scripted(calls.handler, trigger);
        scripted.receive(get("/"));
        const { signal } = calls.all[0]!.context;
        scripted.end();
        assertEquals([scripted.state, signal.aborted], ["handling", false]);
        advance(waitsMs);
        await calm(scripted);
        assertEquals([scripted.state, signal.aborted], ["handling", waitsMs > ABANDONED_TIMEOUT_MS]);
        calls.all[0]!.resolve(says("all the same"));
        await calm(scripted);
        assertEquals(withoutDate(scripted.socket.text), answer("all the same"));
        assertEquals(scripted.state, "closed");
      });
    }
  },
);

onBoth("a client that ended its half and whose handler never answers gets 503", async (trigger) => {
  await withClock(async (advance) => {
    using scripted = new Scripted(new Calls().handler, trigger);
    scripted.receive(get("/"));
    scripted.end();
    for (let ms = 0; ms <= HANDLER_TIMEOUT_MS + 1000; ms += 500) {
      advance(500);
      await calm(scripted);
    }
    assertEquals([statuses(scripted), scripted.state], [[503], "closed"]);
  });
});

onBoth(
  "after an early response the rest of the request's body is awaited as briefly as an end",
  async (trigger) => {
    await withClock(async (advance) => {
      using scripted = new Scripted(() => says("early"), trigger);
      const whole = post("0123456789".repeat(10));
      scripted.receive(whole.slice(0, -50));
      await calm(scripted);
      assertEquals([statuses(scripted), scripted.state], [[200], "reading-body"]);
      let waitedMs = 0;
      for (; scripted.state === "reading-body" && waitedMs < BODY_TIMEOUT_MS; waitedMs += 500) {
        advance(500);
        await calm(scripted);
      }
      assertEquals([statuses(scripted), scripted.state], [[200], "closed"]);
      assert(waitedMs >= LINGER_TIMEOUT_MS && waitedMs <= 2 * LINGER_TIMEOUT_MS, `${waitedMs} ms`);
      // A client whose body continues is still served.
      using other = new Scripted(() => says("early"), trigger);
      other.receive(whole.slice(0, -50));
      await calm(other);
      advance(LINGER_TIMEOUT_MS - 10);
      other.receive(whole.slice(-50) + get("/next"));
      await calm(other);
      assertEquals([statuses(other), other.state], [[200, 200], "reading"]);
    });
  },
);

onBoth("a reset after pipelined requests is noticed, if the poller reports it", async (trigger) => {
  const calls = new Calls();
  using scripted = new Scripted(calls.handler, trigger);
  scripted.receive(get("/1"));
  scripted.receive(get("/2"));
  const { signal } = calls.all[0]!.context;
  scripted.wake(Readiness.HANGUP | Readiness.ERROR);
  assertEquals([scripted.state, signal.aborted], ["handling", false], "a hint is no truth");
  scripted.socket.sends = [-EPIPE];
  scripted.wake(Readiness.READABLE | Readiness.HANGUP | Readiness.ERROR);
  assertEquals([scripted.state, signal.aborted], ["closed", true]);
  await calm(scripted);
});

onBoth(
  "a handler has the time that is set, and a promise that never settles delays no other client",
  async (trigger) => {
    await withClock(async (advance) => {
      using scripted = scriptedWith(new Calls().handler, trigger, { handlerTimeoutMs: 50 });
      for (let i = 1; i <= 3; i++) {
        scripted.receive(get("/"));
        advance(51);
        await calm(scripted);
        assertEquals([statuses(scripted).length, scripted.state], [i, "reading"]);
      }
    });
  },
);
