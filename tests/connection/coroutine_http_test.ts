/**
 * Coroutines with HTTP, over real sockets in this process.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  Cancelled,
  type Coroutine,
  CoroutineConnection,
  type Handler,
  HttpRequest,
  HttpResponse,
  requestCoroutine,
  type RequestExchange,
} from "../../mod.ts";
import type { Connection } from "../../server/connection/connection.ts";
import { KEEP_ALIVE_TIMEOUT_MS } from "../../server/limits.ts";
import { eventually } from "../support/descriptors.ts";
import { RawClient } from "../support/raw_client.ts";
import { Scripted } from "../support/scripted.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { exchange, get, Wire } from "../support/wire.ts";

const MIB = 1024 * 1024;
const encoder = new TextEncoder();

/** Answers each request with its path. */
const paths: Coroutine = async (connection) => {
  for await (const request of connection.requests()) {
    await connection.respond(HttpResponse.text(request.path));
  }
};

onAll("requests are answered one by one: pipelined, HEAD, half-closed", async (poller) => {
  await withServer({ coroutine: paths }, async ({ port, errors }) => {
    using wire = await Wire.connect(port);
    await wire.send(Array.from({ length: 200 }, (_, i) => get(`/${i}`)).join(""));
    for (let i = 0; i < 200; i++) assertEquals((await wire.expect()).text, `/${i}`);
    await wire.send("HEAD /head HTTP/1.1\r\nHost: x\r\n\r\n");
    assertEquals((await wire.expect(true)).fields["content-length"], "5");
    for (const byte of get("/drip")) await wire.send(byte);
    assertEquals((await wire.expect()).text, "/drip");
    await wire.send(get("/last"));
    await wire.endInput();
    assertEquals((await wire.expect()).text, "/last");
    assert(await wire.isClosed());
    assertEquals(errors, []);
  }, poller);
});

onAll("a client that leaves cancels a sleep and a blocked response", async (poller) => {
  const ends: string[] = [];
  let begun = 0;
  const coroutine: Coroutine = async (connection) => {
    for await (const request of connection.requests()) {
      begun++;
      try {
        if (request.path === "/sleep") await connection.sleep(3_600_000);
        await connection.respond(HttpResponse.bytes(new Uint8Array(40 * MIB)));
        ends.push("answered");
      } catch (error) {
        assert(error instanceof Cancelled && connection.signal.aborted, String(error));
        ends.push(request.path);
        throw error;
      }
    }
    ends.push("over");
  };
  await withServer({ coroutine }, async ({ port, errors }) => {
    for (const path of ["/sleep", "/write"]) {
      const client = await RawClient.connect(port, 8192);
      await client.send(get(path));
      // A reset before that would destroy the request.
      await eventually(() => begun > ends.length, `${path} does not begin`);
      await sleep(30);
      client.reset();
      await eventually(() => ends.includes(path), `${path} is not cancelled`);
    }
    { // a client that ended its half and gets nothing counts as gone after a second
      using client = await RawClient.connect(port);
      await client.send(get("/sleep"));
      client.endInput();
      await eventually(() => ends.length === 3, "a half-close does not cancel");
    }
    { // between two requests
      const client = await RawClient.connect(port);
      await sleep(30);
      client.reset();
      await eventually(() => ends.length === 4, "requests() does not end");
    }
    assertEquals([ends, errors], [["/sleep", "/write", "/sleep", "over"], []]);
  }, poller);
});

Deno.test("errors in a coroutine are reported to the client and to the log", async () => {
  let connection: CoroutineConnection | null = null;
  const answer = () => HttpResponse.text("answer");
  const coroutine: Coroutine = async (given) => {
    connection = given;
    for await (const request of given.requests()) {
      if (request.path === "/throw") throw new Error("on purpose");
      if (request.path === "/return") return;
      if (request.path === "/nothing") await given.respond(undefined as unknown as HttpResponse);
      if (request.path === "/skip") continue;
      await given.respond(answer());
      if (request.path === "/twice") await given.respond(answer());
      if (request.path === "/read") await given.read();
      if (request.path === "/last") return;
    }
  };
  await withServer({ coroutine }, async ({ port, errors }) => {
    const cases: [path: string, statuses: number[], error: RegExp | null][] = [
      ["/throw", [500], /Error: on purpose/],
      ["/return", [500], /The coroutine ended before it responded/],
      ["/nothing", [500], /A response must be an HttpResponse/],
      ["/skip", [500], /Respond to the last request before taking the next one/],
      ["/twice", [200], /There is no request that waits for this response/],
      ["/read", [200], /This connection speaks HTTP/],
      ["/last", [200], null],
    ];
    for (const [path, statuses, error] of cases) {
      errors.length = 0;
      using wire = await Wire.connect(port);
      await wire.send(get(path));
      for (const status of statuses) assertEquals((await wire.expect()).status, status, path);
      assertEquals(await wire.read(), null, path);
      await sleep(5);
      assertEquals(errors.length, error === null ? 0 : 1, `${path}: ${errors}`);
      if (error !== null) assertMatch(errors[0]!, error);
    }
    assert(connection !== null);
  });
});

Deno.test("a second response to a request is not sent for the next one", async () => {
  const coroutine: Coroutine = async (connection) => {
    for await (const request of connection.requests()) {
      connection.respond(HttpResponse.text(`for ${request.path}`));
      connection.respond(HttpResponse.text(`again for ${request.path}`));
    }
  };
  await withServer({ coroutine }, async ({ port, errors }) => {
    using wire = await Wire.connect(port);
    await wire.send(get("/1") + get("/2"));
    assertEquals((await wire.expect()).text, "for /1");
    assertEquals((await wire.expect()).status, 500);
    assert(await wire.isClosed());
    assertMatch(errors.join(), /There is no request that waits/);
  });
});

Deno.test("a coroutine that returns leaves a pipelined request unanswered, and that is no error", async () => {
  const coroutine: Coroutine = async (connection) => {
    for await (const _ of connection.requests()) {
      return void await connection.respond(HttpResponse.text("only"));
    }
  };
  await withServer({ coroutine }, async ({ port, errors }) => {
    using wire = await Wire.connect(port);
    await wire.send(get("/1") + get("/2") + get("/3"));
    assertEquals((await wire.expect()).text, "only");
    assert(await wire.isClosed());
    // The rest of a body does not keep the connection open, either.
    using other = await Wire.connect(port);
    await other.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx");
    assertEquals((await other.expect()).text, "only");
    assert(await other.isClosed());
    assertEquals(errors, []);
  });
});

Deno.test("two calls that take requests at once, and responses that are not awaited", async () => {
  let message = "";
  const coroutine: Coroutine = async (connection) => {
    const iterator = connection.requests()[Symbol.asyncIterator]();
    const first = iterator.next();
    try {
      await iterator.next();
    } catch (error) {
      message = String(error);
    }
    await first;
    await sleep(50); // the loop is parked now
    connection.respond(HttpResponse.text("one"));
    // A rejected promise or an exception, which affects no other connection.
    connection.respond(HttpResponse.text("two"));
    await iterator.next();
  };
  await withServer({ coroutine }, async ({ port }) => {
    assertEquals((await exchange(port, get("/"))).text, "one");
    assertMatch(message, /TypeError: Another taker/);
  });
});

Deno.test("a body reaches a coroutine, and a stream the client", async () => {
  const coroutine: Coroutine = async (connection) => {
    for await (const request of connection.requests()) {
      const text = await request.text();
      const stream = new ReadableStream<Uint8Array>({
        async start(controller) {
          for (const word of text.split(" ")) {
            await connection.sleep(5);
            controller.enqueue(encoder.encode(word));
          }
          controller.close();
        },
      });
      await connection.respond(
        new HttpResponse(200, [], { stream, length: text.replaceAll(" ", "").length }),
      );
    }
  };
  await withServer({ coroutine }, async ({ port }) => {
    using wire = await Wire.connect(port);
    for (const text of ["one two three", "four five"]) {
      await wire.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${text.length}\r\n\r\n`);
      await sleep(10);
      await wire.send(text);
      assertEquals((await wire.expect()).text, text.replaceAll(" ", ""));
    }
  });
});

Deno.test("on shutdown a coroutine that waits for a request ends, and one that answers a request finishes it", async () => {
  const handler = async () => {
    await sleep(1200);
    return HttpResponse.text("late");
  };
  await withServer({ coroutine: requestCoroutine(handler) }, async ({ port, server }) => {
    using waiting = await Wire.connect(port);
    using busy = await Wire.connect(port);
    await busy.send(get("/"));
    await sleep(50);
    const finished = server.shutdown();
    assert(await waiting.isClosed());
    const { text, fields } = await busy.expect();
    assertEquals([text, fields.connection], ["late", "close"]);
    assert(await busy.isClosed());
    await finished;
  });
});

Deno.test("between two requests the keep-alive deadline runs", async () => {
  const service = (connection: Connection) => CoroutineConnection.run(paths, connection);
  using scripted = new Scripted(() => HttpResponse.text(""), "edge", true, service);
  await scripted.settle();
  const check = () => {
    const waitMs = scripted.connection!.deadlineMs - scripted.reactor.now;
    assert(waitMs > KEEP_ALIVE_TIMEOUT_MS - 5000 && waitMs <= KEEP_ALIVE_TIMEOUT_MS, `${waitMs} ms`);
  };
  check();
  scripted.receive(get("/x"));
  await scripted.settle();
  assert(scripted.socket.text.endsWith("/x"), scripted.socket.text);
  check();
});

onAll(
  "a client that leaves while its response is made is no failure of the handler",
  async (poller) => {
    const handler: Handler = async (request) => {
      await sleep(Number(request.path.slice(1)));
      return HttpResponse.text("late");
    };
    await withServer({ coroutine: requestCoroutine(handler) }, async ({ port, errors }) => {
      for (let round = 0; round < 40; round++) {
        const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(port)));
        for (const [i, client] of clients.entries()) await client.send(get(`/${1 + i % 4}`));
        await sleep(1 + round % 4);
        for (const client of clients) client.reset();
      }
      assertEquals((await exchange(port, get("/1"))).text, "late");
      assertEquals(errors, []);
    }, poller);
  },
);

Deno.test("an exchange answers its own request, once, whatever request came after it", async () => {
  const failures: string[] = [];
  const failureOf = async (call: () => unknown) => {
    try {
      await call();
    } catch (error) {
      failures.push(`${error}`);
    }
  };
  const coroutine: Coroutine = async (connection) => {
    let earlier: RequestExchange | null = null;
    for await (const exchange of connection.requests()) {
      const { request, respond } = exchange;
      if (earlier !== null) await failureOf(() => earlier!.respond(HttpResponse.text("late")));
      assert(exchange instanceof HttpRequest && exchange !== request, "it is a request itself");
      assertEquals([exchange.path, exchange.header("host")], [request.path, request.header("host")]);
      await respond(HttpResponse.text(request.path));
      await failureOf(() => respond(HttpResponse.text("twice")));
      await failureOf(() => connection.respond(HttpResponse.text("twice")));
      earlier = exchange;
    }
  };
  await withServer({ coroutine }, async ({ port, errors }) => {
    using wire = await Wire.connect(port);
    for (const round of [get("/a"), get("/a") + get("/b"), get("/c")]) await wire.send(round);
    for (const path of ["/a", "/a", "/b", "/c"]) assertEquals((await wire.expect()).text, path);
    await eventually(
      () => failures.length === 4 * 2 + 3,
      "the coroutine has answered each request too often",
    );
    assertEquals(errors, []);
  });
  assertEquals(
    failures,
    Array(4 * 2 + 3).fill("TypeError: There is no request that waits for this response"),
  );
});
