/**
 * Listings of directories, over real sockets.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { LISTING_PAGE_ENTRIES_MAX } from "../../handlers/site/limits.ts";
import { eventually } from "../support/descriptors.ts";
import { basic, hashOf } from "../support/passwords.ts";
import { FOLLOWS_LINKS, Program, Site } from "../support/program.ts";
import { ServedSite } from "../support/served_site.ts";
import { exchange, get, Wire } from "../support/wire.ts";

const JSON_WANTED = "Accept: application/json";

/** The names in a listing, in their order. */
async function namesAt(port: number, target: string): Promise<string[]> {
  const response = await exchange(port, get(target, JSON_WANTED));
  assertEquals([response.status, response.fields["content-type"]], [200, "application/json"], target);
  return (JSON.parse(response.text) as { name: string }[]).map(({ name }) => name);
}

/** Makes many names of one empty file: links are made faster than files. */
function fill(site: Site, prefix: string, count: number): void {
  site.write(`${prefix}0`, "");
  for (let i = 1; i < count; i++) Deno.linkSync(site.path(`${prefix}0`), site.path(prefix + i));
}

async function browsing(
  files: Readonly<Record<string, string>>,
  test: (port: number, site: Site) => Promise<void>,
  ...args: string[]
): Promise<void> {
  using site = new Site(files);
  await using program = await Program.start(site.root, ["--browse", ...args]);
  await test(program.port, site);
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
}

Deno.test("a directory without an index is listed with --browse, and 404 without it", async () => {
  using site = new Site({ "d/a.txt": "a", "e/index.html": "index" });
  await using program = await Program.start(site.root);
  assertEquals((await exchange(program.port, get("/d/"))).status, 404);
  await browsing({ "d/a.txt": "a", "e/index.html": "index" }, async (port) => {
    assertStringIncludes((await exchange(port, get("/d/"))).text, 'href="a.txt"');
    assertEquals((await exchange(port, get("/e/"))).text, "index");
    const moved = await exchange(port, get("/d?x=1"));
    assertEquals([moved.status, moved.fields.location], [301, "/d/?x=1"]);
    assertEquals((await exchange(port, get("/missing/"))).status, 404);
    assertEquals((await exchange(port, get("/d/a.txt/"))).status, 404);
  });
});

Deno.test("browsers get one HTML page, clients that accept JSON an array; Vary says so", async () => {
  await browsing({ "d/a.txt": "abc", "d/s/x": "x" }, async (port, site) => {
    Deno.utimeSync(site.path("d/a.txt"), 0, new Date("2020-02-29T12:34:56Z"));
    Deno.utimeSync(site.path("d/s"), 0, new Date("2021-02-28T12:34:56Z"));
    for (const accept of ["Accept: text/html,*/*;q=0.8", "Accept: */*", "X: y"]) {
      const { fields, text, status } = await exchange(port, get("/d/", accept));
      assertEquals([status, fields["content-type"]], [200, "text/html; charset=UTF-8"], accept);
      assertEquals([fields.vary, fields["cache-control"]], ["Accept", "no-cache"]);
      assertMatch(fields["content-security-policy"]!, /^default-src 'none'; style-src 'sha256-\S{44}'/);
      assertMatch(text, /^<!DOCTYPE html>/);
      assert(!/ src=|https?:\/\//.test(text.replace(/xmlns="[^"]*"/g, "")), "it needs nothing else");
      assertStringIncludes(text, '<time datetime="2020-02-29T12:34:56Z"');
    }
    const json = await exchange(port, get("/d/", JSON_WANTED));
    assertEquals(json.fields.vary, "Accept");
    assertEquals(JSON.parse(json.text), [
      { name: "s", href: "s/", type: "directory", mtime: "2021-02-28T12:34:56Z" },
      { name: "a.txt", href: "a.txt", type: "file", mtime: "2020-02-29T12:34:56Z", size: 3 },
    ]);
    for (const accept of ["Accept: text/html", JSON_WANTED]) {
      const whole = await exchange(port, get("/d/", accept));
      const head = await exchange(port, get("/d/", accept).replace("GET", "HEAD"), true);
      assertEquals({ ...head.fields, date: "" }, { ...whole.fields, date: "" }, accept);
      const same = await exchange(port, get("/d/", accept, `If-None-Match: ${whole.fields.etag}`));
      assertEquals([same.status, same.fields.etag, same.fields.vary], [304, whole.fields.etag, "Accept"]);
      const other = await exchange(port, get("/d/", accept, `If-Match: "x"`));
      assertEquals(other.status, 412);
      const dated = await exchange(
        port,
        get("/d/", accept, "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"),
      );
      assertEquals(dated.status, 200, "a listing has no date");
    }
  });
});

Deno.test("any change in a directory shows in the next listing, also of sizes, in a directory that was listed before", async () => {
  for (const mode of ["auto", "stat"]) {
    await browsing(
      { "d/a.txt": "a" },
      async (port, site) => {
        using wire = await Wire.connect(port);
        const ask = async () => {
          await wire.send(get("/d/", JSON_WANTED));
          return JSON.parse((await wire.expect()).text).map((entry: { name: string; size: number }) =>
            `${entry.name} ${entry.size}`
          );
        };
        for (let i = 0; i < 100; i++) {
          site.write(`d/b${i}`, "x".repeat(i));
          assertEquals(await ask(), ["a.txt 1", `b${i} ${i}`]);
          site.write(`d/b${i}`, "x".repeat(2 * i + 1));
          assertEquals(await ask(), ["a.txt 1", `b${i} ${2 * i + 1}`]);
          Deno.renameSync(site.path(`d/b${i}`), site.path("d/c"));
          assertEquals(await ask(), ["a.txt 1", `c ${2 * i + 1}`]);
          Deno.removeSync(site.path("d/c"));
          assertEquals(await ask(), ["a.txt 1"]);
        }
        site.write("d/index.html", "index");
        assertEquals((await exchange(port, get("/d/", JSON_WANTED))).text, "index");
        Deno.removeSync(site.path("d/index.html"));
        assertEquals(await ask(), ["a.txt 1"]);
      },
      "--cache-validate",
      mode,
    );
  }
});

Deno.test("entries that would not be served are not listed", async () => {
  using outside = new Site({ "secret.txt": "secret" });
  await browsing(
    { ".well-known/x": "x", ".hidden": "h", "d/.env": "e", "d/.well-known/y": "y", "d/a.txt": "a" },
    async (port, site) => {
      Deno.symlinkSync(outside.root, site.path("d/out"));
      Deno.symlinkSync(outside.path("secret.txt"), site.path("d/out.txt"));
      Deno.symlinkSync("nowhere", site.path("d/dangling"));
      Deno.symlinkSync("a.txt", site.path("d/inside"));
      new Deno.Command("mkfifo", { args: [site.path("d/fifo")] }).outputSync();
      assertEquals(await namesAt(port, "/d/"), FOLLOWS_LINKS ? ["a.txt", "inside"] : ["a.txt"]);
      assertEquals(await namesAt(port, "/"), [".well-known", "d"]);
      assertEquals((await exchange(port, get("/d/out/"))).status, 404);
      assertEquals((await exchange(port, get("/.hidden/"))).status, 404);
      assertEquals((await exchange(port, get("/d/fifo/"))).status, 404);
    },
  );
});

Deno.test("every name leads to its file, whatever characters it has", async () => {
  const names = [
    "a b",
    "ä 请",
    "50%",
    "%41",
    "a?b",
    "a#b",
    'a"b',
    "<b>&amp;",
    "a'b",
    "javascript:x",
    "a\nb",
    "c\\d",
    "~",
  ];
  await browsing(Object.fromEntries(names.map((name) => [`d/${name}`, name])), async (port) => {
    const { text } = await exchange(port, get("/d/"));
    const rows = text.slice(text.indexOf("Parent folder"));
    const targets = Array.from(rows.matchAll(/<a href="([^"]+)"/g), ([, href]) => href!)
      .map((href) => new URL(href.replaceAll("&amp;", "&").replaceAll("&#39;", "'"), "http://x/d/").pathname);
    const contents = await Promise.all(
      targets.map(async (target) => (await exchange(port, get(target))).text),
    );
    assertEquals(contents.sort(), [...names].sort());
    assert(!text.includes("<b>"));
  });
});

Deno.test("50,000 entries come in pages, in the requested order, each entry once; malformed queries do no harm", async () => {
  const count = 50_000;
  using site = new Site({ "d/zz/x": "x" });
  fill(site, "d/f", count - 1);
  Deno.removeSync(site.path("d/f777"));
  site.write("d/f777", "x".repeat(1000));
  await using program = await Program.start(site.root, ["--browse"]);
  const { port } = program;
  const pages = Math.ceil(count / LISTING_PAGE_ENTRIES_MAX);
  const first = await exchange(port, get("/d/"));
  assert(first.body.length < 400_000, `${first.body.length} bytes of page`);
  assertStringIncludes(first.text, "50,000");
  assertEquals(
    first.fields.link,
    `</d/?page=2>; rel="next", </d/?page=${pages}>; rel="last"`,
  );
  const seen: string[] = [];
  for (let target: string | undefined = "/d/"; target !== undefined;) {
    const response: Awaited<ReturnType<typeof exchange>> = await exchange(port, get(target, JSON_WANTED));
    for (const { name } of JSON.parse(response.text)) seen.push(name);
    target = /<([^>]*)>; rel="next"/.exec(response.fields.link!)?.[1];
  }
  const expected = ["zz", ...Array.from({ length: count - 1 }, (_, i) => `f${i}`)];
  assertEquals(seen.length, count);
  assertEquals(seen, expected, "directories first, numbers in their order");
  assertEquals((await namesAt(port, "/d/?sort=size&order=desc")).slice(0, 2), ["zz", "f777"]);
  assertEquals((await namesAt(port, "/d/?order=desc")).slice(0, 2), ["zz", `f${count - 2}`]);
  const last = await namesAt(port, `/d/?page=${pages}`);
  for (const page of ["1000000", String(pages + 1)]) {
    assertEquals(await namesAt(port, `/d/?page=${page}`), last, page);
  }
  const start = await namesAt(port, "/d/");
  for (
    const query of [
      "page=0",
      "page=-1",
      "page=1e9",
      "sort=x&order=y",
      "page=99999999999999999999",
      "%",
      "&&=",
    ]
  ) {
    assertEquals(await namesAt(port, `/d/?${query}`), start, query);
  }
});

Deno.test("other requests are answered while many clients sort a large directory by size; its memory is free soon after they leave", async () => {
  using site = new Site({ "a.txt": "a", "small/x": "x" });
  fill(site, "d/", 50_000);
  await using program = await Program.start(site.root, ["--browse"]);
  const descriptors = () => Array.from(Deno.readDirSync(`/proc/${program.pid}/fd`)).length;
  using wire = await Wire.connect(program.port);
  await wire.send(get("/a.txt"));
  assertEquals((await wire.expect()).text, "a");
  const before = descriptors();
  const clients = await Promise.all(Array.from({ length: 64 }, () => Wire.connect(program.port)));
  let listed = 0;
  for (const client of clients) {
    await client.send(get("/d/?sort=size"));
    client.read().then(() => listed++, () => {});
  }
  for (let i = 0; i < 20; i++) {
    await wire.send(get("/a.txt") + get("/small/", JSON_WANTED));
    assertEquals((await wire.expect()).text, "a");
    assertStringIncludes((await wire.expect()).text, '"x"');
  }
  assert(listed < clients.length, "20 answers and small listings took longer than 64 large ones");
  for (const client of clients) client[Symbol.dispose]();
  await eventually(() => descriptors() <= before, "descriptors stay open");
  assertEquals(await namesAt(program.port, "/small/"), ["x"]);
});

Deno.test("entries behind a password that the listing did not require are not listed", async () => {
  const rule = (source: string, user: string) => ({ source, users: { [user]: hashOf("right") } });
  const files: Record<string, string> = {
    "d/a.txt": "a",
    "d/b.txt": "b",
    "d/c%/x": "x",
    "d/open/x": "x",
    "m/own.txt": "o",
    "m/sub/x": "x",
    "m/boss/x": "x",
    "m/boss.txt": "x",
  };
  for (let i = 0; i < LISTING_PAGE_ENTRIES_MAX; i++) {
    files[`n/seen${i}.txt`] = "";
    files[`n/secret${i}.txt`] = "";
  }
  const config = {
    browse: true,
    auth: [
      rule("/d/b.txt", "ann"),
      rule("/d/c%25/**", "ann"),
      rule("/m/boss*/**", "bob"),
      rule("/m/boss*", "bob"),
      rule("/m/**", "ann"),
      rule("/n/secret*", "ann"),
      rule("/way/own.txt", "ann"),
    ],
    rewrites: [{ source: "/way/", destination: "/d/" }, { source: "/n2/", destination: "/n/" }],
  };
  await using served = await ServedSite.start(files, { config });
  const names = async (target: string, ...lines: string[]) => {
    const { status, text } = await served.ask(get(target, JSON_WANTED, ...lines));
    assertEquals(status, 200, target);
    return (JSON.parse(text) as { name: string }[]).map(({ name }) => name).join(" ");
  };
  for (let attempt = 0; attempt < 2; attempt++) {
    assertEquals(await names("/"), "d n");
    assertEquals(await names("/d/"), "open a.txt");
    assertEquals(await names("/way/"), "open a.txt");
    assertEquals((await served.ask(get("/m/"))).status, 401);
    assertEquals(await names("/m/", basic("ann", "right")), "sub own.txt");
    for (const target of ["/n/", "/n2/"]) {
      const { text, fields } = await served.ask(get(target));
      assertStringIncludes(text, `<p>${LISTING_PAGE_ENTRIES_MAX} files</p>`);
      assertEquals([fields.link, text.includes("secret")], [undefined, false]);
    }
  }
});

Deno.test("a URL in the JSON leads to its entry, also for a name that is not UTF-8", async () => {
  using site = new Site({ "d/plain.txt": "plain" });
  // Deno would write U+FFFD.
  const made = new Deno.Command("sh", {
    args: ["-c", `printf odd > "$1/d/$(printf 'odd\\377 %%?#.txt')"`, "sh", site.root],
  }).outputSync();
  assert(made.success);
  await using program = await Program.start(site.root, ["--browse", "--no-config"]);
  const { text } = await exchange(program.port, get("/d/", JSON_WANTED));
  const entries = JSON.parse(text) as { name: string; href: string }[];
  assertEquals(entries.length, 2);
  for (const { name, href } of entries) {
    const { status, text } = await exchange(program.port, get(`/d/${href}`));
    assertEquals([status, text], [200, name === "plain.txt" ? "plain" : "odd"], href);
  }
});
