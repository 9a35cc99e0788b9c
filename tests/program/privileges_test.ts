/**
 * `--user`: giving up root.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { resolveAccount } from "../../program/security/privileges.ts";
import { UsageError } from "../../server/usage_error.ts";
import { DENO, Program, programCommand, REPOSITORY, runProgram, Site } from "../support/program.ts";
import { exchange, get } from "../support/wire.ts";
import { eventually } from "../support/waiting.ts";

const IS_ROOT = Deno.uid() === 0;
if (!IS_ROOT) console.log("this is not run as root: that --user is refused then is tested, not what it does");

/** Returns the output of id(1). */
function id(...args: string[]): string {
  const { stdout } = new Deno.Command("id", { args }).outputSync();
  return new TextDecoder().decode(stdout).trim();
}

const NOBODY = { uid: Number(id("-u", "nobody")), gid: Number(id("-g", "nobody")) };

/** Returns the values of a line of /proc/PID/status. */
function status(path: string, name: string): string[] {
  const line = Deno.readTextFileSync(path).split("\n").find((line) => line.startsWith(`${name}:`));
  return line!.slice(name.length + 1).trim().split(/\s+/);
}

/** Makes the site's directories searchable for all users. */
function publish(site: Site): void {
  Deno.chmodSync(site.root, 0o755);
  Deno.writeTextFileSync(site.path("secret.txt"), "secret");
  Deno.chmodSync(site.path("secret.txt"), 0o600);
}

Deno.test("a user is found by name or number, and so is a group", () => {
  const { uid, gid } = NOBODY;
  assertEquals(resolveAccount("nobody"), { name: "nobody", uid, gid });
  assertEquals(resolveAccount(String(uid)), { name: "nobody", uid, gid });
  assertEquals(resolveAccount("nobody:daemon"), { name: "nobody", uid, gid: Number(id("-g", "daemon")) });
  assertEquals(resolveAccount("54321:54322"), { name: null, uid: 54321, gid: 54322 });
  for (
    const [text, message] of [
      ["nobody-here", 'Unknown user "nobody-here": expected one of this system\'s users'],
      ["nobody:nothing-here", 'Unknown group "nothing-here": expected'],
      ["54321", "User 54321 has no name and no group on this system: expected 54321:GROUP"],
      ["4294967295:1", "Bad user 4294967295: expected a number up to 4294967294"],
      ["nobody:4294967295", "Bad group 4294967295"],
      ["root", "User root is root: expected one with fewer rights"],
      ["0:1", "User 0 is root"],
      ["1:0", "The group of user 1 is root's: expected 1:GROUP with fewer rights"],
    ]
  ) {
    const error = assertThrows(() => resolveAccount(text!), UsageError);
    assertStringIncludes(error.message, message!);
  }
});

Deno.test("an unknown or forbidden user is one line and exit 2, before anything is bound", async () => {
  using site = new Site({ "epollet.json": '{ "user": "nobody-here" }' });
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = String((taken.addr as Deno.NetAddr).port); // binding it would be another error
  for (
    const [args, message] of [
      [
        ["--user", "nobody-here"],
        'epollet: Unknown user "nobody-here": expected one of this system\'s users',
      ],
      [["--config", "epollet.json"], 'epollet: epollet.json:1: Unknown user "nobody-here"'],
      [
        ["--user", "a:b:c"],
        'epollet: Bad --user "a:b:c": expected a user, and maybe a group, such as www-data',
      ],
    ] as const
  ) {
    const { code, stdout, stderr } = await runProgram(["-a", "127.0.0.1", port, ".", ...args], site.root);
    assertEquals([code, stdout, stderr.trimEnd().split("\n").length], [2, "", 1], stderr);
    assert(stderr.startsWith(message), stderr);
  }
});

Deno.test("--user gives up root in every thread, and serves the files that the user may read", async () => {
  using site = new Site({ "index.html": "hello" });
  publish(site);
  if (!IS_ROOT) {
    const { code, stdout, stderr } = await runProgram(["0", site.root, "--user", "nobody"]);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(
      stderr,
      /^epollet: Cannot become user nobody: EPERM \(operation not permitted\): start it as root/,
    );
    return;
  }
  await using program = await Program.start(site.root, ["-v", "--user", "nobody"]);
  const { uid, gid } = NOBODY;
  await program.printed(new RegExp(`^user +nobody \\(${uid}:${gid}\\)$`, "m"));
  const ask = async (path: string) => {
    const { status, text } = await exchange(program.port, get(path));
    return status === 200 ? text : status;
  };
  assertEquals([await ask("/"), await ask("/secret.txt")], ["hello", 403]);
  const process = `/proc/${program.pid}`;
  const threads = [...Deno.readDirSync(`${process}/task`)].map(({ name }) =>
    `${process}/task/${name}/status`
  );
  assert(threads.length > 1);
  for (const thread of threads) {
    assertEquals(status(thread, "Uid"), new Array(4).fill(String(uid)), thread);
    assertEquals(status(thread, "Gid"), new Array(4).fill(String(gid)), thread);
    assertEquals(status(thread, "Groups").sort(), id("-G", "nobody").split(" ").sort());
    for (const set of ["CapPrm", "CapEff", "CapAmb"]) assertMatch(status(thread, set)[0]!, /^0+$/);
  }
  assertEquals(status(`${process}/status`, "NoNewPrivs"), ["1"]);

  // Files stay fresh: inotify watches them through /proc/self/fd, which belongs to root after the change.
  const watches = () =>
    [...Deno.readDirSync(`${process}/fdinfo`)]
      .flatMap(({ name }) =>
        Deno.readTextFileSync(`${process}/fdinfo/${name}`).match(/^inotify wd:/gm) ?? []
      );
  if (program.stdout.includes("watched by inotify")) assert(watches().length >= 2, "the file is not watched");
  site.write("index.html", "changed");
  assertEquals(await ask("/"), "changed");

  // A replaced root is followed, too.
  Deno.mkdirSync(`${site.root}-next`);
  Deno.writeTextFileSync(`${site.root}-next/index.html`, "next");
  Deno.renameSync(site.root, `${site.root}-old`);
  Deno.renameSync(`${site.root}-next`, site.root);
  try {
    await eventually(async () => await ask("/") === "next", "the new root is not served");
  } finally {
    Deno.removeSync(`${site.root}-old`, { recursive: true });
  }
  program.kill("SIGTERM");
  const stderr = `epollet: ${site.root} leads to ${site.root} now: generation 2\n`;
  assertEquals(await program.finish(), { code: 0, signal: null, stderr });
});

Deno.test("a root that the user cannot search, or a file as the root that it cannot read, is warned about", async () => {
  if (!IS_ROOT) return;
  using site = new Site({ "index.html": "hello" }); // for its owner only
  await using program = await Program.start(site.root, ["--user", "nobody"]);
  assertEquals((await exchange(program.port, get("/"))).status, 403);
  program.kill("SIGTERM");
  const { code, stderr } = await program.finish();
  const expected =
    `epollet: User nobody cannot look into ${site.root}: EACCES (permission denied): let that user ` +
    "search the directory\n";
  assertEquals([code, stderr], [0, expected]);

  Deno.chmodSync(site.root, 0o755);
  Deno.chmodSync(site.path("index.html"), 0o600);
  await using ofFile = await Program.start(site.path("index.html"), ["--user", "nobody"]);
  assertEquals((await exchange(ofFile.port, get("/"))).status, 403);
  ofFile.kill("SIGTERM");
  const { stderr: warning } = await ofFile.finish();
  assertEquals(
    warning,
    `epollet: User nobody cannot read ${
      site.path("index.html")
    }: EACCES (permission denied): let that user ` +
      "read it\n",
  );
});

Deno.test("a process that gave up root can become neither root nor another user", async () => {
  const [deno, ...words] = DENO;
  const script = `${REPOSITORY}tests/support/giving_up.ts`;
  const args = [...words, "run", "--no-prompt", "--allow-ffi", script, "user", "nobody", "daemon"];
  const output = await new Deno.Command(deno, { args }).output();
  const decoder = new TextDecoder();
  assertEquals(decoder.decode(output.stderr), "");
  const { first, ids, second, root } = JSON.parse(decoder.decode(output.stdout));
  assertMatch(second, /^Cannot become user daemon: EPERM \(operation not permitted\): start it as root/);
  assertEquals(root, "EPERM");
  if (!IS_ROOT) return assertMatch(first, /^Cannot become user nobody: EPERM/);
  const { uid, gid } = NOBODY;
  assertEquals([first, ids], [0, { uids: [uid, uid, uid], gids: [gid, gid, gid] }]);
});

Deno.test("when the change of user leaves a way back to root, the program ends", async () => {
  if (!IS_ROOT) return;
  using site = new Site({ "index.html": "hello" });
  // With this securebit the kernel keeps all capabilities across the change (capabilities(7)).
  const args = ["--securebits", "+no_setuid_fixup", ...programCommand(["0", site.root, "--user", "nobody"])];
  const command = new Deno.Command("timeout", { args: ["20", "setpriv", ...args] });
  const { code, stdout, stderr } = await command.output();
  assertEquals([code, stdout.length], [1, 0]);
  assertEquals(
    new TextDecoder().decode(stderr),
    "epollet: Cannot become user nobody for good: EPERM (operation not permitted): it could become root again\n",
  );
});

Deno.test("--user with workers: the user needs permission to start them, and one line says so", async () => {
  if (!IS_ROOT) return;
  using site = new Site({ "index.html": "hello" });
  publish(site);
  using closed = new Site(); // other users may not search it
  Deno.symlinkSync(REPOSITORY, closed.path("program"));
  const [deno, ...words] = DENO;
  const run = [...words, "run", "--no-prompt", "--allow-ffi", closed.path("program/main.ts")];
  const args = [...run, "0", site.root, "--no-config", "--workers", "1", "--user", "nobody"];
  const { code, stderr } = await new Deno.Command(deno, { args, stdout: "null", stderr: "piped" }).output();
  assertEquals(code, 1);
  assertMatch(
    new TextDecoder().decode(stderr),
    /epollet: No worker began as nobody .*: that user has to be able to read Deno, this program and Deno's cache \(DENO_DIR\)\n$/,
  );
});

Deno.test("--user works for handlers other than files, with numbers alone", async () => {
  if (!IS_ROOT) return;
  const command = programCommand([
    "--port",
    "0",
    "--handler",
    "echo",
    "--no-config",
    "--user",
    "54321:54322",
  ]);
  await using program = await Program.startCommand(command);
  const file = `/proc/${program.pid}/status`;
  const of = (name: string) => status(file, name);
  assertEquals([of("Uid")[0], of("Gid")[0], of("Groups")], ["54321", "54322", ["54322"]]);
});
