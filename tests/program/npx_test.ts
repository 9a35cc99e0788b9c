/**
 * `npx`: a server ends when the npx that started it ends.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { childrenOf, isRunning, treeOf } from "../support/process.ts";
import { Program, programCommand, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { eventually } from "../support/waiting.ts";
import { exchange, get, Wire } from "../support/wire.ts";

function hasNpx(): boolean {
  try {
    return new Deno.Command("npx", { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}

const HAS_NPX = hasNpx();
if (!HAS_NPX) console.warn("what ends npx is left out: npx is not installed");

/** Returns the processes that npx makes for an installed command: npm, a shell, and Deno. */
function withNpx(args: readonly string[]): string[] {
  const words = programCommand(args).map((word) => `'${word}'`);
  return ["npx", "-y", "-c", words.join(" ")];
}

Deno.test({
  name: "a signal that ends npx, SIGKILL also, ends the server with its workers; what has begun is finished",
  ignore: !HAS_NPX,
  async fn() {
    using site = new Site({ "index.html": "hello", "large.bin": new Uint8Array(8_000_000) });
    for (
      const [signal, ...more] of [["SIGTERM"], ["SIGTERM", "--poller", "naive"], ["SIGKILL"], [
        "SIGHUP",
        "--workers",
        "2",
      ], [
        "SIGKILL",
        "-w",
        "1",
      ]]
    ) {
      await using program = await Program.startCommand(withNpx(["0", site.root, "--no-config", ...more]));
      const tree = treeOf(program.pid);
      assert(tree.length >= 3, "npm, a shell and Deno");
      try {
        assertEquals((await exchange(program.port, get("/"))).text, "hello");
        using wire = await Wire.connect(program.port);
        await wire.send(get("/large.bin"));
        await wire.arrival();
        Deno.kill(program.pid, signal as Deno.Signal);
        await program.exit();
        assertEquals((await wire.expect()).body.length, 8_000_000, "what has begun is finished");
        wire[Symbol.dispose](); // or the server waits five seconds for another request
        await eventually(() => !tree.some(isRunning), `${signal}: the server is left behind`);
      } finally {
        for (const pid of tree) if (isRunning(pid)) Deno.kill(pid, "SIGKILL");
      }
    }
  },
});

Deno.test({
  name:
    "a server whose parent ends and is not npx keeps running; so does the successor of one that npx started",
  ignore: !HAS_NPX,
  async fn() {
    using site = new Site({ "index.html": "hello" });
    // npm's variables are set, as for a program that was left in the background by another one under npx.
    const words = programCommand(["0", site.root, "--no-config"]).map((word) => `'${word}'`).join(" ");
    const shell = `npm_lifecycle_event=npx ${words} & echo pid $!; wait`;
    await using program = await Program.startCommand(["sh", "-c", shell]);
    const server = Number(/pid (\d+)/.exec(program.stdout)?.[1]);
    try {
      program.kill("SIGKILL");
      await program.exit();
      await sleep(500);
      assertEquals((await exchange(program.port, get("/"))).text, "hello");
    } finally {
      Deno.kill(server, "SIGTERM");
      await eventually(() => !isRunning(server), "it ends");
    }
    await using npx = await Program.startCommand(withNpx(["0", site.root, "--no-config", "--workers", "1"]));
    // The supervisor, above its worker.
    const first = treeOf(npx.pid).findLast((pid) => childrenOf(pid).length > 0)!;
    const workers = childrenOf(first);
    Deno.kill(first, "SIGUSR2");
    let successor = 0;
    await eventually(() => {
      successor = childrenOf(first).find((pid) => !workers.includes(pid)) ?? 0;
      return successor > 0;
    }, "no successor");
    try {
      await npx.exit(); // npx ends with the first server
      await sleep(500);
      assertEquals((await exchange(npx.port, get("/"))).text, "hello");
    } finally {
      Deno.kill(successor, "SIGTERM");
      await eventually(() => !isRunning(successor), "it ends");
    }
  },
});
