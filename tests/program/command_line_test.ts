/**
 * The command line: the accepted arguments, and the one line that reports a mistake.
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { parseCommandLine } from "../../program/config/flags/command_line.ts";
import { HiddenLine } from "../../program/commands/read_password.ts";
import { type CommandLine, mergeSettings } from "../../program/config/settings/settings.ts";
import { DEFAULT_SITE_SETTINGS, type SiteSettings } from "../../handlers/site/settings/site_settings.ts";
import { DEFAULT_LIMITS } from "../../server/server_limits.ts";
import { UsageError } from "../../server/usage_error.ts";
import { hashPassword } from "../../handlers/site/auth/password_hash.ts";

const HASH = hashPassword("secret");

/** Returns the settings in force with these arguments and no file. */
function settingsOf(args: readonly string[]): CommandLine {
  return mergeSettings(parseCommandLine(args), null);
}

Deno.test("without arguments the port is 7890 and the root ./html", () => {
  assertEquals(settingsOf([]), {
    ...DEFAULT_LIMITS,
    action: "serve",
    explain: "",
    config: null,
    file: null,
    port: 7890,
    host: "0.0.0.0",
    listen: [],
    addresses: [{ kind: "tcp", host: "0.0.0.0", port: 7890 }],
    tlsCert: [],
    tlsKey: [],
    tlsProfile: "intermediate",
    https: false,
    dev: false,
    live: false,
    open: null,
    qr: false,
    nextPort: false,
    acme: [],
    acmeEmail: null,
    acmeDirectory: null,
    acmeStaging: false,
    acmeDir: null,
    acmeCa: null,
    acmeEab: null,
    acmeProfile: null,
    acmeTlsAlpn: null,
    httpsPort: null,
    redirectHttp: null,
    hsts: null,
    backlog: 4096,
    socketMode: 0o660,
    poller: "epoll-edge",
    handler: "static",
    allowedHosts: null,
    coroutine: false,
    keepAlive: true,
    http2: true,
    cacheSize: 256 * 1024 * 1024,
    cacheFileSize: 1024 * 1024,
    validate: "auto",
    keepAssets: null,
    keepAssetsSize: 64 * 1024 * 1024,
    workers: 0,
    admin: null,
    user: null,
    sandbox: true,
    accessLog: "none",
    accessLogFile: null,
    errorLog: null,
    trustProxy: [],
    proxyProtocol: false,
    verbosity: "normal",
    site: { ...DEFAULT_SITE_SETTINGS, root: "./html", index: ["index.html"] },
    hosts: new Map(),
  });
  const { program, site, config, usesDefaultConfig } = parseCommandLine([]);
  assertEquals([program, site, config, usesDefaultConfig], [{}, {}, null, true]);
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
    const { port, site } = settingsOf(args.split(" "));
    assertEquals([port, site.root], [80, "site"], args);
  }
  assertEquals(settingsOf(["--port", "80", "-q"]).verbosity, "quiet");
  assertEquals(settingsOf(["80", "-v", "--no-keep-alive"]).keepAlive, false);
  assertEquals(settingsOf(["-a", "::1"]).host, "::1");
  assertEquals(settingsOf(["--host=[::]"]).host, "::");
  const { cacheSize, cacheFileSize, validate } = settingsOf(
    "--cache-size=1G --cache-file-size 64k --cache-validate stat".split(" "),
  );
  assertEquals([cacheSize, cacheFileSize, validate], [1024 ** 3, 65536, "stat"]);
  assertEquals(settingsOf(["--cache-size", "0"]).cacheSize, 0);
  assertEquals(settingsOf(["--cache-size", "1000"]).cacheSize, 1000);
  const { handler, coroutine, poller } = settingsOf(
    ["80", "--poller", "select", "--coroutine", "--handler", "echo"],
  );
  assertEquals([handler, coroutine, poller], ["echo", true, "select"]);
});

Deno.test("all settings of a site can be flags", () => {
  const everywhere = (fields: SiteSettings["headers"][number]["fields"]) => [{ source: "/**", fields }];
  const cases: [args: string[], site: Partial<SiteSettings>][] = [
    [["--index", "a.html,b.html"], { index: ["a.html", "b.html"] }],
    [["--clean-urls"], { cleanUrls: true }],
    [["--spa"], { spa: "/index.html" }],
    [["--spa=app/main.html"], { spa: "/app/main.html" }],
    [["--error-page", "404=/lost.html"], { errorPages: { 404: "/lost.html" } }],
    [["--error-page", "404=lost.html", "--error-page=500=/e/=.html"], {
      errorPages: { 404: "/lost.html", 500: "/e/=.html" },
    }],
    [["--browse"], { browse: true }],
    [["--compress"], { compress: true }],
    [["--etag", "mtime"], { etag: "mtime" }],
    [["--cache-control", "off"], { cacheControl: "off" }],
    [["--cache-control", 'public, max-age=60, x="a b"'], { cacheControl: 'public, max-age=60, x="a b"' }],
    [["--cors"], { cors: ["*"] }],
    [["--cors=https://a.example,http://b.example:81"], {
      cors: ["https://a.example", "http://b.example:81"],
    }],
    [["--security-headers"], { securityHeaders: true }],
    [["-H", "X-A: b"], { headers: everywhere([["X-A", "b"]]) }],
    [["-HX-A:b:c ", "--header", "X-B:", "--header=X-A: é"], {
      headers: everywhere([["X-A", "b:c"], ["X-B", null], ["X-A", "é"]]),
    }],
    [["--auth", `anna:${HASH}`, "--auth", `bert:${HASH}`], {
      auth: [{ source: "/**", realm: "Restricted", users: { anna: HASH, bert: HASH } }],
    }],
  ];
  for (const [args, site] of cases) {
    assertEquals(
      settingsOf(["80", ...args, "-q"]).site,
      { ...DEFAULT_SITE_SETTINGS, ...site },
      args.join(" "),
    );
  }
});

Deno.test("an optional value is given with = only", () => {
  const { site, port } = settingsOf(["--spa", "80", "--cors", "site"]);
  assertEquals([site.spa, port, site.cors, site.root], ["/index.html", 80, ["*"], "site"]);
});

Deno.test("the program serves unless another action is given", () => {
  const cases: [string, string][] = [
    ["80", "serve"],
    ["-h x", "help"],
    ["-V 1 2 3", "version"],
    ["-V -h", "help"],
    ["--hash-password", "hash-password"],
    ["--explain /a?b", "explain"],
  ];
  for (const [line, action] of cases) assertEquals(parseCommandLine(line.split(" ")).action, action, line);
  assertEquals(settingsOf(["--explain", "http://a.example/b"]).explain, "http://a.example/b");
  assertEquals(parseCommandLine(["--config", "x.json"]).config, "x.json");
  assertEquals(parseCommandLine(["--no-config"]).usesDefaultConfig, false);
});

Deno.test("a mistake is named, with what was expected", () => {
  const cases: [string, RegExp][] = [
    [
      "2024-site",
      /^Bad port "2024-site": expected a whole number from 0 to 65535 \(a directory of this name is \.\/2024-site\)$/,
    ],
    [
      "site abc",
      /^Unexpected argument "site": expected a port and a directory, and neither begins with a digit: /,
    ],
    ["--port abc", /^Bad port "abc": expected a whole number from 0 to 65535$/],
    ["--spa index.html", /^--spa takes its file behind =: write --spa=index\.html$/],
    ["7890 --cors https://a.example site", /^--cors takes its origins behind =: write --cors=https:/],
    [
      "--clean-url",
      /^Unknown flag --clean-url: see --help for those that there are; the closest is --clean-urls$/,
    ],
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
    ["80 site --root other", /^The root is given twice, as "site" and as --root other/],
    ["--port 80 --port 81", /^--port is given twice/],
    [
      "--poller kqueue",
      /^Bad poller "kqueue": expected one of naive, select, poll, epoll-level, epoll-edge, io-uring$/,
    ],
    ["--handler cgi", /^Bad handler "cgi": expected one of static, hello, greet, echo, upper, print$/],
    ["--coroutine=yes", /^--coroutine takes no value/],
    [
      "--handler echo --root site",
      /^--root is without effect with --handler echo: leave it out, or use --handler static$/,
    ],
    ["--handler hello 80 site", /^site is without effect with --handler hello/],
    ["--no-keep-alive --handler greet", /^--no-keep-alive is without effect/],
    ["--handler print --cache-size 0", /^--cache-size is without effect/],
    ["--handler print --explain /", /^--explain is without effect/],
    ["--host example.org", /^Bad host "example.org": expected an IPv4 or IPv6 address/],
    ["--index a/b", /^Bad index "a\/b"/],
    ["--index ..", /^Bad index/],
    ["--cache-size much", /^Bad --cache-size "much": expected bytes, or a number with K, M or G/],
    ["--cache-size 1.5M", /^Bad --cache-size/],
    ["--cache-size -1", /^--cache-size needs a value/],
    ["--cache-file-size 9999999999G", /^Bad --cache-file-size/],
    ["--cache-file-size 1025M", /^Bad --cache-file-size "1025M": expected at most 1G$/],
    ["--cache-validate never", /^Bad --cache-validate "never": expected one of auto, inotify, stat, off$/],
    ["--clean-urls=yes", /^--clean-urls takes no value/],
    ["--spa=", /^--spa= needs a value: --spa=FILE, or --spa alone$/],
    ["--spa=../x", /^Bad --spa "..\/x": expected the path of a file in the site, such as/],
    ["--spa=/a/", /^Bad --spa/],
    ["--error-page 404", /^Bad --error-page "404": expected STATUS=FILE, such as 404=\/errors\/404.html$/],
    ["--error-page 399=x", /^Bad --error-page "399=x": expected a status from 400 to 599$/],
    ["--error-page 600=x", /^Bad --error-page/],
    ["--error-page 404=/a/../b", /^Bad --error-page .* expected the path of a file/],
    ["--error-page 404=a --error-page 404=b", /^--error-page 404 is given twice: give it once$/],
    ["--etag x", /^Bad --etag "x": expected one of hash, mtime, off$/],
    ["--cache-control a;b", /^Bad --cache-control "a;b": expected auto, off, or a value of Cache-Control/],
    ["--cache-control a,,b", /^Bad --cache-control/],
    ["--cors=a.example", /^Bad --cors "a.example": expected an origin such as https:\/\/a.example/],
    ["--cors=https://a.example/", /^Bad --cors/],
    ["--cors=https://A.example", /^Bad --cors/],
    ["--cors=https://a.example:443", /^Bad --cors/],
    ["--cors=ftp://a.example", /^Bad --cors/],
    [
      "-H X-A",
      /^Bad --header "X-A": expected NAME: VALUE, such as "X-Frame-Options: DENY" \("NAME:" takes a field away\)$/,
    ],
    ["-H :b", /^Bad --header ":b": expected the name of a field/],
    ["-H é:b", /^Bad --header/],
    ["-H content-length:3", /^Bad --header "content-length:3": expected a field other than Content-Length, /],
    ["-H Transfer-Encoding:", /^Bad --header/],
    ["-H Connection:", /^Bad --header/],
    ["-H Keep-Alive:", /^Bad --header/],
    ["-H Date:", /^Bad --header/],
    ["-H Content-Encoding:gzip", /^Bad --header/],
    ["-H Content-Range:", /^Bad --header/],
    ["-H X:a\r\nb", /^Bad --header .* expected a value of one line, without control characters$/s],
    ["--auth anna", /^Bad --auth "anna": expected USER:HASH in single quotes/],
    ["--auth anna:secret", /^Bad --auth "anna:…": expected USER:HASH in single quotes/],
    [`--auth :${HASH}`, /^Bad --auth/],
    [`--auth a:${HASH} --auth a:${HASH}`, /^--auth a is given twice: give it once$/],
    ["--auth a:$scrypt$ln=99,r=8,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5a2V5", /^Bad --auth/],
    ["--explain about", /^Bad --explain "about": expected a path such as \/about, or a URL$/],
    ["--config", /^--config needs a value: --config FILE$/],
    ["--config x --no-config", /^--config and --no-config exclude each other/],
  ];
  for (const [line, message] of cases) {
    let error: unknown;
    try {
      settingsOf(line.split(" "));
    } catch (caught) {
      error = caught;
    }
    assert(error instanceof UsageError, `"${line}" was accepted`);
    assertMatch(error.message, message);
    assert(!error.message.includes("secret"), error.message);
  }
});

Deno.test("a line that is typed without being shown can be corrected", () => {
  const cases: [typed: string, state: string, text: string][] = [
    ["abc", "open", "abc"],
    ["abc\r", "done", "abc"],
    ["abc\nd", "done", "abc"],
    ["ab\x04", "done", "ab"],
    ["ab\x03", "cancelled", "ab"],
    ["abx\x7fc\n", "done", "abc"],
    ["a\b\b\bb\n", "done", "b"],
    ["a€\x7fb\n", "done", "ab"],
    ["wrong\x15right\n", "done", "right"],
    ["a\tb\x1b\n", "done", "ab"],
  ];
  for (const [typed, state, text] of cases) {
    const line = new HiddenLine();
    assertEquals(line.take(new TextEncoder().encode(typed)), state, JSON.stringify(typed));
    assertEquals(line.text, text);
  }
  const line = new HiddenLine();
  for (const byte of new TextEncoder().encode("é€")) line.take(new Uint8Array([byte]));
  assertEquals(line.text, "é€");
});

Deno.test("an unknown flag of another server names ours; when no flag is near, nothing is suggested", () => {
  const hintOf = (flag: string) => {
    const error = assertThrows(() => parseCommandLine([flag]), UsageError);
    return error.message.replace(/^Unknown flag -\S+: see --help for those that there are(; )?/, "");
  };
  assertEquals(hintOf("--prot"), "the closest is --port");
  assertEquals(hintOf("--bind"), "it is --host ADDRESS here");
  assertEquals(hintOf("-c-1"), hintOf("--cache"));
  for (
    const flag of [
      "--directory",
      "--watch",
      "--livereload",
      "--silent",
      "--not-found",
      "--single",
      "--tls",
      "--ssl",
      "--threads",
    ]
  ) {
    assertMatch(hintOf(flag), /^it is --/, flag);
  }
  for (const flag of ["--zzzzzz", "--constructor", "--php", "-Z"]) assertEquals(hintOf(flag), "", flag);
});
