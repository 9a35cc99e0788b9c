/**
 * The program as a user meets it: its messages, its exit codes, and its end.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { FLAGS } from "../../program/config/flags/flags.ts";
import { parseCommandLine } from "../../program/config/flags/command_line.ts";
import { helpText, shortHelp } from "../../program/commands/help.ts";
import { deriveKey, isPasswordHash, parsePasswordHash } from "../../handlers/site/auth/password_hash.ts";
import {
  DENO,
  FOLLOWS_LINKS,
  IS_EMULATED,
  Program,
  programCommand,
  REPOSITORY,
  runProgram,
  Site,
} from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { exchange, get, Wire } from "../support/wire.ts";
import { awaited, outputOf } from "../support/waiting.ts";

Deno.test("--hash-password prints the hash of the first line of standard input", async () => {
  const hash = async (input: string | Uint8Array) => {
    const [program, ...args] = programCommand(["--hash-password"]);
    const process = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "piped" })
      .spawn();
    const writer = process.stdin.getWriter();
    await writer.write(typeof input === "string" ? new TextEncoder().encode(input) : input);
    await writer.close();
    const { code, stdout, stderr } = await outputOf(process, "the program");
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  };
  for (const input of ["secret\n", "secret", "secret\r\nmore\n"]) {
    const { code, stdout, stderr } = await hash(input);
    assertEquals([code, stderr], [0, ""]);
    assert(isPasswordHash(stdout.trimEnd()) && stdout.endsWith("\n"), stdout);
    const parsed = parsePasswordHash(stdout.trimEnd());
    assertEquals(await deriveKey("secret", parsed!), parsed!.key);
  }
  for (
    const [input, message] of [["\n", /empty/], ["x".repeat(5000), /at most/], [
      Uint8Array.of(0xff),
      /UTF-8/,
    ]] as const
  ) {
    const { code, stdout, stderr } = await hash(input);
    assertEquals([code, stdout], [2, ""], stderr);
    assertMatch(stderr, message);
  }
});

Deno.test("usage errors are one line on standard error and exit 2", async () => {
  using site = new Site({ "file": "" });
  for (
    const [args, message] of [
      [["99999"], 'Bad port "99999"'],
      [["--nonsense"], "Unknown flag --nonsense"],
      [
        ["0", site.path("missing")],
        `Cannot open root ${site.path("missing")}: ENOENT (no such file or directory)`,
      ],
      [["0", site.path("file/")], `Cannot open root ${site.path("file/")}: ENOTDIR (not a directory)`],
      [["0", "--host", "1.2.3.400"], 'Bad host "1.2.3.400"'],
    ] as const
  ) {
    const { code, stdout, stderr } = await runProgram(args);
    assertEquals([code, stdout, stderr.trimEnd().split("\n").length], [2, "", 1], stderr);
    assertStringIncludes(stderr, message);
  }
});

Deno.test("a port that is taken or not permitted is one line and exit 1, and no other port is used", async () => {
  using site = new Site();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const { code, stdout, stderr } = await runProgram(["-a", "127.0.0.1", String(port), site.root]);
  assertEquals([code, stdout], [1, ""]);
  assertEquals(
    stderr,
    `epollet: Cannot listen on 127.0.0.1:${port}: EADDRINUSE (address already in use): another program listens there: end it, choose another port (epollet 8080), or let --next-port find a free one\n`,
  );
  const other = await runProgram(["-a", "203.0.113.1", "0", site.root]);
  assertEquals(other.code, 1);
  assertMatch(
    other.stderr,
    /^epollet: Cannot listen on 203\.0\.113\.1:0: EADDRNOTAVAIL \(address not available/,
  );
});

Deno.test("--help names every flag, --version prints deno.json's; both exit 0 and need no root", async () => {
  const help = await runProgram(["--help"], "/");
  assertEquals([help.code, help.stderr], [0, ""]);
  assertEquals(help.stdout, `${helpText()}\n`);
  for (const { name, letter } of FLAGS) {
    assertMatch(
      help.stdout,
      new RegExp(`^  ${letter === undefined ? "    " : `-${letter}, `}--${name}\\b`, "m"),
    );
  }
  for (const line of help.stdout.split("\n")) assert(line.length <= 80, line);
  const version = await runProgram(["-V"], "/");
  assertEquals([version.code, version.stdout], [0, `epollet ${config.version}\n`]);
});

Deno.test("-h fits on a screen: the usage, examples that start, ten common flags, and where all of them are", async () => {
  const { code, stdout, stderr } = await runProgram(["-h"], "/");
  assertEquals([code, stdout, stderr], [0, `${shortHelp()}\n`, ""]);
  const lines = stdout.trimEnd().split("\n");
  assert(lines.length <= 30, `${lines.length} lines`);
  for (const line of lines) assert(line.length <= 80, line);
  const examples = lines.flatMap((line) => /^ {2}epollet(.*?)(?: {2,}\S.*)$/.exec(line)?.[1] ?? []);
  assert(examples.length >= 3 && examples.length <= 5, examples.join("\n"));
  for (const example of examples) parseCommandLine(example.split(" ").filter((word) => word !== ""));
  const flags = lines.filter((line) => /^ {2}(-\w, | {4})--\w/.test(line));
  assertEquals(flags.length, 10);
  for (const flag of flags) assertStringIncludes(helpText(), flag);
  assertMatch(lines.at(-1)!, /epollet --help/);
  assertEquals((await runProgram(["-qh"], "/")).stdout, stdout);
});

Deno.test("the greeting has the port and a working URL; -q prints nothing; -v prints the settings in force", async () => {
  using site = new Site({ "index.html": "hello" });
  await using program = await Program.start(site.root, ["-v", "--poller", "poll"]);
  assertStringIncludes(program.greeting, `http服务器使用的port:${program.port}\n`);
  const url = /http:\/\/\S+/.exec(program.greeting)?.[0];
  assertEquals(await awaited(fetch(url!).then((response) => response.text()), "the page"), "hello");
  const [deno, ...args] = programCommand(["-q", "--port", "0", "--root", site.root]);
  const quiet = new Deno.Command(deno, { args, stdout: "piped", stderr: "piped" }).spawn();
  await sleep(IS_EMULATED ? 15_000 : 1500); // with -q nothing tells when it is ready
  quiet.kill("SIGTERM");
  const { code, stdout, stderr } = await outputOf(quiet, "the program");
  assertEquals([code, stdout.length], [0, 0]);
  if (FOLLOWS_LINKS) assertEquals(stderr.length, 0);
});

Deno.test("the configuration file is the one in the working directory, a named one, or none", async () => {
  using site = new Site({
    "public/index.html": "public",
    "other/index.html": "other",
    "epollet.json":
      '{ "root": "public", "headers": { "X-A": "b" }, "hosts": { "other.example": { "root": "other" } } }',
    "conf/named.json": '{ "root": "../other" }',
  });
  const start = (args: readonly string[]) =>
    Program.startCommand(programCommand(["-v", "-a", "127.0.0.1", "-p", "0", ...args]), site.root);
  await using found = await start([]);
  await found.printed(/^config +\.\/epollet\.json$/m);
  await found.printed(/^headers +\/\*\* X-A$/m);
  await found.printed(/^host +other\.example\n {2}root +other$/m);
  const answer = await exchange(found.port, get("/"));
  assertEquals([answer.text, answer.fields["x-a"]], ["public", "b"]);
  const request = "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n";
  assertEquals((await exchange(found.port, request)).text, "other");
  await using named = await start(["--config", "conf/named.json"]);
  assertEquals((await exchange(named.port, get("/"))).text, "other");
  await using none = await start(["--no-config", "-d", "public"]);
  await none.printed(/^config +none$/m);
  const plain = await exchange(none.port, get("/"));
  assertEquals([plain.text, "x-a" in plain.fields], ["public", false]);
});

Deno.test("a missing, broken or wrong configuration file is one line and exit 2", async () => {
  using site = new Site({
    "index.html": "",
    "unknown.json": '{ "cleanUrl": true }',
    "broken.json": "{\n  oops }",
    "folder/x": "",
    "glob.json": '{ "headers": [{ "source": "/[z-a]", "headers": {} }] }',
    "host.json": '{ "hosts": { "a.example": { "root": "missing" } } }',
  });
  const cases: [args: string[], message: RegExp][] = [
    [
      ["--config", "missing.json"],
      /Cannot open missing\.json: ENOENT \(no such file or directory\): name another/,
    ],
    [["--config", "folder"], /Cannot open folder: EISDIR/],
    [
      ["--config", "unknown.json"],
      /unknown\.json:\d+: Unknown key "cleanUrl": the closest known one is "cleanUrls"$/,
    ],
    [["--config", "broken.json"], /broken\.json:2:3: Bad JSON: unexpected oops$/],
    [["--config", "glob.json", "-d", "."], /the pattern "\/\[z-a\]" has a class whose range goes backwards$/],
    [["--config", "host.json", "-d", "."], /Cannot open root missing: ENOENT/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await runProgram(["-p", "0", ...args], site.root);
    assertEquals([code, stdout, stderr.split("\n").length], [2, "", 2], stderr);
    assertMatch(stderr.trimEnd(), message);
  }
});

Deno.test("--explain shows how a URL is answered, with the same settings, and serves nothing", async () => {
  using site = new Site({
    "index.html": "hello",
    "epollet.json": '{ "root": ".", "redirects": [{ "source": "/old/*", "destination": "/new/$1" }] }',
  });
  const { code, stdout, stderr } = await runProgram(["--explain", "/old/a?b"], site.root);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /301/);
  assertMatch(stdout, /^Location: \/new\/a\?b$/m);
  assert(!/^live /m.test(stdout), stdout);
  assertMatch(
    (await runProgram(["--explain", "/", "--live"], site.root)).stdout,
    /^live {6}pages also get a script/m,
  );
});

Deno.test("IPv6, and both kinds of clients on ::", async () => {
  using site = new Site({ "index.html": "hello" });
  for (
    const [host, clients] of [["::1", ["::1"]], ["::", ["::1", "127.0.0.1"]], ["localhost", [
      "127.0.0.1",
    ]]] as const
  ) {
    await using program = await Program.start(site.root, ["--host", host]);
    for (const hostname of clients) {
      using wire = await Wire.connect(program.port, hostname);
      await wire.send(get("/"));
      assertEquals((await wire.expect()).text, "hello");
    }
  }
});

Deno.test("SIGINT and SIGTERM end an idle program with 0", async () => {
  using site = new Site();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await using program = await Program.start(site.root);
    program.kill(signal);
    assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
  }
});

Deno.test("a second signal ends the program at once, although a client is still being served", async () => {
  using site = new Site({ "large.bin": new Uint8Array(20_000_000) });
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  await wire.send(get("/large.bin")); // and the client never reads
  await sleep(200);
  program.kill("SIGTERM");
  await sleep(300);
  program.kill("SIGTERM");
  const { code } = await program.finish();
  assertEquals(code, 1);
});

Deno.test("without --allow-ffi a line says what is needed", async () => {
  const [deno, ...args] = [...DENO, "run", "--no-prompt", `${REPOSITORY}main.ts`, "0"];
  const output = await new Deno.Command(deno, { args, stdout: "piped", stderr: "piped" }).output();
  assertEquals(output.code, 2);
  assertMatch(new TextDecoder().decode(output.stderr), /^epollet: .*--allow-ffi.*\n$/);
});

Deno.test("a mistake is reported before anything is bound: no socket file is left behind", async () => {
  using site = new Site();
  for (const args of [[], ["--workers", "1"]]) {
    const { code } = await runProgram([
      "--listen",
      `unix:${site.path("s.sock")}`,
      "-d",
      site.path("none"),
      ...args,
    ]);
    assertEquals(code, 2);
    assertEquals(Array.from(Deno.readDirSync(site.root)), []);
  }
});
