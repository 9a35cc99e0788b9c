/**
 * The open descriptors of a serving process: none of its starter's, and none of the runtime's own files.
 * @module
 */
import { assertEquals } from "@std/assert";
import { assertOnlyNamed, careless, carelessSite, writableIn } from "../support/open_files.ts";
import { childrenOf, newChildOf } from "../support/process.ts";
import { Program, programCommand, Site } from "../support/program.ts";
import { exchange, get } from "../support/wire.ts";

const IS_ROOT = Deno.uid() === 0;
async function serves(program: Program): Promise<void> {
  assertEquals((await exchange(program.port, get("/"))).text, "hello");
}

Deno.test("descriptors that the starter left open reach neither the serving process, nor workers, nor a successor", async () => {
  using site = carelessSite();
  {
    await using program = await Program.startCommand(careless(site, []));
    assertOnlyNamed(site, program.pid);
    await serves(program);
  }
  // With a log file the program executes itself again.
  const log = site.path("log/access.log");
  await using program = await Program.startCommand(
    careless(site, ["--workers", "2", "--access-log-file", log, "--admin", "127.0.0.1:0"]),
  );
  await serves(program);
  await program.printed(/Admin at/);
  const workers = childrenOf(program.pid);
  assertEquals(workers.length, 2);
  assertOnlyNamed(site, program.pid);
  for (const worker of workers) assertOnlyNamed(site, worker, [log]);

  program.kill("SIGUSR2");
  const successor = await newChildOf(program.pid, workers);
  try {
    await program.printed(/Admin at[^]*Admin at/);
    assertOnlyNamed(site, successor);
    for (const worker of childrenOf(successor)) {
      assertOnlyNamed(site, worker, [log]);
      // The environment does not grow with each successor, either.
      const environment = Deno.readTextFileSync(`/proc/${worker}/environ`);
      assertEquals(environment.match(/POLLET_CHANNEL=/g)?.length, 1);
    }
    await serves(program);
  } finally {
    Deno.kill(successor, "SIGTERM");
    await program.finish();
  }
});

Deno.test("after --user only named files can be written, although the runtime had its caches open", async () => {
  if (!IS_ROOT) return console.log("skipped: only root can become another user");
  using site = carelessSite();
  const log = site.path("log/access.log");
  for (
    const [args, named] of [[[], []], [["--access-log-file", log], [log]], [["--no-sandbox"], []]] as const
  ) {
    await using program = await Program.startCommand(careless(site, ["--user", "nobody", ...args]));
    assertOnlyNamed(site, program.pid, named);
    await serves(program);
    program.kill("SIGTERM");
    assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
  }
});

Deno.test("without its caches the runtime still loads the modules that a reload needs", async () => {
  using site = new Site({ "index.html": "hello" });
  const command = programCommand(["--port", "0", "--workers", "1"]);
  Deno.symlinkSync(".", site.path("html"));
  await using program = await Program.startCommand(command, site.root);
  assertEquals(writableIn(program.pid), []);
  // The first configuration file: its reader is not loaded yet.
  site.write("epollet.json", '{ "headers": { "X-New": "yes" } }');
  program.kill("SIGHUP");
  await program.printed(/Settings read again/);
  assertEquals((await exchange(program.port, get("/"))).fields["x-new"], "yes");
  program.kill("SIGTERM");
  assertEquals((await program.finish()).code, 0);
});
