/**
 * A server with several listeners: on all pollers, with a second service, and on sockets that another process has
 * open, too.
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { Handler } from "../../server/connection/handler.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { inheritListener, openListeners } from "../../server/listen/open.ts";
import { readListenAddress } from "../../server/listen/address.ts";
import { SHARED_ACCEPTS_PER_TURN_MAX } from "../../server/limits.ts";
import type { PollerName } from "../../server/loop/poller.ts";
import { serve, type ServerAddress } from "../../server/serve.ts";
import { Server } from "../../server/server.ts";
import { Descriptors, eventually, openDescriptors } from "../support/descriptors.ts";
import { failure } from "../support/exchanges.ts";
import { Site } from "../support/program.ts";
import { cpuTicks } from "../support/process.ts";
import { onAll } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";

const hello: Handler = () => HttpResponse.text("hello");

function open(...where: string[]) {
  return openListeners(where.map(readListenAddress))[0]!;
}

async function textOf(wire: Wire): Promise<string> {
  await wire.send(get("/"));
  return (await wire.expect()).text;
}

onAll(
  "several addresses at once, TCP and UNIX: all are served, drained and closed together",
  async (poller) => {
    using site = new Site();
    const before = openDescriptors();
    const path = site.path("a.sock");
    const listen = ["127.0.0.1:0", "[::1]:0", "127.0.0.1:0", `unix:${path}`];
    const server = serve({ handler: hello, listen, poller, onListen() {} });
    const tcp = server.addrs.filter((addr): addr is ServerAddress => addr.transport === "tcp");
    assertEquals(server.addr, tcp[0]);
    assertEquals(server.addrs[3], { transport: "unix", path });
    assertEquals(new Set(tcp.map(({ hostname, port }) => `${hostname} ${port}`)).size, 3); // one port for both families may happen
    const connectAll = () =>
      Promise.all([...tcp.map(({ hostname, port }) => Wire.connect(port, hostname)), Wire.connectUnix(path)]);
    for (let round = 0; round < 3; round++) {
      const wires = await connectAll();
      for (const wire of wires) {
        assertEquals([await textOf(wire), await textOf(wire)], ["hello", "hello"]);
        if (round < 2) wire[Symbol.dispose]();
      }
      if (round < 2) continue;
      const ended = server.shutdown();
      for (const wire of wires) {
        assert(await wire.isClosed());
        wire[Symbol.dispose]();
      }
      await ended;
    }
    for (const { hostname, port } of tcp) assert(await failure(() => Wire.connect(port, hostname)) !== null);
    assertThrows(() => Deno.lstatSync(path), Deno.errors.NotFound);
    await eventually(() => openDescriptors() <= before, "descriptors are left open");
  },
);

Deno.test("path: a UNIX socket alone, and its name", async () => {
  using site = new Site();
  const path = site.path("a.sock");
  const lines: unknown[] = [];
  const real = console.log;
  console.log = (...parts) => lines.push(...parts);
  try {
    await using server = serve({ path, handler: hello, socketMode: 0o600 });
    assertEquals(server.addr, { transport: "unix", path });
    assertEquals([server.addrs, lines], [[server.addr], [`Listening on unix:${path}`]]);
    assertEquals(Deno.lstatSync(path).mode! & 0o777, 0o600);
    using wire = await Wire.connectUnix(path);
    assertEquals(await textOf(wire), "hello");
  } finally {
    console.log = real;
  }
});

Deno.test("only one option may say where to listen, and a bad address is named", () => {
  for (
    const [options, message] of [
      [{ path: "a", port: 1 }, "A server listens where one of these says: path, port"],
      [{ path: "a", listen: ["1"] }, "A server listens where one of these says: path, listen"],
      [{ listen: [], hostname: "::" }, "A server listens where one of these says: listen, hostname"],
      [{ listen: [] }, "listen is empty: a server listens somewhere"],
    ] as const
  ) {
    assertEquals(assertThrows(() => new Server({ handler: hello, ...options }), TypeError).message, message);
  }
  for (const listen of [["x"], ["0", "127.0.0.1:70000"]]) {
    const error = assertThrows(() => new Server({ handler: hello, listen }), RangeError);
    assertMatch(error.message, /^Cannot listen on "(x|127\.0\.0\.1:70000)": expected /);
  }
  assertThrows(() => new Server({ handler: hello, path: "x".repeat(108) }), RangeError, "at most 107 bytes");
});

onAll("a second service is served by its own handler, also while the first drains", async (poller) => {
  const before = openDescriptors();
  await drainBeside(poller);
  await eventually(() => openDescriptors() <= before, "descriptors are left open");
});

/** Waits until nothing listens on `port` any more. */
async function refusesClients(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const refusal = await failure(async () => (await Wire.connect(port))[Symbol.dispose]());
    if (refusal !== null) return;
    await sleep(20);
  }
  throw new Error("clients are accepted after the shutdown");
}

async function drainBeside(poller: PollerName): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isDraining = false;
  const server = new Server({
    poller,
    port: 0,
    hostname: "127.0.0.1",
    handler: async () => {
      await promise;
      return HttpResponse.text("slow");
    },
  });
  const sockets = open("127.0.0.1:0");
  const { port } = sockets[0]!.address;
  const handler: Handler = () =>
    HttpResponse.text(isDraining ? "draining" : `${server.connections} connected`);
  server.listenAlso({ sockets, handler, keepAliveTimeoutMs: 5000 });
  const running = server.run();
  using kept = await Wire.connect(port);
  assertEquals(await textOf(kept), "0 connected", "they do not count");
  using slow = await Wire.connect(server.address.port);
  await slow.send(get("/"));
  await eventually(() => server.connections === 1, "no client came");
  assertEquals(await textOf(kept), "1 connected");
  isDraining = true;
  server.shutdown();
  await refusesClients(server.address.port);
  using later = await Wire.connect(port);
  for (const wire of [kept, later, kept, later]) assertEquals(await textOf(wire), "draining");
  await later.send(get("/"));
  assertEquals((await later.expect()).fields.connection, "keep-alive");
  resolve();
  assertEquals((await slow.expect()).text, "slow");
  slow[Symbol.dispose](); // its end is waited for
  await running;
  for (const wire of [kept, later]) assert(await wire.isClosed());
}

for (const poller of ["epoll-level", "epoll-edge"] as const) {
  Deno.test(`a draining server on a socket that another process has open accepts no clients, and is not kept awake (${poller})`, async () => {
    using fds = new Descriptors();
    const socket = open("127.0.0.1:0")[0]!;
    const { port } = socket.address;
    const copy = fds.duplicate(socket.fd, 0); // as another process would have it
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow: Handler = async () => {
      await promise;
      return HttpResponse.text("old");
    };
    const old = new Server({ handler: slow, sockets: [inheritListener(socket.fd, true)], poller });
    const running = old.run();
    using first = await Wire.connect(port);
    await first.send(get("/"));
    await eventually(() => old.connections === 1, "no client came");
    old.shutdown();
    await sleep(20);
    using second = await Wire.connect(port); // the queue is still open
    await second.send(get("/"));
    const ticks = cpuTicks(Deno.pid);
    await sleep(300);
    assertEquals(old.connections, 1);
    // A pending promise costs a few wake-ups.
    assert(cpuTicks(Deno.pid) - ticks < 20, "it spins");
    const next = new Server({ handler: hello, sockets: [inheritListener(fds.release(copy), true)], poller });
    const nextRunning = next.run();
    assertEquals((await second.expect()).text, "hello");
    resolve();
    assertEquals((await first.expect()).text, "old");
    first[Symbol.dispose](); // its end is waited for
    await running;
    next.stop();
    await nextRunning;
  });
}

Deno.test("of a shared queue a few clients are accepted at a time, so that other processes get some; of its own all are", async () => {
  for (const isShared of [true, false]) {
    const { fd, address: { port } } = open("127.0.0.1:0")[0]!;
    const counts: number[] = [];
    const handler: Handler = () => {
      counts.push(server.connections);
      return HttpResponse.text("hello");
    };
    const server = new Server({ handler, sockets: [inheritListener(fd, isShared)] });
    const wires = await Promise.all(Array.from({ length: 40 }, () => Wire.connect(port)));
    for (const wire of wires) await wire.send(get("/"));
    const running = server.run();
    for (const wire of wires) {
      assertEquals((await wire.expect()).text, "hello");
      wire[Symbol.dispose]();
    }
    assertEquals(counts[0], isShared ? SHARED_ACCEPTS_PER_TURN_MAX : 40);
    server.stop();
    await running;
  }
});

Deno.test("when a poller refuses one socket, the others are closed, too", () => {
  const before = openDescriptors();
  using fds = new Descriptors();
  const sockets = open("127.0.0.1:0", "127.0.0.1:0");
  const far = fds.duplicate(sockets[1]!.fd, 1500); // too large a number for select(2)
  const { message } = assertThrows(() =>
    new Server({ handler: hello, poller: "select", sockets: [sockets[0]!, inheritListener(far, false)] })
  ) as Error;
  assertMatch(message, /^Cannot watch the listening socket: EINVAL/);
  fds.release(far);
  using rest = new Descriptors();
  rest.close(rest.keep(sockets[1]!.fd));
  assertEquals(openDescriptors(), before);
});

Deno.test("limits per address do not affect UNIX clients, and a client that takes nothing is cut off", async () => {
  using site = new Site();
  const path = site.path("a.sock");
  const large = HttpResponse.bytes(new Uint8Array(3_000_000));
  const server = serve({
    path,
    handler: (request) => request.path === "/large" ? large : HttpResponse.text("hello"),
    onListen() {},
    connectionsPerAddressMax: 1,
    requestRateMax: { requests: 1, periodMs: 60_000 },
    sendTimeoutMs: 200,
  });
  const wires = await Promise.all(Array.from({ length: 5 }, () => Wire.connectUnix(path)));
  for (const wire of [...wires, ...wires]) assertEquals(await textOf(wire), "hello");
  await wires[0]!.send(get("/large"));
  assertEquals((await wires[0]!.expect()).body.length, 3_000_000);
  await wires[1]!.send(get("/large")); // and never reads
  await sleep(500);
  assertMatch((await failure(() => wires[1]!.expect()))?.message ?? "", /reset|cut off/);
  for (const wire of wires) wire[Symbol.dispose]();
  await server.shutdown();
});
