/**
 * Clients that leave while a response is made, over real sockets: when the handler is told, what is still sent, and
 * that a stopping server does not wait for a response that no client wants.
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { HttpResponse, serve } from "../../mod.ts";
import type { HandlerContext } from "../../server/connection/handler.ts";
import { GRACE_PERIOD_MS, HANDLER_TIMEOUT_MS } from "../../server/limits.ts";
import { serving } from "../support/in_process.ts";
import { Site } from "../support/program.ts";
import { RawClient } from "../support/raw_client.ts";
import { sleep } from "../support/sleep.ts";
import { awaited, eventually } from "../support/waiting.ts";
import { get, Wire } from "../support/wire.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

/** Less than a server waits for handlers, and more than anything else takes. */
const SOON_MS = Math.min(GRACE_PERIOD_MS, HANDLER_TIMEOUT_MS) / 2;

const encoder = new TextEncoder();

/** Resolves when the signal is aborted. */
function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** A handler that never answers, and the requests that it was called with. */
function silent(): {
  handler: (request: unknown, context: HandlerContext) => Promise<HttpResponse>;
  signal: Promise<AbortSignal>;
} {
  const { promise, resolve } = Promise.withResolvers<AbortSignal>();
  return {
    handler: (_request, { signal }) => {
      resolve(signal);
      return new Promise<HttpResponse>(() => {});
    },
    signal: promise,
  };
}

for (
  const [name, leave] of [
    ["has ended its half", (wire: Wire) => wire.endInput()],
    ["has left", (wire: Wire) => wire[Symbol.dispose]()],
  ] as const
) {
  Deno.test(`a stopping server does not wait for the handler of a client that ${name}`, async () => {
    for (const when of ["before", "after"]) {
      const { handler, signal } = silent();
      const server = serving(handler);
      using wire = await Wire.connect(server.port);
      await wire.send(get("/"));
      const heard = await awaited(signal, "a request");
      let startMs = performance.now();
      let shutdown: Promise<void> | null = null;
      if (when === "after") shutdown = server.handle.shutdown();
      await leave(wire);
      await awaited(aborted(heard), "the signal");
      if (when === "before") {
        startMs = performance.now();
        shutdown = server.handle.shutdown();
      }
      await awaited(shutdown!, "the end of the server");
      assertLess(performance.now() - startMs, SOON_MS, `it left ${when} the server was to stop`);
    }
  });
}

Deno.test("a client that ended its half and is not given up yet gets its response from a stopping server", async () => {
  const { promise, resolve } = Promise.withResolvers<HttpResponse>();
  const server = serving(() => promise);
  using wire = await Wire.connect(server.port);
  await wire.send(get("/"));
  await wire.endInput();
  await sleep(50);
  const shutdown = server.handle.shutdown();
  await sleep(50);
  resolve(HttpResponse.text("whole"));
  assertEquals((await wire.expect()).text, "whole");
  await shutdown;
});

Deno.test("chunks that a stream enqueues after its signal was aborted are not sent", async () => {
  let ended = 0;
  await using server = serving((_request, { signal }) => {
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(encoder.encode("before"));
        signal.addEventListener("abort", () => {
          controller.enqueue(encoder.encode("after"));
          setTimeout(() => {
            try {
              controller.enqueue(encoder.encode("later"));
            } catch {
              // it was cancelled
            }
            ended++;
          }, 20);
        });
      },
    });
    return new HttpResponse(200, [], stream);
  });
  for (const request of [get("/"), get("/").replace("1.1", "1.0")]) {
    using wire = await Wire.connect(server.port);
    await wire.send(request);
    await wire.endInput();
    const text = new TextDecoder().decode(await wire.readToEnd());
    assertEquals([text.includes("before"), text.includes("after"), text.includes("later")], [
      true,
      false,
      false,
    ]);
    assert(!text.endsWith("0\r\n\r\n"), "it looks whole");
  }
  await sleep(50);
  assertEquals(ended, 2);
  assertEquals(server.errors, []);
});

for (const poller of USABLE_POLLERS) {
  Deno.test(`a client that must have left is noticed at once: a reset, a body that ends early (${poller})`, async () => {
    const { handler, signal } = silent();
    await using server = serving(handler, { poller });
    const client = await RawClient.connect(server.port);
    await client.send(get("/"));
    const heard = await awaited(signal, "a request");
    const startMs = performance.now();
    client.reset();
    await awaited(aborted(heard), "the signal");
    assertLess(performance.now() - startMs, 900, "a reset");

    const other = silent();
    await using second = serving(other.handler, { poller });
    using wire = await Wire.connect(second.port);
    await wire.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    const told = await awaited(other.signal, "a request");
    const laterMs = performance.now();
    await wire.endInput();
    await awaited(aborted(told), "the signal");
    assertLess(performance.now() - laterMs, 900, "a body that ends early");
  });

  Deno.test(`a client that closes a UNIX socket is noticed at once; one that ends its half gets its response (${poller})`, async () => {
    using site = new Site();
    const path = site.path("socket");
    const signals: AbortSignal[] = [];
    const errors: string[] = [];
    const server = serve({
      path,
      poller,
      onListen() {},
      onError: (message) => errors.push(message),
      handler: async (request, { signal }) => {
        signals.push(signal);
        await (request.path === "/" ? aborted(signal) : sleep(50));
        return HttpResponse.text("whole");
      },
    });
    using half = await Wire.connectUnix(path);
    await half.send(get("/half"));
    await half.endInput();
    assertEquals((await half.expect()).text, "whole");
    using wire = await Wire.connectUnix(path);
    await wire.send(get("/"));
    await eventually(() => signals.length === 2, "a request");
    const startMs = performance.now();
    wire[Symbol.dispose]();
    await awaited(aborted(signals[1]!), "the signal");
    assertLess(performance.now() - startMs, 900);
    await server.shutdown();
    assertEquals(errors, []);
  });
}
