/**
 * docs/inside-epoll.md shows the real output of the programs in examples/inside/, and what strace, perf and pahole
 * print about them.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { isInstalled, run } from "../support/commands.ts";
import { blocksOf, readDocument, tracePattern, wordsOf } from "../support/documents.ts";
import { childrenOf } from "../support/process.ts";
import { DENO, IS_EMULATED, Program, REPOSITORY, Site } from "../support/program.ts";
import { hasStrace } from "../support/trace.ts";
import { eventually } from "../support/waiting.ts";
import { Wire } from "../support/wire.ts";

const DOCUMENT = readDocument("docs/inside-epoll.md");
/** The kernel whose names of functions and structures the document shows. */
const IS_SHOWN_KERNEL = Deno.build.arch === "x86_64" && Deno.osRelease().startsWith("6.18.");
/** How often a program is started whose threads may be late on a busy machine. */
const ATTEMPTS_MAX = 4;

/** The commands with their output, of the blocks that begin with a prompt. */
const TYPED = blocksOf(DOCUMENT, "").filter((block) => block.startsWith("$ ")).flatMap((block) =>
  block.split(/^\$ /m).slice(1).map((part) => {
    const end = part.indexOf("\n");
    return { command: part.slice(0, end), prints: part.slice(end + 1) };
  })
);

/** Returns what the document shows below `$ deno run --allow-ffi examples/inside/NAME.ts`. */
function shownOutput(name: string): string {
  return TYPED.find(({ command }) => command === `deno run --allow-ffi examples/inside/${name}.ts`)!.prints;
}

/** Runs a program of examples/inside/ as the document shows, and returns what it prints. */
async function printedBy(name: string): Promise<string> {
  const file = `${REPOSITORY}examples/inside/${name}.ts`;
  const { code, stdout, stderr } = await run([...DENO, "run", "--no-prompt", "--allow-ffi", file]);
  assertEquals([code, stderr], [0, ""], name);
  return stdout;
}

Deno.test("each program of examples/inside/ is in docs/inside-epoll.md", () => {
  const names = Array.from(Deno.readDirSync(`${REPOSITORY}examples/inside`), ({ name }) => name).sort();
  assertEquals(names.filter((name) => !DOCUMENT.includes(`examples/inside/${name}`)), ["kernel.ts"]);
});

for (const name of ["set", "edge", "nested"]) {
  Deno.test(`examples/inside/${name}.ts prints what docs/inside-epoll.md shows`, async () => {
    assertEquals(await printedBy(name), shownOutput(name));
  });
}

Deno.test("examples/inside/copied.ts prints what docs/inside-epoll.md shows, with the size of the machine's event", async () => {
  const shown = shownOutput("copied");
  const bytes = Deno.build.arch === "x86_64" ? 12 : 16;
  const here = shown.replaceAll(
    /^(epoll_wait, (\d) .* bytes written +)\d+$/gm,
    (_, what, ready) => `${what}${ready * bytes}`,
  );
  assertEquals(await printedBy("copied"), here);
});

Deno.test("examples/inside/threads.ts prints what docs/inside-epoll.md shows", async () => {
  // A thread that does not sleep yet when the byte comes is told of it, too: then on to another attempt.
  let printed = "";
  for (let attempt = 0; attempt < ATTEMPTS_MAX && printed !== shownOutput("threads"); attempt++) {
    printed = await printedBy("threads");
  }
  assertEquals(printed, shownOutput("threads"));
});

Deno.test("examples/inside/cost.ts prints the table that docs/inside-epoll.md shows, with other times", async () => {
  const shape = (table: string) =>
    table.split("\n").map((row) =>
      row.trim().split(/ +/).map((cell, i) => i > 1 && /^([\d,]+|-)$/.test(cell) ? "ns" : cell)
    );
  assertEquals(shape(await printedBy("cost")), shape(shownOutput("cost")));
});

/** The programs and clients that the document starts, by the beginning of the command. */
function commandThatBegins(beginning: string): string {
  return blocksOf(DOCUMENT, "sh").find((block) => block.startsWith(beginning))!.trim();
}

/** Starts a command of the document that runs examples/inside/wait.ts, on a free port. */
function startWaiting(command: string, site: Site): Promise<Program> {
  const words = wordsOf(command).flatMap((word) => word === "deno" ? DENO : [word]).map((word) =>
    word === "7890" ? "0" : word === "trace.txt" ? site.path("trace.txt") : word
  );
  return Program.startCommand(words);
}

Deno.test("a waiting program's set is in /proc as docs/inside-epoll.md shows, and none of its memory is the kernel's", async () => {
  using site = new Site();
  await using program = await startWaiting(commandThatBegins("deno run "), site);
  const [, pid, epoll, listener] = /^process (\d+), epoll (\d+), listener (\d+) on /.exec(program.greeting)!;
  using wire = await Wire.connect(program.port);
  await wire.send("hello");
  await program.printed(/^descriptor \d+: hello$/m);
  const [, client] = /^descriptor (\d+)/m.exec(program.stdout)!;
  const shown = TYPED.find(({ command }) => command.startsWith("grep tfd "))!.prints.trimEnd().split("\n");
  const lines = Deno.readTextFileSync(`/proc/${pid}/fdinfo/${epoll}`).split("\n").filter((line) =>
    line.startsWith("tfd")
  );
  const item =
    /^tfd: {1,8}(\d+) events: {1,8}([0-9a-f]+) data: {1,16}([0-9a-f]+) {2}pos:0 ino:[0-9a-f]+ sdev:\w+ ?$/;
  const items = (list: string[]) =>
    list.map((line) => {
      const [, number, events, data] = item.exec(line) ?? [];
      assert(number !== undefined && number === String(parseInt(data!, 16)), line);
      return { number, events: events! };
    });
  assertEquals(
    items(lines).toSorted((a, b) => Number(a.number) - Number(b.number)),
    [listener!, client!].toSorted((a, b) => Number(a) - Number(b)).map((number) => ({
      number,
      events: "19",
    })),
  );
  assertEquals(items(shown).map(({ events }) => events), ["19", "19"]);

  const links = Array.from(
    Deno.readDirSync(`/proc/${pid}/fd`),
    ({ name }) => Deno.readLinkSync(`/proc/${pid}/fd/${name}`),
  );
  assert(links.includes("anon_inode:[eventpoll]"));
  assert(!Deno.readTextFileSync(`/proc/${pid}/maps`).includes("eventpoll"));
  assertEquals(TYPED.find(({ command }) => /^grep .*\/maps$/.test(command))!.prints, "0\n");
});

Deno.test("strace prints what docs/inside-epoll.md shows", async () => {
  if (IS_EMULATED || Deno.build.arch !== "x86_64" || !hasStrace()) return;
  using site = new Site();
  const command = commandThatBegins("strace ");
  const shown = blocksOf(DOCUMENT, "").find((block) => block.startsWith("epoll_wait("))!.trim();
  await using program = await startWaiting(command, site);
  const whole = new RegExp(
    shown.split("\n").map((line) => tracePattern(line).source.slice(1, -1)).join("\\n"),
  );
  try {
    const wire = await Wire.connect(program.port);
    await wire.send("hello");
    await program.printed(/: hello$/m);
    await wire.send("again");
    await program.printed(/: again$/m);
    wire[Symbol.dispose]();
    let trace = "";
    await eventually(() => whole.test(trace = Deno.readTextFileSync(site.path("trace.txt"))), () => trace);
  } finally { // strace itself leaves the program behind when it is killed
    for (const pid of childrenOf(program.pid)) Deno.kill(pid, "SIGTERM");
  }
  await program.exit();
});

/** Returns whether perf can record wake-ups: it is installed, and the user and the kernel allow it. */
async function canRecord(site: Site): Promise<boolean> {
  if (IS_EMULATED || !isInstalled("perf", "linux-perf")) return false;
  const words = ["record", "-q", "-g", "-e", "sched:sched_waking", "-o", site.path("try.data"), "true"];
  const { code, stderr } = await run(["perf", ...words]);
  if (code !== 0) console.log(`skipped: perf cannot record wake-ups: ${stderr.trim()}`);
  return code === 0;
}

Deno.test("perf shows the way of a packet to the waiting thread as docs/inside-epoll.md shows it", async () => {
  using site = new Site();
  if (!await canRecord(site)) return;
  await using program = await startWaiting(commandThatBegins("deno run "), site);
  const script = commandThatBegins("perf record ").replaceAll("7890", String(program.port));
  let printed = "";
  let stack: string | undefined;
  // On a busy processor a thread of the kernel handles some packets, which the command does not record.
  for (let attempt = 0; attempt < ATTEMPTS_MAX && stack === undefined; attempt++) {
    printed = (await run(["bash", "-c", script], "", site.root)).stdout;
    const stacks = printed.trim().split(/\n\n+/).filter((each) => each.includes(` pid=${program.pid} `));
    stack = stacks.find((each) => each.includes("sock_def_readable") && !each.includes("tcp_child_process"));
  }
  assert(stack !== undefined, printed);
  const shown = blocksOf(DOCUMENT, "text").find((block) => block.startsWith("bash sched"))!;
  const functions = IS_SHOWN_KERNEL
    ? shown.split("\n").filter((line) => line.startsWith("\t") && !line.includes("…"))
    : ["ep_poll_callback", "sock_def_readable", "net_rx_action"];
  let rest = stack;
  for (const each of functions) {
    const at = rest.search(new RegExp(`\\b${each.trim()}\\b`));
    assert(at >= 0, `${each} is not in:\n${rest}\nof:\n${stack}`);
    rest = rest.slice(at + each.trim().length);
  }
  assertMatch(stack, /^bash sched:sched_waking: comm=\S+ pid=\d+ prio=\d+ target_cpu=\d+/);
});

Deno.test("pahole and /proc print what docs/inside-epoll.md shows of the kernel", async () => {
  const watches = TYPED.find(({ command }) => command.startsWith("cat "))!;
  assertMatch((await run(["bash", "-c", watches.command])).stdout, /^\d+\n$/);
  if (!IS_SHOWN_KERNEL || !isInstalled("pahole", "dwarves")) return;
  const shown = TYPED.filter(({ command }) => command.startsWith("pahole "));
  assertEquals(shown.length, 3);
  for (const { command, prints } of shown) {
    assertEquals((await run(["bash", "-c", command])).stdout, prints, command);
  }
});
