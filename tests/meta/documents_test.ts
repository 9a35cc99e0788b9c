/**
 * The documents show what is real: each command is valid, each program runs, and each recipe is accepted by the
 * program that it is for.
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseCertificate } from "../../program/commands/certificate.ts";
import { parseDeploy, parseRollback } from "../../program/commands/deploy.ts";
import { SUBCOMMANDS } from "../../program/config/flags/subcommands.ts";
import { settingHelp } from "../../program/commands/setting_help.ts";
import { parseLearn } from "../../program/commands/learn.ts";
import { parseTrust } from "../../program/commands/trust.ts";
import { parseCommandLine } from "../../program/config/flags/command_line.ts";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { metricsText } from "../../handlers/admin/metrics.ts";
import { readEnvironment } from "../../program/config/flags/environment.ts";
import { FLAG_FORMS } from "../../program/config/flags/flag_forms.ts";
import { mergeSettings } from "../../program/config/settings/settings.ts";
import {
  blocksOf,
  readDocument,
  runsAndAnswers,
  spansOf,
  withoutTimes,
  wordsOf,
} from "../support/documents.ts";
import { cacheWith, snapshotWith } from "../support/snapshots.ts";
import { Program, runProgram, Site } from "../support/program.ts";
import { basic, hashOf } from "../support/passwords.ts";
import { exchange, get } from "../support/wire.ts";

const CONFIGURE = readDocument("docs/configure.md");
const DEPLOY = readDocument("docs/deploy.md");
const EMBED = readDocument("docs/embed.md");
const UNDERSTAND = readDocument("docs/understand.md");
const DOCUMENTS: Readonly<Record<string, string>> = {
  "README.md": readDocument("README.md"),
  "README.zh-CN.md": readDocument("README.zh-CN.md"),
  "SECURITY.md": readDocument("SECURITY.md"),
  "CONTRIBUTING.md": readDocument("CONTRIBUTING.md"),
  "docs/configure.md": CONFIGURE,
  "docs/deploy.md": DEPLOY,
  "docs/embed.md": EMBED,
  "docs/understand.md": UNDERSTAND,
  "docs/inside-epoll.md": readDocument("docs/inside-epoll.md"),
  "docs/mistakes.md": readDocument("docs/mistakes.md"),
  "docs/recipes.md": readDocument("docs/recipes.md"),
  "docs/troubleshoot.md": readDocument("docs/troubleshoot.md"),
  "docs/decisions.md": readDocument("docs/decisions.md"),
};
/** Flags of other programs that the documents mention. */
const OTHERS = new Set([
  "allow-ffi",
  "site",
  "output",
  "target",
  "parallel",
  "allow-net",
  "inplace",
  "no-lock",
]);

/** Flags of commands such as `epollet deploy`. */
const OF_COMMANDS = new Set(
  SUBCOMMANDS.flatMap(({ flags }) => flags.map((flag) => flag.replace(/^--| .*$/g, ""))),
);

/** Yields the arguments of each command in a document that starts this program. */
function* commandsOf(document: string): Generator<string[]> {
  const lines = [...blocksOf(document, "sh"), ...blocksOf(document, "ini"), ...blocksOf(document, "")].join(
    "\n",
  ).replaceAll(/\\\n\s*/g, "").split("\n");
  for (const line of [...lines, ...spansOf(document)]) {
    const pattern =
      /^(?:\$ )?(?:ExecStart=)?(?:[A-Z_]+=\S+ )*(?:strace .*)?(?:systemd-socket-activate -l \d+ )?((?:npx |\S*\/)?epollet|(?:npx -y deno@[\d.]+|deno) run --allow-ffi main\.ts)(?: (.*))?$/;
    const [, , args = ""] = pattern.exec(line) ?? [];
    if (args !== "" && !/…|\$\(|\[PORT\]|\b(?:URL|SHELL|DIR)\b/.test(args)) yield wordsOf(args);
  }
}

Deno.test("each command of the documents is valid for the program", () => {
  let count = 0;
  for (const [name, document] of Object.entries(DOCUMENTS)) {
    for (const words of commandsOf(document)) {
      try {
        const [first, ...others] = words;
        if (first === "certificate") parseCertificate(others);
        else if (first === "trust") parseTrust(others);
        else if (first === "deploy") parseDeploy(others);
        else if (first === "rollback") parseRollback(others);
        else if (first === "learn") parseLearn(others);
        else if (first === "help") others[0] === "NAME" || settingHelp(others[0]!);
        else parseCommandLine(words);
      } catch (error) {
        throw new Error(`${name}: epollet ${words.join(" ")}: ${(error as Error).message}`);
      }
      count++;
    }
  }
  assert(count >= 40, `${count} commands were found`);
});

Deno.test("each flag that the documents name exists, and takes the value that is shown", () => {
  let count = 0;
  for (const [name, document] of Object.entries(DOCUMENTS)) {
    for (const span of spansOf(document)) {
      const [, flag, value] = /^--([a-z][a-z-]*)(?:[ =](.+))?$/.exec(span) ?? [];
      if (flag === undefined || OTHERS.has(flag)) continue;
      if (OF_COMMANDS.has(flag) && !FLAG_FORMS.has(flag)) continue;
      assert(FLAG_FORMS.has(flag), `${name} names ${span}`);
      if (value === undefined || /…|\b[A-Z]{3,}\b/.test(value)) continue;
      parseCommandLine(wordsOf(span));
      count++;
    }
  }
  assert(count >= 20, `${count} flags with values were found`);
});

/** Returns the cells of the table that begins with `heading`. */
function tableOf(document: string, heading: string): string[][] {
  const [, table] = new RegExp(`^\\| ${heading} .*\\n\\|[- |]+\\n((?:\\|.*\\n)+)`, "m").exec(document) ?? [];
  return table!.trim().split("\n").map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
}

Deno.test("each variable has the same effect as the flags beside it", () => {
  const args = parseCommandLine([]);
  let count = 0;
  for (const [variables, flags] of tableOf(CONFIGURE, "variable")) {
    const same = spansOf(flags!).filter((span) => span.startsWith("-"));
    const pairs = spansOf(variables!).flatMap((span) => /^(\w+)=(.+)$/.exec(span)?.slice(1) ?? []);
    for (let i = 0; i < pairs.length; i += 2) {
      const [name, value] = pairs.slice(i, i + 2);
      const environment = readEnvironment((asked) => asked === name ? value : undefined);
      const flagged = parseCommandLine(wordsOf(same[Math.min(i / 2, same.length - 1)]!));
      assertEquals(mergeSettings(args, null, environment), mergeSettings(flagged, null), name);
      count++;
    }
  }
  assertEquals(count, 8);
});

Deno.test("each way to say where to listen is valid", () => {
  const ways = tableOf(CONFIGURE, "written").flatMap(([cell]) => spansOf(cell!));
  assert(ways.length >= 8);
  for (const way of ways) {
    if (way.startsWith('"')) parseConfig("epollet.json", `{ ${way} }`);
    else assert(parseCommandLine(wordsOf(way)), way);
  }
});

Deno.test("mistakes are reported in the lines that are shown", async () => {
  using site = new Site({ "epollet.json": '{ "cleanUrl": true }' });
  const lines = spansOf(CONFIGURE).filter((span) => span.startsWith("epollet: "));
  const mistakes = [
    await runProgram([], site.root),
    await runProgram(["--no-config"], site.root, { EPOLLET_PORT: "x" }),
  ];
  assertEquals(mistakes.map(({ code, stderr }) => [code, stderr]), lines.map((line) => [2, `${line}\n`]));
});

Deno.test("lines of the access log look as shown", async () => {
  const shown = blocksOf(DEPLOY, "").find((block) => block.startsWith("192.0.2.7"))!.trim().split("\n");
  using site = new Site({ "a.html": new Uint8Array(4912) });
  for (const [i, format] of ["combined", "json"].entries()) {
    const args = ["--access-log", format, "--trust-proxy", "loopback", "--auth", `anna:${hashOf("secret")}`];
    await using program = await Program.start(site.root, args);
    const fields = ["X-Forwarded-For: 192.0.2.7", basic("anna", "secret"), "User-Agent: curl/8.5.0"];
    const request = get("/a.html", ...fields).replace("Host: test", "Host: example.org");
    assertEquals((await exchange(program.port, request)).status, 200);
    await program.printed(/a\.html.*\n/);
    const withoutTimes = (line: string) =>
      line.replaceAll(/\[[^\]]*\]|"time":"[^"]*"/g, "TIME").replace(/(:| )\d+\.\d{6}\b/, "$1SECONDS");
    const line = program.stdout.trim().split("\n").at(-1)!;
    assertEquals(withoutTimes(line), withoutTimes(shown[i]!));
  }
});

Deno.test("the configuration file that is shown is valid", () => {
  const [text] = blocksOf(CONFIGURE, "json") as [string];
  const { site, hosts } = mergeSettings(parseCommandLine([]), parseConfig("epollet.json", text));
  assertEquals([site.redirects.length, site.auth.length, [...hosts.keys()]], [
    2,
    1,
    ["shop.example.org", "*.example.org"],
  ]);
});

Deno.test("the project's own site is explained as the program explains it", async () => {
  const [, url, shown] = /\$ deno run --allow-ffi main\.ts --explain (\S+)\n(.*?)\n```/s.exec(CONFIGURE) ??
    [];
  const { code, stdout } = await runProgram(["--explain", url!]);
  assertEquals(code, 0);
  assertEquals(withoutTimes(stdout), withoutTimes(shown!));
});

Deno.test("--check prints the lines that are shown, with the sources of the settings", async () => {
  using site = new Site({ "public/index.html": "" });
  const [, args, shown] = /\$ EPOLLET_COMPRESS=on epollet (.*)\n([^]*?)\n```/.exec(CONFIGURE) ?? [];
  const { code, stdout } = await runProgram(args!.split(" "), site.root, { EPOLLET_COMPRESS: "on" });
  assertEquals(code, 0);
  for (const line of shown!.split("\n").filter((line) => /^ {2}"/.test(line))) {
    assertStringIncludes(stdout, line.replace("/srv/public", `${site.root}/public`));
  }
});

Deno.test("each program of docs/embed.md runs and answers", async () => {
  const programs = blocksOf(EMBED, "ts");
  assert(programs.length >= 8, `${programs.length}`);
  await Promise.all(programs.map(runsAndAnswers));
});

/** Runs a command and returns its output, or null when it is not installed. */
async function tryCommand(command: string, ...args: string[]): Promise<string | null> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(command, {
      args,
      stdout: "piped",
      stderr: "piped",
    })
      .output();
    const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert(success, `${command} ${args.join(" ")}: ${output}`);
    return output;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.warn(`${command} is not installed`);
    return null;
  }
}

Deno.test("the proxies accept the recipes of docs/deploy.md", async () => {
  using site = new Site();
  const key = site.path("example.org.key");
  const pem = site.path("example.org.pem");
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=example.org"];
  if (await tryCommand("openssl", ...request, "-keyout", key, "-out", pem) === null) return;
  const withFiles = (text: string) => text.replaceAll(/\/etc\/(ssl|haproxy)\//g, `${site.root}/`);
  const [nginx] = blocksOf(DEPLOY, "nginx") as [string];
  site.write(
    "nginx.conf",
    `pid ${site.path("pid")};\nevents {}\nhttp {\naccess_log off;\n${withFiles(nginx)}\n}\n`,
  );
  await tryCommand("nginx", "-t", "-q", "-e", "stderr", "-c", site.path("nginx.conf"));
  // HAProxy takes both from one file.
  Deno.writeTextFileSync(pem, Deno.readTextFileSync(pem) + Deno.readTextFileSync(key));
  const [haproxy] = blocksOf(DEPLOY, "haproxy") as [string];
  site.write("haproxy.cfg", withFiles(haproxy));
  await tryCommand("haproxy", "-c", "-q", "-f", site.path("haproxy.cfg"));
  site.write("Caddyfile", blocksOf(DEPLOY, "caddyfile")[0]!);
  await tryCommand("caddy", "validate", "--adapter", "caddyfile", "--config", site.path("Caddyfile"));
});

Deno.test("Prometheus accepts the settings of docs/deploy.md, and the program has each metric that it names", async () => {
  using site = new Site({ "prometheus.yml": blocksOf(DEPLOY, "yaml")[0]! });
  await tryCommand("promtool", "check", "config", "--syntax-only", site.path("prometheus.yml"));
  const expressions = tableOf(DEPLOY, "expression").map(([cell]) => spansOf(cell!)[0]!);
  const http2 = {
    connections: 1,
    streams: {},
    accepted: 1,
    responses: { "200": 1 },
    refused: 1,
    resetByServer: 1,
    resetByClient: 1,
    goAways: { "no-error": 1 },
  };
  const known = metricsText([snapshotWith({ responses: { "200": 1 }, cache: cacheWith(1), http2 })], "0");
  for (const expression of expressions) {
    const [name] = /(epollet|process)_\w+/.exec(expression)!;
    assertStringIncludes(known, `\n${name}`, expression);
  }
  const rules = expressions.map((expr, i) => `- {record: "r${i}", expr: ${JSON.stringify(expr)}}`);
  site.write("rules.yml", `groups:\n- name: shown\n  rules:\n  ${rules.join("\n  ")}\n`);
  await tryCommand("promtool", "check", "rules", site.path("rules.yml"));
});
