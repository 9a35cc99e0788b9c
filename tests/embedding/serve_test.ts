/**
 * `serve()` over real sockets: its handle, its options, its end, and handlers that wait for everything that Deno can
 * wait for while the loop is busy.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Handler } from "../../server/connection/handler.ts";
import { FileBody } from "../../server/http/file_body.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { serve, type ServeOptions } from "../../server/serve.ts";
import { eventually, openDescriptors } from "../support/descriptors.ts";
import { failure, NOT_OPEN } from "../support/exchanges.ts";
import { readUntil, serving } from "../support/in_process.ts";
import { sleep } from "../support/sleep.ts";
import { exchange, get, Wire } from "../support/wire.ts";

const hello: Handler = () => HttpResponse.text("hello");
const quiet = { hostname: "127.0.0.1", port: 0, onListen: () => {} };

/** Returns whether the port accepts connections. */
async function isTaken(port: number): Promise<boolean> {
  return await failure(async () => (await Deno.connect({ hostname: "127.0.0.1", port })).close()) === null;
}

Deno.test("the handle: addr, finished and shutdown; the port is free afterwards", async () => {
  const told: unknown[] = [];
  const server = serve({ ...quiet, handler: hello, onListen: (address) => told.push(address) });
  const { addr } = server;
  assertEquals(told, [addr]);
  assertEquals([addr.transport, addr.hostname], ["tcp", "127.0.0.1"]);
  assertEquals((await exchange(addr.port, get("/"))).text, "hello");
  let isFinished = false;
  server.finished.then(() => isFinished = true);
  await sleep(20);
  assert(!isFinished);
  assertEquals(await server.shutdown(), undefined);
  await sleep(0);
  assert(isFinished);
  assert(!await isTaken(addr.port));
  await server.shutdown(); // a second call does no harm
  const again = serve({ ...quiet, port: addr.port, handler: hello });
  assertEquals(again.addr.port, addr.port);
  await again.shutdown();
});

Deno.test("shutdown waits for open requests, closes idle connections, and accepts no more", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const server = serving(async (request) => {
    if (request.path === "/") await promise;
    return HttpResponse.text("finished");
  });
  using idle = await Wire.connect(server.port);
  await idle.send(get("/idle"));
  assertEquals((await idle.expect()).text, "finished");
  using kept = await Wire.connect(server.port);
  using slow = await Wire.connect(server.port);
  await slow.send(get("/"));
  await kept.send("GET / HTTP/1.1\r\nHost: x\r\n"); // half a request
  await sleep(30);
  const shutdown = server.handle.shutdown();
  assert(await idle.isClosed());
  assert(!await isTaken(server.port));
  await kept.send("\r\n");
  assertEquals(await Promise.race([shutdown, sleep(50).then(() => "waits")]), "waits");
  resolve();
  for (const wire of [slow, kept]) {
    const response = await wire.expect();
    assertEquals([response.text, response.fields.connection], ["finished", "close"]);
    assert(await wire.isClosed());
    wire[Symbol.dispose](); // its end is waited for
  }
  await shutdown;
});

Deno.test("the signal ends the server at once, and one that is aborted already prevents its start", async () => {
  const controller = new AbortController();
  let aborted: AbortSignal | null = null;
  const server = serve({
    ...quiet,
    signal: controller.signal,
    handler: (_request, context) => {
      aborted = context.signal;
      return new Promise<HttpResponse>(() => {});
    },
  });
  using wire = await Wire.connect(server.addr.port);
  await wire.send(get("/"));
  await eventually(() => aborted !== null, "the handler was not called");
  controller.abort();
  await server.finished;
  assert(aborted!.aborted);
  assert(await wire.isClosed());
  assert(!await isTaken(server.addr.port));
  const error = await failure(() =>
    serve({ ...quiet, handler: hello, signal: AbortSignal.abort(new Error("before")) })
  );
  assertEquals(error?.message, "before");
});

Deno.test("await using ends a server, and one server does not affect another", async () => {
  let port = 0;
  await using other = serving(() => HttpResponse.text("other"));
  {
    await using server = serve({ ...quiet, handler: hello });
    port = server.addr.port;
    assertEquals((await exchange(port, get("/"))).text, "hello");
    assertEquals((await exchange(other.port, get("/"))).text, "other");
  }
  assert(!await isTaken(port));
  assertEquals((await exchange(other.port, get("/"))).text, "other");
});

Deno.test("without onListen the server prints its address; localhost is a valid host name", async () => {
  const lines: unknown[] = [];
  const real = console.log;
  console.log = (...parts) => lines.push(...parts);
  try {
    await using server = serve({ port: 0, handler: hello });
    await using local = serve({ ...quiet, hostname: "localhost", handler: hello });
    assertEquals(lines, [`Listening on http://127.0.0.1:${server.addr.port}/`]);
    assertEquals([server.addr.hostname, local.addr.hostname], ["0.0.0.0", "127.0.0.1"]);
  } finally {
    console.log = real;
  }
});

Deno.test("a port in use, an onListen that throws: nothing stays open", async () => {
  await using server = serving(hello);
  const before = openDescriptors();
  const taken = await failure(() => serve({ ...quiet, port: server.port, handler: hello }));
  assertEquals(taken?.name, "SystemError");
  assertMatch(taken!.message, new RegExp(`127\\.0\\.0\\.1:${server.port}: EADDRINUSE`));
  let port = 0;
  const thrown = await failure(() =>
    serve({
      ...quiet,
      handler: hello,
      onListen: (address) => {
        port = address.port;
        throw new Error("no");
      },
    })
  );
  assertEquals(thrown?.message, "no");
  await eventually(() => openDescriptors() === before, "descriptors are left open");
  assert(!await isTaken(port));
});

Deno.test("wrong options are named before anything is opened", async () => {
  const before = openDescriptors();
  const coroutine = () => Promise.resolve();
  for (
    const [options, name, message] of [
      [{}, "TypeError", /one of handler, protocol, coroutine, not none/],
      [{ handler: hello, coroutine }, "TypeError", /not handler and coroutine/],
      [{ handler: undefined }, "TypeError", /handler must be a function, not undefined/],
      [{ handler: "hello" }, "TypeError", /handler must be a function, not string/],
      [{ protocol: {} }, "TypeError", /protocol must be a function, not object/],
      [{ handler: hello, port: "8000" }, "TypeError", /port must be a number, not string/],
      [{ handler: hello, port: 65536 }, "RangeError", /65536 is no port/],
      [{ handler: hello, port: -1 }, "RangeError", /-1 is no port/],
      [{ handler: hello, port: 1.5 }, "RangeError", /1.5 is no port/],
      [{ handler: hello, port: NaN }, "RangeError", /NaN is no port/],
      [{ handler: hello, hostname: "no address" }, "RangeError", /no address is no IPv4 or IPv6 address/],
    ] as const
  ) {
    const error = await failure(() => serve({ ...quiet, ...options } as unknown as ServeOptions));
    assertEquals(error?.name, name, String(error));
    assertMatch(error!.message, message);
  }
  assertEquals(openDescriptors(), before);
});

Deno.test(
  "handlers wait for timers, files, cryptography and other servers while the loop is busy",
  async () => {
    await using upstream = serving(async () => {
      await sleep(5);
      return HttpResponse.text("upstream");
    });
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, "file");
    await using server = serving(async (request) => {
      switch (request.path) {
        case "/timer":
          await sleep(20);
          return HttpResponse.text("timer");
        case "/fetch":
          return HttpResponse.text(await (await fetch(upstream.url)).text());
        case "/self":
          return HttpResponse.text(await (await fetch(`${server.url}/timer`)).text());
        case "/crypto": {
          const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(1_000_000));
          return HttpResponse.text(String(digest.byteLength));
        }
        case "/file":
          return HttpResponse.text(await Deno.readTextFile(file));
        default:
          return HttpResponse.text("hello");
      }
    });
    let isBusy = true;
    const load = Array.from({ length: 4 }, async () => {
      using wire = await Wire.connect(server.port);
      let count = 0;
      for (; isBusy; count++) {
        await wire.send(get("/"));
        await wire.expect();
      }
      return count;
    });
    for (let i = 0; i < 3; i++) {
      const expected = ["timer", "upstream", "timer", "32", "file"];
      const paths = ["/timer", "/fetch", "/self", "/crypto", "/file"];
      const startMs = performance.now();
      const texts = await Promise.all(
        paths.map(async (path) => (await exchange(server.port, get(path))).text),
      );
      assertEquals(texts, expected);
      assert(performance.now() - startMs < 3000, "the loop starves what its handlers wait for");
    }
    isBusy = false;
    for (const count of await Promise.all(load)) assert(count > 10, `${count} requests beside`);
    assertEquals(server.errors, []);
    await Deno.remove(file);
  },
);

Deno.test(
  "500 slow handlers at once: each client gets its own response, and no descriptor stays open",
  async () => {
    const before = openDescriptors();
    let running = 0;
    let most = 0;
    {
      await using server = serving(async (request) => {
        most = Math.max(most, ++running);
        await sleep(100 + Number(request.path.slice(1)) % 50);
        running--;
        return HttpResponse.text(request.path);
      });
      const clients = Array.from({ length: 500 }, async (_, i) => {
        using wire = await Wire.connect(server.port);
        await wire.send(get(`/${i}`) + get(`/${i + 1000}`));
        return (await wire.expect()).text + (await wire.expect()).text;
      });
      assertEquals(await Promise.all(clients), Array.from({ length: 500 }, (_, i) => `/${i}/${i + 1000}`));
      assertEquals(server.errors, []);
    }
    assert(most > 100, `${most} at once`);
    await eventually(() => openDescriptors() <= before, `${openDescriptors()} descriptors, ${before} before`);
  },
);

Deno.test(
  "a handler that is too slow, and clients that leave: 503, and nothing stays open",
  async () => {
    const before = openDescriptors();
    let closed = 0;
    const late = Promise.withResolvers<void>();
    {
      await using server = serving(async () => {
        await late.promise;
        return new HttpResponse(
          200,
          [],
          new FileBody({ fd: NOT_OPEN, offset: 0, length: 1, close: () => void closed++ }),
        );
      }, { handlerTimeoutMs: 50 });
      const response = await exchange(server.port, get("/"));
      assertEquals(response.status, 503);
      for (let i = 0; i < 5; i++) {
        using wire = await Wire.connect(server.port);
        await wire.send(get("/"));
        await sleep(5);
      }
      late.resolve();
      await eventually(() => closed === 6, "late responses keep what they hold");
      assertEquals(server.errors, []);
    }
    await eventually(() => openDescriptors() <= before, "descriptors");
  },
);

Deno.test("a handle replaces the handler, and onError gets its errors", async () => {
  const heard: [string, unknown][] = [];
  const server = serve({
    ...quiet,
    handler: hello,
    onError: (message, error) => void heard.push([message, error]),
  });
  assertEquals((await exchange(server.addr.port, get("/"))).text, "hello");
  const thrown = new RangeError("mine");
  server.reconfigure({
    handler: () => {
      throw thrown;
    },
  });
  await eventually(
    async () => (await exchange(server.addr.port, get("/"))).status === 500,
    "the other handler is asked",
  );
  assert(heard[0]![1] === thrown && heard[0]![0].includes("mine"));
  await server.shutdown();
});

Deno.test("a server that is shut down in the middle of a stream finishes the stream", async () => {
  let push: ((text: string | null) => void) | null = null;
  const server = serving(() =>
    new HttpResponse(
      200,
      [],
      new ReadableStream({
        start: (controller) => {
          push = (text) =>
            text === null ? controller.close() : controller.enqueue(new TextEncoder().encode(text));
        },
      }),
    )
  );
  using wire = await Wire.connect(server.port);
  await wire.send(get("/", "Connection: close"));
  await eventually(() => push !== null, "the handler was not called");
  push!("a");
  const begun = await readUntil(wire, (text) => text.endsWith("1\r\na\r\n"));
  const shutdown = server.handle.shutdown();
  await sleep(30);
  push!("b");
  push!(null);
  assertEquals(begun.slice(-6) + await readUntil(wire, () => false), "1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
  await shutdown;
});
