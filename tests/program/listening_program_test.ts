/**
 * Where the program listens: its flags, and the configuration file.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { checkAddresses } from "../../program/listening/listen.ts";
import { parseCommandLine } from "../../program/config/flags/command_line.ts";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { mergeSettings } from "../../program/config/settings/settings.ts";
import { UsageError } from "../../server/usage_error.ts";
import { childrenOf } from "../support/process.ts";
import { Program, programCommand, runProgram, Site } from "../support/program.ts";
import { Started } from "../support/started.ts";
import { curl, exchange, get, Wire } from "../support/wire.ts";
import { endOf } from "../support/waiting.ts";

const INDEX = { "index.html": "hello" };

Deno.test("a port, other addresses and a UNIX socket at once; greeting and -v name all of them", async () => {
  using site = new Site(INDEX);
  const path = site.path("a.sock");
  const args = ["-v", "--listen", "[::1]:0", "--listen", `unix:${path}`, "--socket-mode", "666"];
  await using program = await Program.start(site.root, args);
  await program.printed(/^keep-alive/m);
  const { stdout, port } = program;
  assertMatch(
    stdout,
    new RegExp(`^http服务器使用的port:${port}\nServing ${site.root} at http://127.0.0.1:${port}/\n`),
  );
  const other = Number(
    new RegExp(`^Serving ${site.root} at http://\\[::1\\]:(\\d+)/$`, "m").exec(stdout)?.[1],
  );
  assertStringIncludes(stdout, `\nServing ${site.root} at unix:${path}\n`);
  assertEquals(Array.from(stdout.matchAll(/^listening +(.*)$/gm), ([, what]) => what), [
    `0.0.0.0:${port} (all interfaces, IPv4)`,
    `[::1]:${other}`,
    `unix:${path} (mode 666)`,
  ]);
  assertEquals(Deno.lstatSync(path).mode! & 0o777, 0o666);
  assertEquals((await exchange(port, get("/"))).text, "hello");
  using wire = await Wire.connect(other, "::1");
  await wire.send(get("/"));
  assertEquals((await wire.expect()).text, "hello");
  assertEquals(curl("--unix-socket", path, "http://x.example/"), "hello");
});

Deno.test("a UNIX socket alone: it is greeted with, survives a crash, and a second server is refused", async () => {
  using site = new Site(INDEX);
  const path = site.path("a.sock");
  const command = programCommand(["-d", site.root, "--listen", `unix:${path}`]);
  const greeting = `Serving ${site.root} at unix:${path}\n`;
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    await using started = await Started.command(command, /\n/);
    assertEquals(started.greeting, greeting, "no port is said, and none is listened on");
    assertEquals(Deno.lstatSync(path).mode! & 0o777, 0o660);
    assertEquals(curl("--unix-socket", path, "http://x/"), "hello");
    const second = await runProgram(["-d", site.root, "--listen", `unix:${path}`]);
    assertEquals([second.code, second.stdout], [1, ""]);
    assertEquals(
      second.stderr,
      `epollet: Cannot listen on unix:${path}: EADDRINUSE (address already in use): another server listens there: end it, or choose another path\n`,
    );
    assertEquals(curl("--unix-socket", path, "http://x/"), "hello", "the first serves on");
    started.process.kill(signal);
    await endOf(started.process, "the program");
  }
});

Deno.test("what is listed is listened on, and a port only where one is said", async () => {
  using site = new Site({
    ...INDEX,
    "conf/epollet.json":
      '{ "root": "..", "listen": ["127.0.0.1:0", "unix:b.sock"], "socketMode": "600", "backlog": 9 }',
    "conf/port.json": '{ "root": "..", "listen": "unix:c.sock", "port": 0 }',
  });
  const start = (config: string, lines: number, ...args: string[]) =>
    Started.command(
      programCommand(["--config", site.path(`conf/${config}`), ...args]),
      new RegExp(`(Serving \\S+ at .*\n(Serving \\S+ on .*\n)*){${lines}}`),
    );
  const served = ({ greeting }: Started) =>
    Array.from(greeting.matchAll(/^Serving \S+ at (.*)$/gm), ([, where]) => where!.replace(/:\d+\//, ":N/"));
  const b = `unix:${site.path("conf/b.sock")}`;
  await using listed = await start("epollet.json", 2);
  assertEquals(served(listed), ["http://127.0.0.1:N/", b]);
  assertEquals(Deno.lstatSync(site.path("conf/b.sock")).mode! & 0o777, 0o600);
  listed.process.kill("SIGKILL");
  await using port = await start("epollet.json", 1, "-p", "0", "-a", "::1");
  assertEquals(served(port), ["http://[::1]:N/"]); // where to listen is one question, and flags count more
  await using instead = await start("epollet.json", 1, "--listen", "[::1]:0");
  assertEquals(served(instead), ["http://[::1]:N/"]);
  await using both = await start("port.json", 2);
  assertEquals(served(both), ["http://127.0.0.1:N/", `unix:${site.path("conf/c.sock")}`]);
});

Deno.test("an address that cannot be is one line: a mistake is exit 2, what the system refuses is exit 1", async () => {
  const long = `unix:${"x".repeat(100)}`;
  const mistakes: [args: string[], file: string | null, message: string][] = [
    [["--listen", "here"], null, 'Bad --listen "here": expected a port, an address and a port such as'],
    [["--listen", `${long}${long}`], null, "a path of at most 107 bytes for a UNIX socket (it has 205)"],
    [["--socket-mode", "999"], null, 'Bad --socket-mode "999": expected permissions as three octal digits'],
    [["--backlog", "0"], null, 'Bad --backlog "0": expected a whole number from 1 to 65535'],
    [[], `{ "listen": "${long}" }`, "a path of at most 107 bytes for a UNIX socket (it has 113)"],
    [[], '{ "listen": [] }', "Bad listen []: expected at least one address"],
    [[], '{ "listen": ["80", "x"] }', 'Bad listen[1] "x": expected a port, an address and a port such as'],
    [[], '{ "socketMode": 660 }', "Bad socketMode 660: expected permissions as three octal digits"],
    [[], '{ "backlog": 70000 }', "Bad backlog 70000: expected a whole number from 1 to 65535"],
  ];
  for (const [args, text, message] of mistakes) {
    const error = assertThrows(() => {
      const file = text === null ? null : parseConfig("/etc/epollet/x.json", text);
      checkAddresses(mergeSettings(parseCommandLine(args), file));
    }, UsageError);
    assertStringIncludes(error.message, message);
  }
  using site = new Site(INDEX);
  const file = site.path("index.html");
  const cases: [where: string, code: number, line: string][] = [
    [
      "1.2.3.400:80",
      2,
      'Bad address "1.2.3.400:80": expected an IPv4 or IPv6 address such as 127.0.0.1 or ::1',
    ],
    [
      `unix:${file}`,
      1,
      `Cannot listen on unix:${file}: EADDRINUSE (address already in use): something that is no socket is there, and stays`,
    ],
  ];
  for (const [where, code, line] of cases) {
    const result = await runProgram(["-d", site.root, "--listen", where]);
    assertEquals(result, { code, stdout: "", stderr: `epollet: ${line}\n` });
  }
  assertEquals(Deno.readTextFileSync(file), "hello");
});

Deno.test("--backlog is what the kernel is told, for each address", async () => {
  using site = new Site(INDEX);
  const command = programCommand([
    "-d",
    site.root,
    "--backlog",
    "17",
    "--listen",
    "127.0.0.1:0",
    "--listen",
    `unix:${site.path("a.sock")}`,
  ]);
  const log = site.path("trace");
  await using started = await Started.command(
    ["strace", "-f", "-qq", "-o", log, "-e", "trace=listen", ...command],
    /unix:.*\n/,
  );
  const lengths = Array.from(
    Deno.readTextFileSync(log).matchAll(/listen\(\d+, (\d+)\)\s+= 0/g),
    ([, length]) => length,
  );
  for (const pid of childrenOf(started.process.pid)) Deno.kill(pid, "SIGTERM"); // strace would leave it behind
  await endOf(started.process, "the program");
  assertEquals(lengths, ["17", "17"]);
});

Deno.test("--user: the UNIX socket is that user's; the sandbox leaves its file, which the next start replaces", async () => {
  if (Deno.uid() !== 0) return; // only root becomes another
  using site = new Site(INDEX);
  Deno.chmodSync(site.root, 0o755);
  const path = site.path("a.sock");
  for (let round = 0; round < 2; round++) {
    await using started = await Started.command(
      programCommand(["-d", site.root, "--listen", `unix:${path}`, "--user", "1234:5678"]),
      /\n/,
    );
    const { uid, gid } = Deno.lstatSync(path);
    assertEquals([uid, gid], [1234, 5678]);
    assertEquals(curl("--unix-socket", path, "http://x/"), "hello");
    assertEquals((await started.end()).code, 0);
  }
});

Deno.test("clients of a UNIX socket are said to be that, by a handler that prints", async () => {
  using site = new Site();
  const path = site.path("a.sock");
  for (const coroutine of [[], ["--coroutine"]]) {
    const command = programCommand(["--handler", "print", "--listen", `unix:${path}`, ...coroutine]);
    await using started = await Started.command(command, /\n/);
    assertEquals(started.greeting, `Serving print at unix:${path}\n`);
    const wire = await Wire.connectUnix(path);
    await wire.send("ping");
    await wire.endInput();
    assert(await wire.isClosed());
    wire[Symbol.dispose]();
    assertEquals((await started.end()).rest, "unix connected\nunix: ping\nunix left\n");
  }
});
