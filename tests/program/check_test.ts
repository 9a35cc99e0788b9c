/**
 * `--check` prints the settings in force as a configuration file with the same meaning, or the one line that reports
 * a mistake.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parse } from "@std/jsonc";
import { parseCommandLine } from "../../program/config/flags/command_line.ts";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { jsonSchemaText } from "../../program/config/file/schema.ts";
import { OBJECTS } from "../../program/config/settings/setting.ts";
import { SETTINGS } from "../../program/config/settings/table.ts";
import { type CommandLine, mergeSettings } from "../../program/config/settings/settings.ts";
import type { SiteSettings } from "../../handlers/site/settings/site_settings.ts";
import { configText, writtenConfig } from "../../program/config/file/write_config.ts";
import { hashPassword } from "../../handlers/site/auth/password_hash.ts";
import { compileSchema } from "../support/json_schema.ts";
import { Program, programCommand, runProgram, Site } from "../support/program.ts";

const HASH = hashPassword("secret");
const isValid = compileSchema(JSON.parse(jsonSchemaText()));

/** Returns the settings in force for a file at `path` with this text. */
function settingsOf(text: string, args: readonly string[] = [], path = "/srv/epollet.json"): CommandLine {
  return mergeSettings(parseCommandLine(args), parseConfig(path, text));
}

/**
 * Returns the meaning of the settings: without the name of the file, the way in which fields are joined to rules, and
 * the choice which address is called the port. Roots are compared in a test of their own.
 */
function meaningOf(settings: CommandLine): unknown {
  const { config: _, file: _file, port: _port, host: _host, listen: _listen, site, hosts, ...program } =
    settings;
  const meaning = ({ root: _, headers, ...site }: SiteSettings) => ({
    ...site,
    headers: headers.flatMap(({ source, fields }) => fields.map((field) => [source, ...field])),
  });
  return { ...program, site: meaning(site), hosts: Array.from(hosts, ([name, own]) => [name, meaning(own)]) };
}

Deno.test("the output is a valid file with the same meaning, wherever it is put", () => {
  const files: [text: string, args?: readonly string[]][] = [
    ["{}", ["-d", "/srv/html"]],
    ['{ "port": 0, "host": "::", "keepAlive": false, "handler": "echo", "coroutine": true, "root": "a" }'],
    [
      '{ "root": "a", "listen": ["*:80", "unix:run/a", "unix:@b"], "backlog": 5, "socketMode": "0600", "workers": "auto", "admin": 9091 }',
    ],
    ['{ "root": "a", "listen": "[::1]:80", "port": 81, "gracePeriod": "1m" }'],
    ['{ "cacheSize": 0, "cacheFileSize": 1000, "cacheValidate": "stat", "user": "www-data:33", "root": "/" }'],
    ['{ "keepAssets": "24h", "keepAssetsSize": "1G", "root": "a" }'],
    ['{ "headTimeout": 0.5, "bodyTimeout": "2m", "minReceiveRate": 0, "maxBody": 0, "maxConnections": 5, "root": "a" }'],
    ['{ "rate": "90/m", "maxPerIp": 7, "index": ["a,b", "c"], "spa": true, "cors": true, "root": "./a//b/../c/." }'],
    ['{ "cors": ["https://a.example", "*"], "spa": "x.html", "root": "a", "sandbox": false }'],
    [
      `{ "root": "a", "errorPages": { "404": "x", "500": "/y" }, "headers": { "X-A": "b", "X-B": null, "__proto__": "c" },
        "redirects": [{ "source": "/a", "destination": "/b" }], "rewrites": [{ "source": "/a/*", "destination": "/$1" }],
        "auth": [{ "users": { "anna": "${HASH}", "__proto__": "${HASH}" } }, { "source": "/p", "realm": "x", "users": {} }],
        "hosts": {
          "same.example": {},
          "*.example": { "root": "b", "spa": false, "cors": false, "errorPages": { "500": "/z" }, "headers": {}, "auth": [] }
        } }`,
      [
        "-H",
        "X-A: d",
        "-H",
        "X-A:",
        "-H",
        "x-a: e",
        "--auth",
        `bert:${HASH}`,
        "--spa",
        "--browse",
        "--error-page=404=w",
      ],
    ],
  ];
  for (const [text, args] of files) {
    const settings = settingsOf(text, args);
    const printed = configText(writtenConfig(settings, "/somewhere"), null);
    assert(isValid(JSON.parse(printed)), `${printed}: ${JSON.stringify(isValid.errors)}`);
    const again = settingsOf(printed, [], "/elsewhere/other.json");
    assertEquals(configText(writtenConfig(again, "/elsewhere"), null), printed);
    assertEquals(meaningOf(again), meaningOf(settings), text);
  }
});

/** Returns the keys of a file: those in the object `tls` as `tls.NAME`. */
function keysOf(config: Record<string, unknown>): string[] {
  return Object.entries(config).flatMap(([key, value]) =>
    Object.hasOwn(OBJECTS, key) ? Object.keys(value as object).map((name) => `${key}.${name}`) : [key]
  );
}

Deno.test("every key is printed, except unset ones without a default", () => {
  const config = Object.fromEntries(writtenConfig(settingsOf('{ "root": "a" }'), "/"));
  const keys = SETTINGS.map(({ key }) => key);
  const printed = keysOf(config);
  assertEquals(keys.filter((key) => !printed.includes(key)).toSorted(), [
    "accessLogFile",
    "acme.ca",
    "acme.dir",
    "acme.directory",
    "acme.eab",
    "acme.email",
    "acme.names",
    "acme.profile",
    "acme.tlsAlpn",
    "admin",
    "errorLog",
    "keepAssets",
    "listen",
    "maxConnections",
    "rateBurst",
    "tls.cert",
    "tls.hsts",
    "tls.key",
    "tls.port",
    "tls.redirectHttp",
    "user",
  ]);
  assertEquals(printed.filter((key) => !keys.includes(key)), []);
});

Deno.test("a directory is printed as an absolute path, and keeps the links on the way", () => {
  const cases: [root: string, directory: string, printed: string][] = [
    ["./html", "/srv/site", "/srv/site/html"],
    ["a/../b/./c//", "/srv", "/srv/a/../b/c"],
    ["/x", "/srv", "/x"],
    ["/", "/srv", "/"],
    [".", "/", "/"],
  ];
  for (const [root, directory, expected] of cases) {
    const settings = mergeSettings(parseCommandLine(["--root", root]), null);
    assertEquals(new Map(writtenConfig(settings, directory)).get("root"), expected);
  }
});

Deno.test("--check prints the settings in force; from its own output it prints the same again", async () => {
  using site = new Site({
    "public/index.html": "",
    "shop/index.html": "",
    "epollet.json": `{
      "root": "public", "spa": true, "auth": [{ "source": "/p/**", "users": { "anna": "${HASH}" } }],
      "hosts": { "shop.example": { "root": "shop" } } // more to come
    }`,
  });
  const root = Deno.realPathSync(site.root);
  const first = await runProgram(["--check", "8080", "-H", "X-A: b"], site.root, { EPOLLET_COMPRESS: "on" });
  const reach =
    "epollet: The auth rule for /p/** protects /p and everything below it, also as /p.br, /p.zst, /p.gz, and nothing else\n";
  assertEquals([first.code, first.stderr], [0, reach]);
  assert(isValid(JSON.parse(first.stdout)), JSON.stringify(isValid.errors));
  const { port, root: folder, compress, spa, hosts } = JSON.parse(first.stdout);
  assertEquals([port, folder, compress, spa], [8080, `${root}/public`, true, "/index.html"]);
  assertEquals(hosts, { "shop.example": { root: `${root}/shop` } });
  site.write("other/place.json", first.stdout);
  const [second, noted, quiet] = await Promise.all([
    runProgram(["--check", "--config", site.path("other/place.json")], "/"),
    runProgram(["--check", "-v", "-H", "X-A: b", "8080"], site.root, { EPOLLET_COMPRESS: "on", PORT: "81" }),
    runProgram(["--check", "-q"], site.root),
  ]);
  assertEquals([second.code, second.stderr, second.stdout], [0, reach, first.stdout]);
  assertEquals([quiet.code, quiet.stdout, quiet.stderr], [0, "", ""]);
  // With comments it means the same, and is still a configuration file.
  assertEquals(parse(noted.stdout), JSON.parse(first.stdout));
  for (
    const line of [
      '"port": 8080, // argument',
      '"compress": true, // EPOLLET_COMPRESS',
      '"spa": "/index.html", // ./epollet.json',
      "], // --header",
      '"browse": false, // default',
    ]
  ) assertStringIncludes(noted.stdout, `  ${line}\n`);
});

Deno.test("--check finds what would keep the program from serving, in one line, and binds no port", async () => {
  using site = new Site({
    "public/index.html": "",
    "glob.json": '{ "root": "public", "redirects": [{ "source": "/[z-a]", "destination": "/" }] }',
    "key.json": '{ "prot": 80 }',
  });
  const cases: [args: string[], message: RegExp, env?: Record<string, string>][] = [
    [["public", "99999"], /^Bad port "99999"/],
    [["missing"], /^Cannot open root missing: ENOENT/],
    [["--config", "glob.json"], /has a class whose range goes backwards$/],
    [["--config", "key.json"], /^key\.json:1: Unknown key "prot": the closest known one is "port"$/],
    [["public", "--user", "nobody-of-this-name"], /^Unknown user "nobody-of-this-name"/],
    [["public", "--host", "1.2.3.400"], /^Bad host "1\.2\.3\.400"/],
    [["public"], /^Bad EPOLLET_MAX_BODY "x": expected bytes/, { EPOLLET_MAX_BODY: "x" }],
  ];
  await Promise.all(cases.map(async ([args, message, env]) => {
    const { code, stdout, stderr } = await runProgram(["--check", ...args], site.root, env);
    assertEquals([code, stdout, stderr.split("\n").length], [2, "", 2], stderr);
    assertMatch(stderr.trimEnd().replace("epollet: ", ""), message);
  }));
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const { code, stderr } = await runProgram(
    ["--check", "public", String(port), "-a", "127.0.0.1"],
    site.root,
  );
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("--check and the start show what passwords protect, and --check what other rules miss", async () => {
  const users = { anna: HASH };
  const sources = ["/admin/*", "/shop/", "/area", "/**.gz", "/"];
  using site = new Site({
    "html/index.html": "",
    "epollet.json": JSON.stringify({
      auth: sources.map((source) => ({ source, users })),
      redirects: ["/old/*", "/new/*", "/new/**"].map((source) => ({ source, destination: "/x" })),
      headers: [{ source: "/css/", headers: { "X-A": "b" } }],
      hosts: { "same.example": {}, "other.example": { auth: [{ source: "/b/**", users }] } },
    }),
  });
  const lines = [
    "The auth rule for /admin/* protects /admin/, /admin/a, but not /admin/deep/a, /admin/deep/er/a",
    "The auth rule for /shop/ protects /shop and everything below it, also as /shop.br, /shop.zst, /shop.gz, and nothing else",
    "The auth rule for /area protects /area and everything below it, also as /area.br, /area.zst, /area.gz, and nothing else",
    "The auth rule for /**.gz protects what matches it, but not /, /a, /deep/a, /deep/er/a",
    "The auth rule for / protects everything",
    "host other.example: The auth rule for /b/** protects /b and everything below it, also as /b.br, /b.zst, /b.gz, and nothing else",
  ];
  const { code, stderr } = await runProgram(["--check"], site.root);
  assertEquals([code, stderr.split("\n").slice(0, 8)], [
    0,
    [
      ...lines,
      "The headers rule for /css/ matches /css/ only, not /css/deep/x; /css/** matches both",
      "The redirect rule for /old/* matches one level only, not /old/deep/x; /old/** matches both",
    ].map((line) => `epollet: ${line}`),
  ]);
  const command = programCommand(["-a", "127.0.0.1", "-p", "0"]);
  await using program = await Program.startCommand(command, site.root);
  for (const line of lines) assertStringIncludes(program.greeting, `${line}\n`);
});
