/**
 * What a process that serves has open: what its starter left open and what the runtime holds are not among it.
 * @module
 */
import { assertEquals } from "@std/assert";
import { childrenOf, newChildOf } from "./support/process.ts";
import { Program, programCommand, Site } from "./support/program.ts";
import { exchange, get } from "./support/wire.ts";

const IS_ROOT = Deno.uid() === 0;
const O_ACCMODE = 0o3;
const O_PATH = 0o10000000;

/** What a process has open, by descriptor: what /proc calls it, and how it was opened. */
function openIn(pid: number): { readonly fd: number; readonly name: string; readonly flags: number }[] {
  return Array.from(Deno.readDirSync(`/proc/${pid}/fd`)).flatMap(({ name: fd }) => {
    try {
      const name = Deno.readLinkSync(`/proc/${pid}/fd/${fd}`);
      const [, flags] = /^flags:\s+(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/fdinfo/${fd}`))!;
      return { fd: Number(fd), name, flags: parseInt(flags, 8) };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return []; // closed meanwhile
      throw error;
    }
  });
}

/** The files of a process that it may write to, standard input, output and error left out. */
function writableIn(pid: number): string[] {
  const standard = [0, 1, 2].map((fd) => Deno.readLinkSync(`/proc/${pid}/fd/${fd}`));
  return openIn(pid)
    .filter(({ name, flags }) => name.startsWith("/") && (flags & O_PATH) === 0 && (flags & O_ACCMODE) !== 0)
    .map(({ name }) => name)
    .filter((name) => !standard.includes(name) && !/^\/(dev|memfd:epollet: given up)/.test(name));
}

/** The files that a process shares memory with. */
function sharedIn(pid: number): string[] {
  const maps = Deno.readTextFileSync(`/proc/${pid}/maps`);
  return Array.from(maps.matchAll(/^\S+ ..[x-]s \S+ \S+ \d+ +(\/.*)$/gm), ([, path]) => path)
    .filter((path) => !/^\/(dev\/zero|memfd:)/.test(path));
}

/** A shell that leaves descriptors open, among them some with high numbers, and becomes the program. */
function careless(site: Site, args: readonly string[]): string[] {
  const left = ["7<secret.txt", "8<>secret.txt", "9>secret.txt", "61<secret.txt", "62</", "63<>left.fifo"];
  const script = `cd ${site.path("starter")}; ${left.map((word) => `exec ${word}`).join("; ")}; exec "$@"`;
  const settings = ["--port", "0", "--root", site.path("www"), "--config", site.path("conf/epollet.json")];
  return ["bash", "-c", script, "bash", ...programCommand([...settings, ...args])];
}

function newSite(): Site {
  const site = new Site({
    "www/index.html": "hello",
    "starter/secret.txt": "x",
    "conf/epollet.json": "{}",
    "log/x": "",
  });
  new Deno.Command("mkfifo", { args: [site.path("starter/left.fifo")] }).outputSync();
  for (const name of ["", "www", "conf", "log"]) {
    Deno.chmodSync(site.path(name), name === "log" ? 0o777 : 0o755);
  }
  return site;
}

/** Nothing that the starter left open, and nothing that can be written to but `named`. */
function assertOnlyNamed(site: Site, pid: number, named: readonly string[] = []): void {
  const names = openIn(pid).filter(({ fd }) => fd > 2).map(({ name }) => name);
  const left = names.filter((name) => name.startsWith(site.path("starter")) || name === "/");
  assertEquals(left, [], `process ${pid}`);
  assertEquals(writableIn(pid), named, `process ${pid}`);
  assertEquals(sharedIn(pid), [], `process ${pid}`);
}

async function serves(program: Program): Promise<void> {
  assertEquals((await exchange(program.port, get("/"))).text, "hello");
}

Deno.test("what the starter left open reaches neither the process that serves, nor workers, nor a successor", async () => {
  using site = newSite();
  {
    await using program = await Program.startCommand(careless(site, []));
    assertOnlyNamed(site, program.pid);
    await serves(program);
  }
  // With a log file it starts once more in its own place.
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
    for (const worker of childrenOf(successor)) assertOnlyNamed(site, worker, [log]);
    await serves(program);
  } finally {
    Deno.kill(successor, "SIGTERM");
    await program.finish();
  }
});

Deno.test("past --user nothing can be written but what is named, though the runtime had its caches open", async () => {
  if (!IS_ROOT) return console.log("skipped: only root can become another user");
  using site = newSite();
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

Deno.test("without its caches the runtime still loads what a reload needs", async () => {
  using site = new Site({ "index.html": "hello" });
  const command = programCommand(["--port", "0", "--workers", "1"]);
  Deno.symlinkSync(".", site.path("html"));
  await using program = await Program.startCommand(command, site.root);
  assertEquals(writableIn(program.pid), []);
  site.write("epollet.json", '{ "headers": { "X-New": "yes" } }'); // the first one: what reads it is not loaded yet
  program.kill("SIGHUP");
  await program.printed(/Settings read again/);
  assertEquals((await exchange(program.port, get("/"))).fields["x-new"], "yes");
  program.kill("SIGTERM");
  assertEquals((await program.finish()).code, 0);
});
