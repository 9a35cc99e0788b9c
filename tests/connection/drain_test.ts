/**
 * Servers that stop while clients send the next request right after each response: every request is answered.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { serve } from "../../mod.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { childrenOf, isRunning } from "../support/process.ts";
import { Program, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { eventually } from "../support/waiting.ts";
import { UnbrokenLoad } from "../support/unbroken_load.ts";
import { exchange, get, Wire } from "../support/wire.ts";

/** EPOLLET_DRAINS sets another number. */
const ROUNDS = Number(Deno.env.get("EPOLLET_DRAINS") ?? 3);
/** The number of clients that keep their connections, and of those that connect for each request. */
const CLIENTS = 20;

for (const workers of [1, 2, 4]) {
  Deno.test(`reloads and upgrades lose no response (--workers ${workers})`, async () => {
    using site = new Site({ "index.html": "hello" });
    await using program = await Program.start(site.root, ["--workers", String(workers), "--no-config"]);
    const load = new UnbrokenLoad(program.port, CLIENTS, "/", false);
    await load.more(100);
    let pid = program.pid;
    const processes = new Set([pid]);
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const old = childrenOf(pid);
        Deno.kill(pid, "SIGHUP");
        await eventually(() => !old.some(isRunning), "the old workers end");
        await load.more(100);
        const before = childrenOf(pid);
        const predecessor = pid;
        Deno.kill(pid, "SIGUSR2");
        await eventually(
          () => childrenOf(predecessor).some((child) => !before.includes(child)),
          "a successor",
        );
        pid = childrenOf(predecessor).find((child) => !before.includes(child))!;
        processes.add(pid);
        await eventually(() => !isRunning(predecessor), "the predecessor ends");
        await load.more(100);
        assertEquals(load.failures, [], `round ${round}`);
      }
      await load.end();
      assertEquals(load.failures, []);
    } finally {
      await load.end();
      for (const each of processes) if (isRunning(each)) Deno.kill(each, "SIGTERM");
      await eventually(() => ![...processes].some(isRunning), "all end");
    }
  });
}

Deno.test("a stopping server answers the requests that are on their way, and sends Connection: close", async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const handler = () => HttpResponse.text("hello");
    const server = serve({ hostname: "127.0.0.1", port: 0, onListen() {}, handler });
    const wires = await Promise.all(Array.from({ length: CLIENTS }, () => Wire.connect(server.addr.port)));
    const asking = wires.map(async (wire) => {
      for (let answered = 0;; answered++) {
        await wire.send(get("/"));
        const { text, fields } = await wire.expect();
        assertEquals(text, "hello");
        if (fields.connection === "close") return answered;
      }
    });
    await sleep(50);
    const shutdown = server.shutdown();
    for (const answered of await Promise.all(asking)) assert(answered > 0);
    for (const wire of wires) {
      assert(await wire.isClosed());
      wire[Symbol.dispose]();
    }
    await shutdown;
  }
});

Deno.test("a new silent connection, and half a request line, do not delay the end of a server", async () => {
  const handler = () => HttpResponse.text("hello");
  const server = serve({ hostname: "127.0.0.1", port: 0, onListen() {}, handler });
  const { port } = server.addr;
  await exchange(port, get("/"));
  using silent = await Wire.connect(port);
  using half = await Wire.connect(port);
  await half.send("GET /half");
  await sleep(2_000); // with TCP_DEFER_ACCEPT the kernel shows a silent client only after a second
  const startMs = performance.now();
  const shutdown = server.shutdown();
  const told = half.readToEnd();
  await Promise.all([silent.readToEnd(), told]);
  silent[Symbol.dispose]();
  half[Symbol.dispose]();
  await shutdown;
  assert(performance.now() - startMs < 10_000, "they are waited for as long as if nothing were to end");
});

const EVENTS = [["Content-Type", "text/event-stream"]] as const;

Deno.test("an event stream is told at once that the server stops, and ends completely, whether it listens or not", async () => {
  const encoder = new TextEncoder();
  for (const listens of [true, false]) {
    let cancelled = 0;
    const stream = (signal: AbortSignal) =>
      new ReadableStream<Uint8Array>({
        start: (controller) => {
          controller.enqueue(encoder.encode("data: hello\n\n"));
          if (!listens) return;
          signal.addEventListener("abort", () => {
            controller.enqueue(encoder.encode("data: bye\n\n"));
            controller.close();
          });
        },
        cancel: () => {
          cancelled++;
        },
      });
    const server = serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen() {},
      handler: (_request, { signal }) => new HttpResponse(200, EVENTS, stream(signal)),
    });
    using wire = await Wire.connect(server.addr.port);
    await wire.send(get("/"));
    const text = await fetch(`http://127.0.0.1:${server.addr.port}/`).then((response) => {
      const startMs = performance.now();
      const shutdown = server.shutdown();
      return response.text().then(async (text) => {
        assert((await wire.readToEnd()).length > 0);
        wire[Symbol.dispose]();
        await shutdown;
        assert(performance.now() - startMs < 10_000, "it is waited for as long as the grace period");
        return text;
      });
    });
    assertEquals(text, listens ? "data: hello\n\ndata: bye\n\n" : "data: hello\n\n");
    assertEquals(cancelled, listens ? 0 : 2);
  }
});

/** Returns when an event stream of `chunks`, one every `pauseMs`, had ended after `shutdown`, and what was sent. */
async function drained(
  chunks: number,
  pauseMs: number,
  beforeMs: number,
): Promise<{ tookMs: number; text: string; isWhole: boolean }> {
  const encoder = new TextEncoder();
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (let i = 0; i < chunks; i++) controller.enqueue(encoder.encode(`data: ${i}\n\n`));
    },
  });
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen() {},
    handler: () => new HttpResponse(200, EVENTS, { stream, length: null, pauseMs }),
  });
  using wire = await Wire.connect(server.addr.port);
  await wire.send(get("/"));
  await wire.arrival();
  await sleep(beforeMs);
  const startMs = performance.now();
  const shutdown = server.shutdown();
  const text = new TextDecoder().decode(await wire.readToEnd());
  const tookMs = performance.now() - startMs;
  wire[Symbol.dispose]();
  await shutdown;
  return { tookMs, text, isWhole: text.endsWith("\r\n0\r\n\r\n") };
}

Deno.test("an event stream that pauses between its chunks has one second, and no more", async () => {
  // The chunks of one second are sent, and later ones are not.
  const [many, long, silent] = await Promise.all([
    drained(200, 50, 120),
    drained(3, 20_000, 50),
    drained(1, 300, 50),
  ]);
  const sent = many.text.match(/data: /g)!.length;
  assert(many.isWhole && many.tookMs >= 950 && many.tookMs < 8000, `${many.tookMs} ms`);
  assert(sent >= 6 && sent < 150, `${sent} pieces`);
  // The pause is longer than the second.
  assert(long.isWhole && long.tookMs >= 950 && long.tookMs < 10_000, `${long.tookMs} ms`);
  // After its pause it has nothing to send.
  assert(silent.isWhole && silent.tookMs >= 950 && silent.tookMs < 10_000, `${silent.tookMs} ms`);
});
