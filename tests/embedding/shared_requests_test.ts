/**
 * Requests and contexts are objects that are reused for requests of other clients: what a handler sets on one of them
 * reaches no other request.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type HandlerContext, type HttpRequest, HttpResponse } from "../../mod.ts";
import { CACHED_HEAD_BYTES_MAX } from "../../server/limits.ts";
import { serving } from "../support/in_process.ts";
import { withServer } from "../support/serving.ts";
import { get, Wire } from "../support/wire.ts";

/** A head is recognized from the third request on. */
const TIMES = 5;
const POST = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
/** Heads that are recognized, heads that are too long for that, and requests with a body. */
const REQUESTS = [get("/"), get("/", `X-Long: ${"x".repeat(CACHED_HEAD_BYTES_MAX)}`), POST];
const NAMES = ["user", "client", "logged", "cost", "words", "memo", Symbol("session")];

/** Sets a number on `target` under each name, and returns the values before. */
function put(target: object, number: number): unknown[] {
  return NAMES.map((name) => {
    const before: unknown = Reflect.get(target, name);
    Reflect.set(target, name, number);
    return before;
  });
}

const NOTHING = NAMES.map(() => undefined);

Deno.test("a property that a handler sets on a request or its context is in no other request", async () => {
  for (const isAsync of [false, true]) {
    let count = 0;
    const seen: unknown[][] = [];
    await using running = serving((request: HttpRequest, context: HandlerContext) => {
      count++;
      seen.push(put(request, count), put(context, count));
      const response = HttpResponse.text("hello");
      return isAsync ? Promise.resolve(response) : response;
    }, { trustProxy: ["loopback"] });
    for (const request of REQUESTS) {
      for (let i = 0; i < TIMES; i++) {
        using wire = await Wire.connect(running.port);
        for (let k = 0; k < 2; k++) {
          await wire.send(request);
          assertEquals((await wire.expect()).text, "hello");
        }
      }
    }
    assertEquals(seen, Array(REQUESTS.length * TIMES * 4).fill(NOTHING));
    assertEquals(running.errors, []);
  }
});

Deno.test("setting a property on a request is a TypeError, which onError gets", async () => {
  const careless: ((request: Any, context: Any) => unknown)[] = [
    (request, context) => request.user ??= context.remoteAddress.port,
    (_request, context) => context.user = "me",
    (request) => request.client = "10.0.0.1",
    (request) => Object.defineProperty(request, "path", { value: "/admin" }),
    (request) => Object.setPrototypeOf(request, null),
    (request) => Object.setPrototypeOf(request, { path: "/admin" }),
  ];
  for (const act of careless) {
    await using running = serving((request, context) =>
      HttpResponse.text(`${request.path} ${act(request, context)}`)
    );
    for (const request of REQUESTS) {
      for (let i = 0; i < TIMES; i++) {
        using wire = await Wire.connect(running.port);
        await wire.send(request);
        assertEquals((await wire.expect()).status, 500, act.toString());
      }
    }
    for (const error of running.errors) assertMatch(error, /TypeError/);
  }
});

Deno.test("a handler that changes a recognized request changes no other request", async () => {
  await using running = serving((request: Any) => {
    const { method, path } = request;
    for (
      const [name, value] of Object.entries({
        method: "PUT",
        pathStart: 5,
        pathEnd: 6,
        buffer: null,
        keepAlive: false,
      })
    ) {
      if (request.isShared) assert(!Reflect.set(request, name, value), name);
    }
    return HttpResponse.text(`${method} ${path}`);
  });
  using wire = await Wire.connect(running.port);
  for (let i = 0; i < TIMES; i++) {
    await wire.send(get("/some/path"));
    assertEquals((await wire.expect()).text, "GET /some/path");
  }
});

Deno.test("changes of a request by a handler are gone when the object is parsed into again", async () => {
  await using running = serving((request: Any) => {
    const found = [request.isShared, request.incoming];
    if (request.method === "DELETE") {
      request.isShared = true;
      request.incoming = { bytes: () => Promise.resolve(new TextEncoder().encode("another's body")) };
    }
    return Promise.resolve(HttpResponse.json(found));
  });
  await using plain = serving((request: Any) => {
    if (request.method === "DELETE") {
      request.isShared = true;
      request.incoming = { stream: () => "another's body" };
      return HttpResponse.text("done");
    }
    return HttpResponse.json([request.isShared, request.incoming, request.body]);
  });
  for (const { port } of [running, plain]) {
    using one = await Wire.connect(port);
    await one.send("DELETE /a HTTP/1.1\r\nHost: a\r\n\r\n");
    await one.expect();
    using other = await Wire.connect(port);
    await other.send(get("/b"));
    assertMatch((await other.expect()).text, /^\[false,null(,null)?\]$/);
  }
});

Deno.test("a property that a coroutine sets on a request is seen by no other coroutine", async () => {
  const seen: unknown[][] = [];
  const coroutine = async (connection: Any) => {
    for await (const request of connection.requests()) {
      seen.push(put(request, 1));
      await connection.respond(HttpResponse.text("hello"));
    }
  };
  await withServer({ coroutine }, async ({ port }) => {
    for (let i = 0; i < TIMES; i++) {
      using wire = await Wire.connect(port);
      await wire.send(get("/"));
      assertEquals((await wire.expect()).text, "hello");
    }
  });
  assertEquals(seen, Array(TIMES).fill(NOTHING));
});

/** Any values, as JavaScript programs may pass them. */
type Any = ReturnType<typeof JSON.parse>;
