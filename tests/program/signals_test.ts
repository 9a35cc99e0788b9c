/**
 * SIGUSR1: renamed log files are opened again, and no debugger listens.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { childrenOf } from "../support/process.ts";
import { Program, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { exchange, get } from "../support/wire.ts";
import { eventually } from "../support/waiting.ts";

const SIGUSR1 = 10;
/** Returns true when a process never sees a signal, because it ignores or blocks it. */
function neverReceives(signal: number, pid: number): boolean {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return ["SigIgn", "SigBlk"].some((name) => {
    const [, mask] = new RegExp(`^${name}:\\s*([0-9a-f]+)$`, "m").exec(status) ?? [];
    return (BigInt(`0x${mask}`) >> BigInt(signal - 1) & 1n) === 1n;
  });
}

for (const args of [["--no-sandbox"], [], ["--workers", "1"]]) {
  const how = args.join(" ") || "in the sandbox";

  Deno.test(`SIGUSR1 opens no debugger's port without log files, either: ${how}`, async () => {
    using site = new Site({ "index.html": "hello" });
    await using program = await Program.start(site.root, ["--no-config", ...args]);
    const pids = [program.pid, ...childrenOf(program.pid)];
    assertEquals((await exchange(program.port, get("/"))).text, "hello"); // the runtime had its turn
    assert(pids.every((pid) => neverReceives(SIGUSR1, pid)));
    for (const pid of pids) Deno.kill(pid, "SIGUSR1");
    await sleep(100);
    assertEquals((await exchange(program.port, get("/"))).text, "hello");
    program.kill("SIGTERM");
    assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
  });

  Deno.test(`SIGUSR1: both logs continue in new files of the same names, and no line is lost: ${how}`, async () => {
    using site = new Site({ "html/index.html": "hello", "logs/.keep": "" });
    const [access, errors] = [site.path("logs/access.log"), site.path("logs/error.log")];
    const logs = ["--access-log-file", access, "--error-log", errors];
    await using program = await Program.start(site.path("html"), ["--no-config", ...logs, ...args]);
    const ask = async (n: number) => {
      for (let i = 0; i < n; i++) await exchange(program.port, get("/"));
    };
    await ask(3);
    for (const path of [access, errors]) Deno.renameSync(path, `${path}.1`);
    program.kill("SIGUSR1");
    await eventually(() => isThere(access) && isThere(errors), "the logs are not opened anew");
    await ask(4);
    program.kill("SIGTERM");
    assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
    const lines = (path: string) => Deno.readTextFileSync(path).split("\n").filter((line) => line !== "");
    assertEquals([lines(`${access}.1`).length, lines(access).length], [3, 4]);
    assertMatch(lines(access)[0]!, /"GET \/ HTTP\/1\.1" 200 5 "-" "-" 0\.\d{6}$/);
  });
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
