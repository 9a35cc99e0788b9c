/**
 * Paths behind a password: there is no way around it, and each request gets its own response, at once or after a check.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FOLLOWS_LINKS, runProgram, Site } from "../support/program.ts";
import { basic, hashOf } from "../support/passwords.ts";
import { ServedSite, summary } from "../support/served_site.ts";
import { get, Wire } from "../support/wire.ts";

const SECRET = "the secret";
const ANN = basic("ann", "right");
const FILES = {
  "index.html": "home",
  "404.html": "[missing]",
  "private/index.html": SECRET,
  "private/page.html": SECRET,
  "private/x.txt": SECRET,
  "private/x.txt.gz": SECRET,
  "private/only.css.br": SECRET,
  "private/sub/y.txt": SECRET,
  "private/.hidden": SECRET,
  "secret.html": SECRET,
  "secret.html.gz": SECRET,
  "tools/index.html": SECRET,
  "app.html": SECRET,
  "open.txt": "open",
  "large/big.bin": new Uint8Array(2 << 20).fill(65),
};
const CONFIG = {
  cleanUrls: true,
  browse: true,
  spa: "/app.html",
  auth: [
    { source: "/private/**", realm: "Private", users: { ann: hashOf("right"), "zoë": hashOf("пароль:x") } },
    { source: "/secret.html", realm: "Page", users: { ann: hashOf("right") } },
    { source: "/tools/", realm: "Tools", users: { ann: hashOf("right") } },
    { source: "/app.html", realm: "App", users: { ann: hashOf("right") } },
    { source: "/large/**", realm: "Large", users: { bob: hashOf("other") } },
  ],
  rewrites: [
    { source: "/way", destination: "/private/x.txt" },
    { source: "/folder", destination: "/private/" },
    { source: "/page", destination: "/secret" },
    { source: "/lost/**", destination: "/private/x.txt", ifMissing: true },
  ],
};

Deno.test("without the password no rewrite shows which files exist", async () => {
  const users = { ann: hashOf("right") };
  const files = {
    "index.html": "home",
    "fallback.html": "fallback",
    "private/a.txt": SECRET,
    "private/d/x.txt": SECRET,
    "private/e/index.html": SECRET,
    "other/b.txt": "other",
  };
  await using served = await ServedSite.start(files, {
    args: ["--spa"],
    config: {
      auth: [{ source: "/private/**", realm: "r", users }, { source: "/single", realm: "s", users }],
      rewrites: [
        { source: "/both/**", destination: "/private/$1" },
        { source: "/both/**", destination: "/fallback.html", ifMissing: true },
        { source: "/pub/**", destination: "/private/$1" },
        { source: "/dir/*", destination: "/private/$1/" },
        { source: "/late/**", destination: "/private/$1", ifMissing: true },
        { source: "/one", destination: "/single" },
        { source: "/open/**", destination: "/other/$1" },
      ],
    },
  });
  const there = "/pub/a.txt /pub/d/x.txt /pub/e/ /pub/e /late/a.txt /dir/e /both/a.txt".split(" ");
  const missing = "/pub/nope.txt /pub/d/ /pub/d /pub/d/nope /late/nope.txt /dir/nope /both/nope.txt /one"
    .split(" ");
  for (const lines of [[], ["Accept: text/html"]]) {
    for (const target of [...there, ...missing]) {
      assertEquals((await served.ask(get(target, ...lines))).status, 401, target);
    }
    for (const [target, expected] of [["/open/b.txt", "200 other"], ["/open/nope.txt", "404"]] as const) {
      assertEquals(await served.say(target, ...lines), expected);
    }
  }
  await served.check([
    ["/pub/a.txt", `200 ${SECRET}`],
    ["/pub/nope.txt", "404"],
    ["/both/nope.txt", "200 fallback"],
    ["/dir/e", `200 ${SECRET}`],
    ["/one", "404"],
  ], ANN);
});

Deno.test("no spelling, method, condition, rule or other name of a file bypasses its password", async () => {
  await using served = await ServedSite.start(FILES, { config: CONFIG });
  const { etag } = (await served.ask(get("/private/x.txt", ANN))).fields;
  assert(etag !== undefined);
  const targets = [
    ..."/private/x.txt /private/ /private /private/page /private/page.html /private/index /private/index.html"
      .split(" "),
    ..."/private/sub /private/sub/ /private/sub/y.txt /private/x.txt.gz /private/only.css /private/only.css.br"
      .split(" "),
    ..."/private/missing /private/missing.html /private/missing/ /private/sub/missing /private/x.txt/ ".trim()
      .split(" "),
    ..."//private/x.txt /./private/x.txt /a/../private/x.txt /private/../private/x.txt /private//x.txt".split(
      " ",
    ),
    ..."/%70rivate/x.txt /private/%78.txt /%2fprivate/x.txt /private%2fx.txt /private/./x.txt /private/sub/.."
      .split(" "),
    ..."/private/sub/../x.txt /a/%2e%2e/private/x.txt /private/x.txt?q /private/?q http://test/private/x.txt"
      .split(" "),
    ..."http://other/private/ /secret /secret.html /secret.html.gz /secret.html.br /secret/ /secret?q".split(
      " ",
    ),
    ..."/tools/ /tools /tools/index /tools/index.html /app /app.html /way /folder /page /lost/x".split(" "),
  ];
  const ways: string[][] = [
    [],
    ["Range: bytes=0-3"],
    [`If-None-Match: ${etag}`],
    ["If-None-Match: *"],
    ['If-Match: "x"'],
    [`If-Range: ${etag}`, "Range: bytes=0-"],
    ["Accept-Encoding: gzip, br"],
    ["Accept: application/json"],
    ["Origin: https://a.example"],
    ["Authorization: Bearer right"],
    ["Authorization: Basic"],
    ["Authorization: Basic !"],
    ["Authorization: Digest username=ann"],
    [`Proxy-${ANN}`],
    [basic("ann", "wrong")],
    [basic("ann", "")],
    [basic("Ann", "right")],
    [basic("bob", "other")],
    [`${ANN}, Basic x`],
    [ANN, ANN],
    ["Cookie: a=b", "X-Original-URL: /private/x.txt"],
  ];
  for (const target of targets) {
    for (const lines of target === "/private/x.txt" ? ways : ways.slice(0, 8)) {
      const right = await served.ask(
        get(target, ...lines.slice(0, 1).filter((l) => !l.startsWith("Auth")), ANN),
      );
      assert(right.status !== 401, `${target} with the right password: ${right.status}`);
      for (const request of [get(target, ...lines), get(target, ...lines).replace("GET", "HEAD")]) {
        const response = await served.ask(request);
        assertEquals(response.status, 401, request);
        assert(!response.text.includes(SECRET), request);
        for (const name of ["etag", "last-modified", "content-range", "content-encoding", "location"]) {
          assertEquals(response.fields[name], undefined, `${request}: ${name}`);
        }
        assert(response.fields["www-authenticate"]!.startsWith("Basic realm="), request);
      }
    }
  }
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"]) {
    const { status, text } = await served.ask(get("/private/x.txt").replace("GET", method));
    assert([204, 405].includes(status) && !text.includes(SECRET), `${method}: ${status}`);
  }
  assertEquals(summary(await served.ask(get("/private/.hidden"))), "404 [missing]");
});

Deno.test("a rule for the compressed form of a file applies wherever that form is sent", async () => {
  const auth = [{ source: "/**.gz", users: { ann: hashOf("right") } }];
  const files = { "only.sql.gz": SECRET, "page.html": "page", "page.html.gz": SECRET, "free.txt": "free" };
  await using served = await ServedSite.start(files, { config: { auth, cleanUrls: true } });
  for (const target of ["/only.sql", "/only.sql.gz", "/page", "/page.html.gz"]) {
    for (const line of ["Accept-Encoding: gzip", "Accept-Encoding: identity", "X: y"]) {
      const { status, text } = await served.ask(get(target, line));
      assertEquals([status, text.includes(SECRET)], [401, false], `${target} ${line}`);
    }
    assert((await served.ask(get(target, "Accept-Encoding: gzip", ANN))).text.includes(SECRET), target);
  }
  assertEquals(await served.say("/free.txt", "Accept-Encoding: gzip"), "200 free");
});

Deno.test("a --spa page behind a password is not sent without it", async () => {
  await using served = await ServedSite.start(FILES, { config: CONFIG });
  for (let i = 0; i < 3; i++) {
    assertEquals(await served.say("/route", "Accept: text/html"), "401");
    assertEquals(await served.say("/route", "Accept: text/html", ANN), `200 ${SECRET}`);
    assertEquals(await served.say("/route", "Accept: */*"), "404 [missing]");
    assertEquals(await served.say("/private/route", "Accept: text/html"), "401");
  }
});

Deno.test("public responses stay public, and do not depend on the client; protected ones are for private caches only", async () => {
  await using served = await ServedSite.start(FILES, { config: CONFIG });
  for (let i = 0; i < 3; i++) {
    for (const lines of [[], [ANN], [basic("ann", "wrong")]]) {
      assertEquals(await served.say("/open.txt", ...lines), "200 open");
      assertEquals(await served.say("/privatex", ...lines), "404 [missing]");
    }
    assertEquals((await served.ask(get("/open.txt"))).fields["cache-control"], "no-cache");
    for (
      const target of [
        ..."/private/x.txt /private/page /secret /tools/ /private/sub/ /way /page /lost/x".split(" "),
      ]
    ) {
      const { fields } = await served.ask(get(target, ANN));
      assert(fields["cache-control"]?.startsWith("private"), `${target}: ${fields["cache-control"]}`);
    }
  }
});

Deno.test("several users and rules: each user has a password of their own, for certain paths", async () => {
  await using served = await ServedSite.start(FILES, { config: CONFIG });
  const rows: [target: string, user: string, password: string, status: number][] = [
    ["/private/x.txt", "ann", "right", 200],
    ["/private/x.txt", "zoë", "пароль:x", 200],
    ["/private/x.txt", "zoe\u0308", "пароль:x", 200],
    ["/private/x.txt", "zoë", "пароль", 401],
    ["/private/x.txt", "zoë", "right", 401],
    ["/private/x.txt", "bob", "other", 401],
    ["/private/x.txt", "", "", 401],
    ["/private/x.txt", "ann", "right ", 401],
    ["/private/x.txt", "__proto__", "right", 401],
    ["/large/big.bin", "bob", "other", 200],
    ["/large/big.bin", "ann", "right", 401],
  ];
  for (let round = 0; round < 2; round++) {
    for (const [target, user, password, status] of rows) {
      const response = await served.ask(get(target, basic(user, password)));
      assertEquals(response.status, status, `${target} ${user} ${password}`);
    }
  }
});

Deno.test("responses with and without the password alternate on one connection, and are never mixed up", async () => {
  await using served = await ServedSite.start(FILES, { config: CONFIG });
  using wire = await Wire.connect(served.port);
  const asked: [lines: string[], status: number][] = [
    [[ANN], 200],
    [[], 401],
    [[basic("ann", "wrong")], 401],
    [[ANN, "Range: bytes=0-2"], 206],
    [["Range: bytes=0-2"], 401],
    [[ANN, "If-None-Match: *"], 304],
    [["If-None-Match: *"], 401],
  ];
  for (let round = 0; round < 8; round++) {
    for (const target of ["/private/x.txt", "/private/page", "/way"]) {
      await wire.send(asked.map(([lines]) => get(target, ...lines)).join(""));
      for (const [lines, status] of asked) {
        const { text, ...response } = await wire.expect();
        assertEquals(response.status, status, `${target} ${lines}`);
        assertEquals(text.includes("the"), status === 200 || status === 206, text);
      }
    }
  }
});

Deno.test("links, hosts, and pages for 401 and 404 behind a password", async () => {
  using other = new Site({ "x.txt": "other" });
  const config = {
    auth: [{ source: "/**", users: { ann: hashOf("right") } }],
    errorPages: { 401: "/in.html" },
    hosts: { "open.example": { auth: [], root: other.root } },
  };
  const files = { "in.html": "[log in]", "404.html": "[missing]", "a/x.txt": "x" };
  await using served = await ServedSite.start(files, { config }, (site) => {
    Deno.symlinkSync("a", site.path("link"));
  });
  for (let i = 0; i < 3; i++) {
    assertEquals(await served.say("/a/x.txt"), "401 [log in]");
    assertEquals(await served.say("/none"), "401 [log in]");
    assertEquals(await served.say("/none", ANN), "404 [missing]");
    assertEquals(await served.say("/link/x.txt"), "401 [log in]");
    assertEquals(await served.say("/link/x.txt", ANN), FOLLOWS_LINKS ? "200 x" : "404 [missing]");
    const open = await served.ask("GET /x.txt HTTP/1.1\r\nHost: open.example\r\n\r\n");
    assertEquals(summary(open), "200 other");
    const closed = await served.ask("GET http://test/a/x.txt HTTP/1.1\r\nHost: open.example\r\n\r\n");
    assertEquals(summary(closed), "401 [log in]");
  }
});

Deno.test("neither passwords nor their hashes are printed", async () => {
  const hash = hashOf("right");
  using site = new Site({ "a.txt": "a" });
  await using served = await ServedSite.start({ "a.txt": "a" }, {
    args: ["-v", "--auth", `ann:${hash}`],
  });
  await served.say("/a.txt", ANN);
  await served.say("/a.txt", basic("ann", "hunter2"));
  const explained = await runProgram(["--root", site.root, "--auth", `ann:${hash}`, "--explain", "/a.txt"]);
  assertEquals(explained.code, 0);
  for (const text of [served.program.stdout, explained.stdout]) {
    assert(!/hunter2|right|scrypt|YW5u/.test(text), text);
  }
});

Deno.test("a rule for a directory, with a slash at its end or without, protects everything below; /* one level", async () => {
  const users = { ann: hashOf("right") };
  const folder = (name: string) => ({
    [`${name}/index.html`]: SECRET,
    [`${name}/data.txt`]: SECRET,
    [`${name}/deep/x`]: SECRET,
    [`${name}ology.txt`]: "open",
  });
  const files = Object.assign({}, ...["slash", "bare", "v1.2", "one", "a", "b", "*c", "level"].map(folder));
  const sources = ["/slash/", "/bare", "/v1.2", "/{one,none}", "/[ab]", "/[*]c", "/level/*"];
  const auth = sources.map((source) => ({ source, users }));
  await using served = await ServedSite.start(files, { config: { auth } });
  for (const name of ["slash", "bare", "v1.2", "one", "a", "b", "*c"]) {
    for (const path of ["", "/", "/index.html", "/data.txt", "/deep/x", "/deep", "/deep/", "/none/at/all"]) {
      assertEquals((await served.ask(get(`/${name}${path}`))).status, 401, name + path);
      assert((await served.ask(get(`/${name}${path}`, ANN))).status !== 401, name + path);
    }
    assertEquals(await served.say(`/${name}ology.txt`), "200 open");
  }
  assertEquals(await served.say("/level/data.txt"), "401");
  assertEquals(await served.say("/level/deep/x"), `200 ${SECRET}`);
});
