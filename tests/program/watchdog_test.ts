/**
 * Processes that hang: a loop that hangs sends systemd nothing, and a supervisor replaces a worker that hangs.
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { spawn } from "../../ffi/process/child.ts";
import { close } from "../../ffi/socket/socket.ts";
import { HANG_PATIENCE_MS } from "../../server/limits.ts";
import { createPoller } from "../../server/loop/pollers/mod.ts";
import { Reactor } from "../../server/loop/reactor.ts";
import { Supervisor } from "../../program/workers/supervisor.ts";
import { patient } from "../support/deadline.ts";
import { notification, notifySocket } from "../support/notify_socket.ts";
import { childrenOf, isRunning } from "../support/process.ts";
import { DENO, Program, programCommand, REPOSITORY, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { eventually } from "../support/waiting.ts";
import { exchange, get, Wire } from "../support/wire.ts";

const IS_ROOT = Deno.uid() === 0;
const SECOND_USEC = 1_000_000;

/** The part of systemd for a service: the messages that it receives. */
class Systemd {
  readonly #fd: number;
  readonly #path: string;
  readonly messages: string[] = [];

  constructor(site: Site) {
    this.#path = site.path("notify");
    this.#fd = notifySocket(this.#path);
  }

  /** Starts the program as a service. WATCHDOG_PID is its process id, or `pid`. */
  start(args: readonly string[], usec: string, pid = "$$"): Promise<Program> {
    const script = `export WATCHDOG_PID=${pid}; exec "$@"`;
    const variables = [`NOTIFY_SOCKET=${this.#path}`, `WATCHDOG_USEC=${usec}`];
    return Program.startCommand(["bash", "-c", script, "bash", "env", ...variables, ...programCommand(args)]);
  }

  /** Returns the number of answers to the watchdog since the last call. */
  answers(): number {
    let count = 0;
    for (let message = notification(this.#fd); message !== null; message = notification(this.#fd)) {
      this.messages.push(message);
      if (message === "WATCHDOG=1") count++;
    }
    return count;
  }

  /** Waits for `count` answers. */
  async answered(count: number): Promise<void> {
    let found = this.answers();
    await eventually(
      () => (found += this.answers()) >= count,
      `the watchdog hears ${found} of ${count} answers`,
    );
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}

Deno.test("the loop answers systemd's watchdog twice within its time, in the sandbox and as another user", async () => {
  using site = new Site({ "www/index.html": "hello", "www/large.bin": new Uint8Array(20_000_000) });
  Deno.chmodSync(site.root, 0o755);
  for (
    const more of [[], ["--workers", "1"], ["--workers", "1", "--admin", "127.0.0.1:0"], [
      "--poller",
      "naive",
    ]]
  ) {
    // With workers, the user would have to read Deno's file.
    const user = IS_ROOT && !more.includes("--workers") ? ["--user", "nobody"] : [];
    using systemd = new Systemd(site);
    await using program = await systemd.start(
      ["0", site.path("www"), "--no-config", ...user, ...more],
      "400000",
    );
    await systemd.answered(1);
    const startMs = performance.now();
    await systemd.answered(5);
    assert(performance.now() - startMs > 700, "it answers more often than twice in the time");
    Deno.kill(program.pid, "SIGSTOP");
    systemd.answers();
    await sleep(600);
    assertEquals(systemd.answers(), 0, "who answers for a loop that stands?");
    Deno.kill(program.pid, "SIGCONT");
    await systemd.answered(2);
    using wire = await Wire.connect(program.port);
    await wire.send(get("/large.bin"));
    await wire.arrival(); // the client does not read on
    program.kill("SIGTERM");
    await eventually(
      () => systemd.answers() >= 0 && systemd.messages.includes("STOPPING=1"),
      "it says no end",
    );
    await systemd.answered(3);
    program.kill("SIGTERM");
    assertEquals((await program.finish()).code, 1);
    Deno.removeSync(site.path("notify"));
  }
});

Deno.test("a watchdog that expects another process, or none, gets no answer", async () => {
  using site = new Site({ "index.html": "hello" });
  for (const [usec, pid] of [["200000", "1"], ["0", "$$"], ["soon", "$$"], ["", "$$"], ["-5", "$$"]]) {
    using systemd = new Systemd(site);
    await using _program = await systemd.start(["0", site.root, "--no-config"], usec!, pid);
    await sleep(400);
    assertEquals(systemd.answers(), 0, usec);
    assertMatch(systemd.messages.join("\n"), /^READY=1\nMAINPID=\d+$/);
    Deno.removeSync(site.path("notify"));
  }
});

Deno.test("a successor answers the watchdog in place of its predecessor, and so does the next; not if the first did not have to", async () => {
  using site = new Site({ "index.html": "hello" });
  for (const isAsked of [true, false]) {
    using systemd = new Systemd(site);
    const pid = isAsked ? "$$" : "1";
    await using program = await systemd.start(
      ["0", site.root, "--no-config", "--workers", "1"],
      "400000",
      pid,
    );
    let main = program.pid;
    try {
      for (let i = 0; i < 2; i++) {
        const before = main;
        Deno.kill(before, "SIGUSR2");
        const mainPid = () =>
          systemd.messages.findLast((message) => message.startsWith("MAINPID="))?.slice(8);
        await eventually(
          () => systemd.answers() >= 0 && Number(mainPid() ?? before) !== before,
          "no successor",
        );
        main = Number(mainPid());
        await eventually(() => !isRunning(before), "the old one ends");
        systemd.answers();
        if (isAsked) await systemd.answered(3);
        else await sleep(600).then(() => assertEquals(systemd.answers(), 0));
      }
    } finally {
      Deno.kill(main, "SIGTERM");
      await eventually(() => !isRunning(main), "the last one ends");
    }
    Deno.removeSync(site.path("notify"));
  }
});

Deno.test("a stopped worker is killed and replaced within systemd's time, and a line says so", async () => {
  using site = new Site({ "index.html": "hello" });
  using systemd = new Systemd(site);
  const args = ["0", site.root, "--no-config", "--workers", "2"];
  await using program = await systemd.start(args, String(2 * SECOND_USEC));
  const before = childrenOf(program.pid);
  Deno.kill(before[1]!, "SIGSTOP");
  // Some of them wait in the stopped worker's queue.
  const answers = Array.from({ length: 20 }, () => exchange(program.port, get("/")));
  await program.warned(
    new RegExp(
      `^epollet: Worker 1 \\(process ${
        before[1]
      }\\) has not answered for 2 s and is killed; it is replaced now\n$`,
    ),
  );
  for (const { text } of await Promise.all(answers)) assertEquals(text, "hello");
  await eventually(() => !isRunning(before[1]!), "it is killed");
  await eventually(() => childrenOf(program.pid).length === 2, "it is replaced");
  const after = childrenOf(program.pid);
  assert(after.includes(before[0]!), "the other one stays");
  assert(!after.includes(before[1]!));
  await sleep(3_000); // no further line is printed, about this worker or another
  program.kill("SIGTERM");
  const { code, stderr } = await program.finish();
  assertEquals([code, stderr.split("\n").length], [0, 2], stderr);
});

Deno.test("without systemd a stopped worker is replaced after some ten seconds, and one that drains is killed", async () => {
  using site = new Site({ "index.html": "hello", "large.bin": new Uint8Array(20_000_000) });
  await using program = await Program.start(site.root, [
    "--workers",
    "2",
    "--no-config",
    "--grace-period",
    "100s",
  ]);
  const before = childrenOf(program.pid);
  Deno.kill(before[0]!, "SIGSTOP");
  const startMs = performance.now();
  await program.warned(
    new RegExp(`Worker 0 \\(process ${before[0]}\\) has not answered for 10 s and is killed`),
  );
  assert(performance.now() - startMs > HANG_PATIENCE_MS * 0.95, "it was hasty");
  await eventually(() => childrenOf(program.pid).length === 2 && !isRunning(before[0]!), "it is replaced");
  const wires = await Promise.all(Array.from({ length: 8 }, async () => {
    const wire = await Wire.connect(program.port);
    await wire.send(get("/large.bin"));
    await wire.arrival();
    return wire;
  }));
  const last = childrenOf(program.pid);
  program.kill("SIGTERM");
  await sleep(200); // the workers have been told
  for (const pid of last) if (isRunning(pid)) Deno.kill(pid, "SIGSTOP");
  assertEquals((await program.finish()).code, 0); // and not after 100 s
  for (const wire of wires) wire[Symbol.dispose]();
});

Deno.test("when all processes were stopped and continue, none is killed", async () => {
  using site = new Site({ "index.html": "hello" });
  using systemd = new Systemd(site);
  const args = ["0", site.root, "--no-config", "--workers", "2"];
  await using program = await systemd.start(args, String(SECOND_USEC));
  const workers = childrenOf(program.pid);
  await sleep(700); // at any time some of them are asked
  const all = [...workers, program.pid];
  for (const pid of all) Deno.kill(pid, "SIGSTOP");
  await sleep(4_000);
  for (const pid of all.reverse()) Deno.kill(pid, "SIGCONT");
  await sleep(3_000);
  assertEquals(childrenOf(program.pid), workers);
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
});

Deno.test(
  "a worker in an endless loop is killed and replaced",
  patient(60, async () => {
    const reactor = new Reactor(createPoller("epoll-level"));
    const encoder = new TextEncoder();
    const lines: string[] = [];
    const supervisor = new Supervisor({
      reactor,
      hangPatienceMs: 1_000,
      warn: (line) => lines.push(line),
      warned: (_, line) => lines.push(line),
      launch(channel, inherited) {
        const program = `${REPOSITORY}tests/support/looping_worker.ts`;
        const words = [...DENO, "run", "-A", "--no-check", program, String(channel)];
        const environment = Object.entries(Deno.env.toObject()).map(([name, value]) => `${name}=${value}`);
        const bytes = (texts: string[]) =>
          texts.map((text) => encoder.encode(text) as Uint8Array<ArrayBuffer>);
        return spawn(DENO[0], bytes(words), bytes(environment), [channel, ...inherited]);
      },
    }, 100);
    const running = reactor.run();
    try {
      assertEquals(
        await supervisor.replace(
          [{ kind: "configuration", index: 0, sockets: [], config: null, tls: null, earlierRoots: [] }],
          100,
        ),
        null,
      );
      const [before] = supervisor.pids as [number];
      await sleep(2_500);
      assertEquals(supervisor.pids, [before], "one whose loop turns stays");
      reactor.post(() => supervisor.reopenLogs()); // the worker starts its endless loop
      await eventually(() => supervisor.pids.length === 1 && supervisor.pids[0] !== before, "it is replaced");
      assertNotEquals(supervisor.pids[0], before);
      assertEquals(lines, [
        `Worker 0 (process ${before}) has not answered for 1 s and is killed; it is replaced now`,
      ]);
      await eventually(() => !isRunning(before), "it is killed");
    } finally {
      await supervisor.drain();
      reactor.stop();
      await running;
    }
  }),
);
