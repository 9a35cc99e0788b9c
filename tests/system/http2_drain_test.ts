/**
 * Reloads and upgrades of the program lose no response over HTTP/2, with and without TLS and workers.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Http2Load } from "../support/http2_load.ts";
import { Http2Wire } from "../support/http2_wire.ts";
import { childrenOf, isRunning } from "../support/process.ts";
import { Program, Site } from "../support/program.ts";
import { SecureProgram } from "../support/secure_program.ts";
import { eventually } from "../support/waiting.ts";

/** EPOLLET_DRAINS sets another number. */
const ROUNDS = Number(Deno.env.get("EPOLLET_DRAINS") ?? 2);
const CLIENTS = 6;
const STREAMS = 8;
const SITE = { "index.html": "hello", "large.txt": "0123456789abcdef".repeat(20_000) };

/** Upgrades the program whose process is `pid`. Returns the successor's process id. */
async function upgrade(pid: number): Promise<number> {
  const before = childrenOf(pid);
  Deno.kill(pid, "SIGUSR2");
  await eventually(() => childrenOf(pid).some((child) => !before.includes(child)), "a successor");
  const successor = childrenOf(pid).find((child) => !before.includes(child))!;
  await eventually(() => !isRunning(pid), "the predecessor ends");
  return successor;
}

/** Reloads and upgrades a program again and again, while `connect` makes its clients. */
async function disturb(
  program: Program,
  hasWorkers: boolean,
  path: string,
  connect: () => Promise<Http2Wire>,
): Promise<void> {
  const load = new Http2Load(connect, CLIENTS, STREAMS, path);
  let { pid } = program;
  const processes = new Set([pid]);
  try {
    await load.more(50);
    for (let round = 0; round < ROUNDS; round++) {
      const workers = hasWorkers ? childrenOf(pid) : [];
      Deno.kill(pid, "SIGHUP");
      await eventually(() => !workers.some(isRunning), "the old workers end");
      await load.more(50);
      pid = await upgrade(pid);
      processes.add(pid);
      await load.more(50);
      assertEquals(load.failures, [], `round ${round}`);
    }
    await load.end();
    assertEquals(load.failures, []);
    assert(load.drained >= ROUNDS * CLIENTS, `${load.drained} connections were drained`);
  } finally {
    await load.end();
    for (const each of processes) if (isRunning(each)) Deno.kill(each, "SIGTERM");
    await eventually(() => ![...processes].some(isRunning), "all end");
  }
}

for (const workers of [0, 2]) {
  for (const path of ["/", "/large.txt"]) {
    Deno.test(`reloads and upgrades lose no response over HTTP/2 (--workers ${workers}, ${path})`, async () => {
      using site = new Site(SITE);
      const flags = ["--no-config", "--workers", String(workers), ...workers === 0 ? ["--no-sandbox"] : []];
      await using program = await Program.start(site.root, flags);
      await disturb(program, workers > 0, path, () => Http2Wire.connect(program.port));
    });
  }
}

Deno.test("reloads and upgrades lose no response over HTTP/2 with TLS (--workers 2)", async () => {
  using site = new Site(SITE);
  await using secure = await SecureProgram.start(site.root, ["--workers", "2"]);
  const authority = Deno.readTextFileSync(secure.authority);
  await disturb(secure.program, true, "/", () => Http2Wire.connectTls(secure.port, authority));
});
