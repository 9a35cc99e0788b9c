/**
 * `--dev`, `--next-port`, `--qr` and `--open`: what they set, print and start.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { networkAddresses } from "../../ffi/socket/interfaces.ts";
import { parseCommandLine } from "../../program/config/flags/command_line.ts";
import { readEnvironment } from "../../program/config/flags/environment.ts";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { combine } from "../../program/config/load_settings.ts";
import type { CommandLine } from "../../program/config/settings/settings.ts";
import { ownNames } from "../../program/setup/local_names.ts";
import { freePort } from "../support/free_port.ts";
import { Program, programCommand, runProgram, Site } from "../support/program.ts";
import { eventually } from "../support/waiting.ts";
import { Wire } from "../support/wire.ts";

/** The settings of a command line, with variables and a file. */
function settingsOf(
  args: readonly string[],
  variables: Record<string, string> = {},
  file: object | null = null,
): CommandLine {
  return combine(parseCommandLine(args), {
    environment: readEnvironment((name) => variables[name]),
    file: file === null ? null : parseConfig("epollet.json", JSON.stringify(file)),
  });
}

/** What `--dev` is about. */
function implied({ live, open, accessLog, site, hosts }: CommandLine): unknown {
  const caching = site.headers.flatMap(({ fields }) => fields.map(([, value]) => value));
  const ofHosts = Array.from(hosts.values(), ({ headers }) => headers.at(-1)?.fields);
  return { live, open, accessLog, browse: site.browse, caching, ofHosts };
}

const ON = { live: true, open: "/", accessLog: "dev", browse: true, caching: ["no-cache"], ofHosts: [] };
const OFF = { live: false, open: null, accessLog: "none", browse: false, caching: [], ofHosts: [] };

Deno.test("--dev stands for its settings, and what is written beside it, or counts more, overrules them", () => {
  assertEquals(implied(settingsOf([])), OFF);
  assertEquals(implied(settingsOf(["--dev"])), ON);
  assertEquals(implied(settingsOf([], { EPOLLET_DEV: "1" })), ON);
  assertEquals(implied(settingsOf([], {}, { dev: true })), ON);
  assertEquals(implied(settingsOf(["--no-dev"], { EPOLLET_DEV: "1" }, { dev: true })), OFF);
  const single = "--dev --no-live --no-open --access-log none --no-browse --cache-control max-age=60";
  assertEquals(implied(settingsOf(single.split(" "))), OFF);
  assertEquals(implied(settingsOf(["--dev"], { EPOLLET_BROWSE: "0" })), { ...ON, browse: true });
  assertEquals(implied(settingsOf(["--no-browse"], { EPOLLET_DEV: "1" })), { ...ON, browse: false });
  assertEquals(implied(settingsOf(["--dev", "--access-log", "json", "--open=/a"])), {
    ...ON,
    accessLog: "json",
    open: "/a",
  });
  const file = {
    browse: false,
    accessLog: "combined",
    headers: { "Cache-Control": "max-age=9" },
    hosts: { "a.example": { headers: { "Cache-Control": "max-age=8" } } },
  };
  const byFlag = { ...ON, caching: ["max-age=9", "no-cache"], ofHosts: [[["Cache-Control", "no-cache"]]] };
  assertEquals(implied(settingsOf(["--dev"], {}, file)), byFlag);
  assertEquals(implied(settingsOf([], {}, { ...file, dev: true })), {
    ...byFlag,
    browse: false,
    accessLog: "combined",
  });
  const own = settingsOf(["--dev", "-H", "Cache-Control: max-age=7"]);
  assertEquals(own.site.headers.at(-1)?.fields, [["Cache-Control", "max-age=7"]]);
});

Deno.test("what --check prints of --dev means the same when it is read", async () => {
  using site = new Site({ "index.html": "hello" });
  const first = await runProgram(["--check", "--dev", "-v", "--no-config", "--root", site.root]);
  assertEquals([first.code, first.stderr], [0, ""]);
  assertMatch(first.stdout, /^ {2}"browse": true, \/\/ dev$/m);
  assertMatch(first.stdout, /^ {2}"dev": true, \/\/ --dev$/m);
  site.write("epollet.json", first.stdout);
  const second = await runProgram(["--check", "--config", site.path("epollet.json")]);
  assertEquals(second.stdout, first.stdout.replaceAll(/ \/\/ .*$/gm, ""));
});

Deno.test("with --dev everything is revalidated, also hashed names, and foreign host names are told how to be allowed", async () => {
  using site = new Site({ "assets/app-BxQ3z8Kp.js": "1;", "assets/a.html": "a" });
  const hashed = "/assets/app-BxQ3z8Kp.js";
  const answer = async (port: number, target: string, host: string) => {
    using wire = await Wire.connect(port);
    await wire.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    return new TextDecoder().decode(await wire.readToEnd());
  };
  const env = { BROWSER: "none", LC_ALL: "C.UTF-8" };
  const command = (...args: string[]) => programCommand(["0", site.root, "--no-config", ...args]);
  await using plain = await Program.startCommand(command(), undefined, env);
  assertStringIncludes(await answer(plain.port, hashed, "localhost"), "immutable");
  await using program = await Program.startCommand(command("--dev"), undefined, env);
  for (const target of [hashed, "/assets/a.html", "/assets/", "/assets"]) {
    const response = await answer(program.port, target, "localhost");
    assertMatch(response, /^HTTP\/1\.1 (200|301) /, target);
    assertEquals(response.match(/^cache-control: .*$/gim), ["Cache-Control: no-cache"], target);
  }
  for (const host of ["localhost", `127.0.0.1:${program.port}`, "[::1]", "a.localhost", ...ownNames()]) {
    assertStringIncludes(await answer(program.port, hashed, host), "HTTP/1.1 200 ", host);
  }
  for (const host of ["evil.example", `evil.example:${program.port}`, "localhost.evil.example"]) {
    const response = await answer(program.port, "/", host);
    assertStringIncludes(response, "HTTP/1.1 421 ", host);
    assertStringIncludes(response, "--allowed-hosts", host);
  }
  await program.printed(/^\d\d:\d\d:\d\d GET \/assets\/app-BxQ3z8Kp\.js 200 2 B [\d.]+ ms$/m);
  await using allowing = await Program.startCommand(
    command("--dev", "--allowed-hosts", "app.test", "--access-log", "none"),
    undefined,
    env,
  );
  assertStringIncludes(await answer(allowing.port, hashed, "app.test"), "HTTP/1.1 200 ");
  assert(!allowing.stdout.includes("GET"), allowing.stdout);
});

Deno.test("a taken port is an error that names --next-port, which takes the next free one and says so", async () => {
  using site = new Site({ "index.html": "hello" });
  using taken = Deno.listen({ hostname: "127.0.0.1", port: freePort() });
  const { port } = taken.addr;
  const args = [String(port), site.root, "-a", "127.0.0.1", "--no-config"];
  const refused = await runProgram(args);
  assertEquals([refused.code, refused.stdout], [1, ""]);
  assertMatch(refused.stderr, /^epollet: Cannot listen on \S+: EADDRINUSE .*--next-port.*\n$/);
  for (const more of [[], ["--workers", "2"]]) {
    await using program = await Program.startCommand(programCommand([...args, "--next-port", ...more]));
    assert(program.port > port && program.port <= port + 100, String(program.port));
    assertStringIncludes(program.greeting, `Port ${port} is taken: ${program.port} is used instead\n`);
    assertEquals(await (await fetch(`http://127.0.0.1:${program.port}/`)).text(), "hello");
    await using beside = await Program.startCommand(programCommand([...args, "--next-port"]));
    assert(beside.port > program.port, "the next one");
    if (more.length === 0) continue;
    program.kill("SIGHUP"); // the port stays when the settings are read again
    await program.printed(/^Settings read again/m);
    assertEquals(await (await fetch(`http://127.0.0.1:${program.port}/`)).text(), "hello");
  }
  await using free = await Program.startCommand(
    programCommand(["0", site.root, "--next-port", "--no-config"]),
  );
  assert(!free.greeting.includes("is taken"), free.greeting);
});

Deno.test("--open starts the browser of BROWSER with the page, in a session of its own; a missing one is one line", async () => {
  using site = new Site({ "docs/index.html": "docs", opened: "" });
  const script = site.path("browser");
  Deno.writeTextFileSync(
    script,
    `#!/bin/sh\necho "$1 $$ $(cut -d' ' -f6 /proc/$$/stat)" > ${site.path("opened")}.new\nmv ${
      site.path("opened")
    }.new ${site.path("opened")}\n`,
    { mode: 0o755 },
  );
  const args = ["0", site.root, "--no-config"];
  const opened = () => {
    try {
      return Deno.readTextFileSync(site.path("opened")).trim().split(" ");
    } catch {
      return null;
    }
  };
  for (const [flags, path] of [[["--open"], "/"], [["--open=docs/", "--workers", "1"], "/docs/"]] as const) {
    Deno.removeSync(site.path("opened"));
    await using program = await Program.startCommand(programCommand([...args, ...flags]), undefined, {
      BROWSER: `/nowhere/browser:${script} %s`,
    });
    await eventually(() => opened() !== null, "no browser is started");
    const [url, pid, session] = opened()!;
    assertEquals(url, `http://127.0.0.1:${program.port}${path}`);
    assertEquals(session, pid, "Ctrl-C in the terminal would end the browser");
  }
  await using program = await Program.startCommand(programCommand([...args, "--open"]), undefined, {
    BROWSER: "",
    PATH: site.root,
  });
  await program.warned(/^epollet: No browser is opened: there is none of xdg-open, .*: open http:\S+\n$/);
  const failing = site.path("failing");
  Deno.writeTextFileSync(failing, "#!/bin/sh\nexit 3\n", { mode: 0o755 });
  await using failed = await Program.startCommand(programCommand([...args, "--open"]), undefined, {
    BROWSER: failing,
  });
  await failed.warned(/^epollet: No browser is opened: \S+failing ended with status 3: open http:\S+\n$/);
  await using sudo = await Program.startCommand(programCommand([...args, "--open"]), undefined, {
    BROWSER: script,
    SUDO_UID: "1000",
  });
  assertEquals(await (await fetch(`http://127.0.0.1:${sudo.port}/docs/`)).text(), "docs");
  if (Deno.uid() === 0) await sudo.warned(/^epollet: No browser is opened: this process is root for another/);
});

/** The modules of a code that is drawn with half blocks: true for dark. */
function modulesOf(lines: readonly string[]): boolean[][] {
  const upper: Record<string, boolean> = { "█": false, "▀": false, "▄": true, " ": true };
  const lower: Record<string, boolean> = { "█": false, "▀": true, "▄": false, " ": true };
  return lines.flatMap((line) => [[...line].map((c) => upper[c]!), [...line].map((c) => lower[c]!)]);
}

/** Reads a code by zbarimg; null where that is not installed. */
async function decode(modules: readonly boolean[][]): Promise<string | null> {
  const scale = 4;
  const rows = modules.flatMap((row) => {
    const pixels = row.flatMap((isDark) => Array<number>(scale).fill(isDark ? 0 : 255)).join(" ");
    return Array<string>(scale).fill(pixels);
  });
  const file = Deno.makeTempFileSync({ suffix: ".pgm" });
  try {
    Deno.writeTextFileSync(
      file,
      `P2\n${modules[0]!.length * scale} ${rows.length}\n255\n${rows.join("\n")}\n`,
    );
    const { stdout } = await new Deno.Command("zbarimg", { args: ["-q", "--raw", file], stderr: "null" })
      .output();
    return new TextDecoder().decode(stdout).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  } finally {
    Deno.removeSync(file);
  }
}

Deno.test("--qr draws the address on the network, which a reader of codes finds", async () => {
  using site = new Site({ "index.html": "hello" });
  const [address] = networkAddresses().filter((address) => !address.includes(":"));
  await using program = await Program.start(site.root, ["--qr", "--no-config"]);
  if (address === undefined) return console.log("skipped: there is no network");
  const url = `http://${address}:${program.port}/`;
  await program.printed(new RegExp(`^${url.replaceAll(".", "\\.")}$`, "m"));
  const lines = program.stdout.split("\n").filter((line) => /^[█▀▄ ]+$/.test(line));
  assert(lines.length > 10 && lines.every((line) => line.length === lines[0]!.length), program.stdout);
  const read = await decode(modulesOf(lines));
  if (read === null) console.log("zbarimg is not installed: the code is not read");
  else assertEquals(read, url);
  await using alone = await Program.start(site.root, ["--qr", "--no-config", "-a", "127.0.0.1"]);
  await alone.printed(/^No QR code: .*--host/m);
});

Deno.test("at a terminal the greeting is aligned, and coloured unless NO_COLOR is set", async () => {
  using site = new Site({ "index.html": "hello" });
  const args = [
    "0",
    site.root,
    "--no-config",
    "--browse",
    "--access-log",
    "dev",
    "--allowed-hosts",
    "app.test",
  ];
  const codes = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g");
  for (const colour of ["", "1"]) {
    await using program = await Program.startAtTerminal(args, { NO_COLOR: colour });
    await program.printed(/Names.*app\.test/);
    assertEquals(await (await fetch(`http://127.0.0.1:${program.port}/`)).text(), "hello");
    await program.printed(/GET/);
    assertEquals(codes.test(program.stdout), colour === "", program.stdout);
    codes.lastIndex = 0;
    const lines = program.stdout.replaceAll(codes, "").split("\r\n");
    const rows = lines.flatMap((line) => /^ {2}([A-Z][a-z]+) +(?=\S)/.exec(line) ?? []);
    const at = lines.flatMap((line) => /^ {2}[A-Z][a-z]+ +(?=\S)/.exec(line)?.[0].length ?? []);
    assertEquals(new Set(at), new Set([12]), program.stdout);
    for (const label of ["Local", "Network", "Files", "Rules", "Names"]) assert(rows.includes(label), label);
    assert(lines.includes(`  Files     ${site.root}`), program.stdout);
    assert(lines.includes("  Rules     index index.html; browse"), program.stdout);
    assertEquals(lines.filter((line) => / at http/.test(line)), []);
    assertMatch(lines.find((line) => line.includes("GET"))!, /^\d\d:\d\d:\d\d GET \/ 200 5 B [\d.]+ ms$/);
  }
});
