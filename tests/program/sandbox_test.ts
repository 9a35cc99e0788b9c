/**
 * The rights that the program gives up with Landlock, and those that it keeps.
 * @module
 */
import { childrenOf } from "../support/process.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { landlockAbi } from "../../ffi/process/landlock.ts";
import { DENO, Program, programCommand, REPOSITORY, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { hasStrace } from "../support/trace.ts";
import { exchange, get } from "../support/wire.ts";
import { eventually } from "../support/waiting.ts";

const ABI = landlockAbi();
if (ABI < 0) {
  console.log("this kernel has no Landlock: that the program serves without it is all that is tested");
}

async function text(program: Program, path: string): Promise<string> {
  const { status, text } = await exchange(program.port, get(path));
  return status === 200 ? text : String(status);
}

/** Waits until `/` is `expected`. The path of a root is checked once a second. */
async function becomes(program: Program, expected: string): Promise<void> {
  await eventually(async () => await text(program, "/") === expected, `${expected} is not served`);
}

/** Makes `link` lead to `target` in one step, as deployments do. */
function relink(site: Site, target: string, link: string): void {
  Deno.symlinkSync(target, site.path("next"));
  Deno.renameSync(site.path("next"), site.path(link));
}

Deno.test("in the sandbox the sites can be read, and nothing else can be done", async () => {
  using site = new Site({ "root/a.txt": "a", "beside.txt": "b" });
  using outside = new Site({ "a.txt": "a" });
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const [deno, ...words] = DENO;
  const script = `${REPOSITORY}tests/support/giving_up.ts`;
  const args = [...words, "run", "--no-prompt", "--allow-ffi", script, "sandbox"];
  const output = await new Deno.Command(deno, {
    args: [...args, site.path("root"), outside.root, String(port)],
  }).output();
  const decoder = new TextDecoder();
  assertEquals(decoder.decode(output.stderr), "");
  const { abi, before, says, deeds, trace } = JSON.parse(decoder.decode(output.stdout));
  assertEquals([abi, before], [ABI, 0]);
  assertMatch(trace, /^Error: a trace\n {4}at sandbox \(file:.*giving_up\.ts:\d+:\d+\)\n/);
  if (ABI < 0) return assertMatch(says, /^none: no Landlock, (ENOSYS|EOPNOTSUPP|EPERM) /);
  const removing = deeds["remove an attribute elsewhere"];
  assertMatch(removing, /^(errno 61|EOPNOTSUPP)$/); // ENODATA, or a file system without attributes
  const since = (abi: number, error: string) => ABI >= abi ? error : 0;
  assertEquals(deeds, {
    "read below the root": 0,
    "list the root": 0,
    "read beside the root": 0, // another root may come from there
    "read elsewhere": "EACCES",
    "read /etc/passwd": "EACCES",
    "read /proc/self/maps": 0, // without it the runtime aborts, see openMemoryMap
    "list elsewhere": "EACCES",
    "stat elsewhere": 0, // Landlock does not hide the existence of files
    "write": "EACCES",
    "create": "EACCES",
    "write a device": "EACCES",
    "make a directory": "EACCES",
    "remove": "EACCES",
    "rename": "EACCES",
    "make a link": "EACCES",
    "truncate": since(3, "EACCES"),
    // Landlock does not cover this, as SECURITY.md says: the call gets as far as the missing attribute.
    "change the mode elsewhere": 0,
    "change the owner elsewhere": 0,
    "set the times elsewhere": 0,
    "remove an attribute elsewhere": removing,
    "execute": "EACCES",
    "connect": since(4, "EACCES"),
    "bind": since(4, "EACCES"),
    "signal": since(6, "EPERM"),
  });
  assertEquals(Deno.readTextFileSync(site.path("root/a.txt")), ABI >= 3 ? "a" : "");
  assertMatch(
    says,
    new RegExp(`^Landlock ABI ${ABI}: reads below ${site.root} only, writes no file, executes none`),
  );
});

Deno.test("the program enters the sandbox before it prints the greeting, unless the sandbox is off", async () => {
  if (!hasStrace()) return;
  for (const flags of [[], ["--no-sandbox"], ["--handler", "hello"]]) {
    using site = new Site({ "index.html": "hello" });
    const log = site.path("trace");
    const calls = "trace=prctl,landlock_add_rule,landlock_restrict_self,write,listen";
    const root = flags.includes("--handler") ? [] : ["--root", site.root];
    const command = programCommand(["--port", "0", ...root, ...flags]);
    {
      await using program = await Program.startCommand([
        "strace",
        "-f",
        "-e",
        calls,
        "-o",
        log,
        ...command,
      ]);
      const [traced] = childrenOf(program.pid) as [number];
      assertMatch(Deno.readTextFileSync(`/proc/${traced}/status`), /^NoNewPrivs:\s*1$/m);
      Deno.kill(traced, "SIGTERM"); // strace itself would only detach
      await program.finish();
    }
    // Lines of other threads may come in between, so only those of the thread that prints are checked.
    const lines = Deno.readTextFileSync(log).split("\n");
    const greeting = lines.findIndex((line) => /write\(1, .*Serving /.test(line));
    const [thread] = lines[greeting]!.split(" ");
    const own = lines.slice(0, greeting).filter((line) => line.startsWith(`${thread} `));
    const indexOf = (call: RegExp) => own.findIndex((line) => call.test(line));
    const privileges = indexOf(/prctl\(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0\) += 0/);
    const listening = indexOf(/listen\(/);
    const restricted = indexOf(/landlock_restrict_self\(\d+, 0\) += 0/);
    assert(privileges >= 0 && privileges < listening, flags.join(" "));
    assertEquals(restricted > listening, ABI > 0 && !flags.includes("--no-sandbox"), flags.join(" "));
    const rules = own.filter((line) => /landlock_add_rule\(.*\) += 0/.test(line)).length;
    // The root, the directory that it is in, and /proc/self/maps.
    assertEquals(rules, ABI < 0 || flags.includes("--no-sandbox") ? 0 : flags.length === 0 ? 3 : 1);
  }
});

Deno.test("-v shows what the sandbox permits, also with the configuration file", async () => {
  using site = new Site({
    "a/root/index.html": "a",
    "b/root/index.html": "b",
    "epollet.json": '{ "root": "a/root", "hosts": { "b.example": { "root": "b/root" } } }',
    "open.json": '{ "root": "a/root", "sandbox": false }',
  });
  const sandboxOf = async (...args: string[]) => {
    await using program = await Program.startCommand(
      programCommand(["--port", "0", "-v", ...args]),
      site.root,
    );
    await program.printed(/^sandbox .*\n/m);
    return /^sandbox +(.*)$/m.exec(program.stdout)![1]!;
  };
  const read = (what: string) => ABI < 0 ? "none: no Landlock" : `Landlock ABI ${ABI}: reads ${what}`;
  assertStringIncludes(await sandboxOf(), read(`below ${site.root}/a, ${site.root}/b only, writes no file`));
  assertStringIncludes(await sandboxOf("--handler", "echo", "--no-config"), read("no file, writes no file"));
  assertEquals(await sandboxOf("--config", "open.json"), "off");
  assertEquals(await sandboxOf("--no-sandbox"), "off");
});

Deno.test("in the sandbox a root is followed when it is renamed, and when a link on its path changes", async () => {
  using site = new Site();
  for (const folder of ["store/1", "store/2", "app/own"]) site.write(`${folder}/public/index.html`, folder);
  Deno.symlinkSync("../store/1", site.path("app/current"));
  // The runtime prints a warning about this file when it looks for a newer version of itself, unless the variable is
  // hidden.
  const environment = ["env", `NODE_EXTRA_CA_CERTS=${REPOSITORY}LICENSE`];
  const command = programCommand(["--port", "0", "--root", site.path("app/current/public")]);
  await using program = await Program.startCommand([...environment, ...command]);
  await becomes(program, "store/1");
  relink(site, "../store/2", "app/current"); // in the directory of the link's target
  await becomes(program, "store/2");
  relink(site, "own", "app/current"); // in the directory of the link
  await becomes(program, "app/own");
  relink(site, "../store/1", "app/current");
  await becomes(program, "store/1");
  site.write("store/1/new/index.html", "renamed"); // in the directory of the root
  Deno.renameSync(site.path("store/1/public"), site.path("away"));
  Deno.renameSync(site.path("store/1/new"), site.path("store/1/public"));
  await becomes(program, "renamed");
  site.write("store/1/public/index.html", "written"); // still watched
  assertEquals(await text(program, "/"), "written");
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
});

Deno.test("a root that leaves the sandbox's reach is still served, and an unreachable replacement is warned about once", async () => {
  using site = new Site({
    "in/root/index.html": "old",
    "out/root/index.html": "new",
    "in/third/index.html": "third",
  });
  await using program = await Program.start(site.path("in/root"));
  await becomes(program, "old");
  Deno.renameSync(site.path("in/root"), site.path("moved"));
  site.write("moved/later.html", "opened after the move");
  assertEquals(await text(program, "/later.html"), "opened after the move");
  Deno.symlinkSync("../out/root", site.path("in/root"));
  if (ABI < 0) return await becomes(program, "new");
  for (let i = 0; i < 24; i++) {
    assertEquals(await text(program, "/"), "old");
    await sleep(100);
  }
  relink(site, "third", "in/root");
  await becomes(program, "third");
  program.kill("SIGTERM");
  const { code, stderr } = await program.finish();
  assertEquals(code, 0);
  const cannot = `epollet: Cannot open root ${
    site.path("in/root")
  }: EACCES (permission denied): the previous directory is still served`;
  assert(stderr.startsWith(cannot) && stderr.indexOf("\n") === stderr.length - 1, stderr);
});
