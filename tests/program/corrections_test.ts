/**
 * The line to type that ends the message for a mistake, and `epollet help NAME`.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { settingHelp } from "../../program/commands/setting_help.ts";
import { parseCommandLine } from "../../program/config/flags/command_line.ts";
import { correctedWords, lineOf } from "../../program/config/flags/corrections.ts";
import { readEnvironment } from "../../program/config/flags/environment.ts";
import { FLAG_FORMS } from "../../program/config/flags/flag_forms.ts";
import { FLAGS } from "../../program/config/flags/flags.ts";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { SETTINGS } from "../../program/config/settings/table.ts";
import { UsageError } from "../../server/usage_error.ts";
import { wordsOf } from "../support/documents.ts";
import { runProgram, Site } from "../support/program.ts";

/** Lines that are refused, and those that were probably meant; null where that is not obvious. */
const CASES: readonly (readonly [typed: string, meant: string | null])[] = [
  ["--prot 8080", "--port 8080"],
  ["--prot=8080 ./site --brwose", "--port=8080 ./site --browse"],
  ["-port 8080", "--port 8080"],
  ["-browse", "--browse"],
  ["-P8080 site", "-p 8080 site"],
  ["-D site", "-d site"],
  ["--cacheSize 64M", "--cache-size 64M"],
  ["--cache_size 64M", "--cache-size 64M"],
  ["--port:8080", "--port 8080"],
  ["port=8080 site", "--port=8080 site"],
  ["--bind 127.0.0.1 site", "--host 127.0.0.1 site"],
  ["--bind 127.0.0.1:8080", "--listen 127.0.0.1:8080"],
  ["--host localhost:8080", "--listen localhost:8080"],
  ["127.0.0.1:8080 site", "--listen 127.0.0.1:8080 site"],
  ["0.0.0.0 site", "--host 0.0.0.0 site"],
  ["--directory site", "--root site"],
  ["--watch site", "--live site"],
  ["--single", "--spa"],
  ["-s site", "--spa site"],
  ["--not-found /missing.html", "--error-page 404=/missing.html"],
  ["-c-1", "--cache-control no-store"],
  ["--cache 3600", "--cache-control max-age=3600"],
  ["-o site", "--open site"],
  ["--threads 4", "--workers 4"],
  ["--browse=true", "--browse"],
  ["--browse=false site", "--no-browse site"],
  ["--browse false site", "--no-browse site"],
  ["--port 80 --port 81", "--port 81"],
  ["--browse --no-browse", "--no-browse"],
  ["--spa index.html", "--spa=index.html"],
  ["--spa=", "--spa"],
  ["serve 8080 ./site", "8080 ./site"],
  ["serve site --browse", "site --browse"],
  ["dev site", "--dev site"],
  ["certificat example.org", "certificate example.org"],
  ["certificate --emial a@b.example x.example", "certificate --email a@b.example x.example"],
  ["2024-site", "./2024-site"],
  ["--access-log devv", "--access-log dev"],
  ["--access-log=JSON", "--access-log=json"],
  ["--dev --access-log off", "--dev --access-log none"],
  ["--no-access-log", "--access-log none"],
  ["--no-etag site", "--etag off site"],
  ["--keep-alive-timeout 5sec", "--keep-alive-timeout 5s"],
  ["--rate 100/minute", "--rate 100/m"],
  ["--cache-size 1.5G", "--cache-size 1536M"],
  ["--cors=a.example", "--cors=https://a.example"],
  ["--error-page 404:/x.html", "--error-page 404=/x.html"],
  ["-H X-A=b", "-H 'X-A: b'"],
  ["--explain about", "--explain /about"],
  ["--etag=off --prot 1 --brows", "--etag=off --port 1 --browse"],
  ["--nonsense", null],
  ["-x", null],
  ["7890 --no-cache", null],
  ["rollback site --keep 3", null],
  ["a b", null],
  ["80 site more", null],
  ["--port abc", null],
  ["--port", null],
  ["--poller kqueue", null],
  ["--poller io_uring", "--poller io-uring"],
  ["--poller uring", "--poller io-uring"],
  ["--poller edge", "--poller epoll-edge"],
  ["--poller epoll", null],
  ["--completions tcsh", null],
  ["--auth anna:secret", null],
];

Deno.test("a refused line ends with the one that was meant, where that is obvious", () => {
  for (const [typed, meant] of CASES) {
    const words = correctedWords(typed.split(" "));
    assertEquals(words === null ? null : lineOf(words), meant === null ? null : `epollet ${meant}`, typed);
  }
  assertEquals(correctedWords(["8080", "site", "--browse"]), null, "nothing is wrong");
  const secret = "anna:$scrypt$ln=14";
  assertEquals(lineOf(["--auth", secret, `--auth=${secret}`]), "epollet --auth 'anna:…' '--auth=anna:…'");
});

Deno.test("the program prints that line at the end of its message, also for a root that does not exist", async () => {
  using site = new Site({ "public/index.html": "hello" });
  const mistake = async (...args: string[]) => {
    const { code, stdout, stderr } = await runProgram(args, site.root);
    assertEquals([code, stdout, stderr.split("\n").length], [2, "", 2], stderr);
    return /; type: (.*)\n$/.exec(stderr)?.[1] ?? null;
  };
  const cases: readonly (readonly [args: readonly string[], line: string | null])[] = [
    [["--prot", "80", "public"], "epollet --port 80 public"],
    [["8080", "pubilc", "--browse"], "epollet 8080 public --browse"],
    [["--root", "pubic"], "epollet --root public"],
    [["dev"], "epollet --dev"],
    [["check"], "epollet --check"],
    [[":8080"], "epollet 8080"],
    [["—port", "8080"], "epollet --port 8080"],
    [["--browse", "true"], "epollet --browse"],
    [["trsut"], "epollet trust"],
    [["trust", "--remov"], "epollet trust --remove"],
    [["--handler", "echo", "--browse"], "epollet --handler echo"],
    [["help", "lvie"], "epollet help live"],
    [["help", "live", "now"], "epollet help live"],
    [["nowhere"], null],
  ];
  await Promise.all(
    cases.map(async ([args, line]) => assertEquals(await mistake(...args), line, args.join(" "))),
  );
});

/** Returns what stands beside a label in a text of `epollet help`. */
function partOf(text: string, label: string): string | null {
  const [, first, rest] = new RegExp(`^ {2}${label} +(\\S.*)\n((?: {16}.*\n)*)`, "m").exec(text) ?? [];
  return first === undefined ? null : `${first}\n${rest}`.trim();
}

Deno.test("epollet help explains every setting, with examples that the program takes", () => {
  for (const setting of SETTINGS) {
    const text = settingHelp(setting.key);
    const inFile = partOf(text, "In the file")!;
    assert(inFile.startsWith(`"${setting.key.split(".")[0]}": `), `${setting.key}: ${text}`);
    if (setting.key !== "auth") parseConfig("epollet.json", `{ ${inFile} }`); // its hash is none
    assert(partOf(text, "Default") !== null && partOf(text, "Reload") !== null, text);
    assert(text.split("\n").every((line) => line.length <= 90), text);
    if (setting.flag === null) continue;
    const example = partOf(text, "Example")!;
    const [name, value] = /^EPOLLET_(\w+)=(.*)$/.exec(partOf(text, "Variable")!)!.slice(1);
    assertStringIncludes(example, setting.flag);
    if (setting.key === "auth") continue; // a shell completes it
    parseCommandLine(wordsOf(example).slice(1));
    const plain = wordsOf(value!)[0];
    const given = readEnvironment((asked) => asked === `EPOLLET_${name}` ? plain : undefined);
    assertEquals([...given.flags.names].length, 1, example);
  }
});

Deno.test("epollet help knows a setting by each of its names", async () => {
  const port = settingHelp("port");
  for (const name of ["--port", "-p", "p", "EPOLLET_PORT", "PORT"]) {
    assertEquals(settingHelp(name), port, name);
  }
  assertMatch(port, /^-p, --port PORT\n\nPort to listen on; 0 picks a free one\.\n/);
  assertEquals(partOf(port, "Example"), "epollet ./public --port 8080");
  assertEquals(partOf(port, "In the file"), '"port": 8080');
  assertEquals(partOf(port, "Variable"), "EPOLLET_PORT=8080");
  assertEquals(partOf(port, "Default"), "7890");
  assertEquals(settingHelp("no-browse"), settingHelp("browse"));
  assertEquals(settingHelp("accessLog"), settingHelp("--access-log"));
  assertEquals(settingHelp("tls.cert"), settingHelp("--tls-cert"));
  assertStringIncludes(settingHelp("limits"), "--max-head SIZE");
  assertStringIncludes(settingHelp("tls"), "--tls-cert FILE");
  for (const { name } of FLAGS) assertStringIncludes(settingHelp(name), `--${name}`);
  for (const name of FLAG_FORMS.keys()) settingHelp(`--${name}`);
  const error = assertThrows(() => settingHelp("accesslgo"), UsageError, "the closest is accessLog");
  assertEquals(error.correct!([]), ["help", "accessLog"]);
  assertThrows(() => settingHelp("zzzzzz"), UsageError, 'There is no setting "zzzzzz": see epollet --help');
  const [live, none, trust] = await Promise.all(
    [["help", "live"], ["help"], ["help", "trust"]].map((args) => runProgram(args, "/")),
  );
  assertEquals([live!.code, live!.stdout, live!.stderr], [0, `${settingHelp("live")}\n`, ""]);
  assertEquals(none!.stdout, (await runProgram(["--help"], "/")).stdout);
  assertMatch(trust!.stdout, /^epollet trust \[--remove\]\n/);
});
