/**
 * The connection's state machine on a scripted socket, with level and edge trigger: reading, with and without a body.
 * Its end is in `connection_end_test.ts`, short writes in `connection_short_write_test.ts`.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EINTR } from "../../ffi/libc/errno.ts";
import { BODY_BYTES_MAX, HEAD_BYTES_MAX, PIPELINED_REQUESTS_PER_TURN_MAX } from "../../server/limits.ts";
import { Readiness } from "../../server/loop/poller.ts";
import { withClock } from "../support/exchanges.ts";
import { answer, describe, onBoth, Scripted, withoutDate } from "../support/scripted.ts";
import { get } from "../support/wire.ts";

onBoth(
  "reading → writing → reading: a request is answered and the connection waits for the next",
  (trigger) => {
    using scripted = new Scripted(describe, trigger);
    scripted.receive(get("/a"));
    assertEquals(withoutDate(scripted.socket.text), answer("GET /a"));
    assertEquals(scripted.state, "reading");
    assertEquals(scripted.socket.sendCalls, 1, "a response must go out by one call");
    scripted.receive(get("/b"));
    assertEquals(withoutDate(scripted.socket.text), answer("GET /a") + answer("GET /b"));
  },
);

onBoth("reading: a head in any two pieces is answered once, when it is complete", (trigger) => {
  const request = get("/split", "X: y");
  for (let cut = 1; cut < request.length; cut++) {
    using scripted = new Scripted(describe, trigger);
    scripted.receive(request.slice(0, cut));
    assertEquals(scripted.socket.text, "", `answered after ${cut} bytes`);
    scripted.receive(request.slice(cut));
    assertEquals(withoutDate(scripted.socket.text), answer("GET /split"), `cut after ${cut} bytes`);
  }
});

onBoth("reading: a head that arrives byte by byte is answered once", (trigger) => {
  using scripted = new Scripted(describe, trigger);
  for (const byte of get("/drip", "X: y")) scripted.receive(byte);
  assertEquals(withoutDate(scripted.socket.text), answer("GET /drip"));
});

onBoth("reading: pipelined requests are answered in order by one call", async (trigger) => {
  await withClock(() => { // otherwise a busy machine could make the turn late, which then ends after some of them
    using scripted = new Scripted(describe, trigger);
    scripted.receive(get("/1") + get("/2") + get("/3"));
    assertEquals(withoutDate(scripted.socket.text), answer("GET /1") + answer("GET /2") + answer("GET /3"));
    assertEquals(scripted.socket.sendCalls, 1);
    return Promise.resolve();
  });
});

onBoth("reading: more pipelined requests than a turn's budget are all answered, in order", (trigger) => {
  using scripted = new Scripted(describe, trigger);
  const count = PIPELINED_REQUESTS_PER_TURN_MAX * 3 + 1;
  const paths = Array.from({ length: count }, (_, i) => `/${i}`);
  scripted.receive(paths.map((path) => get(path)).join(""));
  assertEquals(withoutDate(scripted.socket.text), paths.map((path) => answer(`GET ${path}`)).join(""));
  assertEquals(scripted.state, "reading");
});

onBoth(
  "reading → writing → closed: requests sent before the client ended its half are all answered",
  (trigger) => {
    using scripted = new Scripted(describe, trigger);
    scripted.socket.incoming.push(new TextEncoder().encode(get("/1") + get("/2")), "end");
    scripted.wake(Readiness.READABLE | Readiness.HANGUP);
    assertEquals(withoutDate(scripted.socket.text), answer("GET /1") + answer("GET /2"));
    assertEquals([scripted.state, scripted.closedCount], ["closed", 1]);
  },
);

onBoth("reading: EINTR is tried again, and readiness without anything to read changes nothing", (trigger) => {
  using scripted = new Scripted(describe, trigger);
  scripted.receive(-EINTR, get("/"));
  assertEquals(withoutDate(scripted.socket.text), answer("GET /"));
  scripted.wake(Readiness.READABLE | Readiness.WRITABLE);
  assertEquals(scripted.state, "reading");
});

onBoth("reading: more input than a slot holds is read in the turns after", (trigger) => {
  using scripted = new Scripted(describe, trigger);
  const requests = Math.ceil(3 * HEAD_BYTES_MAX / get("/x").length);
  scripted.receive(get("/x").repeat(requests)); // one readiness event for all of them, like an edge
  assertEquals(withoutDate(scripted.socket.text), answer("GET /x").repeat(requests));
});

onBoth("HEAD gets the fields of GET and no body", (trigger) => {
  using scripted = new Scripted(describe, trigger);
  scripted.receive("HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n");
  assertEquals(withoutDate(scripted.socket.text), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
});

onBoth(
  "reading → reading-body → writing: a body is dropped, and the next request found after it",
  (trigger) => {
    for (
      const body of [
        "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      ]
    ) {
      const input = body + get("/next");
      for (let cut = 1; cut < input.length; cut++) {
        using scripted = new Scripted(describe, trigger);
        scripted.receive(input.slice(0, cut));
        const headEnd = body.indexOf("\r\n\r\n") + 4;
        if (cut >= headEnd && cut < body.length) assertEquals(scripted.state, "reading-body");
        scripted.receive(input.slice(cut));
        assertEquals(
          withoutDate(scripted.socket.text),
          answer("POST /p") + answer("GET /next"),
          `cut at ${cut}`,
        );
      }
    }
  },
);

onBoth(
  "reading-body: 100 (Continue) is sent when the client waits for it, and not when the body is here",
  (trigger) => {
    const head = "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    using waiting = new Scripted(describe, trigger);
    waiting.receive(head);
    assertEquals(waiting.socket.text, "HTTP/1.1 100 Continue\r\n\r\n");
    waiting.receive("ok");
    assertEquals(withoutDate(waiting.socket.text), "HTTP/1.1 100 Continue\r\n\r\n" + answer("PUT /"));
    using eager = new Scripted(describe, trigger);
    eager.receive(head + "ok");
    assertEquals(withoutDate(eager.socket.text), answer("PUT /"));
  },
);

onBoth(
  "reading-body → lingering: a long body is 413, broken framing 400, and there is no second response",
  (trigger) => {
    const chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (
      const [input, status] of [
        [`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY_BYTES_MAX + 1}\r\n\r\n`, 413],
        [chunked + "fffffff\r\n", 413],
        [chunked + "xyz\r\n", 400],
        [chunked + "3\r\nabcdef\r\n", 400],
      ] as const
    ) {
      using scripted = new Scripted(describe, trigger);
      scripted.receive(input);
      scripted.receive("0\r\n\r\n" + get("/smuggled"));
      assertEquals(scripted.socket.text.match(/HTTP\/1\.1 \d+/g), [`HTTP/1.1 ${status}`], input);
      assertEquals(scripted.state, "lingering");
    }
  },
);

onBoth("reading-body → closed: a client that ends in the middle of its body gets no response", (trigger) => {
  using scripted = new Scripted(describe, trigger);
  scripted.receive("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel");
  scripted.end();
  assertEquals([scripted.state, scripted.socket.text], ["closed", ""]);
});

onBoth("reading: while requests wait for their turn, no more is received", (trigger) => {
  using scripted = new Scripted(describe, trigger);
  const requests = 40 * HEAD_BYTES_MAX / get("/x").length | 0;
  scripted.socket.incoming.push(new TextEncoder().encode(get("/x").repeat(requests)));
  let most = 0;
  let received = scripted.socket.incoming[0] as Uint8Array;
  scripted.poller.next.push([scripted.fd, 1]);
  while (scripted.reactor.turn(0) > 0) {
    const rest = (scripted.socket.incoming[0] ?? new Uint8Array(0)) as Uint8Array;
    if (rest.length !== received.length) most = Math.max(most, received.length - rest.length);
    received = rest;
  }
  assertEquals(scripted.socket.text.match(/HTTP/g)?.length, requests);
  assert(most <= HEAD_BYTES_MAX, `${most} bytes in one turn`);
});

onBoth(
  "empty lines before a request are passed over, wherever they are cut, and however many there are",
  (trigger) => {
    const text = `${"\r\n".repeat(3)}${get("/x")}`;
    for (let cut = 1; cut < text.length; cut++) {
      using scripted = new Scripted(describe, trigger);
      scripted.receive(text.slice(0, cut));
      scripted.receive(text.slice(cut));
      assertEquals(withoutDate(scripted.socket.text), answer("GET /x"), `cut at ${cut}`);
    }
    using scripted = new Scripted(describe, trigger);
    for (let i = 0; i < 100; i++) {
      scripted.receive(
        i % 2 === 0 ? "\r\n".repeat(500) + "\r" : "\n" + "\r\n".repeat(500),
      );
    }
    assertEquals([scripted.socket.text, scripted.state], ["", "reading"]);
    scripted.receive(get("/x"));
    assertEquals(withoutDate(scripted.socket.text), answer("GET /x"));
  },
);
