/**
 * The connection's state machine on a scripted socket, with level and edge trigger: writing, handling, lingering,
 * closing, and the deadlines of all states.
 * @module
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EAGAIN, ECONNRESET, EINTR, EPIPE } from "../../ffi/libc/errno.ts";
import { errorResponse } from "../../server/exchange/error_response.ts";
import { type HttpResponse } from "../../server/http/response.ts";
import {
  BODY_BYTES_MAX,
  BODY_TIMEOUT_MS,
  HEAD_TIMEOUT_MS,
  KEEP_ALIVE_MIN_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  LINGER_TIMEOUT_MS,
  RATE_STEP_MS_MAX,
  SEND_TIMEOUT_MS,
} from "../../server/limits.ts";
import { Interest, Readiness } from "../../server/loop/poller.ts";
import { answer, describe, onBoth, Scripted, withoutDate } from "../support/scripted.ts";
import { sleep } from "../support/sleep.ts";
import { get } from "../support/wire.ts";

/** Runs `test` with a clock that only `advance(ms)` moves. */
function withClock(test: (advance: (ms: number) => void) => void): void {
  const real = performance.now;
  let now = real.call(performance);
  performance.now = () => now;
  try {
    test((ms) => now += ms);
  } finally {
    performance.now = real;
  }
}

onBoth("reading → closed: the client ends without a request, with half of one, or resets", (trigger) => {
  for (const start of ["", "GET / HT"]) {
    using scripted = new Scripted(describe, trigger);
    if (start !== "") scripted.receive(start);
    scripted.end();
    assertEquals([scripted.state, scripted.socket.text, scripted.closedCount], ["closed", "", 1]);
  }
  using scripted = new Scripted(describe, trigger);
  scripted.receive(-ECONNRESET);
  assertEquals([scripted.state, scripted.closedCount], ["closed", 1]);
});

onBoth("writing → closed: Connection: close, HTTP/1.0, and a server without keep-alive end it", (trigger) => {
  for (
    const [request, keepAlive] of [
      [get("/", "Connection: close"), true],
      ["GET / HTTP/1.0\r\n\r\n", true],
      [get("/"), false],
    ] as const
  ) {
    using scripted = new Scripted(describe, trigger, keepAlive);
    scripted.receive(request);
    assertEquals(withoutDate(scripted.socket.text), answer("GET /", "close"));
    assertEquals(scripted.state, "closed");
  }
});

onBoth("writing → reading: HTTP/1.0 with Connection: keep-alive gets Connection: keep-alive", (trigger) => {
  using scripted = new Scripted(describe, trigger);
  scripted.receive("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
  assertEquals(withoutDate(scripted.socket.text), answer("GET /"));
  assertStringIncludes(scripted.socket.text, "\r\nConnection: keep-alive\r\nKeep-Alive: timeout=60\r\n\r\n");
  assertEquals(scripted.state, "reading");
});

onBoth(
  "reading → lingering → closed: after an error response the server ends its half, and drops input until the client does",
  (trigger) => {
    using scripted = new Scripted(describe, trigger);
    scripted.receive("GET /\r\n\r\n");
    assertMatch(scripted.socket.text, /^HTTP\/1\.1 400 Bad Request\r\n[^]*Connection: close\r\n/);
    assertEquals([scripted.state, scripted.socket.isShutDown], ["lingering", true]);
    const before = scripted.socket.text;
    scripted.receive(get("/more").repeat(100));
    assertEquals([scripted.state, scripted.socket.text], ["lingering", before]);
    scripted.end();
    assertEquals([scripted.state, scripted.closedCount], ["closed", 1]);
  },
);

onBoth(
  "writing → lingering: requests after Connection: close are dropped, and cause no reset",
  (trigger) => {
    using scripted = new Scripted(describe, trigger);
    scripted.receive(get("/", "Connection: close") + get("/never"));
    assertEquals(withoutDate(scripted.socket.text), answer("GET /", "close"));
    assertEquals(scripted.state, "lingering");
  },
);

onBoth(
  "handling: a promise suspends the connection, later requests wait, responses keep their order",
  async (trigger) => {
    const waiting: ((response: HttpResponse) => void)[] = [];
    using scripted = new Scripted((request) => {
      const response = describe(request);
      if (request.path !== "/slow") return response;
      return new Promise<HttpResponse>((resolve) => waiting.push(resolve)).then(() => describe(request));
    }, trigger);
    scripted.receive(get("/first") + get("/slow") + get("/last"));
    assertEquals(scripted.state, "handling");
    assertEquals(withoutDate(scripted.socket.text), answer("GET /first"));
    scripted.receive(get("/later")); // arrives meanwhile, and is not even read
    assertEquals(scripted.interest, trigger === "level" ? Interest.NONE : Interest.READABLE);
    waiting[0]!(errorResponse(404));
    await sleep(0);
    scripted.wake(Readiness.NONE);
    const paths = ["/first", "/slow", "/last", "/later"];
    assertEquals(withoutDate(scripted.socket.text), paths.map((path) => answer(`GET ${path}`)).join(""));
    assertEquals(scripted.state, "reading");
  },
);

onBoth("handling: a handler that throws or rejects costs a 500 and its own connection", async (trigger) => {
  using throwing = new Scripted(() => {
    throw new Error("thrown");
  }, trigger);
  throwing.receive(get("/"));
  assertMatch(throwing.socket.text, /^HTTP\/1\.1 500 /);
  using rejecting = new Scripted(() => Promise.reject(new Error("rejected")), trigger);
  rejecting.receive(get("/"));
  await sleep(0);
  rejecting.wake(Readiness.NONE);
  assertMatch(rejecting.socket.text, /^HTTP\/1\.1 500 [^]*Connection: close/);
  assertEquals([throwing.errors.length, rejecting.errors.length], [1, 1]);
});

onBoth("writing → closed: a client that has left before the send costs nothing more", (trigger) => {
  for (const errno of [EPIPE, ECONNRESET]) {
    using scripted = new Scripted(describe, trigger);
    scripted.socket.sends = [-errno];
    scripted.receive(get("/") + get("/"));
    assertEquals([scripted.state, scripted.closedCount], ["closed", 1]);
  }
});

onBoth("writing: EINTR of send is tried again", (trigger) => {
  using scripted = new Scripted(describe, trigger);
  scripted.socket.sends = [-EINTR, 5, -EINTR];
  scripted.receive(get("/"));
  assertEquals(withoutDate(scripted.socket.text), answer("GET /"));
});

onBoth("writing: while the client does not read, nothing more is read from it", (trigger) => {
  using scripted = new Scripted(describe, trigger);
  scripted.socket.sends = [-EAGAIN];
  scripted.socket.capacity = 0;
  scripted.receive(get("/1"));
  assertEquals(scripted.state, "writing");
  if (trigger === "level") assertEquals(scripted.interest, Interest.WRITABLE);
  scripted.receive(get("/2"));
  assertEquals(scripted.socket.incoming.length, 1, "the second request stays in the kernel");
  scripted.socket.capacity = Infinity;
  scripted.writable();
  assertEquals(withoutDate(scripted.socket.text), answer("GET /1") + answer("GET /2"));
  if (trigger === "level") assertEquals(scripted.interest, Interest.READABLE);
});

onBoth(
  "deadlines: each state ends when its time is over, with 408 if the client can still read it",
  (trigger) => {
    withClock((advance) => {
      const cases: [prepare: (scripted: Scripted) => void, ms: number, state: string, text: RegExp][] = [
        [() => {}, KEEP_ALIVE_TIMEOUT_MS, "closed", /^$/],
        [(s) => s.receive("GET / H"), HEAD_TIMEOUT_MS, "lingering", /^HTTP\/1\.1 408 /],
        [
          (s) => s.receive("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"),
          BODY_TIMEOUT_MS,
          "lingering",
          /^HTTP\/1\.1 408 /,
        ],
        [
          (s) => {
            s.socket.capacity = 0;
            s.receive(get("/"));
          },
          SEND_TIMEOUT_MS,
          "closed",
          /^$/,
        ],
        [(s) => s.receive("BAD\r\n\r\n"), LINGER_TIMEOUT_MS, "closed", /^HTTP\/1\.1 400 /],
      ];
      for (const [prepare, ms, state, text] of cases) {
        using scripted = new Scripted(describe, trigger);
        prepare(scripted);
        const before = scripted.state;
        for (let left = ms - 1; left > 0; left -= RATE_STEP_MS_MAX) {
          advance(Math.min(left, RATE_STEP_MS_MAX));
          scripted.reactor.turn(0);
        }
        assertEquals(scripted.state, before, `${before}: ${ms - 1} ms`);
        advance(2);
        scripted.reactor.turn(0);
        assertEquals(scripted.state, state, `${before}: ${ms + 1} ms`);
        assertMatch(scripted.socket.text, text);
      }
    });
  },
);

onBoth("deadlines: a head that drips in does not move its deadline", (trigger) => {
  withClock((advance) => {
    using scripted = new Scripted(describe, trigger);
    for (let ms = 0; ms < HEAD_TIMEOUT_MS; ms += 1000) {
      scripted.receive("X");
      advance(1000);
    }
    scripted.wake(Readiness.NONE);
    assertMatch(scripted.socket.text, /^HTTP\/1\.1 408 /);
  });
});

onBoth(
  "draining: an idle connection waits a moment for its next request, and then half-closes",
  (trigger) => {
    withClock((advance) => {
      using idle = new Scripted(describe, trigger);
      idle.host.isDraining = true;
      idle.drain();
      idle.wake(Readiness.NONE);
      assertEquals(idle.state, "reading");
      advance(KEEP_ALIVE_MIN_TIMEOUT_MS + 1);
      idle.wake(Readiness.NONE);
      assertEquals([idle.state, idle.socket.isShutDown], ["lingering", true]);
      idle.end();
      assertEquals(idle.state, "closed");
      using late = new Scripted(describe, trigger);
      late.host.isDraining = true;
      late.drain();
      advance(KEEP_ALIVE_MIN_TIMEOUT_MS - 10);
      late.receive(get("/late"));
      assertEquals(withoutDate(late.socket.text), answer("GET /late", "close"));
      assertEquals([late.state, late.socket.isShutDown], ["lingering", true]);
      late.receive(get("/too-late")); // dropped; no reset is sent, which could destroy the response
      assertEquals(late.state, "lingering");
      late.end();
      assertEquals(late.state, "closed");
    });
  },
);

onBoth("refusing HEAD sends no content, whichever part of the request is refused", (trigger) => {
  const head = "HEAD / HTTP/1.1\r\nHost: x\r\n";
  for (
    const request of [
      `${head}Expect: foo\r\n\r\n`,
      `${head}Content-Length: ${BODY_BYTES_MAX + 1}\r\n\r\n`,
      `${head}Transfer-Encoding: chunked\r\n\r\nxyz`,
    ]
  ) {
    using scripted = new Scripted(describe, trigger);
    scripted.receive(request);
    assertMatch(scripted.socket.text, /^HTTP\/1\.1 4\d\d [^]*Connection: close\r\n\r\n$/, request);
  }
});

onBoth(
  "after a blocked response that closes, input that came meanwhile is read, not reset",
  (trigger) => {
    using scripted = new Scripted(describe, trigger);
    scripted.socket.sends = [10, -EAGAIN];
    scripted.receive(get("/", "Connection: close"));
    // No poller reports it while the connection writes.
    scripted.socket.incoming.push(new TextEncoder().encode("\r\n"));
    scripted.writable();
    assertEquals([scripted.state, scripted.socket.isShutDown], ["closed", true]);
    assertEquals(
      scripted.socket.incoming,
      [],
      "closed with unread bytes, which the kernel answers with a reset",
    );
  },
);

onBoth(
  "bytes that a connection leaves in the gather buffer are dropped and reported, and sent to no other",
  (trigger) => {
    using scripted = new Scripted(describe, trigger);
    scripted.host.buffers.gatherLength = 7;
    scripted.receive(get("/1") + get("/2"));
    assertEquals(withoutDate(scripted.socket.text), answer("GET /1") + answer("GET /2"));
    assertEquals(scripted.errors.map(String), ["Error: A connection has left 7 bytes in the gather buffer"]);
  },
);

onBoth("deadlines: an empty line after a request leaves the connection idle", (trigger) => {
  withClock((advance) => {
    using scripted = new Scripted(describe, trigger);
    scripted.receive(get("/") + "\r\n");
    const { text } = scripted.socket;
    advance(HEAD_TIMEOUT_MS + 1);
    scripted.reactor.turn(0);
    assertEquals([scripted.state, scripted.socket.text], ["reading", text]);
  });
});
