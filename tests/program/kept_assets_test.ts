/**
 * What is kept of files that went (`--keep-assets`) outlives the processes that serve, as far as it can be passed on.
 * @module
 */
import { assertEquals } from "@std/assert";
import { childrenOf, isRunning } from "../support/process.ts";
import { Program, Site } from "../support/program.ts";
import { eventually } from "../support/waiting.ts";
import { exchange, get } from "../support/wire.ts";

/** Has the link at `path` lead to `target`, by one rename. */
function lead(path: string, target: string): void {
  Deno.symlinkSync(target, `${path}.next`);
  Deno.renameSync(`${path}.next`, path);
}

/** Two releases, each with a page and a part. The part is first requested once the other release is served. */
function releases(): Site {
  return new Site(Object.fromEntries([1, 2].flatMap((n) => [
    [`r/${n}/index.html`, `page ${n}`],
    [`r/${n}/assets/part.3f9c1d2${n}.js`, `part ${n}`],
  ])));
}

const say = async (port: number, target: string) => {
  const { status, text } = await exchange(port, get(target));
  return status === 200 ? text : status;
};

Deno.test("workers that start anew serve parts of the release before, as long as its directory exists", async () => {
  using site = releases();
  lead(site.path("current"), "r/1");
  using config = new Site({ "c.json": '{ "workers": 1, "keepAssets": "1h" }' });
  await using program = await Program.start(site.path("current"), ["--config", config.path("c.json")]);
  assertEquals(await say(program.port, "/"), "page 1");
  lead(site.path("current"), "r/2");
  assertEquals(await say(program.port, "/assets/part.3f9c1d21.js"), "part 1");
  assertEquals(await say(program.port, "/"), "page 2");
  program.kill("SIGHUP");
  await program.printed(/read again/);
  assertEquals(await say(program.port, "/assets/part.3f9c1d21.js"), "part 1", "after SIGHUP");
  const [worker] = childrenOf(program.pid);
  Deno.kill(worker!, "SIGKILL");
  await eventually(() => !isRunning(worker!), "the worker does not end");
  assertEquals(await say(program.port, "/assets/part.3f9c1d21.js"), "part 1", "after the end of a worker");
  Deno.removeSync(site.path("r/1"), { recursive: true });
  assertEquals(await say(program.port, "/assets/part.3f9c1d21.js"), "part 1", "it was asked for");
});

for (const flag of ["--workers=1", "--no-sandbox"]) {
  Deno.test(`the program after an upgrade serves parts of the release before: ${flag}`, async () => {
    using site = releases();
    lead(site.path("current"), "r/1");
    const args = [flag, "--keep-assets", "1h", "--no-config"];
    await using program = await Program.start(site.path("current"), args);
    assertEquals(await say(program.port, "/"), "page 1");
    lead(site.path("current"), "r/2");
    assertEquals(await say(program.port, "/"), "page 2");
    const workers = childrenOf(program.pid);
    program.kill("SIGUSR2");
    let successor: number | undefined;
    await eventually(() => {
      successor = childrenOf(program.pid).find((pid) => !workers.includes(pid));
      return successor !== undefined;
    }, "no program was started");
    assertEquals(await program.exit(), 0);
    try {
      assertEquals(await say(program.port, "/assets/part.3f9c1d21.js"), "part 1");
      assertEquals(await say(program.port, "/"), "page 2");
    } finally {
      Deno.kill(successor!, "SIGTERM");
      await eventually(() => !isRunning(successor!), "it does not end");
    }
  });
}
