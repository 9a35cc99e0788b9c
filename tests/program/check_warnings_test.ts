/**
 * `--check` on settings that work, but probably not as intended: its warnings with the line of the configuration
 * file, and settings without warnings.
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { Program, programCommand, runProgram, Site } from "../support/program.ts";

/** Returns the warnings without the program's name. `text` is written to a file, which is named; null for no file. */
async function warningsOf(site: Site, text: string | null, ...args: string[]): Promise<string[]> {
  if (text !== null) site.write("epollet.json", text);
  const named = text === null ? ["--no-config"] : ["--config", "epollet.json"];
  const { code, stdout, stderr } = await runProgram(["--check", ...named, ...args], site.root);
  assertEquals([code, stdout.startsWith("{\n")], [0, true], stderr);
  return stderr.split("\n").slice(0, -1).map((line) => line.replace(/^epollet: /, ""));
}

Deno.test("--check warns about missing files, rules that lead in a circle, and a cache of a few bytes", async () => {
  using site = new Site({ "html/index.html": "", "html/d/a": "" });
  const text = JSON.stringify({
    cacheSize: 64,
    spa: "/none.html",
    errorPages: { 404: "/lost.html", 500: "/d", 403: "/index.html" },
    redirects: [["/a", "/a"], ["/b", "/c"], ["/c", "/b"], ["/on", "/next"], ["/next", "/"]].map(
      ([source, destination]) => ({ source, destination }),
    ),
    rewrites: [["/x", "/y"], ["/y", "/x"], ["/z", "/index.html"]].map(
      ([source, destination]) => ({ source, destination }),
    ),
  });
  const found = await warningsOf(site, text);
  assertEquals(found.map((line) => line.replace(/^epollet\.json:1: (The )?/, "")), [
    "cacheSize is 64 bytes, which is probably a mistake: a number alone counts bytes, 64M is 64 MiB",
    "page of spa, /none.html, is no file in the root",
    "page for 404, /lost.html, is no file in the root",
    "page for 500, /d, is no file in the root",
    "redirect rule for /a leads to itself: it is without effect",
    "redirect rule for /b leads in a circle: /b → /c → /b",
    "redirect rule for /c leads in a circle: /c → /b → /c",
    "rewrite rule for /x leads in a circle: /x → /y → /x",
    "rewrite rule for /y leads in a circle: /y → /x → /y",
  ]);
});

Deno.test("--check names a page that is no file, wherever it is set, with its line in the file", async () => {
  using site = new Site({
    "html/index.html": "",
    "html/it's 1.html": "",
    "html/only.html.gz": "",
    "html/.hidden.html": "",
    "html/folder/index.html": "",
    "other/app.html": "",
    "outside.html": "",
  });
  Deno.symlinkSync(site.path("outside.html"), site.path("html/out.html"));
  const flags: [args: string[], lines: string[]][] = [
    [["--spa=nofile.html"], ["The page of spa, /nofile.html, is no file in the root"]],
    [["--error-page", "404=nofile.html"], ["The page for 404, /nofile.html, is no file in the root"]],
    [["--spa=.hidden.html"], ["The page of spa, /.hidden.html, is no file in the root"]],
    [["--spa=out.html"], ["The page of spa, /out.html, is no file in the root"]],
    [["--error-page=500=folder"], ["The page for 500, /folder, is no file in the root"]],
    [["--spa", "--error-page=403=it's%201.html", "--error-page=404=only.html", "--clean-urls"], []],
  ];
  for (const [args, lines] of flags) {
    assertEquals(await warningsOf(site, null, "-d", "html", ...args), lines, args.join(" "));
  }
  const text = `{ "root": "html",
    "spa": "/app.html",
    "errorPages": {
      "404": "/lost.html", "403": "/index.html" },
    "hosts": {
      "same.example": {},
      "Own.example": { "root": "other" },
      "*.more.example": {
        "errorPages": { "500": "/gone.html" } } } }`;
  assertEquals(await warningsOf(site, text, "--error-page=403=none.html"), [
    "epollet.json:2: The page of spa, /app.html, is no file in the root",
    "The page for 403, /none.html, is no file in the root",
    "epollet.json:4: The page for 404, /lost.html, is no file in the root",
    "host own.example: The page for 403, /none.html, is no file in the root",
    "epollet.json:4: host own.example: The page for 404, /lost.html, is no file in the root",
    "epollet.json:2: host *.more.example: The page of spa, /app.html, is no file in the root",
    "host *.more.example: The page for 403, /none.html, is no file in the root",
    "epollet.json:4: host *.more.example: The page for 404, /lost.html, is no file in the root",
    "epollet.json:9: host *.more.example: The page for 500, /gone.html, is no file in the root",
  ]);
});

Deno.test("a number whose unit seems to be missing is named, and one that may be right is not", async () => {
  using site = new Site({ "html/index.html": "" });
  const text =
    '{ "root": "html",\n"cacheSize": 64,\n"cacheFileSize": 1, "maxBody": 10,\n"headTimeout": 15000 }';
  const found = await warningsOf(site, text, "--keep-alive-timeout", "60000");
  assertEquals(found.map((line) => line.replace(/, which is probably a mistake: .*/, "")), [
    "epollet.json:2: cacheSize is 64 bytes",
    "epollet.json:3: cacheFileSize is 1 bytes",
    "epollet.json:3: maxBody is 10 bytes",
    "epollet.json:4: headTimeout is 15000 seconds",
    "keepAliveTimeout is 60000 seconds",
  ]);
  assertMatch((await warningsOf(site, null, "html", "--cache-size=64"))[0]!, /^cacheSize is 64 bytes/);
  const meant = '{ "root": "html", "cacheSize": 0, "cacheFileSize": 0, "maxBody": 0, "headTimeout": "1h" }';
  assertEquals(await warningsOf(site, meant), []);
});

Deno.test("a mistake that only the start or --check can find names its line in the file, whatever it is", async () => {
  using site = new Site({ "html/index.html": "", "file": "" });
  const rule = '{ "source": "/ok", "destination": "/" },\n{ "source": "/[z-a]", "destination": "/" }';
  const cases: [text: string, line: number, message: RegExp][] = [
    ['{ "port": 0,\n"root":\n"none" }', 2, /^Cannot open root none: ENOENT .*, or "root" in c\.json:2$/],
    ['{ "root": "html",\n"hosts": {\n"A.example": {},\n"B.example": { "root": "file/" } } }', 4, /ENOTDIR/],
    ['{ "root": "html",\n\n"user": "nosuchuser" }', 3, /^c\.json:3: Unknown user "nosuchuser"/],
    [
      '{ "root": "html",\n"port": 9090,\n"admin": 9090 }',
      3,
      /^c\.json:3: --admin 127\.0\.0\.1:9090 is a port/,
    ],
    [`{ "root": "html",\n"redirects": [\n${rule}] }`, 4, /^c\.json:4: the pattern "\/\[z-a\]" has a class/],
    [
      `{ "root": "html", "hosts": {\n"X.example": {\n"rewrites": [\n${rule}] } } }`,
      5,
      /^c\.json:5: the pattern/,
    ],
    [
      '{ "root": "html",\n"headers": [\n{ "source": "/[a/]", "headers": {} } ] }',
      3,
      /^c\.json:3: the pattern/,
    ],
    ['{ "root": "html",\n"host": "1.2.3.400" }', 2, /^c\.json:2: Bad host "1\.2\.3\.400"/],
    ['{ "root": "html",\n"listen": ["127.0.0.1:0",\n"1.2.3.400:80"] }', 3, /^c\.json:[23]: Bad /],
  ];
  for (const [index, [text, line, message]] of cases.entries()) {
    site.write("c.json", text);
    // The start uses the same code, so only some cases are tried with it.
    const runs = [["--check"], []].slice(0, index % 3 === 0 ? 2 : 1)
      .map((args) => runProgram([...args, "--config", "c.json"], site.root));
    for (const { code, stdout, stderr } of await Promise.all(runs)) {
      assertEquals([code, stdout, stderr.split("\n").length], [2, "", 2], stderr);
      assertMatch(stderr.trimEnd().replace("epollet: ", ""), message);
      assertMatch(stderr, new RegExp(`c\\.json:${line}\\b`));
    }
  }
  // A value from a flag has no line.
  site.write("c.json", '{ "root": "none", "user": "nosuchuser" }');
  const { stderr } = await runProgram(
    ["--check", "--config", "c.json", "-d", "nowhere", "--no-user"],
    site.root,
  );
  assertMatch(stderr, /Cannot open root nowhere: [^\n]*"root" in c\.json\n$/);
});

Deno.test("--check finds a log that cannot be opened, creates none, and prints nothing about one that can be", async () => {
  using site = new Site({ "html/index.html": "", "logs/there.log": "x" });
  Deno.symlinkSync(site.path("logs/there.log"), site.path("logs/link.log"));
  const cases: [text: string, message: RegExp][] = [
    ['{ "root": "html",\n"accessLogFile": "none/a.log" }', /^c\.json:2: Cannot open none\/a\.log: ENOENT/],
    [
      '{ "root": "html",\n\n"errorLog": "logs/link.log" }',
      /^c\.json:3: Cannot open logs\/link\.log: ELOOP .*: a symbolic link/,
    ],
    ['{ "root": "html",\n"errorLog": "html" }', /^c\.json:2: Cannot open html: EISDIR/],
  ];
  for (const [text, message] of cases) {
    site.write("c.json", text);
    const { code, stdout, stderr } = await runProgram(["--check", "--config", "c.json"], site.root);
    assertEquals([code, stdout], [2, ""], stderr);
    assertMatch(stderr.replace("epollet: ", ""), message);
  }
  const text = '{ "root": "html", "accessLogFile": "logs/new.log", "errorLog": "logs/there.log" }';
  assertEquals(await warningsOf(site, text), []);
  assertEquals(Array.from(Deno.readDirSync(site.path("logs")), ({ name }) => name).toSorted(), [
    "link.log",
    "there.log",
  ]);
});

Deno.test("the start names each key of the file that a flag or a variable overrides, also by another key or by unsetting it", async () => {
  using site = new Site({ "html/index.html": "" });
  const cases: [text: string, args: string[], env: Record<string, string>, overruled: string | null][] = [
    ['"listen": ["127.0.0.1:1"]', ["-p", "0", "-a", "127.0.0.1"], {}, "listen (by --port)"],
    [
      '"port": 1, "host": "127.0.0.1"',
      ["--listen", "127.0.0.1:0"],
      {},
      "port (by --listen), host (by --listen)",
    ],
    ['"listen": ["127.0.0.1:1"]', [], { PORT: "0" }, "listen (by PORT)"],
    ['"admin": 9090', ["--no-admin"], {}, "admin (by --no-admin)"],
    ['"spa": "/index.html"', ["--no-spa"], {}, "spa (by --no-spa)"],
    [
      '"cacheSize": "64M", "rate": 5',
      [],
      { EPOLLET_CACHE_SIZE: "32M", EPOLLET_RATE: "0" },
      "cacheSize (by EPOLLET_CACHE_SIZE), rate (by EPOLLET_RATE)",
    ],
    ['"cacheSize": "64M", "port": 0', ["--cache-size", "65536K", "0"], {}, null],
    ['"host": "127.0.0.1"', ["-p", "0"], {}, null],
  ];
  for (const [keys, args, env, overruled] of cases) {
    site.write("c.json", `{ "root": "html", ${keys} }`);
    const { code, stderr } = await runProgram(["--check", "--config", "c.json", ...args], site.root, env);
    const expected = overruled === null ? "" : `epollet: Overruled in c.json: ${overruled}\n`;
    assertEquals([code, stderr], [0, expected], keys);
  }
  site.write("c.json", '{ "root": "html", "listen": ["127.0.0.1:1"] }');
  const command = programCommand(["--config", "c.json", "-p", "0", "-a", "127.0.0.1"]);
  await using program = await Program.startCommand(command, site.root);
  await program.warned(/Overruled in c\.json: listen \(by --port\)\n/);
});
