/**
 * Clients that read nothing: the server's memory for them does not depend on what is served.
 * @module
 */
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { staticHandler } from "../../handlers/static.ts";
import { bodyMemory } from "../../server/http/body_memory.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { HELD_BODY_BYTES_MAX } from "../../server/limits.ts";
import { LISTING_PAGE_ENTRIES_MAX } from "../../handlers/site/limits.ts";
import { Attackers, residentBytes, startServer } from "../support/attackers.ts";
import { eventually } from "../support/descriptors.ts";
import { serving } from "../support/in_process.ts";
import { basic, hashOf } from "../support/passwords.ts";
import { type Program, Site } from "../support/program.ts";
import { exchange, get, Wire } from "../support/wire.ts";

const MIB = 1024 * 1024;
/** The number of clients of each kind, and the memory that each would take with a copy of its own. */
const CLIENTS = 300;
const PAGE = "x".repeat(900_000);
/** The kernel's socket buffers take a part; the rest waits in the server. */
const UNREAD = { read: 0, rcvbuf: 4096 };

/**
 * Returns by how many bytes the server grows for clients that read nothing, and the statuses that other clients get.
 */
async function heldBy(
  attackers: Attackers,
  { port, pid }: Program,
  request: string,
  clients: number,
  seconds: number,
): Promise<{ bytes: number; statuses: number[] }> {
  const statuses = new Set<number>();
  // Often enough for the heap to have reached a stable size.
  for (let i = 0; i < 40; i++) statuses.add((await exchange(port, request)).status);
  const before = residentBytes(pid);
  const crowd = await attackers.crowd(port, clients, seconds, { send: request, ...UNREAD });
  let most = 0;
  const timer = setInterval(() => most = Math.max(most, residentBytes(pid)), 50);
  await crowd.result;
  clearInterval(timer);
  return { bytes: most - before, statuses: [...statuses] };
}

Deno.test("300 clients that read nothing of a page of 900 KB, an error or fallback page, share it", async () => {
  using site = new Site({ "404.html": PAGE, "401.html": PAGE, "app.html": PAGE });
  using config = new Site({
    "epollet.json": JSON.stringify({
      errorPages: { 401: "/401.html" },
      auth: [{ source: "/private/**", users: { ann: hashOf("right") } }],
      rewrites: [{ source: "/app/**", destination: "/app.html" }],
      cors: ["https://other.example"],
      headers: [{ source: "/**", headers: { "X-Own": "1" } }],
    }),
  });
  using attackers = new Attackers();
  await using program = await startServer(site.root, ["--config", config.path("epollet.json")]);
  const kinds: Record<string, [request: string, status: number]> = {
    "404": [get("/missing"), 404],
    "404, for another origin": [get("/missing", "Origin: https://other.example"), 404],
    "401": [get("/private/x"), 401],
    "401, with a wrong password": [get("/private/x", basic("ann", "wrong")), 401],
    "a URL of an application": [get("/app/some/where"), 200],
    "the same, for another origin": [get("/app/some/where", "Origin: https://other.example"), 200],
    "a part": [get("/app/some/where", "Range: bytes=1-899990"), 206],
  };
  for (const [kind, [request, status]] of Object.entries(kinds)) {
    const { bytes, statuses } = await heldBy(attackers, program, request, CLIENTS, 2);
    assertEquals([kind, ...statuses], [kind, status]);
    assertLess(bytes, 60 * MIB, `${kind}: ${bytes} bytes more`);
  }
});

Deno.test("responses for other origins count in the cache, and are kept once for each origin, not for each request", async () => {
  const origins = ["https://a.example", "https://b.example"];
  using site = new Site({ "a.txt": "x".repeat(3500), "d/a.bin": new Uint8Array(100_000) });
  const cacheSize = 300_000;
  const handler = staticHandler({ root: site.root, cors: origins, cacheSize });
  await using server = serving(handler);
  using wire = await Wire.connect(server.port);
  const ask = async (target: string, ...lines: string[]) => {
    await wire.send(get(target, ...lines));
    const { status, fields } = await wire.expect();
    return [status, fields["access-control-allow-origin"]];
  };
  const sizes: number[] = [];
  for (const origin of [undefined, ...origins]) {
    for (let i = 0; i < 50; i++) {
      const lines = [`X: ${i}`, ...origin === undefined ? [] : [`Origin: ${origin}`]];
      for (let again = 0; again < 3; again++) assertEquals(await ask("/a.txt", ...lines), [200, origin]);
      if (i === 0 || i === 49) sizes.push(handler.snapshot().bytes);
    }
  }
  assertEquals([sizes[1], sizes[3], sizes[5]], [sizes[0], sizes[2], sizes[4]], "it grows with requests");
  for (const i of [1, 3]) assert(sizes[i + 1]! - sizes[i]! > 3500, `not counted: ${sizes}`);
  for (let i = 0; i < 100; i++) {
    site.write(`${i}.txt`, "x".repeat(3500));
    for (const origin of origins) {
      for (let again = 0; again < 3; again++) {
        assertEquals(await ask(`/${i}.txt`, `Origin: ${origin}`), [200, origin]);
        assertLess(handler.snapshot().bytes, cacheSize + 1);
      }
    }
  }
  assert(handler.snapshot().evictions > 0);
  handler.close();
});

Deno.test("many requests of a listed origin for many files take no memory besides that of the cache", async () => {
  const files = 500;
  using site = new Site();
  for (let i = 0; i < files; i++) site.write(`${i}.txt`, "x".repeat(3500));
  await using program = await startServer(site.root, ["--cors=https://a.example", "--cache-size", "8M"]);
  const ask = async (from: number, to: number) => {
    using wire = await Wire.connect(program.port);
    for (let round = from; round < to; round++) {
      for (let i = 0; i < files; i += 50) {
        const targets = Array.from({ length: 50 }, (_, j) => `/${i + j}.txt`);
        const lines = ["Origin: https://a.example", `X: ${round}`];
        await wire.send(targets.map((target) => get(target, ...lines)).join(""));
        for (const target of targets) assertEquals((await wire.expect()).status, 200, target);
      }
    }
  };
  await ask(0, 10); // known heads have their own bound, and the heap has a stable size
  await ask(0, 10);
  const before = residentBytes(program.pid);
  await ask(10, 70);
  const bytes = () => residentBytes(program.pid) - before;
  await eventually(() => bytes() < 60 * MIB, "60 MiB more, and not fewer, for a cache of 8");
});

Deno.test("300 clients that read nothing of a listing of more than 600 KB share it, in each of its forms", async () => {
  using site = new Site();
  Deno.mkdirSync(site.path("d"));
  for (let i = 0; i < LISTING_PAGE_ENTRIES_MAX; i++) {
    site.write(`d/${"é".repeat(80)}${"&".repeat(80)}${String(i).padStart(4, "0")}`, "");
  }
  using attackers = new Attackers();
  await using program = await startServer(site.root, ["--browse"]);
  for (const request of [get("/d/"), get("/d/?sort=size")]) {
    const { bytes, statuses } = await heldBy(attackers, program, request, CLIENTS, 6);
    assertEquals(statuses, [200]);
    assertLess(bytes, 100 * MIB, `${bytes} bytes more`);
  }
});

Deno.test("unshared bodies have a common limit: past it large ones get 503 and small ones are served, until the clients have left", async () => {
  using attackers = new Attackers();
  const size = MIB;
  await using server = serving((request) => {
    if (request.path === "/small") return HttpResponse.text("small");
    if (request.path === "/shared") return shared;
    if (request.path !== "/stream") return HttpResponse.bytes(new Uint8Array(size).fill(1));
    let left = 3;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => left-- > 0 ? controller.enqueue(new Uint8Array(size)) : controller.close(),
    });
    return new HttpResponse(200, [], { stream, length: 3 * size });
  });
  const shared = HttpResponse.bytes(new Uint8Array(4 * size));
  using wire = await Wire.connect(server.port);
  const ask = async (path: string) => {
    await wire.send(get(path));
    return (await wire.expect()).status;
  };
  // Of streamed responses, as many more may begin as one turn serves clients.
  for (const [path, moreBytes] of [["/own", 8 * MIB], ["/stream", 80 * MIB]] as const) {
    const before = residentBytes(Deno.pid);
    const crowd = await attackers.crowd(server.port, 200, 20, { send: get(path), ...UNREAD });
    await eventually(() => bodyMemory.isFull, "the limit was not reached");
    if (path === "/own") assertEquals(await ask("/small"), 200);
    assertEquals([await ask("/own"), await ask("/stream")], [503, 503]);
    assertLess(bodyMemory.bytes, HELD_BODY_BYTES_MAX + moreBytes);
    const hasRoom = () => residentBytes(Deno.pid) - before < HELD_BODY_BYTES_MAX + 200 * MIB;
    await eventually(hasRoom, "more is held than counts"); // garbage is freed when V8 looks for it
    crowd.kill();
    await eventually(() => bodyMemory.bytes === 0, `${bodyMemory.bytes} bytes are still held`);
    assertEquals([await ask("/own"), await ask("/stream")], [200, 200]);
  }
  // A shared body counts once.
  const crowd = await attackers.crowd(server.port, 100, 20, { send: get("/shared"), ...UNREAD });
  await eventually(() => bodyMemory.bytes > 0, "nothing is held");
  assertLess(bodyMemory.bytes, 8 * MIB);
  crowd.kill();
  await eventually(() => bodyMemory.bytes === 0, `${bodyMemory.bytes} bytes are still held`);
  for (const line of server.errors) assertMatch(line, /^Clients are refused: too much waits in memory/);
});

Deno.test("request bodies that handlers wait for have the same limit: past it 503", async () => {
  using attackers = new Attackers();
  const size = MIB;
  await using server = serving(async (request) => {
    return HttpResponse.text(String((await request.bytes()).length));
  }, { bodyBytesMax: size });
  const start = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`;
  let most = 0;
  const timer = setInterval(() => most = Math.max(most, bodyMemory.bytes), 5);
  const body = "x".repeat(size - 1);
  let told = 0;
  for (let seconds = 6; told < 60; seconds *= 2) { // a busy machine needs longer to send so much
    assert(seconds <= 24, `${told} were told`);
    const crowd = await attackers.crowd(server.port, 200, seconds, { send: start + body, read: -1 });
    const { statuses } = await crowd.result;
    assertEquals(Object.keys(statuses), ["503"]);
    told = statuses[503]!;
  }
  clearInterval(timer);
  assertLess(most, HELD_BODY_BYTES_MAX + 16 * MIB);
  await eventually(() => bodyMemory.bytes === 0, `${bodyMemory.bytes} bytes are still held`);
  using wire = await Wire.connect(server.port);
  await wire.send(`${start}${body}x`);
  assertEquals((await wire.expect()).text, String(size));
  for (const line of server.errors) assertMatch(line, /^Clients are refused: too much is in memory/);
});
