/**
 * `--explain` describes what the server does, and why.
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { SystemError } from "../../ffi/libc/errno.ts";
import { explain } from "../../handlers/explain.ts";
import { staticHandler, type StaticOptions } from "../../handlers/static.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { FOLLOWS_LINKS, programCommand, REPOSITORY, runProgram, Site } from "../support/program.ts";
import { serving } from "../support/in_process.ts";
import { sleep } from "../support/sleep.ts";
import { hasStrace } from "../support/trace.ts";
import { Wire } from "../support/wire.ts";

/** The fields that --explain sends, which are a browser's. */
const FIELDS =
  "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd";

/** Waits for `promise`, and returns a function that throws its error, if it was rejected. */
async function rejection(promise: Promise<unknown>): Promise<() => void> {
  const error = await promise.then(() => null, (error) => error);
  return () => {
    if (error !== null) throw error;
  };
}

/** The head of a response, without Date. */
async function headFrom(wire: Wire, target: string, host: string): Promise<string> {
  await wire.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${FIELDS}\r\n\r\n`);
  let text = "";
  let end = -1;
  let length = 0;
  while (end < 0 || text.length < end + 4 + length) {
    const bytes = await wire.some();
    assert(bytes !== null, `no answer to ${target}`);
    for (const byte of bytes) text += String.fromCharCode(byte);
    end = text.indexOf("\r\n\r\n");
    length = Number(/^content-length: (\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
  }
  return withoutDate(
    text.slice(0, end).replaceAll("\r", "").replace("\nConnection: keep-alive\nKeep-Alive: timeout=60", ""),
  );
}

function withoutDate(head: string): string {
  assertMatch(head, /^Date: .*$/m);
  return head.replace(/^Date: .*\n/m, "");
}

const FILES = {
  "index.html": "home",
  "404.html": "missing",
  "e/401.html": "who",
  "about.html": `<p>${"about ".repeat(500)}`,
  "app-BhUr0q2X.js": "hashed",
  "a.css": "css",
  "a.css.br": "br",
  "only.txt.gz": "gz",
  "a b.txt": "space",
  "中.txt": "chinese",
  "private/x.txt": "secret",
  "empty.txt": "",
  "d/index.html": "d",
  "noindex/x.txt": "x",
  "large.bin": new Uint8Array(3 << 20),
  ".hidden": "hidden",
};

const RULES: Partial<StaticOptions> = {
  cleanUrls: true,
  compress: true,
  cors: ["https://a.example"],
  securityHeaders: true,
  errorPages: { 401: "/e/401.html", 400: "/e/gone.html" },
  headers: [
    { source: "/**", fields: [["X-All", "1"]] },
    { source: "/a*", fields: [["X-A", "2"], ["X-All", null]] },
  ],
  redirects: [{ source: "/old/*", destination: "/$1", status: 308 }],
  rewrites: [
    { source: "/way/*", destination: "/$1.css", ifMissing: false },
    { source: "/blog/**", destination: "/about.html", ifMissing: true },
    { source: "/up", destination: "/.hidden", ifMissing: false },
  ],
  auth: [{ source: "/private/**", realm: "R", users: {} }],
};

/** Settings, and for each URL the lines that the explanation must have. */
const TABLE:
  readonly (readonly [Partial<StaticOptions>, readonly (readonly [url: string, ...lines: string[]])[]])[] = [
    [{}, [
      ["/", "rule      index: index.html", "file      index.html"],
      ["/about.html", "variant   as it is"],
      ["/a.css", "variant   br, from a.css.br"],
      ["/only.txt", "variant   gzip, from only.txt.gz"],
      ["/a b.txt", "file      a b.txt", "path      /a%20b.txt"],
      ["/中.txt", "file      中.txt"],
      ["/%e4%b8%ad.txt?q#fragment", "file      中.txt", "path      /%E4%B8%AD.txt"],
      ["//x/../a.css", "path      /a.css"],
      ["/d", "rule      moved to /d/"],
      ["/noindex/", "reason    no index is there (index.html)"],
      ["/missing", "reason    nothing is there", "page      /404.html"],
      ["/.hidden", "reason    a name begins with a dot (only /.well-known/ is served)"],
      ["/%00", "reason    the path holds a NUL or a lone percent sign, or climbs above the root"],
      ["/%zz", "reason    the path holds a NUL or a lone percent sign, or climbs above the root"],
      ["/large.bin", "body      3145728 bytes from disk"],
      ["/empty.txt", "body      0 bytes from memory"],
      [
        "/outside",
        FOLLOWS_LINKS
          ? "reason    it cannot be opened: a link leads out of the root, or it is gone"
          : "page      /404.html",
      ],
      ["/epollet.json", "file      the configuration is not served"],
      ["http://any.example:81?q", "file      index.html"],
      ["http://any.example/a.css#x", "file      a.css"],
    ]],
    [RULES, [
      ["/", "fields    /**: X-All"],
      [
        "/about",
        "rule      clean URL: about.html",
        "variant   br, compressed here",
        "fields    /a*: X-A, no X-All",
      ],
      ["/about.html?q", "rule      moved to /about"],
      ["/app-BhUr0q2X.js", "file      app-BhUr0q2X.js"],
      ["/old/x?y", "rule      redirect /old/* to /x?y"],
      ["/way/a", "rule      rewrite /way/* to /a.css"],
      ["/blog/x", "rule      rewrite /blog/** to /about.html (nothing is there)"],
      ["/up", "reason    the rule leads to a hidden name, or above the root"],
      [
        "/private/x.txt",
        "rule      auth /private/**: a user name and a password are required",
        "page      /e/401.html",
      ],
      ["/private/none", "rule      auth /private/**: a user name and a password are required"],
      ["/%00", "page      no such file; plain text is sent"],
    ]],
    [{ spa: "/index.html", etag: "mtime", cacheControl: "off", index: ["first.html"] }, [
      ["/route", "rule      spa: a navigation to where nothing is gets /index.html"],
      ["/route.js", "rule      spa: no page (the name has an extension)"],
      ["/", "reason    no index is there (first.html)"],
      ["/large.bin", "variant   as it is"],
    ]],
    [{ browse: true, cacheSize: 0, validate: "stat", cors: ["*"] }, [
      ["/noindex/", "rule      browse: the directory is listed"],
      ["/a.css", "body      2 bytes from disk"],
    ]],
    [{ hosts: new Map([["*.b.example", { cleanUrls: true }]]) }, [
      ["http://x.b.example/about", "host      *.b.example"],
      ["http://X.B.example./about", "host      *.b.example"],
      ["http://b.example/about", "host      has no settings of its own: the default site"],
      ["/about", "host      has no settings of its own: the default site"],
      ["//x.b.example/about", "host      has no settings of its own: the default site"],
    ]],
  ];

Deno.test("--explain shows the head that is sent, to the last field, and its lines say why", async () => {
  using outside = new Site({ "secret.txt": "x" });
  using site = new Site({ ...FILES, "epollet.json": "{}" });
  Deno.symlinkSync(`${outside.root}/secret.txt`, site.path("outside"));
  await sleep(0); // until what an earlier test closed has ended
  const before = openDescriptors();
  for (const [settings, rows] of TABLE) {
    const options = { root: site.root, ...settings };
    const handler = staticHandler(options);
    {
      await using server = serving(handler);
      using wire = await Wire.connect(server.port);
      for (const [url, ...lines] of rows) {
        const explained = await explain(options, url);
        const [why, head] = explained.split("\n\n") as [string, string];
        for (const line of lines) assert(why.split("\n").includes(line), `${url}: ${line}\n${why}`);
        for (const line of why.split("\n")) assertMatch(line, /^[a-z]{4,9} {1,6}(?<=^.{10})\S/, line);
        assert(!/[\r\t]/.test(explained));
        const [, host = "localhost", path] = /^(?:http:\/\/([^/?]*))?([^#]*)/.exec(url) ?? [];
        const target = path!.startsWith("/") ? path!.replace(" ", "%20") : `/${path}`;
        // The first request on both sides: the tag of a large file may be made later.
        assertEquals(withoutDate(head), await headFrom(wire, target, host), url);
      }
      assertEquals(server.errors, []);
    }
    handler.close();
  }
  await sleep(20);
  assertEquals(openDescriptors(), before);
});

Deno.test("a URL that cannot be explained throws, and nothing stays open", async () => {
  using site = new Site({ "a.txt": "a" });
  const before = openDescriptors();
  for (const url of ["", "a.txt", "ftp://x/", "http://", "http:///x", `/${"x".repeat(9000)}`]) {
    assertThrows(await rejection(explain({ root: site.root }, url)), TypeError);
  }
  assertThrows(await rejection(explain({ root: site.path("none") }, "/")), SystemError, "Cannot open root");
  assertThrows(await rejection(explain({ root: site.root, cors: ["none"] }, "/")), TypeError);
  const hosts = new Map([["a.example", { root: site.path("none") }]]);
  assertThrows(await rejection(explain({ root: site.root, hosts }, "/")), SystemError);
  assertEquals(openDescriptors(), before);
  const odd = await explain({ root: site.root }, "/\ud800\u0007");
  assertMatch(odd, /^request {3}GET \/%EF%BF%BD%07,/);
});

Deno.test("--explain prints and ends; a mistake is one line, and status 2", async () => {
  using site = new Site({ "a.txt": "a" });
  const config = JSON.stringify({ root: ".", hosts: { "b.example": { headers: { "X-B": "1" } } } });
  site.write("conf.json", config);
  const args = ["--config", site.path("conf.json"), "--explain"];
  const rows: [url: string, code: number, stdout: RegExp, stderr: RegExp][] = [
    [
      "/a.txt",
      0,
      /^request {3}GET \/a\.txt, as .*\nconfig {4}.*conf\.json\n[^]*\n\nHTTP\/1\.1 200 OK\n[^]*Content-Length: 1\n$/,
      /^$/,
    ],
    ["/none", 0, /\n\nHTTP\/1\.1 404 Not Found\n/, /^$/],
    ["http://b.example/conf.json", 0, /\n\nHTTP\/1\.1 404 Not Found\n[^]*X-B: 1\n/, /^$/],
    [
      `/${"z".repeat(9000)}`,
      2,
      /^$/,
      /^epollet: Bad URL "\/zz+…": a request for it is answered 414 URI Too Long\n$/,
    ],
    ["none", 2, /^$/, /^epollet: [^\n]*none[^\n]*\n$/],
    ["http://a b/", 2, /^$/, /^epollet: [^\n]+\n$/],
  ];
  for (const [url, code, stdout, stderr] of rows) {
    const finished = await runProgram([...args, url]);
    assertEquals(finished.code, code, url);
    assertMatch(finished.stdout, stdout, url);
    assertMatch(finished.stderr, stderr, url);
  }
  const missing = await runProgram(["--root", site.path("none"), "--no-config", "--explain", "/"]);
  assertEquals(missing.code, 2);
  assertMatch(missing.stderr, /^epollet: Cannot open root [^\n]+\n$/);
});

Deno.test("--explain does not listen", () => {
  if (!hasStrace()) return;
  using site = new Site({ "a.txt": "a" });
  const log = site.path("log");
  const [program, ...rest] = programCommand(["--root", site.root, "--no-config", "--explain", "/a.txt"]);
  const args = ["-f", "-e", "trace=socket,bind,listen,openat2", "-o", log, program, ...rest];
  const { success } = new Deno.Command("strace", { args, cwd: REPOSITORY, stdout: "null" }).outputSync();
  assert(success);
  const lines = Deno.readTextFileSync(log).split("\n");
  assert(lines.some((line) => line.includes("openat2(")), "the calls were seen");
  assertEquals(lines.filter((line) => /listen\(|AF_INET/.test(line)), []);
});
