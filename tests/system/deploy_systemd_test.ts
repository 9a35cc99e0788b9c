/**
 * deploy/epollet.service and epollet.socket: systemd's own tools accept them, and the program works within their
 * restrictions.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { GRACE_MARGIN_MS, GRACE_PERIOD_MS, HANG_PATIENCE_MS } from "../../server/limits.ts";
import { childrenOf, endTree, newChildOf } from "../support/process.ts";
import {
  DENO,
  IS_EMULATED,
  Program,
  programCommand,
  REPOSITORY,
  runProgram,
  Site,
} from "../support/program.ts";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { blocksOf, readDocument } from "../support/documents.ts";
import { TestCertificates } from "../support/test_certificates.ts";
import { curl, exchange, get } from "../support/wire.ts";

const SERVICE = Deno.readTextFileSync(`${REPOSITORY}deploy/epollet.service`);
const OF_DENO = Deno.readTextFileSync(`${REPOSITORY}deploy/epollet-deno.service`);
const SOCKET = Deno.readTextFileSync(`${REPOSITORY}deploy/epollet.socket`);
const PROGRAM = "/usr/local/bin/epollet";

/** Runs a tool and returns its output and status, or null when it is not installed. */
function run(name: string, ...args: string[]): { readonly code: number; readonly text: string } | null {
  try {
    const { code, stdout, stderr } = new Deno.Command(name, { args }).outputSync();
    return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** A permitted call that the program makes, so it has to be in the trace. */
const PROOF = "landlock_create_ruleset";
/** A call of "deno run" itself: as root, its database gives its files the owner of the directory. */
const OF_THE_CACHE = /fchown\(\d+<[^>]*_v\d+[^>]*>/;

const HAS_SYSTEMD = run("systemd-analyze", "--version") !== null;
const HAS_STRACE = run("strace", "--version") !== null;
if (!HAS_SYSTEMD) {
  console.warn("systemd's own opinion of deploy/ is left out: systemd-analyze is not installed");
}

/** Returns the values of a setting, one for each line. */
function settings(unit: string, name: string): string[] {
  return Array.from(unit.matchAll(new RegExp(`^${name}=(.*)$`, "gm")), ([, value]) => value!);
}

/** Returns a time of the unit in seconds. */
function seconds(name: string): number {
  return Number(/^(\d+)s$/.exec(settings(SERVICE, name)[0]!)?.[1]);
}

/** Returns the environment that the service gets. */
function environment(): Record<string, string> {
  const words = settings(SERVICE, "Environment").join(" ").split(" ");
  return Object.fromEntries(words.map((word) => word.split("=") as [string, string]));
}

/** Returns the settings that are shipped with the unit, with other paths and ports. */
function shipped(site: Site): Record<string, unknown> {
  const file = JSON.parse(Deno.readTextFileSync(`${REPOSITORY}deploy/epollet.json`));
  const others = {
    port: 0,
    root: site.path("www"),
    admin: "127.0.0.1:0",
    accessLogFile: site.path("log/access.log"),
  };
  for (const name of Object.keys(others)) assert(Object.hasOwn(file, name), `${name} is not in the file`);
  return { ...file, ...others };
}

function newSite(): Site {
  const site = new Site({ "www/index.html": "hello" });
  Deno.mkdirSync(site.path("log"));
  site.write("epollet.json", JSON.stringify({ ...shipped(site), compress: true }));
  return site;
}

Deno.test({
  name: "systemd finds no mistakes in the units",
  ignore: !HAS_SYSTEMD,
  fn() {
    using folder = new Site({
      "epollet.service": SERVICE.replaceAll(PROGRAM, Deno.execPath()),
      "epollet.socket": SOCKET,
      "epollet-deno.service": OF_DENO.replaceAll("/usr/local/bin/deno", Deno.execPath()),
    });
    const units = ["epollet.service", "epollet.socket", "epollet-deno.service"].map((name) =>
      folder.path(name)
    );
    assertEquals(run("systemd-analyze", "verify", ...units), { code: 0, text: "" });
    folder.write("epollet.service", SERVICE.replaceAll(PROGRAM, Deno.execPath()).replace("UMask", "Umask"));
    assertMatch(run("systemd-analyze", "verify", ...units)!.text, /Unknown key .*'Umask'/);
  },
});

Deno.test("the unit for deno run differs from the other one only in what it runs", () => {
  const lines = (unit: string) => unit.split("\n").filter((line) => !/^#|^$/.test(line));
  const run = "/usr/local/bin/deno run --no-prompt --allow-ffi --cached-only /opt/epollet/main.ts";
  const own = ["Environment=DENO_DIR=/opt/epollet/.deno", "Environment=DENO_NO_UPDATE_CHECK=1"];
  const plain = lines(OF_DENO).filter((line) => !own.includes(line)).map((line) =>
    line.replace(run, PROGRAM)
  );
  assertEquals(plain, lines(SERVICE));
  assertEquals(lines(OF_DENO).length, lines(SERVICE).length + own.length);
});

Deno.test("a clone with its own cache runs as another user, downloads nothing and writes no cache", async () => {
  if (Deno.uid() !== 0 || IS_EMULATED) return console.log("skipped: only root can become another user");
  using site = new Site({ "etc/epollet.json": '{ "port": 0, "root": "../html", "workers": 1 }' });
  const clone = site.path("epollet");
  const copy =
    `mkdir ${clone} && cd ${REPOSITORY} && cp -r main.ts mod.ts deno.json deno.lock ffi server handlers program html ${clone} && cp -L ${
      DENO[0]
    } ${site.root}/deno`;
  assertEquals(run("sh", "-c", copy), { code: 0, text: "" });
  const cache = `${clone}/.deno`;
  const filled = run("env", `DENO_DIR=${cache}`, DENO[0], "cache", "--quiet", `${clone}/main.ts`)!;
  assertEquals(filled.code, 0, filled.text);
  run("chmod", "-R", "a+rX", site.root);
  Deno.renameSync(`${clone}/html`, site.path("html"));
  const [start] = settings(OF_DENO, "ExecStart") as [string];
  const words = start.replace("/usr/local/bin/deno", site.path("deno")).replace("/opt/epollet", clone).split(
    " ",
  );
  const variables = [`DENO_DIR=${cache}`, "EPOLLET_CONFIG=./", "DENO_NO_UPDATE_CHECK=1"];
  const user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-i", ...variables];
  await using program = await Program.startCommand([...user, ...words], site.path("etc"));
  assertEquals((await exchange(program.port, get("/"))).status, 200);
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
});

Deno.test({
  name: "systemd-analyze security gives the service less than 2 of 10, and the comment says how much",
  ignore: !HAS_SYSTEMD,
  fn() {
    const args = ["security", "--offline=true", "--no-pager", `${REPOSITORY}deploy/epollet.service`];
    const { text } = run("systemd-analyze", ...args)!;
    const level = Number(/Overall exposure level for epollet\.service: ([\d.]+)/.exec(text)?.[1]);
    assert(level < 2, text);
    assertMatch(SERVICE, /^# \(systemd-analyze security: 1\.9 of 10/m);
  },
});

Deno.test("a mistake in the settings prevents the start; responses in progress may finish before the service is killed; systemd watches it", async () => {
  assertEquals(settings(SERVICE, "ExecStart"), [PROGRAM]);
  assertEquals(settings(SERVICE, "ExecStartPre"), [], "its status would not prevent a restart");
  assertEquals(settings(SERVICE, "RestartPreventExitStatus"), ["2"]);
  assert(seconds("TimeoutStopSec") * 1000 > GRACE_PERIOD_MS + GRACE_MARGIN_MS);
  assert(seconds("WatchdogSec") * 1000 >= HANG_PATIENCE_MS);
  using site = newSite();
  const check = () => runProgram(["--check", "--quiet"], site.root, environment());
  assertEquals(await check(), { code: 0, stdout: "", stderr: "" });
  // Settings in the file are in force: the unit overrides none of them.
  const edited = { ...shipped(site), port: 8123, workers: 3, admin: "127.0.0.1:9191" };
  site.write("epollet.json", JSON.stringify(edited));
  const { code, stdout } = await runProgram(["--check"], site.root, environment());
  const { port, workers, admin } = JSON.parse(stdout);
  assertEquals([code, port, workers, admin], [0, 8123, 3, "127.0.0.1:9191"]);
  site.write("epollet.json", '{"compres": true}');
  assertEquals((await check()).code, 2);
  assertEquals((await runProgram([], site.root, environment())).code, 2);
});

Deno.test("the settings of deploy.md for HTTPS are those of the shipped file, and the group is a drop-in that systemd takes", () => {
  const [, https] = readDocument("docs/deploy.md").split("\n## HTTPS\n") as [string, string];
  const [settings] = blocksOf(https, "json") as [string];
  const { program } = parseConfig("epollet.json", settings);
  assertEquals([program.port, program.redirectHttp?.port, program.tlsCert?.length, program.tlsKey?.length], [
    443,
    80,
    1,
    1,
  ]);
  const shipped = JSON.parse(Deno.readTextFileSync(`${REPOSITORY}deploy/epollet.json`));
  const { port: _port, tls: _tls, ...others } = JSON.parse(settings);
  assertEquals({ port: 80, ...others }, shipped);
  const [dropIn] = blocksOf(https, "ini") as [string];
  assertEquals(dropIn, "[Service]\nSupplementaryGroups=tls\n");
  if (!HAS_SYSTEMD) return;
  using folder = new Site({
    "epollet.service": SERVICE.replaceAll(PROGRAM, Deno.execPath()).replace("[Service]\n", dropIn),
  });
  assertEquals(run("systemd-analyze", "verify", folder.path("epollet.service")), { code: 0, text: "" });
});

for (const isSecure of [false, true]) {
  Deno.test({
    name:
      `the program makes no system call that the service's filter refuses, whatever signal it gets, over ${
        isSecure ? "HTTPS" : "HTTP"
      }`,
    ignore: !HAS_SYSTEMD || !HAS_STRACE,
    fn: () => makesNoRefusedCall(isSecure),
  });
}

async function makesNoRefusedCall(isSecure: boolean): Promise<void> {
  using site = newSite();
  using certificates = new TestCertificates();
  const renew = () => {
    const { cert, key } = certificates.make({ names: ["localhost"], from: -1 });
    site.write("tls.crt", cert);
    site.write("tls.key", key);
  };
  if (isSecure) {
    renew();
    const settings = {
      ...JSON.parse(Deno.readTextFileSync(site.path("epollet.json"))),
      tls: { cert: site.path("tls.crt"), key: site.path("tls.key") },
    };
    site.write("epollet.json", JSON.stringify(settings));
  }
  const served = async (port: number) =>
    isSecure
      ? curl("--cacert", site.path("tls.crt"), `https://localhost:${port}/`)
      : (await exchange(port, get("/"))).text;
  const environmentOfOne = { ...environment(), EPOLLET_WORKERS: "1" };
  const variables = Object.entries(environmentOfOne).map(([name, value]) => `${name}=${value}`);
  const allowed = allowedCalls();
  assert(allowed.delete(PROOF));
  // strace stops the program only at forbidden calls, and records these.
  const others = `trace=!${Array.from(allowed, (name) => `?${name}`).join(",")}`;
  const trace = [
    "strace",
    "-f",
    "-y",
    "-qq",
    "--seccomp-bpf",
    "--signal=none",
    "-e",
    others,
    "-o",
    site.path("trace"),
  ];
  const command = [...trace, "env", ...variables, ...programCommand([])];
  const tracer = await Program.startCommand(command, site.root);
  let main = childrenOf(tracer.pid)[0]!;
  try {
    assertEquals(await served(tracer.port), "hello");
    if (isSecure) {
      renew();
      await tracer.warned(/Certificates renewed/);
    }
    Deno.kill(main, "SIGUSR1");
    Deno.kill(main, "SIGHUP");
    await tracer.printed(/Settings read again/);
    const workers = childrenOf(main);
    Deno.kill(main, "SIGUSR2");
    main = await newChildOf(main, workers); // soon the new process is the only one of the two
    await tracer.printed(/Settings read again[^]*Admin at/);
    assertEquals(await served(tracer.port), "hello");
    Deno.kill(main, "SIGTERM");
    await tracer.finish(); // when no process is left
  } finally {
    for (const pid of [tracer.pid, main]) endTree(pid);
  }
  const lines = Deno.readTextFileSync(site.path("trace")).split("\n").filter((line) =>
    !OF_THE_CACHE.test(line)
  );
  const used = new Set(lines.map((line) => /^\d+ +(\w+)\(/.exec(line)?.[1] ?? PROOF));
  assertEquals([...used], [PROOF]);
  assertMatch(lines.join("\n"), new RegExp(`^\\d+ +${PROOF}\\(`, "m"));
}

/** Returns the calls that `SystemCallFilter=` allows, by the sets that systemd knows. */
function allowedCalls(): Set<string> {
  const sets = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of run("systemd-analyze", "syscall-filter", "--no-pager")!.text.split("\n")) {
    if (line.startsWith("@")) sets.set(line.trim(), current = []);
    else if (/^ +[@\w]/.test(line)) current.push(line.trim());
  }
  const membersOf = (name: string): string[] => {
    if (!name.startsWith("@")) return [name];
    const members = sets.get(name);
    assert(members !== undefined, `no such set: ${name}`);
    return members.flatMap(membersOf);
  };
  const allowed = new Set<string>();
  for (const value of settings(SERVICE, "SystemCallFilter")) {
    const names = value.replace(/^~/, "").split(" ").flatMap(membersOf);
    for (const name of names) value.startsWith("~") ? allowed.delete(name) : allowed.add(name);
  }
  return allowed;
}
