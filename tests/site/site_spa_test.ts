/**
 * The page of a single-page application (--spa), which answers navigations to paths without a file.
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { basic, hashOf } from "../support/passwords.ts";
import { Site } from "../support/program.ts";
import { ServedSite, summary } from "../support/served_site.ts";
import { get } from "../support/wire.ts";

const NAVIGATION = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

Deno.test("--spa: navigations to missing files get the page, requests of a page's parts do not", async () => {
  const files = { "index.html": "app", "a.js": "script", "dir/x.txt": "x", ".env": "secret" };
  await using served = await ServedSite.start(files, { args: ["--spa"] });
  const accepts: [string, boolean][] = [
    [NAVIGATION, true],
    ["Accept: text/html", true],
    ["accept: TEXT/HTML;q=0.1", true],
    ["Accept: image/avif, application/xhtml+xml", true],
    ["Accept: text/html;level=1;q=0.5, */*", true],
    ["Accept: text/html;q=0, */*", false],
    ["Accept: */*", false],
    ["Accept: text/*", false],
    ["Accept: image/avif,image/webp,*/*;q=0.8", false],
    ["Accept: application/json", false],
    ["Accept: text/htmlx", false],
    ['Accept: application/json;x="text/html"', false],
    ["Accept:", false],
    ["X-None: x", false],
  ];
  for (const [accept, isNavigation] of accepts) {
    for (let i = 0; i < 3; i++) {
      const { status, text, fields } = await served.ask(get("/users/7?tab=1", accept));
      assertEquals([status, fields.vary], [isNavigation ? 200 : 404, "Accept"], accept);
      if (isNavigation) assertEquals([text, fields["content-type"]], ["app", "text/html; charset=UTF-8"]);
    }
  }
  await served.check([
    ["/", "200 app"],
    ["/a.js", "200 script"],
    ["/missing.js", "404"],
    ["/img/missing.png", "404"],
    ["/users/7.json", "404"],
    ["/a.b/c", "200 app"],
    ["/users/", "200 app"],
    ["/dir", "301 /dir/"],
    ["/dir/", "200 app"],
    ["/a.js/x", "200 app"],
    ["/.env", "404"],
    ["/.env/x", "404"],
    ["/../x", "400"],
    ["/%00", "400"],
  ], NAVIGATION);
  const page = await served.ask(get("/users/7", NAVIGATION));
  assert(page.fields.etag !== undefined && page.fields["cache-control"] === "no-cache");
  const head = await served.ask(`HEAD /users/7 HTTP/1.1\r\nHost: x\r\n${NAVIGATION}\r\n\r\n`);
  assertEquals([head.status, { ...head.fields, date: "" }], [200, { ...page.fields, date: "" }]);
  assertEquals((await served.ask(`POST /users/7 HTTP/1.1\r\nHost: x\r\n${NAVIGATION}\r\n\r\n`)).status, 405);
  const own = (await served.ask(get("/index.html"))).fields;
  assertEquals([own.etag, own.vary], [page.fields.etag, undefined]);
});

Deno.test("--spa: conditions and ranges are about the page; a failure has its own status", async () => {
  await using served = await ServedSite.start({ "app.html": "0123456789" }, { args: ["--spa=app.html"] });
  const { etag } = (await served.ask(get("/x", NAVIGATION))).fields;
  const rows: [string, number, string | undefined][] = [
    [`If-None-Match: ${etag}`, 304, undefined],
    [`If-Match: ${etag}`, 200, undefined],
    ['If-Match: "other"', 412, undefined],
    ["If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 412, undefined],
    ["Range: bytes=2-4", 206, "bytes 2-4/10"],
    ["Range: bytes=10-", 416, "bytes */10"],
  ];
  for (const [line, status, range] of rows) {
    for (let i = 0; i < 3; i++) {
      const { fields, ...answer } = await served.ask(get("/x", NAVIGATION, line));
      assertEquals([answer.status, fields["content-range"], fields.vary], [status, range, "Accept"], line);
    }
  }
});

Deno.test("--spa with other settings: 404.html, clean URLs, a page that is missing, outside or unreadable", async () => {
  using outside = new Site({ "secret.html": "outside" });
  const files = { "app.html": "app", "404.html": "[missing]", "about.html": "about", "hidden/.app.html": "" };
  for (
    const [spa, expected] of [
      ["/app.html", "200 app"],
      ["/nowhere.html", "404 [missing]"],
      ["/hidden/.app.html", "404 [missing]"],
      ["/hidden", "404 [missing]"],
      ["/out.html", "404 [missing]"],
      ["/packed.html", "406"],
    ]
  ) {
    await using served = await ServedSite.start(files, { args: [`--spa=${spa}`, "--clean-urls"] }, (site) => {
      Deno.symlinkSync(`${outside.root}/secret.html`, site.path("out.html"));
      site.write("packed.html.gz", "gz");
    });
    await served.check([
      ["/x", expected!],
      ["/x/y/", expected!],
      ["/about", "200 about"],
      ["/about.html", "301 /about"],
      ["/app.html", "301 /app"],
      ["/missing.png", "404 [missing]"],
    ], NAVIGATION);
    assertEquals(await served.say("/x", "Accept: */*"), "404 [missing]");
    if (spa === "/packed.html") {
      const { fields } = await served.ask(get("/x", NAVIGATION, "Accept-Encoding: gzip"));
      assertEquals([fields["content-encoding"], fields.vary], ["gzip", "Accept-Encoding, Accept"]);
    }
  }
});

Deno.test("a --spa page in memory is as it is on disk, and has its own tag", async () => {
  await using served = await ServedSite.start({ "app.html": "one" }, { args: ["--spa=app.html"] });
  const before = await served.ask(get("/x", NAVIGATION));
  served.site.write("app.html", "two");
  const after = await served.ask(get("/x", NAVIGATION, `If-None-Match: ${before.fields.etag}`));
  assertEquals(summary(after), "200 two");
  assertNotEquals(after.fields.etag, before.fields.etag);
});

Deno.test("--spa: a dot in a name makes no file of it, unless a known extension follows", async () => {
  const files = { "index.html": "app", "404.html": "[missing]", "users/real.doe": "file" };
  await using served = await ServedSite.start(files, { args: ["--spa"] });
  const pages = [
    ...[
      "/users/jane.doe",
      "/docs/9.9",
      "/docs/v1.2.3",
      "/docs/1.123",
      "/users/jane.doe/",
      "/a.b/c.d/e",
      "/x.",
    ],
    ...[
      "/sites/example.com",
      "/sites/example.org",
      "/sites/example.es",
      "/users/jane.me",
      "/@jane.ai",
      "/search/a%20b.%C3%BC",
    ],
    ...["/users/j.doe%40example.com", "/docs/9.9?tab=1.js", "/compare/v1.0...v2.0"],
  ];
  const missing = [
    ...["/app.js", "/app.mjs", "/app.cjs", "/a/b.css", "/a.PNG", "/data.json", "/app.js.map", "/font.woff2"],
    ...[
      "/a.wasm",
      "/page.html",
      "/a.bin",
      "/setup.exe",
      "/a.pdf",
      "/a.tar.gz",
      "/robots.txt",
      "/v1.0/app.js",
    ],
  ];
  const rows = [...pages.map((path) => [path, "200 app"]), ...missing.map((path) => [path, "404 [missing]"])];
  await served.check(rows.map(([path, expected]) => [path!, expected!]), NAVIGATION);
  // Browsers announce a navigation, whatever they accept; requests of a page's parts, and curl, get 404.
  const mode = "Sec-Fetch-Mode: navigate";
  await served.check(rows.map(([path, expected]) => [path!, expected!]), mode);
  for (
    const lines of [["Accept: */*", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"], ["Accept: */*"], []]
  ) {
    await served.check([...pages, ...missing].map((path) => [path, "404 [missing]"]), ...lines);
  }
  await served.check([["/users/real.doe", "200 file"]], NAVIGATION);
  const varying = async (...lines: string[]) => (await served.ask(get("/docs/9.9", ...lines))).fields.vary;
  assertEquals(await varying(NAVIGATION, mode), "Accept");
  assertEquals(await varying("Accept: */*", mode), "Accept, Sec-Fetch-Mode");
  assertEquals(await varying("Accept: */*", "Sec-Fetch-Mode: cors"), "Accept, Sec-Fetch-Mode");
});

Deno.test("--spa with a page behind a password: responses that depend on Accept say so, also 401", async () => {
  const auth = [{ source: "/app.html", realm: "r", users: { ann: hashOf("right") } }];
  await using served = await ServedSite.start({ "app.html": "app" }, { config: { spa: "/app.html", auth } });
  const rows: [status: number, ...lines: string[]][] = [
    [404],
    [401, NAVIGATION],
    [401, NAVIGATION, basic("ann", "wrong")],
    [200, NAVIGATION, basic("ann", "right")],
    [404, basic("ann", "right")],
  ];
  for (const [expected, ...lines] of rows) {
    const { status, fields } = await served.ask(get("/where/nothing/is", ...lines));
    assertEquals([status, fields.vary], [expected, "Accept"], lines.join());
  }
});
