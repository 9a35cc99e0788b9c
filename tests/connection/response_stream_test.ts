/**
 * Streamed responses, on a scripted socket, with level and edge trigger: framing, back-pressure, short writes,
 * failures, and clients that leave.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { HANDLER_TIMEOUT_MS } from "../../server/limits.ts";
import {
  assertErrors,
  calm,
  chunked,
  failure,
  HEAD,
  Pipe,
  post,
  says,
  Source,
  statuses,
  streams,
  withClock,
} from "../support/exchanges.ts";
import { answer, onBoth, Scripted, withoutDate } from "../support/scripted.ts";
import { get } from "../support/wire.ts";

const CLOSE_HEAD = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";

onBoth("HTTP/1.1 gets chunks, and the connection continues", async (trigger) => {
  const pieces = ["a", "", "bc", "x".repeat(100_000)];
  let source = new Source();
  using scripted = new Scripted((request) => {
    if (request.path === "/plain") return says("plain");
    source = new Source(pieces);
    return Promise.resolve(new HttpResponse(200, [], source.stream));
  }, trigger);
  scripted.receive(get("/1") + get("/plain") + get("/2"));
  await calm(scripted);
  const body = HEAD + chunked(pieces.filter((piece) => piece !== ""));
  assertEquals(withoutDate(scripted.socket.text), body + answer("plain") + body);
  assertEquals([scripted.state, source.cancels], ["reading", []]);
});

onBoth(
  "HTTP/1.0 gets the bytes up to the end of the connection, if their number is not known",
  async (trigger) => {
    for (const line of ["", "Connection: keep-alive\r\n"]) {
      using scripted = new Scripted(streams(new Source(["ab", "c"])), trigger);
      scripted.receive(`GET / HTTP/1.0\r\n${line}\r\n`);
      await calm(scripted);
      assertEquals([withoutDate(scripted.socket.text), scripted.state], [`${CLOSE_HEAD}abc`, "closed"]);
      using known = new Scripted(streams(new Source(["ab", "c"]), 3), trigger);
      known.receive(`GET / HTTP/1.0\r\n${line}\r\n`);
      await calm(known);
      const connection = line === "" ? "close" : "";
      assertEquals(withoutDate(known.socket.text), answer("abc", connection));
      assertEquals(known.state, line === "" ? "closed" : "reading");
    }
  },
);

onBoth("HEAD gets no body: the stream is cancelled and never pulled", async (trigger) => {
  for (const [length, line] of [[null, "Transfer-Encoding: chunked"], [3, "Content-Length: 3"]] as const) {
    const source = new Source(["abc"]);
    using scripted = new Scripted(streams(source, length), trigger);
    scripted.receive("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    await calm(scripted);
    assertEquals(withoutDate(scripted.socket.text), `HTTP/1.1 200 OK\r\n${line}\r\n\r\n`.repeat(2));
    assertEquals([source.cancels.length, source.pulls], [1, 0]);
  }
});

onBoth(
  "a known length is sent without chunks; too few bytes cut the connection, and bytes past the length are not sent",
  async (trigger) => {
    for (
      const [pieces, length, isRight] of [
        [["ab", "c"], 3, true],
        [[], 0, true],
        [["ab"], 3, false],
        [[], 3, false],
        [["ab", "cd"], 3, false],
        [["a"], 0, false],
      ] as const
    ) {
      const source = new Source(pieces);
      using scripted = new Scripted(streams(source, length), trigger);
      scripted.receive(get("/"));
      await calm(scripted);
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;
      let body = "";
      for (const piece of pieces) body += piece.slice(0, length - body.length);
      if (pieces.length === 0 && !isRight) assertEquals(statuses(scripted), [500], "before its first byte");
      else assertEquals(withoutDate(scripted.socket.text), head + body);
      assertEquals(scripted.state, pieces.join("").length >= length ? "reading" : "closed");
      assertErrors(scripted, isRight ? 0 : 1);
      assertEquals(source.cancels.length, pieces.join("").length > length ? 1 : 0);
    }
  },
);

Deno.test("a length that is no number of bytes is refused before anything is sent", async () => {
  for (const length of [-1, 0.5, NaN, Infinity]) {
    const { stream } = new Source();
    assert(
      await failure(() => new HttpResponse(200, [], { stream, length })) instanceof RangeError,
      `${length}`,
    );
  }
});

onBoth(
  "a chunk that is no Uint8Array is 500, or cuts the connection, and is logged once",
  async (trigger) => {
    for (const wrong of ["text", 1, null, undefined, new ArrayBuffer(3), [1]]) {
      for (const before of [[], [encodeUtf8("ab")]]) {
        let cancelled = 0;
        const pieces: unknown[] = [...before, wrong];
        const stream = new ReadableStream({
          pull: (controller) => controller.enqueue(pieces.shift() as Uint8Array),
          cancel: () => {
            cancelled++;
          },
        }, { highWaterMark: 0 });
        using scripted = new Scripted(() => new HttpResponse(200, [], stream), trigger);
        scripted.receive(get("/"));
        await calm(scripted);
        if (before.length === 0) assertEquals(statuses(scripted), [500]);
        else assertEquals(withoutDate(scripted.socket.text), HEAD + chunked(["ab"], false));
        assertEquals([scripted.state, cancelled], ["closed", 1]);
        assertErrors(scripted, 1);
        assertMatch(String(scripted.errors[0]), /TypeError: .*Uint8Array/);
      }
    }
  },
);

onBoth(
  "a stream that fails after its first byte cuts the connection: no last chunk, one line in the log",
  async (trigger) => {
    for (const pieces of [["a"], ["ab", "c"]]) {
      let pulls = 0;
      const stream = new ReadableStream({
        pull: (controller) => {
          if (pulls === pieces.length) throw new Error("the source broke");
          controller.enqueue(encodeUtf8(pieces[pulls++]!));
        },
      }, { highWaterMark: 0 });
      using scripted = new Scripted(() => new HttpResponse(200, [], stream), trigger);
      scripted.receive(get("/") + get("/next"));
      await calm(scripted);
      assertEquals(withoutDate(scripted.socket.text), HEAD + chunked(pieces, false));
      assertEquals([scripted.state, scripted.errors.map(String)], ["closed", ["Error: the source broke"]]);
    }
  },
);

onBoth("a stream that is locked, or sent twice, is 500", async (trigger) => {
  for (const isPromised of [true, false]) {
    const source = new Source(["a"]);
    const once = new HttpResponse(200, [], source.stream);
    using scripted = new Scripted(() => isPromised ? Promise.resolve(once) : once, trigger);
    scripted.receive(get("/1") + get("/2") + get("/3"));
    await calm(scripted);
    assertEquals(statuses(scripted), [200, 500], scripted.socket.text);
    assertErrors(scripted, 1);
    assert(withoutDate(scripted.socket.text).startsWith(HEAD + chunked(["a"])));
  }
});

onBoth("every send may be short: streams are the same to the client", async (trigger) => {
  const requests = get("/s") + get("/plain") + get("/s") + get("/end", "Connection: close");
  const run = async (sends: number[]) => {
    using scripted = new Scripted((request) => {
      return request.path === "/plain"
        ? says("plain")
        : new HttpResponse(200, [], new Source(["ab", "", "c"]).stream);
    }, trigger);
    scripted.socket.sends = sends;
    scripted.receive(requests);
    for (let i = 0; scripted.state !== "closed"; i++) {
      assert(i < 5000, "no progress");
      await calm(scripted);
      scripted.writable();
    }
    assertErrors(scripted, 0);
    return withoutDate(scripted.socket.text);
  };
  const whole = await run([]);
  const body = chunked(["ab", "c"]);
  const last = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + body;
  assertEquals(whole, HEAD + body + answer("plain") + HEAD + body + last);
  for (let cut = 1; cut < whole.length + 160; cut += 2) {
    assertEquals(await run([cut, -EAGAIN]), whole, `${cut}`);
  }
  for (const sent of [[1, -EAGAIN], [2], [3, -EAGAIN, -EAGAIN]]) {
    assertEquals(await run(Array.from({ length: 3000 }, (_, i) => sent[i % sent.length]!)), whole);
  }
});

onBoth("an event at the moment when a chunk or the end arrives takes nothing twice", async (trigger) => {
  for (let delay = 0; delay < 30; delay++) {
    for (const isAtEnd of [false, true]) {
      const pipe = new Pipe();
      using scripted = new Scripted((request) => {
        return request.path === "/s" ? new HttpResponse(200, [], pipe.stream) : says("next");
      }, trigger);
      scripted.receive(get("/s"));
      await calm(scripted);
      pipe.write("ab");
      if (isAtEnd) {
        await calm(scripted);
        pipe.end();
      }
      for (let i = 0; i < delay; i++) await null;
      scripted.receive(get("/n").slice(0, 10));
      if (!isAtEnd) pipe.end();
      await calm(scripted);
      scripted.receive(get("/n").slice(10));
      await calm(scripted);
      assertErrors(scripted, 0);
      assertEquals(withoutDate(scripted.socket.text), HEAD + chunked(["ab"]) + answer("next"), `${delay}`);
    }
  }
});

onBoth("a stream may take as long as it likes, even if the request had a body", async (trigger) => {
  await withClock(async (advance) => {
    const pipe = new Pipe();
    using scripted = new Scripted((request) => {
      request.text().then((text) => pipe.write(text));
      return new HttpResponse(200, [], pipe.stream);
    }, trigger);
    const input = post("0123456789");
    scripted.receive(input.slice(0, -4));
    await calm(scripted);
    scripted.receive(input.slice(-4));
    await calm(scripted);
    for (let i = 0; i < 4; i++) {
      advance(HANDLER_TIMEOUT_MS);
      await calm(scripted);
      pipe.write("x");
    }
    pipe.end();
    await calm(scripted);
    assertEquals(withoutDate(scripted.socket.text), HEAD + chunked(["0123456789", "x", "x", "x", "x"]));
  });
});

/** Returns a client of a stream that pauses for 200 ms between its chunks. */
function pausing({ stream }: Source, trigger: "level" | "edge"): Scripted {
  const scripted = new Scripted(
    () => new HttpResponse(200, [], { stream, length: null, pauseMs: 200 }),
    trigger,
  );
  scripted.receive(get("/"));
  return scripted;
}

onBoth(
  "a stream that pauses is asked for its next chunk in time, and not before",
  async (trigger) => {
    await withClock(async (advance) => {
      const source = new Source(["a", "b", "c"]);
      using scripted = pausing(source, trigger);
      await calm(scripted);
      const asked = [source.pulls];
      for (const ms of [199, 1, 150, 50, 200]) {
        advance(ms);
        await calm(scripted);
        asked.push(source.pulls);
      }
      assertEquals(asked, [1, 1, 2, 2, 3, 4]);
      assertEquals(withoutDate(scripted.socket.text), HEAD + chunked(["a", "b", "c"]));
      assertEquals([scripted.state, source.cancels], ["reading", []]);
    });
  },
);

onBoth(
  "a client that ended its half gets the chunks of a stream that pauses all the same",
  async (trigger) => {
    await withClock(async (advance) => {
      const source = new Source(["a", "b", "c"]);
      using scripted = pausing(source, trigger);
      scripted.end();
      await calm(scripted);
      for (let i = 0; i < 3; i++) {
        advance(200);
        await calm(scripted);
      }
      const { text } = scripted.socket;
      assertEquals(text.slice(text.indexOf("\r\n\r\n") + 4), chunked(["a", "b", "c"]));
    });
  },
);
