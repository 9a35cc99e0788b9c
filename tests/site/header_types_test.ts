/**
 * Header rules by type: they are compared with the Content-Type that is sent, whatever the path.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { staticHandler, type StaticOptions } from "../../handlers/static.ts";
import { basic, hashOf } from "../support/passwords.ts";
import { runProgram, Site } from "../support/program.ts";
import { ServedSite } from "../support/served_site.ts";
import { get, head } from "../support/wire.ts";

const PAGE = `<!doctype html>${"<p>text</p>".repeat(500)}`;
const FILES = {
  "index.html": PAGE,
  "about.html": PAGE,
  "404.html": PAGE,
  "a.css": "b{}",
  "a.svg": "<svg/>",
  "a.png": "png",
  "a.xhtml": "<html/>",
  "packed.html": PAGE,
  "packed.html.br": "br",
  "only.html.gz": "gz",
  "large.html": "x".repeat(3 << 20),
  "own.txt": "text",
  "private/index.html": PAGE,
  "folder/a.txt": "text",
};
const NAVIGATION = "Accept: text/html,*/*;q=0.8";
const CSP = "default-src 'self'";

const config = {
  cleanUrls: true,
  browse: true,
  compress: true,
  compressLevel: 6,
  spa: "/about.html",
  errorPages: { "405": "/about.html" },
  headers: [
    { type: "text/html", headers: { "Content-Security-Policy": CSP } },
    { source: "/**", type: ["image/*", "TEXT/CSS"], headers: { "X-Shown": "yes" } },
    { source: "/own.txt", headers: { "Content-Type": "text/html; charset=utf-8" } },
    { type: "application/xhtml+xml", headers: { "Content-Type": "text/html" } },
    { source: "/folder/*", type: "*/*", headers: { "X-Typed": "yes" } },
    { type: "text/plain", headers: { "X-Plain": "yes" } },
  ],
  redirects: [{ source: "/old", destination: "/" }],
  rewrites: [{ source: "/way", destination: "/a.css" }],
  auth: [{ source: "/private/", users: { anna: hashOf("secret") } }],
};

Deno.test("a rule for text/html is for pages at any path, in every form, and for nothing else", async () => {
  await using served = await ServedSite.start(FILES, { config });
  const tagOf = async (path: string) => (await served.ask(get(path))).fields.etag;
  const pages: [request: string, status: number][] = [
    [get("/"), 200],
    [get("/", `If-None-Match: ${await tagOf("/")}`), 304],
    [head("/"), 200],
    [get("/", "Accept-Encoding: gzip"), 200],
    [get("/", "Accept-Encoding: br"), 200],
    [get("/", "Range: bytes=0-3"), 206],
    [get("/", "Range: bytes=0-3,9-12"), 206],
    [get("/about"), 200],
    [get("/packed", "Accept-Encoding: br"), 200],
    [get("/packed", "Accept-Encoding: br", `If-None-Match: *`), 304],
    [get("/only", "Accept-Encoding: gzip"), 200],
    [get("/large"), 200],
    [get("/large", "Range: bytes=0-3"), 206],
    [get("/large", "Range: bytes=0-3,9-12"), 206],
    [get("/large", "If-None-Match: *"), 304],
    [get("/missing.png"), 404],
    [get("/missing", NAVIGATION), 200],
    [get("/missing", NAVIGATION, `If-None-Match: *`), 304],
    [get("/x/.env"), 404],
    [get("/").replace("GET", "POST"), 405],
    [get("/folder/"), 200],
    [head("/folder/"), 200],
    [get("/folder/", `If-None-Match: ${await tagOf("/folder/")}`), 304],
    [get("/own.txt"), 200],
    [get("/own.txt", "If-None-Match: *"), 304],
    [get("/own.txt", "Range: bytes=1-"), 206],
    [get("/a.xhtml"), 200],
  ];
  for (const [request, status] of pages) {
    const line = request.split("\r\n").slice(0, 4).join();
    for (let i = 0; i < 3; i++) {
      const response = await served.ask(request);
      assertEquals([response.status, response.fields["content-security-policy"]], [status, CSP], line);
      assertEquals([response.fields["x-shown"], response.fields["x-plain"]], [undefined, undefined], line);
    }
  }
  assertEquals((await served.ask(get("/a.xhtml"))).fields["content-type"], "text/html");
  assertEquals((await served.ask(get("/own.txt"))).fields["content-type"], "text/html; charset=utf-8");
  const others: [request: string, status: number, name: string | null][] = [
    [get("/a.css"), 200, "x-shown"],
    [get("/way"), 200, "x-shown"],
    [get("/a.css", "If-None-Match: *"), 304, "x-shown"],
    [get("/a.svg", "Accept-Encoding: br"), 200, "x-shown"],
    [get("/a.png"), 200, "x-shown"],
    [get("/a.png", "Range: bytes=0-0"), 206, "x-shown"],
    [get("/a.png", "Range: bytes=9-"), 416, "x-plain"],
    [get("/old"), 301, "x-plain"],
    [get("/a.png", 'If-Match: "x"'), 412, "x-plain"],
    [get("/private/"), 401, "x-plain"],
    [get("/%00"), 400, "x-plain"],
    [get("/folder/a.txt"), 200, "x-typed"],
    [get("/folder/", "Accept: application/json"), 200, null],
    [get("/").replace("GET", "OPTIONS"), 204, null],
  ];
  for (const [request, status, name] of others) {
    const line = request.split("\r\n").slice(0, 4).join();
    for (let i = 0; i < 3; i++) {
      const { fields, ...response } = await served.ask(request);
      const listing = /^application\/json/.test(fields["content-type"] ?? "");
      assertEquals(response.status, status, line);
      assert(!(fields["content-security-policy"] ?? "").includes(CSP) && !listing || name === null, line);
      if (name !== null) assertEquals(fields[name], "yes", `${line}: ${name}`);
    }
  }
});

Deno.test("--explain names the rules that apply to the type, and --check prints settings that give the same again", async () => {
  const { auth: _, ...rules } = config;
  using site = new Site(FILES);
  using other = new Site({ "conf.json": JSON.stringify({ root: site.root, ...rules }) });
  const run = (...args: string[]) => runProgram(args);
  const flags = ["--config", other.path("conf.json")];
  const explain = async (url: string) => {
    const { code, stdout, stderr } = await run(...flags, "--explain", url);
    assertEquals([code, stderr], [0, ""], url);
    return stdout;
  };
  const page = await explain("/about");
  assertMatch(page, /^fields {4}\/\*\* \(text\/html\): Content-Security-Policy$/m);
  assertMatch(page, /^Content-Security-Policy: default-src 'self'$/m);
  assert(!(await explain("/a.css")).includes("Content-Security-Policy"), "it is no page");
  assertMatch(await explain("/a.css"), /^fields {4}\/\*\* \(image\/\*, TEXT\/CSS\): X-Shown$/m);
  const first = await run(...flags, "--check");
  assertEquals([first.code, first.stderr], [0, ""]);
  assertStringIncludes(first.stdout, '"type": "text/html"');
  other.write("again.json", first.stdout);
  const second = await run("--config", other.path("again.json"), "--check");
  assertEquals(second.stdout, first.stdout);
});

Deno.test("an invalid type is one line for the file, and a TypeError in JavaScript", async () => {
  using site = new Site(FILES);
  const { root } = site;
  for (
    const type of ["html", "text/html; charset=utf-8", "*", "text/", "", ["text/html", "x"], [], 7, "*/html"]
  ) {
    using other = new Site({
      "conf.json": JSON.stringify({ root, headers: [{ source: "/**", type, headers: { "X-A": "b" } }] }),
    });
    const { code, stdout, stderr } = await runProgram(["--config", other.path("conf.json"), "--check"]);
    assertEquals([code, stdout, stderr.trimEnd().split("\n").length], [2, "", 1], stderr);
    assertMatch(stderr, /type.*expected .*media type/, stderr);
    const rule = { source: "/**", type, fields: [["X-A", "b"]] };
    const options = { root, headers: [rule] } as unknown as StaticOptions;
    assertThrows(() => staticHandler(options), TypeError);
  }
});

Deno.test("a host's rules by type replace inherited ones, and a rule by type keeps what is behind a password private", async () => {
  const files = { "index.html": PAGE, "private/index.html": PAGE };
  const cached = { "Cache-Control": "public, max-age=60" };
  await using served = await ServedSite.start(files, {
    config: {
      headers: [{ type: "text/html", headers: cached }],
      auth: [{ source: "/private/", users: { anna: hashOf("secret") } }],
      hosts: { "b.example": { headers: [{ type: "text/*", headers: { "X-B": "b" } }] } },
    },
  });
  assertEquals((await served.ask(get("/"))).fields["cache-control"], "public, max-age=60");
  const b = (await served.ask(get("/").replace(/Host: .*/, "Host: b.example"))).fields;
  assertEquals([b["cache-control"], b["x-b"]], ["no-cache", "b"]);
  const authorization = basic("anna", "secret");
  const { status, fields } = await served.ask(get("/private/", authorization));
  assertEquals([status, fields["cache-control"]], [200, "private, max-age=60"]);
});
