/**
 * Several sites by the host of a request; and the configuration file, which none of them serves.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { FOLLOWS_LINKS, Program, runProgram, Site } from "../support/program.ts";
import { ServedSite, summary } from "../support/served_site.ts";
import { exchange, Wire } from "../support/wire.ts";

function request(host: string | null, target = "/", ...lines: string[]): string {
  const named = host === null ? [] : [`Host: ${host}`];
  return [`GET ${target} HTTP/1.1`, ...named, ...lines, "", ""].join("\r\n");
}

/** A site for each of some hosts, all with the same paths. */
async function startHosts(sites: Site, own: Record<string, unknown> = {}): Promise<ServedSite> {
  const names = ["a.example", "*.wild.example", "x.wild.example", "[::1]", "127.0.0.1"];
  const hosts: Record<string, unknown> = {};
  for (const [i, name] of names.entries()) {
    sites.write(`${i}/index.html`, name);
    sites.write(`${i}/same.txt`, name);
    hosts[name] = { root: sites.path(String(i)), ...own };
  }
  return await ServedSite.start({ "index.html": "any", "same.txt": "any" }, { config: { hosts } });
}

Deno.test("a host is found by its name alone: case, port and the root's dot are ignored, an absolute target comes first", async () => {
  using sites = new Site();
  await using served = await startHosts(sites);
  const long = "a.".repeat(4000) + "wild.example";
  const rows: [request: string, expected: string][] = [
    [request("a.example"), "a.example"],
    [request("A.EXAMPLE"), "a.example"],
    [request("a.example:8080"), "a.example"],
    [request("a.example:"), "a.example"],
    [request("a.example."), "a.example"],
    [request("A.Example.:80"), "a.example"],
    [request("b.a.example"), "any"],
    [request("a.example.evil"), "any"],
    [request("xa.example"), "any"],
    [request("example"), "any"],
    [request("y.wild.example"), "*.wild.example"],
    [request("z.y.WILD.example:1"), "*.wild.example"],
    [request("x.wild.example"), "x.wild.example"],
    [request("y.x.wild.example"), "*.wild.example"],
    [request("wild.example"), "any"],
    [request("*.wild.example"), "*.wild.example"],
    [request("[::1]:80"), "[::1]"],
    [request("127.0.0.1:80"), "127.0.0.1"],
    [request("unknown"), "any"],
    [request(long), "any"],
    [request("a.example", "http://y.wild.example/"), "*.wild.example"],
    [request("a.example", "http://unknown/"), "any"],
    [request("unknown", "HTTP://A.example:80/"), "a.example"],
    [request("unknown", "http://a.example"), "a.example"],
    [request("unknown", "https://a.example?q"), "a.example"],
    ["GET / HTTP/1.0\r\n\r\n", "any"],
    ["GET / HTTP/1.0\r\nHost: a.example\r\n\r\n", "a.example"],
    ["GET http://a.example/ HTTP/1.0\r\n\r\n", "a.example"],
  ];
  for (let round = 0; round < 4; round++) {
    for (const [asked, expected] of rows) {
      const { status, text } = asked.includes("HTTP/1.0")
        ? await exchange(served.port, asked)
        : await served.ask(asked);
      assertEquals([status, text], [200, expected], asked.slice(0, 80));
    }
  }
  assertEquals((await served.ask(request(null))).status, 400);
});

Deno.test("equal paths of several roots are never mixed up: on one connection, pipelined, remembered, with tags", async () => {
  using sites = new Site();
  await using served = await startHosts(sites);
  const hosts = ["a.example", "q.wild.example", "x.wild.example", "other"];
  const expected = ["a.example", "*.wild.example", "x.wild.example", "any"];
  using wire = await Wire.connect(served.port);
  const tags: string[] = [];
  for (let round = 0; round < 10; round++) {
    await wire.send(hosts.map((host) => request(host, "/same.txt")).join("").repeat(3));
    for (let i = 0; i < hosts.length * 3; i++) {
      const { text, fields } = await wire.expect();
      assertEquals(text, expected[i % hosts.length]);
      tags[i % hosts.length] = fields.etag!;
    }
    for (const [i, host] of hosts.entries()) {
      const other = tags[(i + 1) % hosts.length];
      await wire.send(request(host, "/same.txt", `If-None-Match: ${tags[i]}`));
      await wire.send(request(host, "/same.txt", `If-None-Match: ${other}`));
      assertEquals((await wire.expect()).status, 304);
      assertEquals((await wire.expect()).text, expected[i]);
    }
    sites.write("0/same.txt", `a.example`);
  }
  served.site.write("same.txt", "changed");
  assertEquals((await served.ask(request("other", "/same.txt"))).text, "changed");
  assertEquals((await served.ask(request("a.example", "/same.txt"))).text, "a.example");
});

Deno.test("a host inherits the settings of the top level, except those that it has itself", async () => {
  using sites = new Site({ "a/page.html": "a", "a/404.html": "[a]", "b/page.html": "b", "b/e.html": "[b]" });
  const config = {
    cleanUrls: true,
    headers: { "X-Top": "1" },
    errorPages: { 405: "/e.html" },
    hosts: {
      "a.example": { root: sites.path("a") },
      "b.example": {
        root: sites.path("b"),
        cleanUrls: false,
        headers: { "X-B": "1" },
        errorPages: { 404: "/e.html" },
        redirects: [{ source: "/go", destination: "/page.html" }],
      },
      "same.example": { spa: true },
    },
  };
  await using served = await ServedSite.start({ "index.html": "top", "page.html": "top page" }, { config });
  const rows: [host: string, target: string, expected: string, field: string, value: string | undefined][] = [
    ["a.example", "/page.html", "301 /page", "x-top", "1"],
    ["a.example", "/page", "200 a", "x-top", "1"],
    ["a.example", "/none", "404 [a]", "x-b", undefined],
    ["a.example", "/go", "404 [a]", "x-b", undefined],
    ["b.example", "/page.html", "200 b", "x-top", undefined],
    ["b.example", "/page", "404 [b]", "x-b", "1"],
    ["b.example", "/go", "301 /page.html", "x-b", "1"],
    ["same.example", "/page", "200 top page", "x-top", "1"],
    ["same.example", "/route", "200 top", "vary", "Accept"],
    ["other", "/route", "404", "x-top", "1"],
    ["other", "/go", "404", "x-top", "1"],
  ];
  for (let i = 0; i < 3; i++) {
    for (const [host, target, expected, field, value] of rows) {
      const response = await served.ask(request(host, target, "Accept: text/html"));
      assertEquals([summary(response), response.fields[field]], [expected, value], `${host} ${target}`);
    }
  }
  const method = await served.ask(request("b.example").replace("GET", "POST"));
  assertEquals(summary(method), "405 [b]", "pages for other statuses are those of the top level");
});

Deno.test("a host whose root is missing is one line on standard error, and nothing is served", async () => {
  using site = new Site({ "index.html": "x" });
  for (const hosts of [{ "a.example": { root: "nowhere" } }, { "a.example": { root: "index.html" } }]) {
    site.write("conf/c.json", JSON.stringify({ root: "..", hosts }));
    const { code, stdout, stderr } = await runProgram(["0", "--config", site.path("conf/c.json")]);
    assertEquals([code, stdout], [2, ""]);
    assertMatch(stderr, /^epollet: Cannot open root [^\n]*(nowhere|index\.html): [^\n]+\n$/);
  }
});

const HASH = `$scrypt$ln=13,r=8,p=1$${"c2FsdHNhbHRzYWx0c2FsdA"}$${"A".repeat(43)}`;

/** All known ways to get the configuration. */
Deno.test("the configuration is served under no name: its own, a link's, a rule's, another encoding's", async () => {
  using site = new Site({
    "index.html": "home",
    "conf/x.txt": "x",
    "conf/site.html": JSON.stringify({
      cleanUrls: true,
      browse: false,
      spa: "/conf/site.html",
      errorPages: { 404: "/conf/site.html" },
      rewrites: [
        { source: "/rewritten", destination: "/conf/site.html" },
        { source: "/clean", destination: "/conf/site" },
        { source: "/missing/**", destination: "/conf/site.html", ifMissing: true },
      ],
      auth: [{ source: "/private/**", users: { ann: HASH } }],
    }),
    "conf/site.html.gz": HASH,
    "conf/site.html.br": HASH,
    "conf/site.html~": HASH,
    "conf/site.html.bak": HASH,
    "conf/site.html-old": HASH,
    "#epollet.json#": HASH,
    "conf/site.htmlx": "another",
    "elsewhere/site.html": "another",
    "epollet.json": HASH,
    "epollet.json.gz": HASH,
    "elsewhere/epollet.json": "another",
  });
  Deno.symlinkSync("conf", site.path("linked"));
  Deno.symlinkSync("conf/site.html", site.path("link.html"));
  Deno.linkSync(site.path("conf/site.html"), site.path("hard.txt"));
  for (const mode of ["auto", "stat"]) {
    const args = ["--config", site.path("conf/site.html"), "--cache-validate", mode];
    await using program = await Program.start(site.root, args);
    using wire = await Wire.connect(program.port);
    const get = async (target: string, ...lines: string[]) => {
      await wire.send(request("x", target, ...lines));
      return await wire.expect();
    };
    const targets = [
      ..."/conf/site.html /conf/site /conf/site/ /conf/site.html.gz /conf/site.html.br /conf/site.html~"
        .split(" "),
      ..."/conf/site.html-old /%23epollet.json%23".split(" "),
      ..."/conf/site.html.bak /linked/site /linked/site.html /link /link.html /hard.txt /rewritten /clean"
        .split(" "),
      ..."/missing/x /nothing /conf/../conf/%73ite.html /epollet.json /epollet.json.gz /%65pollet.json".split(
        " ",
      ),
    ];
    for (let i = 0; i < 3; i++) {
      for (const target of targets) {
        for (
          const lines of [[], ["Accept: text/html"], ["Accept-Encoding: gzip, br"], ["Range: bytes=0-9"]]
        ) {
          const response = await get(target, ...lines);
          assert([301, 404].includes(response.status), `${target}: ${response.status}`);
          assert(!response.text.includes("scrypt") && !response.text.includes("rewritten"), target);
        }
      }
      assertEquals((await get("/conf/site.htmlx")).text, "another");
      assertEquals((await get("/elsewhere/site")).text, "another");
      assertEquals((await get("/elsewhere/epollet.json")).text, "another");
      assertEquals((await get("/linked/x.txt")).text, FOLLOWS_LINKS ? "x" : (await get("/x")).text);
      // A file that replaces it is the configuration, too.
      Deno.copyFileSync(site.path("conf/site.html"), site.path("conf/next"));
      Deno.renameSync(site.path("conf/next"), site.path("conf/site.html"));
      Deno.removeSync(site.path("hard.txt"));
      Deno.linkSync(site.path("conf/site.html"), site.path("hard.txt"));
    }
  }
});

Deno.test("a file called epollet.json in the root is neither served nor listed, also with --no-config", async () => {
  await using served = await ServedSite.start({ "epollet.json": "{}", "a.txt": "a" }, { args: ["--browse"] });
  assertEquals((await served.ask(request("x", "/epollet.json"))).status, 404);
  const listing = await served.ask(request("x", "/", "Accept: application/json"));
  assert(listing.text.includes("a.txt") && !listing.text.includes("epollet.json"), listing.text);
});
