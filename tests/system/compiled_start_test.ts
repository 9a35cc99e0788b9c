/**
 * The start of the compiled program: whose code it runs, and what it keeps open after `--user`.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { findRuntime } from "../support/compile.ts";
import { assertOnlyNamed, careless, carelessSite } from "../support/open_files.ts";
import { childrenOf } from "../support/process.ts";
import { Program, Site } from "../support/program.ts";
import { hasStrace } from "../support/trace.ts";
import { exchange, get } from "../support/wire.ts";

const IS_ROOT = Deno.uid() === 0;
const OTHERS_MAY_WRITE = 0o022;
const STICKY = 0o1000;

/** Returns the file that was opened for reading, or executed, in a line of `strace -y`; null for other lines. */
function readIn(line: string, cwd: string): string | null {
  const [, descriptor, name, rest] =
    /\b(?:openat|openat2|open|execve)\((?:(AT_FDCWD|\d+)(?:<[^>]*>)?, )?"([^"]*)", ([^]*)$/
      .exec(line) ?? [];
  if (name === undefined || /O_PATH|O_DIRECTORY|O_WRONLY/.test(rest!)) return null;
  if (name.startsWith("/")) return name;
  if (descriptor === undefined || descriptor === "AT_FDCWD") return `${cwd}/${name}`;
  return `${/<([^>]*)>/.exec(line)?.[1]}/${name}`;
}

/** Returns the directory on the way to `path` in which another user could create files, or null. */
function plantable(path: string): string | null {
  if (/^\/(proc|sys|dev)\//.test(path)) return null; // the kernel's own
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  let directory = "/";
  for (const name of names) {
    const { mode, uid } = Deno.statSync(directory);
    const isTrusted = (owner: number | null) => owner === 0 || owner === Deno.uid();
    const child = `${directory === "/" ? "" : directory}/${name}`;
    const entry = statOf(child);
    const mayPlant = (mode! & OTHERS_MAY_WRITE) !== 0 || !isTrusted(uid);
    const isSafe = (mode! & STICKY) !== 0 && entry !== null && isTrusted(entry.uid);
    if (mayPlant && !isSafe) return directory;
    if (entry === null) return null;
    directory = child;
  }
  return null;
}

function statOf(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch {
    return null;
  }
}

Deno.test("a compiled start reads no code from a place where another user could put it", async () => {
  if (!hasStrace()) return;
  using folder = new Site({ "www/index.html": "hello" });
  const runtime = await findRuntime(folder.root);
  if (typeof runtime === "string") return console.log(`skipped: nothing to compile with here: ${runtime}`);
  // World-writable directories: the one for temporary files, and the one in which the program is started.
  using planted = new Site({
    "deno-compile-plain.cache": "planted",
    "deno.json": "planted",
    "main.ts": "planted",
  });
  Deno.chmodSync(planted.root, 0o1777);
  const log = folder.path("trace");
  const command = [
    ...["strace", "-f", "-y", "-e", "trace=open,openat,openat2,execve", "-o", log],
    ...["env", `TMPDIR=${planted.root}`, `TMP=${planted.root}`, `TEMP=${planted.root}`],
    ...[folder.path("plain"), "0", folder.path("www"), "--no-config"],
  ];
  const tracer = await Program.startCommand(command, planted.root);
  const [program] = childrenOf(tracer.pid) as [number];
  try {
    assertEquals((await exchange(tracer.port, get("/"))).text, "hello");
  } finally {
    Deno.kill(program, "SIGTERM");
    await tracer.finish();
  }
  const paths = Deno.readTextFileSync(log).split("\n").map((line) => readIn(line, planted.root));
  const read = new Set(paths.filter((path) => path !== null));
  assert(
    read.has(folder.path("plain")) && [...read].some((path) => path.endsWith("/libc.so.6")),
    "not watched",
  );
  assert(
    plantable(planted.path("x")) !== null && plantable("/tmp/no-such-file") !== null,
    "the watch is blind",
  );
  assertEquals([...read].filter((path) => path.startsWith(planted.root)), []);
  assertEquals([...read].filter((path) => plantable(path) !== null), []);
});

Deno.test("compiled, with workers: after --user none of the starter's files is open, and only the log can be written", async () => {
  if (!IS_ROOT) return console.log("skipped: only root can become another user");
  using site = carelessSite();
  const runtime = await findRuntime(site.root);
  if (typeof runtime === "string") return console.log(`skipped: nothing to compile with here: ${runtime}`);
  const log = site.path("log/access.log");
  const command = careless(
    site,
    ["--workers", "2", "--user", "nobody", "--access-log-file", log],
    (args) => [site.path("plain"), ...args],
  );
  await using program = await Program.startCommand(command);
  assertEquals((await exchange(program.port, get("/"))).text, "hello");
  const workers = childrenOf(program.pid);
  assertEquals(workers.length, 2);
  for (const pid of [program.pid, ...workers]) {
    assertMatch(Deno.readTextFileSync(`/proc/${pid}/status`), /^Uid:\s+[1-9]/m);
    assertOnlyNamed(site, pid, pid === program.pid ? [] : [log]);
  }
  program.kill("SIGTERM");
  assertEquals((await program.finish()).code, 0);
});
