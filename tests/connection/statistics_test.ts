/**
 * A server's statistics, compared with what its clients saw.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { keepUsageReadable, processUsage } from "../../ffi/process/usage.ts";
import { staticHandler } from "../../handlers/static.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { LATENCY_BOUNDS, type Snapshot } from "../../server/metrics/statistics.ts";
import { eventually, openDescriptors } from "../support/descriptors.ts";
import { serving } from "../support/in_process.ts";
import { Site } from "../support/program.ts";
import { RawClient } from "../support/raw_client.ts";
import { sleep } from "../support/sleep.ts";
import { get, head, Wire } from "../support/wire.ts";

const early = { told: processUsage(), open: openDescriptors() };
keepUsageReadable(); // outside of any test, because the file stays open

const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);

Deno.test("bytes, responses by status and clients are counted as the clients see them", async () => {
  await using server = serving((request) => {
    if (request.path === "/throws") throw new Error("on purpose");
    return request.path === "/stream"
      ? new HttpResponse(200, [], ReadableStream.from([new Uint8Array(10), new Uint8Array(20)]))
      : HttpResponse.text("hello");
  }, { measureLatency: true });
  const before = server.handle.snapshot();
  assertEquals([before.accepted, before.requests, before.sentBytes, before.receivedBytes], [0, 0, 0, 0]);
  const requests = [
    get("/"),
    get("/").repeat(3),
    head("/"),
    get("/throws"),
    get("/stream"),
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "nonsense\r\n\r\n",
  ];
  let received = 0;
  for (const request of requests) {
    using wire = await Wire.connect(server.port);
    await wire.send(request);
    await wire.endInput();
    received += (await wire.readToEnd()).length;
  }
  await eventually(() => sum(Object.values(server.handle.snapshot().states)) === 0, "a connection is left");
  const after = server.handle.snapshot();
  assertEquals(after.sentBytes, received);
  assertEquals(after.receivedBytes, sum(requests.map((request) => request.length)));
  assertEquals(after.responses, { "200": 7, "400": 1, "500": 1 });
  assertEquals([after.requests, after.accepted, after.refused], [9, requests.length, 0]);
  assertEquals(sum(after.latencyCounts), 9);
  assertEquals(after.latencyCounts.length, LATENCY_BOUNDS.length + 1);
  assert(after.latencySumSeconds > 0 && after.latencySumSeconds < 5, `${after.latencySumSeconds} s`);
  assert(after.turns > before.turns && after.systemCalls > before.systemCalls + 3 * requests.length);
  assertEquals(JSON.parse(JSON.stringify(after)), after, "it can be sent to another process");
});

Deno.test("the time of a response is counted from its request to its last byte", async () => {
  await using server = serving(async () => {
    await sleep(60);
    return HttpResponse.text("late");
  }, { measureLatency: true });
  using wire = await Wire.connect(server.port);
  await wire.send(get("/"));
  await wire.expect();
  const { latencyCounts, latencySumSeconds } = server.handle.snapshot();
  const fast = latencyCounts.slice(0, LATENCY_BOUNDS.indexOf(0.05) + 1);
  assertEquals([sum(fast), sum(latencyCounts)], [0, 1]);
  assert(latencySumSeconds >= 0.059 && latencySumSeconds < 5, `${latencySumSeconds} s`);
});

Deno.test("connections are counted by their state, and shown with their age and queued bytes", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  await using server = serving(async (request) => {
    if (request.path === "/waits") await promise;
    return HttpResponse.bytes(new Uint8Array(request.path === "/large" ? 32 << 20 : 1));
  });
  using idle = await Wire.connect(server.port);
  await idle.send(get("/"));
  await idle.expect();
  using handling = await Wire.connect(server.port);
  await handling.send(get("/waits"));
  using writing = await Wire.connect(server.port);
  await writing.send(get("/large"));
  using reading = await Wire.connect(server.port);
  await reading.send("GET / HTTP/1.1\r\n");
  const isThere = ({ states }: Snapshot) =>
    states.reading === 1 && states.handling === 1 && states.writing === 1;
  await eventually(() => isThere(server.handle.snapshot()), "they are in other states");
  const { states } = server.handle.snapshot();
  assertEquals(states, {
    handshaking: 0,
    reading: 1,
    "reading-body": 0,
    handling: 1,
    writing: 1,
    lingering: 0,
    idle: 1,
  });
  await sleep(20);
  const { connections, accepted } = server.handle.snapshot();
  assertEquals(accepted, 4);
  assertEquals(new Set(connections.map(({ fd }) => fd)).size, 4);
  assertEquals(connections.map(({ state }) => state).sort(), ["handling", "idle", "reading", "writing"]);
  for (const { ageMs, state, queuedBytes } of connections) {
    assert(ageMs >= 20 && ageMs < 10_000, `${ageMs} ms`);
    assertEquals(queuedBytes > 1 << 20, state === "writing", `${queuedBytes} bytes for one that is ${state}`);
  }
  resolve();
});

Deno.test("a request whose client leaves before the response is a request without a response", async () => {
  await using server = serving(() => new Promise(() => {}));
  {
    using client = await RawClient.connect(server.port);
    await client.send(encodeUtf8(get("/")));
    await eventually(() => server.handle.snapshot().states.handling === 1, "it is not being handled");
    client.reset();
  }
  await eventually(() => server.handle.snapshot().requests === 1, "it is not counted");
  assertEquals(server.handle.snapshot().responses, {});
});

Deno.test("the cache counts hits, misses and evictions", async () => {
  using site = new Site({ "a": "x".repeat(20_000), "b": "y".repeat(20_000) });
  const files = staticHandler({ root: site.root, cacheSize: 30_000, validate: "inotify" });
  await using server = serving(files, { cache: files });
  using wire = await Wire.connect(server.port);
  const ask = async (path: string) => {
    await wire.send(get(path));
    await wire.expect();
  };
  const cache = () => server.handle.snapshot().cache!;
  assertEquals([cache().hits, cache().misses, cache().resources], [0, 0, 0]);
  for (const path of ["/a", "/a", "/a", "/a"]) await ask(path);
  assertEquals([cache().hits, cache().misses, cache().resources, cache().evictions], [3, 1, 1, 0]);
  assert(cache().bytes >= 20_000 && cache().bytes <= cache().bytesMax, `${cache().bytes} bytes`);
  await ask("/b");
  assertEquals([cache().hits, cache().misses, cache().resources, cache().evictions], [3, 2, 1, 1]);
  assert(cache().watches > 0);
  site.write("b", "changed");
  await ask("/b");
  assert(cache().events > 0);
  assertEquals([cache().misses, cache().overflows], [3, 0]);
  files.close();
});

Deno.test("the resource usage of the process equals the kernel's figures", () => {
  // The directory that is read is itself open.
  assertEquals(early.told.openDescriptors, early.open - 1);
  assert(early.told.residentBytes > 0);
  const { residentBytes, cpuSeconds, openDescriptors: open } = processUsage();
  const { rss } = Deno.memoryUsage();
  assert(residentBytes > rss * 0.8 && residentBytes < rss * 1.2, `${residentBytes}, and not ${rss}`);
  assert(cpuSeconds > 0.05 && cpuSeconds < 3600, `${cpuSeconds} s`);
  assertEquals(open, openDescriptors() - 1);
});
