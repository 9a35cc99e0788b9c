/**
 * The head of a streamed response waits for the first chunk, so a failure before it is a 500. On a scripted socket,
 * with level and edge trigger, and over real ones.
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { ECONNRESET } from "../../ffi/libc/errno.ts";
import { HttpError } from "../../server/http/http_error.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { STREAM_HEAD_HELD_MS } from "../../server/limits.ts";
import {
  calm,
  chunked,
  HEAD,
  Pipe,
  postChunked,
  Source,
  statuses,
  streams,
  withClock,
} from "../support/exchanges.ts";
import { serving } from "../support/in_process.ts";
import { onBoth, Scripted, withoutDate } from "../support/scripted.ts";
import { sleep } from "../support/sleep.ts";
import { exchange, get } from "../support/wire.ts";

onBoth(
  "a stream that fails before its first byte is 500, as long as the head was not sent",
  async (trigger) => {
    for (const empty of [false, true]) {
      await withClock(async (advance) => {
        for (const waitsMs of [0, STREAM_HEAD_HELD_MS - 1, STREAM_HEAD_HELD_MS + 1]) {
          const { promise, reject } = Promise.withResolvers<void>();
          const stream = new ReadableStream({
            pull: (controller) => {
              if (empty) controller.enqueue(new Uint8Array(0));
              return promise;
            },
          }, { highWaterMark: 0 });
          using scripted = new Scripted(() => new HttpResponse(200, [], stream), trigger);
          scripted.receive(get("/"));
          await calm(scripted);
          assertEquals(scripted.socket.text, "");
          advance(waitsMs);
          await calm(scripted);
          reject(new Error("the source broke"));
          await calm(scripted);
          if (waitsMs < STREAM_HEAD_HELD_MS) assertEquals(statuses(scripted), [500]);
          else assertEquals(withoutDate(scripted.socket.text), HEAD);
          assertEquals([scripted.state, scripted.errors.map(String)], ["closed", [
            "Error: the source broke",
          ]]);
        }
      });
    }
  },
);

onBoth(
  "when a client leaves while the head of a stream waits, the stream is cancelled, and nothing is sent",
  async (trigger) => {
    const source = new Source([], false);
    using scripted = new Scripted(streams(source), trigger);
    scripted.receive(get("/"));
    await calm(scripted);
    scripted.receive(-ECONNRESET);
    await calm(scripted);
    assertEquals([scripted.state, scripted.socket.text, source.cancels.length], ["closed", "", 1]);
  },
);

onBoth("the head of an event stream is sent at once", async (trigger) => {
  const fields = [["Content-Type", "text/event-stream"]] as const;
  using scripted = new Scripted(() => new HttpResponse(200, fields, new Pipe().stream), trigger);
  scripted.receive(get("/"));
  assertEquals(statuses(scripted), [200]);
  await calm(scripted);
});

onBoth(
  "the head is sent after a second without a chunk, and each chunk as soon as it comes",
  async (trigger) => {
    await withClock(async (advance) => {
      const pipe = new Pipe();
      using scripted = new Scripted(() => new HttpResponse(200, [], pipe.stream), trigger);
      scripted.receive(get("/"));
      await calm(scripted);
      assertEquals(scripted.socket.text, "");
      advance(STREAM_HEAD_HELD_MS + 1);
      await calm(scripted);
      assertEquals(withoutDate(scripted.socket.text), HEAD);
      const sent: string[] = [];
      for (const piece of ["data: 1\n\n", "data: 2\n\n"]) {
        pipe.write(piece);
        await calm(scripted);
        sent.push(piece);
        assertEquals(withoutDate(scripted.socket.text), HEAD + chunked(sent, false));
      }
      pipe.end();
      await calm(scripted);
      assertEquals([withoutDate(scripted.socket.text), scripted.state], [HEAD + chunked(sent), "reading"]);
    });
  },
);

/** Returns a stream that fails after `ms`, before its first byte. */
function failing(ms: number, error: unknown): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull: async (controller) => {
      await sleep(ms);
      controller.error(error);
    },
  });
}

Deno.test("a handler's stream that fails before its first byte is 500, whatever its length and kind, and onError gets the reason", async () => {
  const broken = new Error("the source broke");
  const bodies: Record<string, () => HttpResponse> = {
    "/at-once": () =>
      new HttpResponse(200, [], new ReadableStream({ start: (controller) => controller.error(broken) })),
    "/pull": () => new HttpResponse(200, [], failing(0, broken)),
    "/later": () => new HttpResponse(200, [], failing(100, broken)),
    "/length": () => new HttpResponse(200, [], { stream: failing(20, broken), length: 10 }),
    "/too-short": () =>
      new HttpResponse(200, [], { stream: ReadableStream.from<Uint8Array>([]), length: 10 }),
    "/from": () =>
      new HttpResponse(
        200,
        [],
        ReadableStream.from<Uint8Array>({
          [Symbol.asyncIterator]: () => ({ next: () => sleep(5).then(() => Promise.reject(broken)) }),
        }),
      ),
  };
  for (const isPromised of [false, true]) {
    await using server = serving(({ path }) => {
      const response = bodies[path]?.() ?? HttpResponse.text("fine");
      return isPromised ? Promise.resolve(response) : response;
    });
    for (const path of Object.keys(bodies)) {
      for (const version of ["1.1", "1.0"]) {
        const { status, text } = await exchange(server.port, get(path).replace("1.1", version));
        assertEquals(status, 500, `${path} ${version}`);
        assertMatch(text, /500 Internal Server Error/);
      }
    }
    assertEquals(server.errors.length, 2 * Object.keys(bodies).length);
    assertMatch(server.errors.join(), /the source broke/);
    assertEquals((await exchange(server.port, get("/fine"))).text, "fine");
  }
});

Deno.test("a stream that fails with a client's status is answered with that", async () => {
  await using server = serving(() => new HttpResponse(200, [], failing(5, new HttpError(404, "it is gone"))));
  assertEquals((await exchange(server.port, get("/"))).status, 404);
});

onBoth("a client that sends more of its request after the head gets it echoed at once", async (trigger) => {
  await withClock(async () => {
    using scripted = new Scripted(({ body }) => new HttpResponse(200, [], body), trigger);
    scripted.receive(postChunked([]).slice(0, -5));
    await calm(scripted);
    assertEquals(withoutDate(scripted.socket.text), HEAD);
    scripted.receive(chunked(["abc"]));
    await calm(scripted);
    assertEquals([withoutDate(scripted.socket.text), scripted.state], [HEAD + chunked(["abc"]), "reading"]);
  });
});
