/**
 * A single file as the root of a site.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { staticHandler } from "../../handlers/static.ts";
import { eventually } from "../support/waiting.ts";
import { FOLLOWS_LINKS, Program, programCommand, runProgram, Site } from "../support/program.ts";
import { summary } from "../support/served_site.ts";
import { exchange, get, Wire } from "../support/wire.ts";

const FILES = {
  "page.html": "one",
  "other.txt": "secret",
  "page.html.gz": "secret",
  "sub/x": "secret",
  "index.html": "secret",
};

async function serving(
  args: readonly string[],
  test: (
    say: (target: string, ...lines: string[]) => Promise<string>,
    site: Site,
    port: number,
  ) => Promise<void>,
): Promise<void> {
  using site = new Site(FILES);
  await using program = await Program.start(site.path("page.html"), ["--no-config", ...args]);
  using wire = await Wire.connect(program.port);
  const say = async (target: string, ...lines: string[]) => {
    await wire.send(get(target, ...lines));
    return summary(await wire.expect());
  };
  await test(say, site, program.port);
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
}

const OTHERS = [
  "/other.txt",
  "/sub/",
  "/sub",
  "/sub/x",
  "/page.html.gz",
  "/page.html/",
  "/page",
  "/index.html",
  "/PAGE.html",
];

Deno.test("a file as the root is at / and under its name, its neighbours are nowhere, whatever is switched on", async () => {
  for (const args of [[], ["--browse", "--compress", "--no-sandbox", "--cache-validate", "stat"]]) {
    await serving(args, async (say) => {
      for (let i = 0; i < 3; i++) {
        assertEquals([await say("/"), await say("/page.html"), await say("/?a=b")], [
          "200 one",
          "200 one",
          "200 one",
        ]);
        for (const target of OTHERS) {
          assertEquals(await say(target, "Accept-Encoding: gzip", "Accept: text/html"), "404", target);
        }
        assertEquals(await say("/../other.txt"), "400");
      }
    });
  }
});

Deno.test("every change of a root file is seen at once: written, replaced, removed, back again, a directory, a link", async () => {
  for (const args of [[], ["--workers", "2", "--cache-validate", "stat"]]) {
    await serving(args, async (say, site) => {
      const path = site.path("page.html");
      const both = async () => [await say("/"), await say("/page.html")].join(" ");
      for (let i = 0; i < 30; i++) {
        site.write("page.html", `w${i}`);
        assertEquals(await both(), `200 w${i} 200 w${i}`);
        site.write("new", `r${i}`);
        Deno.renameSync(site.path("new"), path);
        assertEquals(await both(), `200 r${i} 200 r${i}`);
        Deno.removeSync(path);
        assertEquals(await both(), "404 404");
      }
      Deno.mkdirSync(path);
      site.write("page.html/page.html", "secret");
      site.write("page.html/index.html", "secret");
      assertEquals(await both(), "404 404");
      assertEquals([await say("/page.html/"), await say("/page.html/page.html")], ["404", "404"]);
      Deno.removeSync(path, { recursive: true });
      if (FOLLOWS_LINKS) {
        Deno.symlinkSync("sub/x", path);
        assertEquals(await both(), "200 secret 200 secret", "the link is named, so its target is meant");
        site.write("sub/x", "changed");
        assertEquals(await both(), "200 changed 200 changed");
        Deno.removeSync(path);
      }
      new Deno.Command("mkfifo", { args: [path] }).outputSync();
      assertEquals(await both(), "404 404");
      Deno.removeSync(path);
      site.write("page.html", "back");
      assertEquals(await both(), "200 back 200 back");
    });
  }
});

Deno.test("a root file is found again in a directory that was deleted and made anew, in the sandbox, too", async () => {
  using site = new Site({ "dist/page.html": "one" });
  await using program = await Program.start(site.path("dist/page.html"), ["--no-config"]);
  const say = async () => summary(await exchange(program.port, get("/")));
  for (const text of ["two", "three"]) {
    Deno.removeSync(site.path("dist"), { recursive: true });
    assertEquals(await say(), "404");
    site.write("dist/page.html", text);
    await eventually(async () => await say() === `200 ${text}`, "the new directory is not found");
  }
});

Deno.test("ranges, conditions, HEAD and compression of a root file are those of any file", async () => {
  await serving(["--compress"], async (say, site, port) => {
    site.write("page.html", "0123456789".repeat(1000));
    const whole = await exchange(port, get("/"));
    assertMatch(whole.fields["content-type"]!, /^text\/html/);
    assertEquals(whole.fields["accept-ranges"], "bytes");
    assertEquals(await say("/", "Range: bytes=2-4"), "206 234");
    assertEquals(await say("/page.html", `If-None-Match: ${whole.fields.etag}`), "304");
    const packed = await exchange(port, get("/", "Accept-Encoding: gzip"));
    assertEquals(packed.fields["content-encoding"], "gzip");
    const head = await exchange(port, get("/").replace("GET", "HEAD"), true);
    assertEquals(head.fields["content-length"], "10000");
    const posted = await exchange(port, get("/").replace("GET", "POST"));
    assertEquals(posted.status, 405);
  });
});

Deno.test("with clean URLs a root file is at /; as an application it answers every page URL", async () => {
  await serving(["--clean-urls"], async (say) => {
    assertEquals([await say("/"), await say("/page.html"), await say("/page")], [
      "200 one",
      "301 /",
      "301 /",
    ]);
    assertEquals(await say("/other"), "404");
  });
  await serving(["--spa"], async (say) => {
    assertEquals(await say("/users/7", "Accept: text/html"), "200 one");
    assertEquals(await say("/other.txt", "Accept: text/html"), "404");
    assertEquals(await say("/users/7"), "404");
  });
});

Deno.test("a root file may be another host's, a link, or outside; what cannot be served is refused in one line", async () => {
  using site = new Site({ ...FILES, ".env": "secret", "conf.json": "{}", "real/page.html": "linked" });
  Deno.symlinkSync("real/page.html", site.path("current"));
  const hosts = { "a.test": { root: "page.html", browse: true }, "b.test": { root: "current" } };
  site.write("epollet.json", JSON.stringify({ root: "sub", hosts }));
  await using program = await Program.start(site.path("sub"), ["--config", site.path("epollet.json")]);
  const say = async (host: string, target: string) =>
    summary(
      await exchange(program.port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
    );
  assertEquals([await say("a.test", "/"), await say("a.test", "/page.html"), await say("a.test", "/x")], [
    "200 one",
    "200 one",
    "404",
  ]);
  assertEquals([await say("x.test", "/x"), await say("x.test", "/page.html")], ["200 secret", "404"]);
  if (FOLLOWS_LINKS) {
    assertEquals([await say("b.test", "/"), await say("b.test", "/current")], ["200 linked", "200 linked"]);
    site.write("next", "next");
    Deno.symlinkSync("next", site.path("new"));
    Deno.renameSync(site.path("new"), site.path("current"));
    assertEquals(await say("b.test", "/"), "200 next");
  }

  const refused = async (line: RegExp, ...args: string[]) => {
    const { code, stderr } = await runProgram(["0", ...args], site.root);
    assertEquals([code, stderr.trimEnd().split("\n").length], [2, 1], stderr);
    assertMatch(stderr, line);
  };
  await refused(/Bad root \.\/\.env: .*dot.*rename it/, "./.env", "--no-config");
  await refused(/Bad root.*conf\.json is the configuration/, "conf.json", "--config", "conf.json");
  await refused(/Bad root page\.html: .*\/app\.html/, "page.html", "--spa=/app.html", "--no-config");
  await refused(/Cannot open root page\.html\/: ENOTDIR/, "page.html/", "--no-config");
  await refused(/Cannot open root missing\.html: ENOENT/, "missing.html", "--no-config");
});

Deno.test("--check and --explain take a root file; a found configuration may not name one outside", async () => {
  using site = new Site({ ...FILES, "cwd/epollet.json": '{"root": "../page.html"}', "cwd/x": "x" });
  const checked = await runProgram(["0", "page.html", "--spa", "--check", "--no-config"], site.root);
  assertEquals([checked.code, checked.stderr], [0, ""]);
  const explained = await runProgram(["page.html", "--explain", "/", "--no-config"], site.root);
  assertMatch(explained.stdout, /root +page\.html\n/);
  assertStringIncludes(explained.stdout, "index: page.html");
  const { code, stderr } = await runProgram(["0"], site.path("cwd"));
  assertEquals(code, 2);
  assertStringIncludes(stderr, "Ignored in ./epollet.json: root");
  Deno.symlinkSync("../page.html", site.path("cwd/link.html"));
  site.write("cwd/epollet.json", '{"root": "link.html"}');
  await using program = await Program.startCommand(programCommand(["--port", "0"]), site.path("cwd"));
  assertEquals(
    summary(await exchange(program.port, get("/"))),
    "404",
    "a link of a found folder leads out of it",
  );
});

Deno.test("a program in JavaScript may serve a single file", () => {
  using site = new Site(FILES);
  const handler = staticHandler({ root: site.path("page.html") });
  assertEquals(handler.snapshot().resources, 0);
  handler.close();
  assert(handler.ignoresBodies);
});
