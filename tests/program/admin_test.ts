/**
 * The admin service, by its handler alone.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import { adminHandler } from "../../handlers/admin/admin.ts";
import { METRICS_TYPE, metricsText } from "../../handlers/admin/metrics.ts";
import { STATUS_PAGE } from "../../handlers/admin/status_page.ts";
import { statusPageModule } from "../../handlers/admin/write_status_page.ts";
import { STATUS_INTERVAL_MS, STATUS_WATCHERS_MAX } from "../../server/limits.ts";
import { LATENCY_BOUNDS, SHOWN_CONNECTIONS_MAX, type Snapshot } from "../../server/metrics/statistics.ts";
import { eventually } from "../support/descriptors.ts";
import { readUntil, serving } from "../support/in_process.ts";
import { REPOSITORY } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { cacheWith, snapshotWith } from "../support/snapshots.ts";
import { exchange, get, head, Wire } from "../support/wire.ts";

const PAGE = `${REPOSITORY}handlers/admin/status.html`;

/** Starts a server with only this handler. `state.asked` counts the snapshots that it asked for. */
function servingAdmin(snapshots: () => Snapshot[] | Promise<Snapshot[]> = () => [snapshotWith()]) {
  const state = { asked: 0, isReady: true };
  const handler = adminHandler({
    snapshots: () => (state.asked++, snapshots()),
    isReady: () => state.isReady,
    version: "1.2.3",
  });
  return Object.assign(serving(handler), { state });
}

/** Returns the first `count` events of a stream. */
async function events(
  port: number,
  count: number,
): Promise<{ text: string; data: Record<string, unknown>[] }> {
  using wire = await Wire.connect(port);
  await wire.send(get("/events"));
  const found = (text: string) => Array.from(text.matchAll(/^data: (.*)$/gm), ([, data]) => data!);
  const text = await readUntil(wire, (text) => found(text).length >= count && text.endsWith("\n\n\r\n"));
  return { text, data: found(text).map((data) => JSON.parse(data)) };
}

Deno.test("/healthz is always 200, /readyz is 503 while the server drains, and neither may be cached", async () => {
  await using server = servingAdmin();
  for (const isReady of [true, false]) {
    server.state.isReady = isReady;
    const alive = await exchange(server.port, get("/healthz"));
    const ready = await exchange(server.port, get("/readyz"));
    assertEquals([alive.status, alive.text], [200, "ok\n"]);
    assertEquals([ready.status, ready.text], isReady ? [200, "ready\n"] : [503, "draining\n"]);
    for (const { fields } of [alive, ready]) assertEquals(fields["cache-control"], "no-store");
  }
  assertEquals(server.state.asked, 4, "only /readyz says what is served, after a look");
});

Deno.test("anything else is 404, other methods are 405, and HEAD is GET without its body", async () => {
  await using server = servingAdmin();
  for (const path of ["/x", "/status.html", "/metrics/", "/healthz/../metrics", "//"]) {
    assertEquals((await exchange(server.port, get(path))).status, 404, path);
  }
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    const request = get("/metrics", "Content-Length: 2").replace("GET", method) + "{}";
    const { status, fields } = await exchange(server.port, request);
    assertEquals([status, fields.allow], [405, "GET, HEAD"], method);
  }
  for (const path of ["/", "/metrics", "/healthz", "/readyz", "/events"]) {
    const { status, fields } = await exchange(server.port, head(path), true);
    assertEquals([status, fields["cache-control"]], [200, "no-store"], path);
  }
  assertEquals(server.errors, []);
});

Deno.test("a host name that an attacker can point here is refused, and so are requests by another site's page", async () => {
  await using server = servingAdmin();
  const statusFor = async (host: string, path = "/metrics", ...lines: string[]) => {
    const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${
      lines.map((line) => `${line}\r\n`).join("")
    }\r\n`;
    return (await exchange(server.port, request)).status;
  };
  const trusted = [
    "127.0.0.1",
    "127.0.0.1:9090",
    "[::1]:9090",
    "10.1.2.3",
    "localhost:80",
    "LOCALHOST",
    "epollet:9090",
  ];
  for (const host of [...trusted, "a.localhost"]) assertEquals(await statusFor(host), 200, host);
  const strange = [
    "evil.example",
    "evil.example:9090",
    "127.0.0.1.evil.example",
    "1.2.3.4.5",
    "localhost.evil.example",
  ];
  for (const host of [...strange, "a.local"]) {
    for (const path of ["/", "/metrics", "/healthz", "/events"]) {
      assertEquals(await statusFor(host, path), 421, `${host}${path}`);
    }
  }
  assertEquals(await statusFor("localhost", "http://evil.example/metrics"), 421);
  assertEquals((await exchange(server.port, "GET /healthz HTTP/1.0\r\n\r\n")).status, 200, "no Host at all");
  for (const site of ["cross-site", "same-site"]) {
    assertEquals(
      await statusFor("localhost", "/events", `Sec-Fetch-Site: ${site}`, "Sec-Fetch-Mode: cors"),
      403,
    );
  }
  assertEquals(
    await statusFor("localhost", "/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"),
    200,
  );
  assertEquals(await statusFor("localhost", "/metrics", "Sec-Fetch-Site: same-origin"), 200);
});

Deno.test("the page is one file, equal to its source, and only its own script may run", async () => {
  const html = await Deno.readTextFile(PAGE);
  const module = await Deno.readTextFile(PAGE.replace("status.html", "status_page.ts"));
  assert(STATUS_PAGE === html && module === statusPageModule(html), "deno task status writes it anew");
  assert(!/(?:src|href)="(?!data:|\/(?:metrics|healthz|readyz)")/.test(html), "it loads something");
  assert(!/https?:\/\/(?!www\.w3\.org\/2000\/svg)/.test(html), "it names another server");
  await using server = servingAdmin();
  const { fields, text } = await exchange(server.port, get("/"));
  assertEquals([text, fields["content-type"]], [html, "text/html; charset=utf-8"]);
  const policy = fields["content-security-policy"]!;
  for (const element of ["script", "style"]) {
    const [, inline] = new RegExp(`<${element}>(.*?)</${element}>`, "s").exec(html) ?? [];
    const hash = createHash("sha256").update(inline ?? "").digest("base64");
    assertStringIncludes(policy, `${element}-src 'sha256-${hash}'`);
  }
  assertMatch(policy, /^default-src 'none';/);
  assert(!policy.includes("unsafe"), policy);
});

/** Returns the snapshot of a worker with a value in every counter. */
function used(pid: number): Snapshot {
  return snapshotWith({
    pid,
    requests: 6,
    responses: { 200: 5, 404: 1 },
    states: { idle: 2, writing: 1 },
    latencyCounts: [3, 2, ...LATENCY_BOUNDS.slice(2).map(() => 0), 1],
    latencySumSeconds: 12.5,
    systemCalls: 40,
    cpuSeconds: 0.25,
    residentBytes: 1e8,
    openDescriptors: 12,
    cache: cacheWith(9),
  });
}

Deno.test("metrics: all counters in the format of Prometheus, with the worker's number when there are several", async () => {
  await using server = servingAdmin(() => Promise.resolve([used(1)]));
  const { text, fields } = await exchange(server.port, get("/metrics"));
  assertEquals(fields["content-type"], METRICS_TYPE);
  const lines = text.split("\n");
  for (
    const line of [
      'epollet_build_info{version="1.2.3",poller="epoll-edge",trigger="edge"} 1',
      'epollet_requests_total{code="200",protocol="HTTP/1"} 5',
      'epollet_requests_total{code="404",protocol="HTTP/1"} 1',
      'epollet_request_duration_seconds_bucket{le="0.00005"} 3',
      'epollet_request_duration_seconds_bucket{le="0.0001"} 5',
      'epollet_request_duration_seconds_bucket{le="10"} 5',
      'epollet_request_duration_seconds_bucket{le="+Inf"} 6',
      "epollet_request_duration_seconds_sum 12.5",
      "epollet_request_duration_seconds_count 6",
      'epollet_connections{state="idle"} 2',
      "epollet_inotify_watches 9",
      "process_cpu_seconds_total 0.25",
      "process_start_time_seconds 1000",
    ]
  ) assert(lines.includes(line), `${line}\n${text}`);
  const several = metricsText([used(1), used(2)], "1").split("\n");
  assert(several.includes('epollet_requests_total{worker="1",code="200",protocol="HTTP/1"} 5'));
  assert(several.includes('process_open_fds{worker="0"} 12'));
  assertEquals(several.filter((line) => line === "# TYPE epollet_requests_total counter").length, 1);
  assert(
    !metricsText([snapshotWith()], "1").includes("_cache_"),
    "without a cache there are no metrics of one",
  );
});

Deno.test("promtool accepts the metrics without warnings", async () => {
  for (const snapshots of [[snapshotWith()], [used(1)], [used(1), used(2)]]) {
    let process: Deno.ChildProcess;
    try {
      process = new Deno.Command("promtool", {
        args: ["check", "metrics"],
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return console.log("skipped: promtool is not installed (Debian's package prometheus has it)");
    }
    await ReadableStream.from([new TextEncoder().encode(metricsText(snapshots, "1.2.3"))]).pipeTo(
      process.stdin,
    );
    const { code, stdout, stderr } = await process.output();
    const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals([code, output], [0, ""]);
  }
});

Deno.test("events come while a client watches, each made once for all, and no snapshots are taken when none does", async () => {
  await using server = servingAdmin();
  const startedMs = performance.now();
  const [one, other] = await Promise.all([events(server.port, 4), events(server.port, 4)]);
  const passedMs = performance.now() - startedMs;
  assert(passedMs >= 2 * STATUS_INTERVAL_MS, `${passedMs} ms`);
  assertMatch(one.text, /^HTTP\/1\.1 200 OK\r\n(.*\r\n)*Content-Type: text\/event-stream\r\n/);
  assertEquals(one.data.at(-1)!.version, "1.2.3");
  assertEquals(other.data.at(-1)!.isReady, true);
  const { asked } = server.state;
  assert(asked <= passedMs / STATUS_INTERVAL_MS + 2, `${asked} snapshots in ${passedMs} ms`);
  await sleep(2.5 * STATUS_INTERVAL_MS);
  assert(server.state.asked <= asked + 1, "snapshots are still taken");
});

Deno.test("an event is small, however many connections there are, and counts all of them", async () => {
  const connections = Array.from({ length: SHOWN_CONNECTIONS_MAX }, (_, i) => ({
    fd: 100_000 + i,
    state: "reading-body",
    ageMs: 86_400_000.25,
    queuedBytes: 4_000_000,
  }));
  const crowded = snapshotWith({ states: { idle: 9_000, writing: 1_000 }, connections });
  await using server = servingAdmin(() => [crowded, crowded, crowded]);
  const { text, data: [event] } = await events(server.port, 1);
  assertEquals(event!.states, { idle: 27_000, writing: 3_000 });
  const rows = event!.connections as unknown[][];
  assert(rows.length > SHOWN_CONNECTIONS_MAX - 3 && rows.length <= SHOWN_CONNECTIONS_MAX, `${rows.length}`);
  assertEquals(rows[0], [0, 100_000, "reading-body", 86_400_000, 4_000_000]);
  assertEquals(rows.at(-1)![0], 2);
  assert(text.length < 32 * 1024, `${text.length} bytes`);
});

Deno.test("a client over the limit of watchers gets 503, and has room when another has left", async () => {
  await using server = servingAdmin();
  const wires: Wire[] = [];
  try {
    for (let i = 0; i < STATUS_WATCHERS_MAX; i++) {
      const wire = await Wire.connect(server.port);
      wires.push(wire);
      await wire.send(get("/events"));
      await wire.arrival();
    }
    assertEquals((await exchange(server.port, get("/events"))).status, 503);
    assertEquals((await exchange(server.port, get("/healthz"))).status, 200);
  } finally {
    for (const wire of wires) wire[Symbol.dispose]();
  }
  await eventually(() => server.handle.snapshot().states.handling === 0, "they are still there");
  assertEquals((await events(server.port, 1)).data.length, 1);
});

Deno.test("a snapshot that fails ends the streams, and the next watcher starts anew", async () => {
  let isBroken = true;
  await using server = servingAdmin(() => {
    if (isBroken) throw new Error("no snapshot");
    return [snapshotWith()];
  });
  using wire = await Wire.connect(server.port);
  await wire.send(get("/events"));
  assert(!(await readUntil(wire, () => false)).includes("data:"));
  isBroken = false;
  assertEquals((await events(server.port, 2)).data.length, 2);
});
