/**
 * The program at its limits: too many clients, of one address or in all, too many requests, no descriptors left.
 * Every client gets an answer, nothing spins, and service is back as soon as there is room.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { cpuTicks } from "../support/process.ts";
import { Program, programCommand, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";

const SITE = { "index.html": "hello" };

/** Connects clients that have begun a request, so they are never idle. */
async function crowd(port: number, count: number): Promise<Wire[]> {
  const clients: Wire[] = [];
  for (let i = 0; i < count; i++) {
    const client = await Wire.connect(port);
    await client.send("GET / HTTP/1.1\r\n");
    clients.push(client);
  }
  return clients;
}

/** Counts the responses that arrive within a moment by their status, and the clients without one. */
async function answersOf(clients: readonly Wire[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  await Promise.all(clients.map(async (client) => {
    const response = await Promise.race([client.read(), sleep(400).then(() => undefined)]);
    const name = response === undefined ? "waits" : String(response?.status);
    counts[name] = (counts[name] ?? 0) + 1;
    if (response?.status === 503) {
      assertEquals([response.fields["retry-after"], response.fields.connection], ["1", "close"]);
      assertEquals(await client.read(), null);
    }
  }));
  return counts;
}

function leave(clients: readonly Wire[]): void {
  for (const client of clients) client[Symbol.dispose]();
}

/** Sends requests until the status is 200, and returns the time that it took. */
async function serviceMs(port: number): Promise<number> {
  const startMs = performance.now();
  while (performance.now() - startMs < 5000) {
    using client = await Wire.connect(port);
    await client.send(get("/"));
    if ((await client.read())?.text === "hello") return performance.now() - startMs;
    await sleep(20);
  }
  return Infinity;
}

/** Ends the program, and returns the lines that it has printed to standard error. */
async function errorLines(program: Program): Promise<string[]> {
  program.kill("SIGTERM");
  const { code, stderr } = await program.finish();
  assertEquals(code, 0);
  return stderr.split("\n").filter((line) => line.startsWith("epollet:")); // Deno may lack descriptors, too
}

Deno.test("--max-connections: one client more gets 503, and is served when another leaves", async () => {
  using site = new Site(SITE);
  await using program = await Program.start(site.root, ["--max-connections", "5"]);
  const clients = await crowd(program.port, 8);
  assertEquals(await answersOf(clients), { waits: 5, 503: 3 });
  clients[0]![Symbol.dispose]();
  assert(await serviceMs(program.port) < 1000);
  leave(clients.slice(1));
  const lines = await errorLines(program);
  assertEquals(lines, [
    "epollet: Clients are refused: all 5 connections that the server may have are in use",
  ]);
});

Deno.test("a client that was idle for a second is closed for a new one; one that has just sent a request is not", async () => {
  using site = new Site(SITE);
  await using program = await Program.start(site.root, ["--max-connections", "2"]);
  const old = await Wire.connect(program.port);
  await old.send(get("/"));
  await old.read();
  await sleep(1100);
  const young = await Wire.connect(program.port);
  await young.send(get("/"));
  assertEquals((await young.read())?.text, "hello");
  const third = await Wire.connect(program.port);
  await third.send(get("/"));
  assertEquals((await third.read())?.text, "hello");
  assertEquals(await old.read(), null, "the one that was idle longest is closed");
  const fourth = await Wire.connect(program.port);
  await fourth.send(get("/"));
  assertEquals((await fourth.read())?.status, 503);
  for (const client of [young, third]) {
    await client.send(get("/"));
    assertEquals((await client.read())?.text, "hello");
  }
  leave([old, young, third, fourth]);
});

Deno.test("--max-per-ip does not affect another address", async () => {
  using site = new Site(SITE);
  await using program = await Program.start(site.root, ["--max-per-ip", "3"]);
  const clients = await crowd(program.port, 5);
  assertEquals(await answersOf(clients), { waits: 3, 503: 2 });
  assertEquals(await statusFrom("127.0.0.3", program.port), "200");
  leave(clients);
  await sleep(50);
  assert(await serviceMs(program.port) < 1000);
  const lines = await errorLines(program);
  assertEquals(lines, [
    "epollet: Clients are refused: 127.0.0.1 has all 3 connections that an address may have",
  ]);
});

/** Returns the status that curl gets from another address of this machine. */
async function statusFrom(address: string, port: number): Promise<string> {
  const args = [
    "-s",
    "-o",
    "/dev/null",
    "-w",
    "%{http_code}",
    "--interface",
    address,
    `http://127.0.0.1:${port}/`,
  ];
  const { stdout } = await new Deno.Command("curl", { args }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test("--rate: more requests get 429 with the time to wait, on old and new connections, which stay open", async () => {
  using site = new Site(SITE);
  await using program = await Program.start(site.root, ["--rate", "5/m"]);
  using client = await Wire.connect(program.port);
  await client.send(get("/").repeat(4));
  for (let i = 0; i < 4; i++) assertEquals((await client.read())?.text, "hello");
  using another = await Wire.connect(program.port);
  await another.send(get("/"));
  assertEquals((await another.read())?.text, "hello");
  for (const wire of [client, another, client]) {
    await wire.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + get("/"));
    for (let i = 0; i < 2; i++) {
      const response = await wire.read();
      assertEquals(response?.status, 429);
      const seconds = Number(response?.fields["retry-after"]);
      assert(seconds >= 10 && seconds <= 12, `${seconds}`);
      assertMatch(response!.text, /^429 Too Many Requests\n/);
    }
  }
  assertEquals(await statusFrom("127.0.0.3", program.port), "200");
  assertEquals(await errorLines(program), []);
});

Deno.test("without descriptors new clients get 503, one line per second is logged, nothing spins, and service returns with the descriptors", async () => {
  using site = new Site(SITE);
  for (
    const [flags, line] of [
      [[], /^epollet: Clients are refused: all 24 connections that the server may have are in use$/],
      [
        ["--max-connections", "1000"],
        /^epollet: Cannot accept clients for now: EMFILE \(too many open files\)$/,
      ],
    ] as const
  ) {
    const command = programCommand(["--port", "0", "--root", site.root, ...flags]).map((word) => `'${word}'`)
      .join(" ");
    await using program = await Program.startCommand(["sh", "-c", `ulimit -n 60; exec ${command}`]);
    const clients = await crowd(program.port, 100);
    const startMs = performance.now();
    const before = cpuTicks(program.pid);
    const counts = await answersOf(clients);
    assert(
      counts.waits! >= 20 && counts.waits! < 60 && counts.waits! + counts[503]! === 100,
      JSON.stringify(counts),
    );
    await sleep(1000);
    const used = cpuTicks(program.pid) - before;
    const seconds = (performance.now() - startMs) / 1000;
    assert(used < 40 * seconds, `${used} ticks of 10 ms used in ${seconds} s of waiting`);
    leave(clients);
    assert(await serviceMs(program.port) < 1000);
    const lines = await errorLines(program);
    assert(lines.length >= 1 && lines.length <= 4, lines.join("\n"));
    for (const found of lines) assertMatch(found, line);
  }
});

Deno.test("every deadline can be set: each stalled client is cut off in time, with 408 if it can read it", async () => {
  using site = new Site({ ...SITE, big: new Uint8Array(20_000_000) });
  const timeouts = ["head", "body", "send", "keep-alive"].flatMap((name) => [`--${name}-timeout`, "1s"]);
  await using program = await Program.start(site.root, timeouts);
  const cases: [what: string, begin: (client: Wire) => Promise<void>, status: number | null][] = [
    ["head", (client) => client.send("GET / HT"), 408],
    ["dripping head", (client) => drip(client, "GET / HTTP/1.1\r\nX: ", "a"), 408],
    ["body", (client) => client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"), 408],
    [
      "dripping body",
      (client) => drip(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n", "a"),
      408,
    ],
    ["between requests", async (client) => {
      await client.send(get("/"));
      assertEquals((await client.read())?.fields["keep-alive"], "timeout=1");
    }, null],
    ["before the first", () => Promise.resolve(), null],
  ];
  await Promise.all(cases.map(async ([what, begin, status]) => {
    using client = await Wire.connect(program.port);
    const startMs = performance.now();
    const beginning = begin(client);
    if (status === null) await beginning;
    assertEquals((await client.read())?.status ?? null, status, what);
    if (status !== null) assertEquals(await client.read(), null, what);
    const ms = performance.now() - startMs;
    // With TCP_DEFER_ACCEPT the kernel shows a silent client only after a second.
    assert(ms > 900 && ms < (what === "before the first" ? 3500 : 2000), `${what}: ${ms} ms`);
    await beginning.catch(() => {}); // it may have been cut off within the write
  }));
  using reader = await Wire.connect(program.port);
  await reader.send(get("/big"));
  await sleep(2000);
  const received = await reader.readToEnd().then((bytes) => bytes.length, () => 0);
  assert(received < 20_000_000, "a client that did not read was waited for");
  assertEquals(await errorLines(program), []);
});

async function drip(client: Wire, start: string, byte: string): Promise<void> {
  await client.send(start);
  for (let i = 0; i < 30; i++) {
    await sleep(50);
    await client.send(byte);
  }
}
