/**
 * The effects of a configuration file's rules on responses: fields, redirects, rewrites, CORS.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Site } from "../support/program.ts";
import { settle } from "../support/settle.ts";
import { ServedSite } from "../support/served_site.ts";
import { wholeText } from "../support/in_process.ts";
import { get } from "../support/wire.ts";

const FILES = {
  "index.html": "home",
  "a.txt": "0123456789",
  "a.css": "css",
  "assets/app-BhUr0q2X.js": "hashed",
  "assets/app.js": "script",
  "assets/app.js.gz": "gz",
  "docs/new/page.html": "page",
  "docs/index.html": "docs",
  "404.html": "[missing]",
};

/** Name and value of each field line of the response, as they came; names in lower case. */
async function fieldLines(port: number, request: string): Promise<string[]> {
  const text = await wholeText(port, request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
  const [, ...lines] = text.slice(0, text.indexOf("\r\n\r\n")).split("\r\n");
  return lines.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()));
}

Deno.test("fields by glob: in their order, removed by null, Vary combined, each once, in every kind of response", async () => {
  const config = {
    headers: [
      { source: "/**", headers: { "X-All": "1", "X-Who": "all", Vary: "X-A, accept-encoding" } },
      { source: "/assets/**", headers: { "x-who": "assets", "X-Content-Type-Options": null } },
      {
        source: "/*.txt",
        headers: { "X-Who": "text", "Content-Type": "text/x-own", "Cache-Control": "max-age=5" },
      },
      {
        source: "/missing*",
        headers: { "X-All": null, "Cache-Control": "max-age=5", "Content-Type": "x/y" },
      },
    ],
  };
  await using served = await ServedSite.start(FILES, { config, args: ["-H", "X-Flag: on"] });
  const { etag } = (await served.ask(get("/a.txt"))).fields;
  const rows: [request: string, status: number, fields: Record<string, string | undefined>][] = [
    [get("/"), 200, { "x-all": "1", "x-who": "all", vary: "X-A, accept-encoding", "x-flag": "on" }],
    [get("/a.txt"), 200, { "x-who": "text", "content-type": "text/x-own", "cache-control": "max-age=5" }],
    [get("/a.txt", `If-None-Match: ${etag}`), 304, {
      "x-who": "text",
      "content-type": undefined,
      "x-all": "1",
    }],
    [get("/a.txt", "Range: bytes=1-2"), 206, { "x-who": "text", "content-type": "text/x-own" }],
    [get("/a.txt", "Range: bytes=90-"), 416, { "x-who": "text", "cache-control": undefined }],
    [get("/a.txt", 'If-Match: "x"'), 412, { "x-who": "text", "x-flag": "on" }],
    [get("/assets/app.js"), 200, { "x-who": "assets", "x-content-type-options": undefined }],
    [get("/assets/app.js", "Accept-Encoding: gzip"), 200, {
      vary: "Accept-Encoding, X-A",
      "content-encoding": "gzip",
    }],
    [get("/assets"), 301, { "x-who": "assets", location: undefined }],
    [get("/docs"), 301, { "x-who": "all", location: "/docs/" }],
    [get("/missing"), 404, { "x-all": undefined, "cache-control": undefined, "x-who": "all" }],
    [get("/%6dissing"), 404, { "x-all": undefined }],
    [get("/.hidden"), 404, { "x-all": "1", "x-who": "all" }],
    [get("/%00"), 400, { "x-all": "1", "x-flag": "on" }],
    [get("/a.txt").replace("GET", "POST"), 405, { "x-who": "text", allow: "GET, HEAD, OPTIONS" }],
    [get("/a.txt").replace("GET", "OPTIONS"), 204, { "x-who": "text", allow: "GET, HEAD, OPTIONS" }],
    [get("*").replace("GET", "OPTIONS"), 204, { "x-who": "all" }],
  ];
  for (const [request, status, fields] of rows) {
    const line = request.split("\r\n").slice(0, 3).join();
    for (let i = 0; i < 3; i++) {
      const response = await served.ask(request);
      if (status === 301 && fields.location === undefined) {
        assertEquals([response.status, response.fields["x-who"]], [301, "assets"], line);
        continue;
      }
      assertEquals(response.status, status, line);
      for (const [name, value] of Object.entries(fields)) {
        assertEquals(response.fields[name], value, `${line}: ${name}`);
      }
    }
    const names = (await fieldLines(served.port, request)).map((line) => line.split(":")[0]);
    assertEquals(names.length, new Set(names).size, `${line}: ${names}`);
  }
});

Deno.test("Cache-Control by default, by a value from the settings, and switched off", async () => {
  const rows: [args: string[], expected: (string | undefined)[]][] = [
    [[], ["no-cache", "no-cache", "max-age=31536000, immutable", undefined]],
    [["--cache-control=off"], [undefined, undefined, undefined, undefined]],
    [["--cache-control", "public, max-age=60"], [
      "public, max-age=60",
      "public, max-age=60",
      "public, max-age=60",
      undefined,
    ]],
    [["-H", "Cache-Control: private"], ["private", "private", "private", undefined]],
  ];
  for (const [args, expected] of rows) {
    await using served = await ServedSite.start(FILES, { args });
    const targets = ["/", "/a.txt", "/assets/app-BhUr0q2X.js", "/assets/app-BhUr0q2Y.js"];
    for (const [i, target] of targets.entries()) {
      const { fields } = await served.ask(get(target));
      assertEquals(fields["cache-control"], expected[i], `${args} ${target}`);
      if (fields.etag === undefined) continue;
      const again = await served.ask(get(target, `If-None-Match: ${fields.etag}`));
      assertEquals([again.status, again.fields["cache-control"]], [304, expected[i]], `${args} ${target}`);
    }
  }
});

Deno.test("--security-headers: on files, errors, redirects and 304, and rules come after them", async () => {
  await using served = await ServedSite.start(FILES, {
    args: ["--security-headers", "-H", "X-Frame-Options: DENY", "-H", "Permissions-Policy:"],
  });
  const { etag } = (await served.ask(get("/"))).fields;
  const requests = [get("/"), get("/missing"), get("/docs"), get("/%00"), get("/", `If-None-Match: ${etag}`)];
  for (const request of requests) {
    const lines = await fieldLines(served.port, request);
    for (
      const name of [
        "strict-transport-security",
        "x-content-type-options",
        "x-frame-options",
        "referrer-policy",
        "content-security-policy",
        "cross-origin-opener-policy",
      ]
    ) {
      assertEquals(lines.filter((line) => line.startsWith(`${name}:`)).length, 1, `${request} ${name}`);
    }
    assert(lines.includes("x-frame-options: DENY") && !lines.join().includes("permissions-policy"));
  }
});

Deno.test("redirects: the first that matches, with captures, query and status, before any file at the path", async () => {
  const config = {
    redirects: [
      { source: "/old/*/x", destination: "/first/$1", status: 302 },
      { source: "/old/**", destination: "/docs/$1" },
      { source: "/out/**", destination: "https://example.org/$1?from=us#top", status: 308 },
      { source: "/a.css", destination: "/a.txt", status: 303 },
      { source: "/any/**", destination: "/$1", status: 307 },
      { source: "/self", destination: "/self" },
      { source: "/query", destination: "/query?a=1" },
      { source: "/中/*", destination: "/docs/$1" },
      { source: "/late/", destination: "/a.txt" },
      { source: "/bare**", destination: "/$1" },
    ],
  };
  const files = { ...FILES, "self": "self", "query": "query" };
  await using served = await ServedSite.start(files, { config });
  const rows: [string, string][] = [
    ["/old/a/x", "302 /first/a"],
    ["/old/a/y?q=1&r=%20", "301 /docs/a/y?q=1&r=%20"],
    ["/old/", "301 /docs/"],
    ["/old", "301 /docs/"],
    ["/%6fld/a", "301 /docs/a"],
    ["//old//a", "301 /docs/a"],
    ["/x/../old/a", "301 /docs/a"],
    ["/old/a%20b%2fc", "301 /docs/a%20b/c"],
    ["/out/a?lost", "308 https://example.org/a?from=us#top"],
    ["/out/@evil.example/", "308 https://example.org/@evil.example/?from=us#top"],
    ["/a.css", "303 /a.txt"],
    ["/any/b", "307 /b"],
    ["/any//evil.example", "307 /evil.example"],
    ["/any/%2fevil.example", "307 /evil.example"],
    ["/any/%2f%2fevil.example/%2f", "307 /evil.example/"],
    ["/any/\\evil.example", "307 /%5Cevil.example"],
    ["/any/%5cevil.example", "307 /%5Cevil.example"],
    ["/any/\\\\evil.example", "307 /%5C%5Cevil.example"],
    ["/any/%0d%0aSet-Cookie:%20a=b", "307 /%0D%0ASet-Cookie:%20a=b"],
    ["/any/x?%0d%0aSet-Cookie:a=b", "307 /x?%0d%0aSet-Cookie:a=b"],
    ["/any/https://evil.example", "307 /https:/evil.example"],
    ["/any/$1$2", "307 /$1$2"],
    ["/self", "200 self"],
    ["/self?q", "200 self"],
    ["/query", "301 /query?a=1"],
    ["/query?a=1", "200 query"],
    ["/query?a=2", "301 /query?a=1"],
    ["/中/x", "301 /docs/x"],
    ["/%e4%b8%ad/x", "301 /docs/x"],
    ["/bare/evil.example", "301 /evil.example"],
    ["/bare//evil.example/", "301 /evil.example/"],
    ["/late", "404"],
    ["/late/", "301 /a.txt"],
  ];
  for (let i = 0; i < 3; i++) {
    for (const [target, expected] of rows) {
      if (expected === "404") assertEquals((await served.ask(get(target))).status, 404, target);
      else assertEquals(await served.say(target), expected, target);
      const head = await served.ask(get(target).replace("GET", "HEAD"));
      assertEquals(String(head.status), expected.slice(0, 3), `HEAD ${target}`);
      assertEquals(head.fields["set-cookie"], undefined);
    }
  }
  assertEquals((await served.ask(get("/old/x").replace("GET", "POST"))).status, 405);
});

const REWRITES = {
  rewrites: [
    { source: "/api/*", destination: "/data/$1.json" },
    { source: "/chain", destination: "/api/a" },
    { source: "/hidden/**", destination: "/.secret/$1" },
    { source: "/up/**", destination: "/../$1" },
    { source: "/link", destination: "/out.txt" },
    { source: "/dir", destination: "/docs" },
    { source: "/dir2", destination: "/docs/" },
    { source: "/space", destination: "/a b.txt" },
    { source: "/a.css", destination: "/a.txt" },
    { source: "/blog/**", destination: "/fallback.html", ifMissing: true },
    { source: "/once/**", destination: "/blog/none", ifMissing: true },
  ],
};

Deno.test("rewrites: always or only for missing files, once, and never out of the site or to hidden files", async () => {
  using outside = new Site({ "secret.txt": "outside" });
  const files = {
    ...FILES,
    "data/a.json": "{}",
    ".secret/x": "secret",
    "a b.txt": "space",
    "fallback.html": "fallback",
    "blog/there.html": "there",
    "blog/index.html": "blog",
  };
  await using served = await ServedSite.start(files, { config: REWRITES, args: ["--clean-urls"] }, (site) => {
    Deno.symlinkSync(`${outside.root}/secret.txt`, site.path("out.txt"));
  });
  const rows: [string, string][] = [
    ["/api/a", "200 {}"],
    ["/api/a?q", "200 {}"],
    ["/%61pi/a", "200 {}"],
    ["/api/b", "404 [missing]"],
    ["/api/a/b", "404 [missing]"],
    ["/chain", "404 [missing]"],
    ["/hidden/x", "404 [missing]"],
    ["/link", "404 [missing]"],
    ["/dir", "200 docs"],
    ["/dir2", "200 docs"],
    ["/space", "200 space"],
    ["/a.css", "200 0123456789"],
    ["/blog/there", "200 there"],
    ["/blog/there.html", "301 /blog/there"],
    ["/blog/else/where", "200 fallback"],
    ["/blog/", "200 blog"],
    ["/once/x", "404 [missing]"],
  ];
  for (let i = 0; i < 3; i++) {
    for (const [target, expected] of rows) assertEquals(await served.say(target), expected, target);
  }
  const climbing = await served.ask(get("/up/etc/passwd"));
  assert(climbing.status === 400 || climbing.status === 404, "above the root nothing is found");
  const { fields } = await served.ask(get("/api/a"));
  assertEquals(fields["content-type"], "application/json; charset=UTF-8");
  assertEquals((await served.ask(get("/api/a", `If-None-Match: ${fields.etag}`))).status, 304);
});

Deno.test("a file that appears is served instead of its fallback, and the other way round", async () => {
  await Promise.all(["auto", "stat"].map(async (mode) => {
    const files = { "fallback.html": "fallback", "blog/x.txt": "x", "data/k.json": "k" };
    await using served = await ServedSite.start(files, {
      config: REWRITES,
      args: ["--cache-validate", mode],
    });
    const { site } = served;
    if (mode === "stat") {
      await settle();
    }
    for (let round = 0; round < 15; round++) {
      for (let i = 0; i < 3; i++) assertEquals(await served.say("/blog/p"), "200 fallback");
      site.write("blog/p", "page");
      assertEquals(await served.say("/blog/p"), "200 page");
      Deno.removeSync(site.path("blog/p"));
      for (let i = 0; i < 3; i++) assertEquals(await served.say("/blog/p"), "200 fallback");
      site.write("blog/p/index.html", "folder");
      assertEquals(await served.say("/blog/p"), "301 /blog/p/");
      assertEquals(await served.say("/blog/p/"), "200 folder");
      Deno.removeSync(site.path("blog/p"), { recursive: true });
      assertEquals(await served.say("/blog/p"), "200 fallback");
      Deno.renameSync(site.path("blog"), site.path("away"));
      assertEquals(await served.say("/blog/p"), "200 fallback");
      Deno.renameSync(site.path("away"), site.path("blog"));
      assertEquals(await served.say("/api/a"), "404");
      site.write("data/a.json", `${round}`);
      for (let i = 0; i < 2; i++) assertEquals(await served.say("/api/a"), `200 ${round}`);
      Deno.removeSync(site.path("data/a.json"));
    }
  }));
});

Deno.test("RFC 9110 §15.3.7, §15.4.5: Content-Location of a rule is in 206 and 304, as in the 200, and in no error", async () => {
  const files = { "small.txt": "0123456789", "large.bin": new Uint8Array(2 << 20), "d/index.html": "d" };
  const headers = [{ source: "/**", headers: { "Content-Location": "/there", "Content-Language": "en" } }];
  await using served = await ServedSite.start(files, { config: { headers } });
  for (const target of ["/small.txt", "/large.bin", "/d/"]) {
    const { fields: { etag } } = await served.ask(get(target));
    for (
      const [expected, language, ...lines] of [
        [200, "en"],
        [206, "en", "Range: bytes=0-0"],
        [304, undefined, `If-None-Match: ${etag}`],
        [412, undefined, 'If-Match: "x"'],
        ...target === "/d/" ? [] : [[206, undefined, "Range: bytes=0-0,5-6"]] as const,
      ] as const
    ) {
      for (let i = 0; i < 3; i++) {
        const { status, fields } = await served.ask(get(target, ...lines));
        const location = expected === 412 ? undefined : "/there";
        assertEquals(
          [status, fields["content-location"], fields["content-language"]],
          [expected, location, language],
          `${target} ${lines}`,
        );
      }
    }
  }
  for (const [target, expected] of [["/missing", 404], ["/d", 301]] as const) {
    const { status, fields } = await served.ask(get(target));
    assertEquals([status, fields["content-location"]], [expected, undefined]);
  }
});
