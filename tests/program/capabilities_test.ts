/**
 * Capabilities: those of a serving process, and the environment of a program whose file has some.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { pointersTo } from "../../ffi/process/child.ts";
import { close } from "../../ffi/socket/socket.ts";
import {
  environmentVariable,
  hideEnvironmentVariable,
  isSecureExecution,
} from "../../ffi/process/process.ts";
import { notification, notifySocket } from "../support/notify_socket.ts";
import { childrenOf } from "../support/process.ts";
import { DENO, IS_EMULATED, Program, programCommand, Site } from "../support/program.ts";
import { exchange, get } from "../support/wire.ts";

const IS_ROOT = Deno.uid() === 0;
const NET_BIND_SERVICE = 10;

/** Returns a set of capabilities, such as CapEff, of each thread of a process. */
function capabilitiesOf(pid: number, set: string): bigint[] {
  return Array.from(Deno.readDirSync(`/proc/${pid}/task`), ({ name }) => {
    const status = Deno.readTextFileSync(`/proc/${pid}/task/${name}/status`);
    return BigInt(`0x${new RegExp(`^${set}:\\s+(\\w+)$`, "m").exec(status)![1]}`);
  });
}

/**
 * Returns the command that starts the program as the unit does: with one ambient capability, and without root's
 * special treatment (SECBIT_NOROOT).
 */
function asUnit(args: readonly string[]): string[] {
  const secure = ["--securebits", "+noroot,+noroot_locked"];
  const one = ["--inh-caps", "-all,+net_bind_service", "--ambient-caps", "+net_bind_service"];
  return ["setpriv", ...secure, ...one, ...programCommand(["--port", "0", "--no-config", ...args])];
}

Deno.test("the supervisor keeps the unit's right to listen below 1024, and no thread of a worker has it", async () => {
  if (!IS_ROOT) return console.log("skipped: only root can give a capability");
  using site = new Site({ "index.html": "hello" });
  await using program = await Program.startCommand(asUnit(["--root", site.root, "--workers", "2"]));
  assertEquals((await exchange(program.port, get("/"))).text, "hello");
  const bit = 1n << BigInt(NET_BIND_SERVICE);
  for (const set of ["CapPrm", "CapEff", "CapAmb"]) {
    assertEquals(new Set(capabilitiesOf(program.pid, set)), new Set([bit]), "it has to listen at a reload");
    const workers = childrenOf(program.pid);
    assertEquals(workers.length, 2);
    for (const worker of workers) assertEquals(new Set(capabilitiesOf(worker, set)), new Set([0n]), set);
  }
});

Deno.test("a single process gives up the right to listen below 1024 in the thread that serves", async () => {
  if (!IS_ROOT) return console.log("skipped: only root can give a capability");
  using site = new Site({ "index.html": "hello" });
  await using program = await Program.startCommand(asUnit(["--root", site.root, "-v"]));
  await program.printed(/^sandbox .*\n/m);
  if (!/Landlock ABI/.test(program.stdout)) return; // without the sandbox it may be upgraded, and keeps the right
  const { pid } = program;
  const status = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/status`);
  for (const set of ["CapPrm", "CapEff", "CapInh", "CapAmb"]) {
    assertMatch(status, new RegExp(`^${set}:\\s+0+$`, "m"));
  }
});

Deno.test("a program whose file has a set-ID bit ignores the environment, and starts no workers", async () => {
  if (!IS_ROOT || IS_EMULATED) return console.log("skipped: only root can make such a file");
  using site = new Site({ "named/index.html": "named", "believed/index.html": "believed" });
  const [deno] = DENO;
  Deno.copyFileSync(deno, site.path("deno"));
  Deno.chownSync(site.path("deno"), 0, 1);
  Deno.chmodSync(site.path("deno"), 0o2755); // like capabilities of the file, this makes the kernel set AT_SECURE
  const systemd = notifySocket(site.path("notify"));
  try {
    const variables = {
      EPOLLET_ROOT: site.path("believed"),
      EPOLLET_COMPRES: "a name that is none",
      EPOLLET_CHANNEL: "worker 3",
      PORT: "1",
      DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
      LISTEN_FDS: "1",
      NOTIFY_SOCKET: site.path("notify"),
    };
    const [, ...run] = programCommand(["-a", "127.0.0.1", "-d", site.path("named"), "--no-config"]);
    const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const start = (...args: string[]) => [
      "bash",
      "-c",
      'export LISTEN_PID=$$; exec "$@"',
      ...["bash", "env", ...words, site.path("deno"), ...run, ...args],
    ];
    const log = site.path("access.log");
    for (const args of [[], ["--no-sandbox"], ["--access-log-file", log]]) {
      await using program = await Program.startCommand(start("--port", "0", ...args));
      assertEquals((await exchange(program.port, get("/"))).text, "named");
      const environment = Deno.readTextFileSync(`/proc/${program.pid}/environ`).split("\0");
      for (const name of ["DENO_DIR", "HOME"]) {
        assert(environment.some((word) => word.startsWith(`${name}=`)), name);
      }
      if (args.includes(log)) assert(!environment.some((word) => /^(EPOLLET_|PORT|LISTEN_)/.test(word)));
      program.kill("SIGTERM");
      assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
    }
    const [bash, ...args] = start("--port", "0", "--workers", "1") as [string, ...string[]];
    const { code, stderr } = await new Deno.Command(bash, { args, stdout: "null" }).output();
    const text = new TextDecoder().decode(stderr);
    assertEquals([code, text.split("\n").length], [2, 2], text);
    assertStringIncludes(
      text,
      "epollet: Bad --workers: a program whose file has capabilities or a set-ID bit",
    );
    assertEquals(notification(systemd), null, "systemd was told");
  } finally {
    close(systemd);
  }
});

Deno.test("a hidden variable is gone, and the environment's pointers stay where other threads read them", () => {
  const environment = Deno.dlopen("libc.so.6", { environ: { type: "pointer" } });
  try {
    const pointers = () => {
      const view = new Deno.UnsafePointerView(environment.symbols.environ!);
      const found: bigint[] = [];
      for (let at = 0; view.getBigUint64(at) !== 0n; at += 8) found.push(view.getBigUint64(at));
      return found;
    };
    for (const name of ["HIDDEN_A", "HIDDEN_AB", "HIDDEN_B"]) Deno.env.set(name, `value of ${name}`);
    const before = pointers();
    hideEnvironmentVariable("HIDDEN_A");
    hideEnvironmentVariable("HIDDEN_NONE");
    assertEquals(pointers(), before);
    const names = ["HIDDEN_A", "HIDDEN_AB", "HIDDEN_B"];
    const expected = [undefined, "value of HIDDEN_AB", "value of HIDDEN_B"];
    assertEquals(names.map((name) => Deno.env.get(name)), expected);
    assertEquals(names.map(environmentVariable), expected);
    assertEquals(isSecureExecution(), false);
  } finally {
    // Programs that other tests start would inherit them.
    for (const name of ["HIDDEN_AB", "HIDDEN_B"]) Deno.env.delete(name);
    environment.close();
  }
});

Deno.test("the words of a command line are in the buffer that points to them", () => {
  const encoder = new TextEncoder();
  for (const texts of [[], ["a"], ["epollet", "", "--root", "ä".repeat(3000)]]) {
    const words = texts.map((text) => encoder.encode(text) as Uint8Array<ArrayBuffer>);
    const bytes = pointersTo(words);
    const base = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
    const pointers = new BigUint64Array(bytes.buffer, 0, texts.length + 1);
    const read = Array.from(pointers.subarray(0, -1), (pointer) => {
      const start = Number(pointer - base);
      return new TextDecoder().decode(bytes.subarray(start, bytes.indexOf(0, start)));
    });
    assertEquals([read, pointers.at(-1)], [texts, 0n]);
  }
});
