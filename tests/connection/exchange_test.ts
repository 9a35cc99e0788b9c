/**
 * Handlers that return promises, on a scripted socket, with level and edge trigger: every way in which such a promise
 * settles, and in which the client leaves meanwhile.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { EAGAIN } from "../../ffi/libc/errno.ts";
import type { Handler, HandlerContext } from "../../server/connection/handler.ts";
import { HttpError } from "../../server/http/http_error.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { HANDLER_TIMEOUT_MS, HEAD_BYTES_MAX } from "../../server/limits.ts";
import { Interest, Readiness } from "../../server/loop/poller.ts";
import {
  assertErrors,
  Calls,
  calm,
  CountedFile,
  failure,
  pass,
  says,
  Source,
  statuses,
  withClock,
} from "../support/exchanges.ts";
import { answer, onBoth, Scripted, withoutDate } from "../support/scripted.ts";
import { get } from "../support/wire.ts";

const HEAD = "HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n";

onBoth("a fulfilled promise is the response, and the connection continues", async (trigger) => {
  const calls = new Calls();
  using scripted = new Scripted(calls.handler, trigger);
  for (const text of ["one", "two"]) {
    scripted.receive(get(`/${text}`));
    assertEquals(scripted.state, "handling");
    calls.all.at(-1)!.resolve(says(text));
    await calm(scripted);
    assertEquals(scripted.state, "reading");
  }
  assertEquals(withoutDate(scripted.socket.text), answer("one") + answer("two"));
});

onBoth("a thenable and an async function answer like a promise", async (trigger) => {
  const thenable = { then: (resolve: (response: HttpResponse) => void) => resolve(says("then")) };
  using scripted = new Scripted(() => thenable as unknown as Promise<HttpResponse>, trigger);
  scripted.receive(get("/"));
  await calm(scripted);
  assertEquals(withoutDate(scripted.socket.text), answer("then"));
});

onBoth(
  "a handler's rejection with an HttpError gives its status, any other gives 500 and is logged",
  async (trigger) => {
    for (
      const [error, status, logged] of [
        [new HttpError(404, "no such note"), 404, 0],
        [new HttpError(413, "too much"), 413, 0],
        [new HttpError(503, "busy"), 503, 1],
        [new Error("broken"), 500, 1],
        [undefined, 500, 1],
      ] as const
    ) {
      const calls = new Calls();
      using scripted = new Scripted(calls.handler, trigger);
      scripted.receive(get("/"));
      calls.all[0]!.reject(error);
      await calm(scripted);
      assertEquals(statuses(scripted), [status]);
      assertErrors(scripted, logged);
      assertEquals(scripted.state, status < 500 ? "reading" : "closed");
    }
  },
);

onBoth("a result that is no HttpResponse is 500, promised or not, and is not awaited", async (trigger) => {
  for (const wrong of [undefined, null, "text", 200, new Response("x"), {}]) {
    for (const isPromised of [true, false]) {
      const value = wrong as unknown as HttpResponse;
      using scripted = new Scripted(() => isPromised ? Promise.resolve(value) : value, trigger);
      scripted.receive(get("/"));
      await calm(scripted);
      assertEquals(statuses(scripted), [500], `${wrong}`);
      assertErrors(scripted, 1);
      assertMatch(String(scripted.errors[0]), /TypeError: A handler must return an HttpResponse/);
    }
  }
});

Deno.test("an HttpError has the status of an error, and a response that of a response", async () => {
  for (const status of [200, 399, 600, 404.5, NaN]) {
    assert(await failure(() => new HttpError(status, "no error")) instanceof RangeError, `${status}`);
  }
  for (const status of [0, 99, 600, 200.5, NaN]) {
    assert(await failure(() => new HttpResponse(status, [], null)) instanceof RangeError, `${status}`);
  }
});

onBoth("a context that is kept after the response affects no later request", async (trigger) => {
  const kept: HandlerContext[] = [];
  using scripted = new Scripted((request, context) => {
    kept.push(context);
    if (request.path === "/asks") assert(!context.signal.aborted);
    return says(request.path);
  }, trigger);
  for (let i = 0; i < 3; i++) {
    scripted.receive(get("/plain"));
    assert(kept.at(-1)!.signal.aborted, "its request is over");
    scripted.receive(get("/asks"));
    assert(kept.at(-1)!.signal.aborted, "its request is over");
  }
  await calm(scripted);
  assertEquals(withoutDate(scripted.socket.text), (answer("/plain") + answer("/asks")).repeat(3));
});

onBoth(
  "requests wait for the one that is being answered, and no more than a slot of them is received",
  async (trigger) => {
    const calls = new Calls();
    using scripted = new Scripted(calls.handler, trigger);
    const behind = Math.ceil(3 * HEAD_BYTES_MAX / get("/behind").length);
    scripted.receive(get("/1"));
    const sent = new TextEncoder().encode(get("/behind").repeat(behind));
    scripted.receive(sent);
    scripted.wake(Readiness.READABLE);
    const left = scripted.socket.incoming.reduce<number>((sum, part) => sum + (part as Uint8Array).length, 0);
    assertEquals(sent.length - left, HEAD_BYTES_MAX);
    if (trigger === "level") assertEquals(scripted.interest, Interest.NONE);
    assertEquals(calls.all.length, 1);
    for (let i = 0; i <= behind; i++) {
      calls.all[i]!.resolve(says(`${i}`));
      await calm(scripted);
    }
    const expected = Array.from({ length: behind + 1 }, (_, i) => answer(`${i}`)).join("");
    assertEquals(withoutDate(scripted.socket.text), expected);
  },
);

onBoth(
  "responses keep the order of their requests, whenever promises settle",
  async (trigger) => {
    for (let order = 0; order < 8; order++) { // which of three requests are answered at once
      const calls = new Calls();
      using scripted = new Scripted((request, context) => {
        const isAtOnce = order >> Number(request.path.slice(1)) & 1;
        return isAtOnce ? says(request.path) : calls.handler(request, context);
      }, trigger);
      scripted.receive(get("/0") + get("/1") + get("/2"));
      for (let i = 0; i < calls.all.length; i++) {
        calls.all[i]!.resolve(says(calls.all[i]!.request.path));
        await calm(scripted);
      }
      assertEquals(withoutDate(scripted.socket.text), answer("/0") + answer("/1") + answer("/2"), `${order}`);
      assertEquals(scripted.state, "reading");
    }
  },
);

onBoth("every send may be short: promised responses are the same to the client", async (trigger) => {
  const requests = get("/0") + get("/1") + HEAD + get("/2", "Connection: close");
  const run = async (sends: number[]) => {
    using scripted = new Scripted(async (request) => {
      await null;
      return says(request.path);
    }, trigger);
    scripted.socket.sends = sends;
    scripted.receive(requests);
    await calm(scripted);
    for (let i = 0; scripted.state === "writing" || scripted.state === "handling"; i++) {
      assert(i < 5000, "no progress");
      scripted.writable();
      await calm(scripted);
    }
    assertErrors(scripted, 0);
    assertEquals(scripted.state, "closed");
    return withoutDate(scripted.socket.text);
  };
  const whole = await run([]);
  assertEquals(
    whole,
    answer("/0") + answer("/1") + answer("/h").slice(0, -2) + answer("/2", "close"),
  );
  for (let cut = 1; cut < whole.length + 200; cut += 3) {
    assertEquals(await run([cut, -EAGAIN]), whole, `${cut}`);
  }
  const drips = Array.from({ length: 2000 }, (_, i) => i % 2 === 0 ? 1 : -EAGAIN);
  assertEquals(await run(drips), whole);
});

onBoth("HEAD, HTTP/1.0, a server without keep-alive, and one that stops", async (trigger) => {
  for (
    const [request, expected, state, keepAlive, isDraining] of [
      [HEAD, answer("x").slice(0, -1), "reading", true, false],
      ["GET / HTTP/1.0\r\n\r\n", answer("x", "close"), "closed", true, false],
      ["GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", answer("x"), "reading", true, false],
      [get("/"), answer("x", "close"), "closed", false, false],
      [get("/"), answer("x", "close"), "lingering", true, true],
    ] as const
  ) {
    const calls = new Calls();
    using scripted = new Scripted(calls.handler, trigger, keepAlive);
    scripted.receive(request);
    if (isDraining) {
      scripted.host.isDraining = true;
      scripted.drain();
      await calm(scripted);
      assertEquals(scripted.state, "handling", "what has begun is finished");
    }
    calls.all[0]!.resolve(says("x"));
    await calm(scripted);
    assertEquals([withoutDate(scripted.socket.text), scripted.state], [expected, state], request);
  }
});

onBoth("HEAD closes the file and cancels the stream of its response", async (trigger) => {
  const file = new CountedFile();
  const source = new Source(["x"], false);
  const responses = [new HttpResponse(200, [], file.body), new HttpResponse(200, [], source.stream)];
  using scripted = new Scripted(() => Promise.resolve(responses.shift()!), trigger);
  scripted.receive(HEAD + HEAD);
  await calm(scripted);
  assertEquals([file.closed, source.cancels.length, source.pulls], [1, 1, 0]);
  assertEquals(
    withoutDate(scripted.socket.text),
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
  );
});

onBoth("a handler reads its own request after an await", async (trigger) => {
  const seen: string[] = [];
  using scripted = new Scripted(async (request) => {
    const before = request.path + request.header("x");
    for (let i = 0; i < 5; i++) await null;
    seen.push(before === request.path + request.header("x") ? request.path : "changed");
    return says(request.path);
  }, trigger);
  for (let cut = 1; cut < get("/0", "X: 0").length; cut += 7) {
    const requests = get("/0", "X: 0") + get("/1", "X: 1") + get("/2", "X: 2");
    scripted.receive(requests.slice(0, cut));
    scripted.receive(requests.slice(cut));
    await calm(scripted);
    assertEquals(seen.splice(0), ["/0", "/1", "/2"]);
  }
});

onBoth("a handler that stops to read a body has its whole time to answer", async (trigger) => {
  await withClock(async (advance) => {
    const [cancelled, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const handler: Handler = async (request) => {
      const reader = request.body!.getReader();
      const read = reader.read();
      await cancelled.promise;
      await reader.cancel();
      await read;
      await answered.promise;
      return HttpResponse.text("late");
    };
    using scripted = new Scripted(handler, trigger);
    scripted.receive("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
    await calm(scripted);
    cancelled.resolve(); // while the body is waited for
    await calm(scripted);
    await pass(scripted, HANDLER_TIMEOUT_MS - 1000, advance);
    assertEquals(scripted.socket.text, "");
    answered.resolve();
    await calm(scripted);
    assert(scripted.socket.text.startsWith("HTTP/1.1 200 "), scripted.socket.text);
  });
});
