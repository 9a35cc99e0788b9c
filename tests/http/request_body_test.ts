/**
 * Request bodies on their way to a handler, on a scripted socket, level and edge: both framings, cut everywhere, too
 * long, broken, late, unread, half read, and with Expect.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Handler } from "../../server/connection/handler.ts";
import { concat } from "../../server/http/bytes.ts";
import { RequestBody } from "../../server/http/request_body.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { HEAD_BYTES_MAX, REQUEST_BODY_QUEUE_BYTES_MAX } from "../../server/limits.ts";
import {
  assertErrors,
  calm,
  failure,
  post,
  postChunked,
  says,
  scriptedWith,
  statuses,
  withClock,
} from "../support/exchanges.ts";
import { answer, onBoth, Scripted, withoutDate } from "../support/scripted.ts";
import { get } from "../support/wire.ts";

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const EXPECT = "Expect: 100-continue";

/** Answers with the body, or with the path when there is no body. */
const repeat: Handler = async (request) => says(await request.text() || request.path);

onBoth("a body, by length and in chunks, cut at every byte, reaches its handler whole", async (trigger) => {
  for (const input of [post("0123456789"), postChunked(["0123", "4", "56789"]), postChunked([])]) {
    for (let cut = 1; cut <= input.length; cut++) {
      using scripted = new Scripted(repeat, trigger);
      scripted.receive(input.slice(0, cut));
      await calm(scripted);
      scripted.receive(input.slice(cut) + get("/next"));
      await calm(scripted);
      const expected = answer(input.endsWith("\r\n\r\n0\r\n\r\n") ? "/p" : "0123456789") + answer("/next");
      assertEquals(withoutDate(scripted.socket.text), expected, `cut after ${cut}`);
      assertEquals(scripted.state, "reading");
    }
  }
});

onBoth("a body that arrives byte by byte, read as a stream, keeps its order", async (trigger) => {
  for (const input of [post("0123456789"), postChunked(["0123", "4", "56789"])]) {
    using scripted = new Scripted(async (request) => {
      let text = "";
      for await (const piece of request.body!.pipeThrough(new TextDecoderStream())) text += piece;
      return says(text);
    }, trigger);
    for (const byte of input) {
      scripted.receive(byte);
      await calm(scripted);
    }
    assertEquals(withoutDate(scripted.socket.text), answer("0123456789"));
  }
});

onBoth("no body: bytes, text and stream say so", async (trigger) => {
  const seen: unknown[] = [];
  using scripted = new Scripted(async (request) => {
    seen.push((await request.bytes()).length, await request.text(), request.body);
    return says("x");
  }, trigger);
  scripted.receive(post("") + get("/"));
  await calm(scripted);
  assertEquals(seen, [0, "", null, 0, "", null]);
});

onBoth("time spent waiting for the client does not count against the handler", async (trigger) => {
  await withClock(async (advance) => {
    const { promise, resolve } = Promise.withResolvers<HttpResponse>();
    using scripted = scriptedWith(
      async (request) => {
        await request.bytes();
        return await promise;
      },
      trigger,
      { handlerTimeoutMs: 100 },
    );
    scripted.receive(post("01").slice(0, -1));
    await calm(scripted);
    advance(1000);
    await calm(scripted);
    scripted.receive("1");
    await calm(scripted);
    advance(99);
    await calm(scripted);
    assertEquals(scripted.state, "handling");
    resolve(says("x"));
    await calm(scripted);
    assertEquals(statuses(scripted), [200]);
  });
});

onBoth("Expect: 100 is sent when the handler reads the body, and only then", async (trigger) => {
  const input = post("0123456789", EXPECT);
  const headEnd = input.length - 10;
  let wants = () => {};
  const handler: Handler = async (request) => {
    if (request.expectsContinue) await new Promise<void>((resolve) => wants = resolve);
    return says(await request.text() || request.path);
  };
  using scripted = new Scripted(handler, trigger);
  scripted.receive(input.slice(0, headEnd));
  await calm(scripted);
  assertEquals(scripted.socket.text, "");
  wants();
  await calm(scripted);
  assertEquals(scripted.socket.text, CONTINUE);
  scripted.receive(input.slice(headEnd, -1));
  await calm(scripted);
  scripted.receive(input.slice(-1) + get("/next"));
  await calm(scripted);
  assertEquals(withoutDate(scripted.socket.text), CONTINUE + answer("0123456789") + answer("/next"));
  using eager = new Scripted(handler, trigger);
  eager.receive(input); // the client does not wait for 100 (Continue)
  await calm(eager);
  wants();
  await calm(eager);
  assertEquals(withoutDate(eager.socket.text), answer("0123456789"));
});

onBoth("a body is read once; a stream of it may be asked for again and again", async (trigger) => {
  const seen: string[] = [];
  using scripted = new Scripted(async (request) => {
    const named = (error: unknown) => seen.push((error as Error).name);
    if (request.path === "/bytes") {
      await request.bytes();
      await request.bytes().catch(named);
      await request.text().catch(named);
      await request.body!.getReader().read().catch(named);
    } else {
      assert(request.body !== null && request.body === request.body);
      const { body } = request;
      const reader = body.getReader();
      await request.text().catch(named);
      await reader.read();
      reader.releaseLock();
      await request.json().catch(named);
    }
    return says(request.path);
  }, trigger);
  scripted.receive(post("0123").replace("/p", "/bytes") + post("0123").replace("/p", "/stream"));
  await calm(scripted);
  assertEquals(seen, ["TypeError", "TypeError", "TypeError", "TypeError", "TypeError"]);
  assertEquals(statuses(scripted), [200, 200]);
  using asked = new Scripted(
    async (request) => says(request.body === null ? "none" : await request.text()),
    trigger,
  );
  asked.receive(post("0123"));
  await calm(asked);
  assertEquals(
    withoutDate(asked.socket.text),
    answer("0123"),
    "who only looks at the stream may read the text",
  );
});

onBoth("JSON is parsed; malformed JSON is 400 and not logged", async (trigger) => {
  const handler: Handler = async (request) => HttpResponse.json(await request.json());
  for (const [body, status] of [['{"a":[1]}', 200], ["null", 200], ["{", 400], ["\xff", 400]] as const) {
    using scripted = new Scripted(handler, trigger);
    scripted.receive(new TextEncoder().encode(post(body).replace("\xff", "?")));
    await calm(scripted);
    assertEquals([statuses(scripted), scripted.state], [[status], "reading"], body);
    assertErrors(scripted, 0);
    if (status === 200) assert(scripted.socket.text.endsWith(body));
  }
});

onBoth("a handler that reads slowly makes receiving stop", async (trigger) => {
  const most = REQUEST_BODY_QUEUE_BYTES_MAX + HEAD_BYTES_MAX;
  const body = "0123456789abcdef".repeat(20_000);
  let step = () => {};
  const steps = () => new Promise<void>((resolve) => step = resolve);
  const pieces: string[] = [];
  const handler: Handler = async (request) => {
    await steps();
    for await (const piece of request.body!.pipeThrough(new TextDecoderStream())) {
      pieces.push(piece);
      await steps();
    }
    return says("done");
  };
  using scripted = new Scripted(handler, trigger);
  const left = () =>
    scripted.socket.incoming.reduce<number>((sum, part) => sum + (part as Uint8Array).length, 0);
  scripted.receive(post(body));
  await calm(scripted);
  const taken = () => body.length - left();
  assert(taken() <= most, `${taken()} bytes before anything was read`);
  let read = 0;
  for (let i = 0; statuses(scripted).length === 0; i++) {
    assert(i < 1000, "no progress");
    step();
    await calm(scripted);
    if (trigger === "level") scripted.wake(1);
    read = pieces.reduce((sum, piece) => sum + piece.length, 0);
    assert(taken() - read <= most + 2 * HEAD_BYTES_MAX, `${taken() - read} bytes wait for the handler`);
  }
  assertEquals([read, pieces.join("") === body, statuses(scripted)], [body.length, true, [200]]);
});

onBoth(
  "a cancelled stream does not delay its client any longer, and may be cancelled while it waits",
  async (trigger) => {
    const body = "x".repeat(3 * REQUEST_BODY_QUEUE_BYTES_MAX);
    for (const isWaiting of [false, true]) {
      const { promise, resolve } = Promise.withResolvers<void>();
      using scripted = new Scripted(async (request) => {
        if (request.method === "GET") return says("next");
        const reader = request.body!.getReader();
        const read = isWaiting ? reader.read() : null;
        if (!isWaiting) await promise;
        await reader.cancel();
        assertEquals((await read)?.done, isWaiting ? true : undefined);
        await request.bytes().catch((error) => assertEquals(error.name, "TypeError"));
        if (isWaiting) await promise;
        return says("enough");
      }, trigger);
      const input = post(body);
      scripted.receive(input.slice(0, -body.length));
      await calm(scripted);
      scripted.receive(input.slice(-body.length) + get("/next"));
      await calm(scripted);
      if (isWaiting) assert(scripted.socket.incoming.length === 0, "no handler reads it");
      resolve();
      await calm(scripted);
      if (trigger === "level") scripted.wake(1);
      await calm(scripted);
      assertEquals(withoutDate(scripted.socket.text), answer("enough") + answer("next"));
      assertErrors(scripted, 0);
    }
  },
);

onBoth("a handler of one request reads no byte of the next", async (trigger) => {
  const requests = post("first") + postChunked(["sec", "ond"]) + post("third") + get("/last");
  const expected = answer("first") + answer("second") + answer("third") + answer("/last");
  for (let cut = 1; cut < requests.length; cut++) {
    using scripted = new Scripted(repeat, trigger);
    scripted.receive(requests.slice(0, cut));
    if (cut % 2 === 0) await calm(scripted);
    scripted.receive(requests.slice(cut));
    await calm(scripted);
    assertEquals(withoutDate(scripted.socket.text), expected, `cut after ${cut}`);
  }
});

Deno.test("a request without a body has an empty one", async () => {
  using scripted = new Scripted(() => says("x"));
  const request = scripted.host.buffers.request;
  assertEquals(await request.text(), "");
  assertMatch(String(await failure(() => request.json())), /^HttpError: The body is no JSON/);
});

Deno.test("small pieces that wait for their reader become few: a client may send each byte by itself", async () => {
  const body = new RequestBody(() => {});
  const sent = Uint8Array.from({ length: 60_000 }, (_, i) => i % 251);
  for (let i = 0; i < sent.length; i++) body.push(sent.subarray(i, i + 1));
  assertEquals(body.queuedBytes, sent.length);
  body.end();
  const pieces = await Array.fromAsync(body.stream());
  assert(pieces.length < 100, `${pieces.length} pieces`);
  assertEquals(concat(pieces), sent);
  const mixed = new RequestBody(() => {});
  const lengths = Array.from({ length: 500 }, (_, i) => i % 40 === 39 ? 2000 : i % 7);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length)).map((_, i) => i % 249);
  let at = 0;
  for (const length of lengths) mixed.push(bytes.subarray(at, at += length));
  mixed.end();
  assertEquals(await mixed.bytes(), bytes);
});
