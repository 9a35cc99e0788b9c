/**
 * The command line: what it accepts, and the one line that says what is wrong.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { parseCommandLine, UsageError } from "../server/command_line.ts";
import {
  DENO,
  FOLLOWS_LINKS,
  IS_EMULATED,
  Program,
  programCommand,
  REPOSITORY,
  runProgram,
  Site,
} from "./support/program.ts";
import { exchange, get, Wire } from "./support/wire.ts";

Deno.test("without arguments the port is 7890 and the root ./html", () => {
  assertEquals(parseCommandLine([]), {
    action: "serve",
    port: 7890,
    host: "0.0.0.0",
    root: "./html",
    poller: "epoll-edge",
    handler: "static",
    coroutine: false,
    index: ["index.html"],
    keepAlive: true,
    cacheSize: 256 * 1024 * 1024,
    cacheFileSize: 1024 * 1024,
    validate: "auto",
    verbosity: "normal",
  });
});

Deno.test("port and root may be positional or flags, with = or a space, long or short", () => {
  for (
    const args of [
      "80 site",
      "-p 80 -d site",
      "-p80 -dsite",
      "--port=80 --root=site",
      "--port 80 --root site",
      "-- 80 site",
    ]
  ) {
    const { port, root } = parseCommandLine(args.split(" "));
    assertEquals([port, root], [80, "site"], args);
  }
  assertEquals(parseCommandLine(["--port", "80", "-q"]).verbosity, "quiet");
  assertEquals(parseCommandLine(["80", "-v", "--no-keep-alive"]).keepAlive, false);
  assertEquals(parseCommandLine(["-a", "::1"]).host, "::1");
  assertEquals(parseCommandLine(["--host=[::]"]).host, "::");
  assertEquals(parseCommandLine(["--index", "a.html,b.html"]).index, ["a.html", "b.html"]);
  const { cacheSize, cacheFileSize, validate } = parseCommandLine(
    "--cache-size=1G --cache-file-size 64k --cache-validate stat".split(" "),
  );
  assertEquals([cacheSize, cacheFileSize, validate], [1024 ** 3, 65536, "stat"]);
  assertEquals(parseCommandLine(["--cache-size", "0"]).cacheSize, 0);
  assertEquals(parseCommandLine(["--cache-size", "1000"]).cacheSize, 1000);
  assertEquals(parseCommandLine(["-h", "x"]).action, "help");
  const { handler, coroutine, poller } = parseCommandLine(
    ["80", "--poller", "select", "--coroutine", "--handler", "echo"],
  );
  assertEquals([handler, coroutine, poller], ["echo", true, "select"]);
});

Deno.test("a mistake is named, with what was expected", () => {
  const cases: [string, RegExp][] = [
    ["abc", /^Bad port "abc": expected a whole number from 0 to 65535$/],
    ["65536", /^Bad port "65536"/],
    ["-1", /^Unknown flag -1/],
    ["80.5", /^Bad port/],
    ["1e3", /^Bad port/],
    ["0x50", /^Bad port/],
    ["--port=", /^--port needs a value: --port PORT$/],
    ["--port", /^--port needs a value/],
    ["--root -v", /^--root needs a value/],
    ["--frobnicate", /^Unknown flag --frobnicate: see --help/],
    ["-x", /^Unknown flag -x/],
    ["--quiet=yes", /^--quiet takes no value/],
    ["-qqv", /^--quiet is given twice/],
    ["80 site more", /^Unexpected argument "more"/],
    ["80 --port 81", /^The port is given twice/],
    ["--port 80 --port 81", /^--port is given twice/],
    [
      "--poller kqueue",
      /^Unknown poller "kqueue": expected one of naive, select, poll, epoll-level, epoll-edge$/,
    ],
    [
      "--handler cgi",
      /^Unknown handler "cgi": expected one of static, hello, greet, echo, upper, print$/,
    ],
    ["--coroutine=yes", /^--coroutine takes no value/],
    [
      "--handler echo --root site",
      /^--root is without effect with --handler echo: leave it out, or use --handler static$/,
    ],
    ["--handler hello 80 site", /^site is without effect with --handler hello/],
    ["--no-keep-alive --handler greet", /^--no-keep-alive is without effect/],
    ["--handler print --cache-size 0", /^--cache-size is without effect/],
    ["--host example.org", /^Bad host "example.org": expected an IPv4 or IPv6 address/],
    ["--index a/b", /^Bad index "a\/b"/],
    ["--index ..", /^Bad index/],
    ["--cache-size much", /^Bad --cache-size "much": expected bytes, or a number with K, M or G/],
    ["--cache-size 1.5M", /^Bad --cache-size/],
    ["--cache-size -1", /^--cache-size needs a value/],
    ["--cache-file-size 9999999999G", /^Bad --cache-file-size/],
    ["--cache-file-size 1025M", /^Bad --cache-file-size "1025M": expected at most 1G$/],
    [
      "--cache-validate never",
      /^Unknown --cache-validate "never": expected one of auto, inotify, stat, off$/,
    ],
  ];
  for (const [line, message] of cases) {
    let error: unknown;
    try {
      parseCommandLine(line.split(" "));
    } catch (caught) {
      error = caught;
    }
    assert(error instanceof UsageError, `"${line}" was accepted`);
    assertMatch(error.message, message);
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
      [["0", site.path("file")], `Cannot open root ${site.path("file")}: ENOTDIR (not a directory)`],
      [["0", "--host", "1.2.3.400"], 'Bad host "1.2.3.400"'],
    ] as const
  ) {
    const { code, stdout, stderr } = await runProgram(args);
    assertEquals([code, stdout, stderr.trimEnd().split("\n").length], [2, "", 1], stderr);
    assertStringIncludes(stderr, message);
  }
});

Deno.test("a taken port, or one that is not ours, is one line and exit 1, and no other port is taken", async () => {
  using site = new Site();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const { code, stdout, stderr } = await runProgram(["-a", "127.0.0.1", String(port), site.root]);
  assertEquals([code, stdout], [1, ""]);
  assertEquals(stderr, `epollet: Cannot listen on 127.0.0.1:${port}: EADDRINUSE (address already in use)\n`);
  const other = await runProgram(["-a", "203.0.113.1", "0", site.root]);
  assertEquals(other.code, 1);
  assertMatch(
    other.stderr,
    /^epollet: Cannot listen on 203\.0\.113\.1:0: EADDRNOTAVAIL \(address not available/,
  );
});

Deno.test("--help names every flag, --version is deno.json's; both exit 0 and neither needs a root", async () => {
  const help = await runProgram(["--help"], "/");
  assertEquals([help.code, help.stderr], [0, ""]);
  for (
    const flag
      of "-p, --port -a, --host -d, --root --poller --index --cache-size --cache-file-size --cache-validate --no-keep-alive -q, -v, -h, --help -V, --version"
        .split(" ")
  ) {
    assertStringIncludes(help.stdout, flag);
  }
  const version = await runProgram(["-V"], "/");
  assertEquals([version.code, version.stdout], [0, `epollet ${config.version}\n`]);
});

Deno.test("it greets with the port and a URL that works; -q says nothing; -v says what is in force", async () => {
  using site = new Site({ "index.html": "hello" });
  await using program = await Program.start(site.root, ["-v", "--poller", "poll"]);
  assertStringIncludes(program.greeting, `http服务器使用的port:${program.port}\n`);
  const url = /http:\/\/\S+/.exec(program.greeting)?.[0];
  assertEquals(await (await fetch(url!)).text(), "hello");
  const [deno, ...args] = programCommand(["-q", "--port", "0", "--root", site.root]);
  const quiet = new Deno.Command(deno, { args, stdout: "piped", stderr: "piped" }).spawn();
  await new Promise((resolve) => setTimeout(resolve, IS_EMULATED ? 15_000 : 1500)); // it will not tell when it is ready
  quiet.kill("SIGTERM");
  const { code, stdout, stderr } = await quiet.output();
  assertEquals([code, stdout.length], [0, 0]);
  if (FOLLOWS_LINKS) assertEquals(stderr.length, 0);
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

Deno.test("a second signal ends it at once, although a client is still being served", async () => {
  using site = new Site({ "large.bin": new Uint8Array(20_000_000) });
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  await wire.send(get("/large.bin")); // and never reads
  await new Promise((resolve) => setTimeout(resolve, 200));
  program.kill("SIGTERM");
  await new Promise((resolve) => setTimeout(resolve, 300));
  program.kill("SIGTERM");
  const { code } = await program.finish();
  assertEquals(code, 1);
});

Deno.test("without --allow-ffi it says what it needs", async () => {
  const [deno, ...args] = [...DENO, "run", "--no-prompt", `${REPOSITORY}main.ts`, "0"];
  const output = await new Deno.Command(deno, { args, stdout: "piped", stderr: "piped" }).output();
  assertEquals(output.code, 2);
  assertMatch(new TextDecoder().decode(output.stderr), /^epollet: .*--allow-ffi.*\n$/);
});

Deno.test("out of descriptors: one line a second, no spinning, and service returns with the descriptors", async () => {
  using site = new Site({ "index.html": "hello" });
  const command = programCommand(["--port", "0", "--root", site.root]).map((word) => `'${word}'`).join(" ");
  await using program = await Program.startCommand(["sh", "-c", `ulimit -n 60; exec ${command}`]);
  const clients: Wire[] = [];
  for (let i = 0; i < 100; i++) { // the backlog takes them all
    const client = await Wire.connect(program.port);
    await client.send("GET"); // and a client that has begun to speak is accepted at once
    clients.push(client);
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = cpuTicks(program.pid);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const used = cpuTicks(program.pid) - before;
  assert(used < 40, `${used} ticks of 10 ms used in a second of waiting`);
  for (const client of clients) client[Symbol.dispose]();
  assertEquals((await exchange(program.port, get("/"))).text, "hello");
  program.kill("SIGTERM");
  const { code, stderr } = await program.finish();
  assertEquals(code, 0);
  const lines = stderr.split("\n").filter((line) => line.startsWith("epollet:")); // Deno may miss descriptors, too
  assert(lines.length >= 1 && lines.length <= 4, stderr);
  for (const line of lines) {
    assertMatch(line, /^epollet: Cannot accept clients for now: EMFILE \(too many open files\)$/);
  }
});

/** User and system time of a process, in ticks of 10 ms. */
function cpuTicks(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
