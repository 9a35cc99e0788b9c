/**
 * Workers under a supervisor, as processes: serving, replacement, and their end.
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { RESTART_DELAY_MS, RESTART_DELAY_MS_MAX, RESTART_FORGIVEN_AFTER_MS } from "../../server/limits.ts";
import { socketPair } from "../../ffi/socket/local_socket.ts";
import { close, send } from "../../ffi/socket/socket.ts";
import { createPoller } from "../../server/loop/pollers/mod.ts";
import { Reactor } from "../../server/loop/reactor.ts";
import { Channel, LineReader } from "../../program/workers/channel.ts";
import { RestartBackoff } from "../../program/workers/restart_backoff.ts";
import { childrenOf, isRunning } from "../support/process.ts";
import { Program, programCommand, runProgram, Site } from "../support/program.ts";
import { UnbrokenLoad } from "../support/unbroken_load.ts";
import { awaited, endOf, eventually } from "../support/waiting.ts";
import { exchange, get, Wire } from "../support/wire.ts";

const TWO = ["--workers", "2", "--no-config"];

/** Waits until `isSo` returns true. */
async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  await eventually(isSo, what);
}

/** Returns the workers of a program, once there are `count`. */
async function workersOf({ pid }: Program, count: number): Promise<number[]> {
  await until(() => childrenOf(pid).length === count, `${count} workers`);
  return childrenOf(pid);
}

/** Returns a client that is being sent a large file, and does not read yet. */
async function downloadOf({ port }: Program): Promise<Wire> {
  const wire = await Wire.connect(port);
  await wire.send(get("/large.bin"));
  await wire.arrival();
  return wire;
}

Deno.test("workers serve on one port, and the kernel spreads clients among them", async () => {
  using site = new Site({ "index.html": "hello" });
  await using program = await Program.start(site.root, [...TWO, "-v", "--admin", "127.0.0.1:0"]);
  const pids = await workersOf(program, 2);
  await program.printed(new RegExp(`workers +2 \\(processes ${pids.join(", ")}\\)`));
  const [, admin] = /Admin at http:\/\/127\.0\.0\.1:(\d+)\//.exec(program.stdout) ?? [];
  for (let i = 0; i < 64; i++) assertEquals((await exchange(program.port, get("/"))).text, "hello");
  const { text } = await exchange(Number(admin), get("/metrics"));
  const served = Array.from(
    text.matchAll(/^epollet_requests_total\{worker="\d",code="200",protocol="HTTP\/1"\} (\d+)$/gm),
  );
  const counts = served.map(([, count]) => Number(count));
  assertEquals(counts.length, 2);
  assertEquals(counts[0]! + counts[1]!, 64);
  assert(Math.min(...counts) > 8, `${counts} of 64`); // the probability of a false alarm is 10^-9
});

Deno.test("a killed worker is replaced at once, and clients that connect meanwhile are served", async () => {
  using site = new Site({ "index.html": "hello" });
  await using program = await Program.start(site.root, TWO);
  const before = await workersOf(program, 2);
  Deno.kill(before[0]!, "SIGKILL");
  const answers = await Promise.all(Array.from({ length: 40 }, () => exchange(program.port, get("/"))));
  assert(answers.every(({ text }) => text === "hello"));
  const after = await workersOf(program, 2);
  assert(after.includes(before[1]!), "the other one stays");
  assertNotEquals(after.find((pid) => pid !== before[1]), before[0]);
  program.kill("SIGTERM");
  const { code, stderr } = await program.finish();
  assertEquals(code, 0);
  assertEquals(
    stderr,
    `epollet: Worker 0 (process ${before[0]}) was killed by signal 9; it is replaced now\n`,
  );
});

Deno.test("new clients need not wait for a worker that was told to end and still has a response to finish", async () => {
  using site = new Site({ "index.html": "hello", "large.bin": new Uint8Array(20_000_000) });
  await using program = await Program.start(site.root, TWO);
  const before = await workersOf(program, 2);
  const downloads = await Promise.all(Array.from({ length: 8 }, async () => {
    const wire = await Wire.connect(program.port);
    await wire.send(get("/large.bin"));
    await wire.arrival(); // the client does not read on
    return wire;
  }));
  Deno.kill(before[0]!, "SIGTERM");
  await program.warned(
    new RegExp(`Worker 0 \\(process ${before[0]}\\) was told to end; it is replaced now\n$`),
  );
  const answers = Promise.all(Array.from({ length: 30 }, () => exchange(program.port, get("/"))));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise((resolve) => timer = setTimeout(resolve, 5_000));
  assert(await Promise.race([answers, patience]) !== undefined, "a client waits in its queue");
  clearTimeout(timer);
  assert(isRunning(before[0]!), "it still sends");
  for (const wire of downloads) assertEquals((await wire.expect()).body.length, 20_000_000);
  for (const wire of downloads) wire[Symbol.dispose]();
  await until(() => !isRunning(before[0]!), "it ends then");
  assertEquals((await workersOf(program, 2)).includes(before[1]!), true);
  program.kill("SIGTERM");
  assertEquals((await program.finish()).code, 0);
});

Deno.test("a worker that keeps ending is replaced ever more slowly, up to a bound", async () => {
  const restarts = new RestartBackoff();
  const delays = Array.from({ length: 9 }, () => restarts.delayMs(10));
  assertEquals(delays.slice(0, 4), [0, RESTART_DELAY_MS, 2 * RESTART_DELAY_MS, 4 * RESTART_DELAY_MS]);
  assertEquals(delays[8], RESTART_DELAY_MS_MAX);
  assertEquals(restarts.delayMs(RESTART_FORGIVEN_AFTER_MS), 0, "it had lived long");

  using site = new Site();
  await using program = await Program.start(site.root, ["--workers", "1", "--no-config"]);
  for (const when of ["now", "in 0\\.1 s", "in 0\\.2 s"]) {
    const [worker] = await workersOf(program, 1) as [number];
    Deno.kill(worker, "SIGKILL");
    await program.warned(
      new RegExp(`\\(process ${worker}\\) was killed by signal 9; it is replaced ${when}\n`),
    );
    await until(() => !isRunning(worker), "it is gone");
  }
});

Deno.test("a killed supervisor leaves no workers behind, not even one whose client keeps sending requests", async () => {
  using site = new Site({ "index.html": "hello", "large.bin": new Uint8Array(8_000_000) });
  await using program = await Program.start(site.root, [...TWO, "--grace-period", "1s"]);
  const workers = await workersOf(program, 2);
  using idle = await Wire.connect(program.port);
  await idle.send(get("/"));
  await idle.expect();
  using _greedy = await downloadOf(program); // and does not read
  program.kill("SIGKILL");
  await until(() => !workers.some(isRunning), "all workers have ended");
});

Deno.test("SIGTERM: no more clients are accepted, responses are finished, all processes end, and the status is 0", async () => {
  using site = new Site({ "large.bin": new Uint8Array(8_000_000) });
  await using program = await Program.start(site.root, TWO);
  const workers = await workersOf(program, 2);
  using wire = await downloadOf(program);
  program.kill("SIGTERM");
  await until(async () => !await canConnect(program.port), "no process listens");
  assertEquals((await wire.expect()).body.length, 8_000_000);
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
  assert(!workers.some(isRunning));
});

Deno.test("the grace period cuts off longer responses, without and with workers; the status is 0 all the same", async () => {
  using site = new Site({ "large.bin": new Uint8Array(20_000_000) });
  await Promise.all([[], TWO].map(async (args) => {
    await using program = await Program.start(site.root, [...args, "--grace-period", "300ms"]);
    using _wire = await downloadOf(program); // and does not read on
    const startMs = Date.now();
    program.kill("SIGTERM");
    assertEquals((await program.finish()).code, 0);
    assert(Date.now() - startMs >= 290, "it waited");
    assert(Date.now() - startMs < 2_500, "not for long");
  }));
});

Deno.test("SIGTERM to the whole process group is one for the program: no worker is replaced, and nothing is printed", async () => {
  using site = new Site({ "index.html": "hello" });
  await using program = await Program.startCommand(["setsid", ...programCommand(["0", site.root, ...TWO])]);
  Deno.kill(-program.pid, "SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
});

Deno.test("a second SIGTERM does not wait: the status is 1, and no worker is left", async () => {
  using site = new Site({ "large.bin": new Uint8Array(20_000_000) });
  await using program = await Program.start(site.root, TWO);
  const workers = await workersOf(program, 2);
  using _wire = await downloadOf(program);
  program.kill("SIGTERM");
  await until(async () => !await canConnect(program.port), "no process listens");
  program.kill("SIGTERM");
  assertEquals((await program.finish()).code, 1);
  await until(() => !workers.some(isRunning), "all workers have ended");
});

Deno.test("settings that cannot be served are reported once, in one line, with workers as without", async () => {
  using site = new Site();
  const missing = await runProgram(["0", `${site.root}/none`, ...TWO]);
  assertEquals(missing.code, 2);
  assertMatch(missing.stderr, /^epollet: Cannot open root .*: ENOENT .*\n$/);
  const many = await runProgram(["0", site.root, "--workers", "many"]);
  assertEquals([many.code, many.stderr], [
    2,
    'epollet: Bad --workers "many": expected a whole number up to 512, or auto\n',
  ]);
  for (const channel of ["worker", "successor x", "5"]) {
    const { code, stderr } = await runProgram(["0", site.root], undefined, { EPOLLET_CHANNEL: channel });
    assertEquals([code, stderr], [
      2,
      "epollet: EPOLLET_CHANNEL is for processes that this program starts: unset it\n",
    ]);
  }
  await using program = await Program.start(site.root, TWO);
  const taken = await runProgram([String(program.port), site.root, ...TWO]);
  assertEquals(taken.code, 1);
  assertMatch(taken.stderr, /^epollet: Cannot listen on 0\.0\.0\.0:\d+: EADDRINUSE .*\n$/);
});

Deno.test("clients do not notice that SIGHUP replaces all workers again and again", async () => {
  using site = new Site({ "index.html": "hello" });
  await using program = await Program.start(site.root, TWO);
  const load = new UnbrokenLoad(program.port, 4);
  const first = childrenOf(program.pid);
  for (let i = 0; i < 4; i++) {
    program.kill("SIGHUP");
    await load.more(50);
    await program.printed(new RegExp(`(Settings read again.*\n){${i + 1}}`));
  }
  await load.more(50);
  await load.end();
  assertEquals(load.failures, []);
  const last = await workersOf(program, 2);
  assert(!last.some((pid) => first.includes(pid)));
});

Deno.test("SIGHUP while the first workers start is handled once they serve", async () => {
  using site = new Site({ "index.html": "hello" });
  const [deno, ...args] = programCommand(["0", site.root, ...TWO]);
  const child = new Deno.Command(deno, { args, stdout: "piped" }).spawn();
  await until(() => childrenOf(child.pid).length > 0, "the first worker starts");
  for (let i = 0; i < 3; i++) child.kill("SIGHUP");
  let text = "";
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  while (!text.includes("Settings read again")) {
    const { value } = await awaited(reader.read(), "the settings to be read again");
    text += value ?? assert(false, text);
  }
  assertMatch(text, /Serving .*\nSettings read again/);
  await until(() => childrenOf(child.pid).length === 2, "only the new ones are left");
  child.kill("SIGTERM");
  await reader.cancel();
  assertEquals((await endOf(child, "the program")).code, 0);
});

Deno.test("lines that come in pieces are joined, and a line without an end is refused", () => {
  const reader = new LineReader();
  const bytes = new TextEncoder().encode('{"kind":"ready"}\n{"a":"é"}\n');
  const lines: string[] = [];
  for (const byte of bytes) lines.push(...reader.take(Uint8Array.of(byte))!);
  assertEquals(lines, ['{"kind":"ready"}', '{"a":"é"}']);
  const endless = new LineReader();
  const piece = new Uint8Array(4 * 1024 * 1024).fill(0x61);
  assertEquals(endless.take(piece), []);
  assertEquals(endless.take(piece), []);
  assertEquals(endless.take(Uint8Array.of(0x61)), null);
});

async function canConnect(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ port })).close();
    return true;
  } catch {
    return false;
  }
}

Deno.test("a process that sends an unknown message counts as ended", async () => {
  const [ours, theirs] = socketPair();
  const errors: unknown[] = [];
  const reactor = new Reactor(createPoller("epoll-level"), (error) => errors.push(error));
  const heard: unknown[] = [];
  const channel = new Channel(ours, reactor, {
    received: (message) => heard.push(message),
    ended: () => reactor.stop(),
  });
  assertEquals(channel.open(), 0);
  const bytes = new TextEncoder().encode('{"kind":"ready"}\n{"kind"\n') as Uint8Array<ArrayBuffer>;
  send(theirs, bytes, bytes.length, false);
  await reactor.run();
  assertEquals(heard, [{ kind: "ready" }]);
  assert(errors[0] instanceof SyntaxError);
  close(theirs);
});
