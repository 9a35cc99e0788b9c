/**
 * `ref` and `unref` of a server: whether it keeps its process alive. Requests are served in both cases.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { HttpResponse } from "../../server/http/response.ts";
import { serving } from "../support/in_process.ts";
import { DENO, REPOSITORY, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { USABLE_POLLERS } from "../support/uring.ts";
import { awaited, outputOf } from "../support/waiting.ts";
import { exchange, get } from "../support/wire.ts";

/** The beginning of each program, which prints the port. */
const BEGIN = `
import { HttpResponse, serve } from "${REPOSITORY}mod.ts";
import { sleep } from "${REPOSITORY}tests/support/sleep.ts";
const handler = async (request: { path: string }) => {
  if (request.path === "/slow") await sleep(300);
  return HttpResponse.text("hello");
};
const server = serve({ hostname: "127.0.0.1", port: 0, handler, onListen: ({ port }) => console.log(port) });
`;

interface Started extends Disposable {
  readonly process: Deno.ChildProcess;
  readonly folder: Site;
}

/** Starts a program with these statements. */
function start(statements: string): Started {
  const folder = new Site({ "app.ts": BEGIN + statements });
  const args = [
    ...DENO.slice(1),
    "run",
    "--no-prompt",
    "--no-check",
    "--allow-ffi",
    "-c",
    `${REPOSITORY}deno.json`,
  ];
  const process = new Deno.Command(DENO[0], {
    args: [...args, folder.path("app.ts")],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return { process, folder, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

/** Waits until a program ends by itself. Returns its status, and the lines that it prints after the port. */
async function endOf(statements: string): Promise<{ code: number; lines: string[]; stderr: string }> {
  using started = start(statements);
  const { code, stdout, stderr } = await outputOf(started.process, "a program whose server is unref'd");
  const decoder = new TextDecoder();
  return { code, lines: decoder.decode(stdout).trim().split("\n").slice(1), stderr: decoder.decode(stderr) };
}

/** Returns true when the program ends by itself within `ms` after it has printed its port. */
async function endsWithin(ms: number, statements: string): Promise<boolean> {
  using started = start(statements);
  const { process } = started;
  const reader = process.stdout.getReader();
  await reader.read();
  let hasEnded = false;
  const status = process.status.then(() => hasEnded = true);
  await Promise.race([status, sleep(ms)]);
  const ended = hasEnded;
  if (!ended) process.kill("SIGKILL");
  await status;
  await Promise.all([reader.cancel(), process.stderr.cancel()]);
  return ended;
}

Deno.test("a process whose only server is unref'd ends by itself, with status 0; others do not", async () => {
  assertEquals(await endOf("server.unref();"), { code: 0, lines: [], stderr: "" });
  assertEquals(await endOf("server.unref(); server.unref();"), { code: 0, lines: [], stderr: "" });
  // Also when it waits on another thread, and after it has served.
  assertEquals(await endOf("setTimeout(() => server.unref(), 200);"), { code: 0, lines: [], stderr: "" });
  assertEquals(await endsWithin(1500, ""), false);
  assertEquals(await endsWithin(1500, "server.unref(); server.ref();"), false);
  assertEquals(await endsWithin(1500, "server.unref(); setTimeout(() => server.ref(), 100);"), false);
  assertEquals(await endsWithin(1500, "server.unref(); const other = serve({ port: 0, handler });"), false);
});

Deno.test("while something else keeps the process alive, an unref'd server serves requests; then the process ends", async () => {
  using started = start("server.unref(); setTimeout(() => {}, 2500);");
  const { process } = started;
  const reader = process.stdout.getReader();
  const port = Number(new TextDecoder().decode((await reader.read()).value));
  await sleep(200);
  for (const path of ["/", "/slow", "/"]) assertEquals((await exchange(port, get(path))).text, "hello");
  const { code } = await awaited(process.status, "the end of a program whose server is unref'd");
  await Promise.all([reader.cancel(), process.stderr.cancel()]);
  assertEquals(code, 0);
});

Deno.test("a process does not end before the shutdown() of an unref'd server has finished", async () => {
  const statements = "server.unref(); await server.shutdown(); console.log('ended');";
  assertEquals(await endOf(statements), { code: 0, lines: ["ended"], stderr: "" });
});

Deno.test("an unref'd server answers on every poller, at once and later, many at a time, and may be ref'd again", async () => {
  for (const poller of USABLE_POLLERS) {
    await using server = serving(async ({ path }) => {
      if (path === "/slow") await sleep(50);
      return HttpResponse.text(path);
    }, { poller });
    const askAll = async () => {
      const paths = Array.from({ length: 20 }, (_, i) => i % 2 === 0 ? "/slow" : `/${i}`);
      const answers = await Promise.all(paths.map((path) => exchange(server.port, get(path))));
      assertEquals(answers.map(({ text }) => text), paths, poller);
    };
    server.handle.unref();
    for (let round = 0; round < 3; round++) {
      await sleep(20); // until the server is idle
      const startMs = performance.now();
      await askAll();
      assert(performance.now() - startMs < 5000, `${poller}: ${performance.now() - startMs} ms`);
    }
    server.handle.ref();
    await askAll();
  }
});

Deno.test("an unref'd server that is idle uses little processor time", async () => {
  await using server = serving(() => HttpResponse.text("hello"));
  server.handle.unref();
  await sleep(50);
  const before = performance.now();
  const turns = server.handle.snapshot().turns;
  await sleep(500);
  const elapsedMs = performance.now() - before;
  const rate = (server.handle.snapshot().turns - turns) / elapsedMs;
  assert(rate < 0.5, `${rate} turns a millisecond`);
});
