/**
 * What is served at a path: indexes, clean URLs, the --spa page; also when the files change.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FOLLOWS_LINKS, Site } from "../support/program.ts";
import { hashOf } from "../support/passwords.ts";
import { settle } from "../support/settle.ts";
import { Random, SEED } from "../support/random.ts";
import { ServedSite, summary } from "../support/served_site.ts";
import { get } from "../support/wire.ts";

const NAVIGATION = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
/** How changes of files are noticed. */
const MODES = ["auto", "stat"] as const;

Deno.test("--index: the first name that exists is served, and a directory's own path ends with a slash", async () => {
  const files = {
    "both/a.html": "a",
    "both/b.html": "b",
    "second/b.html": "b",
    "none/x.txt": "x",
    "odd/a.html/b.html": "below",
    "odd/b.html": "b",
    "packed/a.html.gz": "gz",
  };
  await using served = await ServedSite.start(files, { args: ["--index", "a.html,b.html"] });
  await served.check([
    ["/both/", "200 a"],
    ["/second/", "200 b"],
    ["/none/", "404"],
    ["/odd/", "200 b"],
    ["/", "404"],
    ["/both", "301 /both/"],
    ["/both?a=b&c=%20?d", "301 /both/?a=b&c=%20?d"],
    ["/both?", "301 /both/?"],
    ["/odd/a.html", "301 /odd/a.html/"],
    ["/both/a.html", "200 a"],
    ["/both/a.html/", "404"],
    ["/both/index.html", "404"],
    ["http://elsewhere.example/both?q", "301 /both/?q"],
  ]);
  const packed = await served.ask(get("/packed/", "Accept-Encoding: gzip"));
  assertEquals([summary(packed), packed.fields["content-encoding"]], ["200 gz", "gzip"]);
  for (const target of ["/both", "/both/"]) {
    const { status, fields } = await served.ask(get(target));
    const head = await served.ask(`HEAD ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assertEquals([head.status, { ...head.fields, date: "" }], [status, { ...fields, date: "" }]);
  }
});

const CLEAN_FILES = {
  "index.html": "home",
  "about.html": "about",
  "both.html": "both page",
  "both/index.html": "both index",
  "both/x.html": "both x",
  "dir/index.html": "dir index",
  "dir/page.html": "dir page",
  "dir/deep/a b.html": "space",
  "100%.html": "percent",
  "中.html": "chinese",
  "plain": "no extension",
  "plain.html": "shadowed",
  "a.html": "a",
  "a.html.html": "a.html",
  "noindex/x.txt": "x",
  "upper.HTML": "upper",
  "packed.html.gz": "gz",
  ".hidden.html": "secret",
  "d/.hidden.html": "secret",
  "script.js": "script",
};

Deno.test("--clean-urls: each page has one address, and every other one redirects there", async () => {
  using outside = new Site({ "secret.html": "outside", "d/index.html": "outside" });
  await using served = await ServedSite.start(CLEAN_FILES, { args: ["--clean-urls"] }, (site) => {
    Deno.symlinkSync("about.html", site.path("link.html"));
    Deno.symlinkSync("dir", site.path("linked"));
    Deno.symlinkSync(`${outside.root}/secret.html`, site.path("out.html"));
    Deno.symlinkSync(`${outside.root}/d`, site.path("outdir"));
  });
  await served.check([
    ["/", "200 home"],
    ["/index.html", "301 /"],
    ["/index", "301 /"],
    ["/index?q=1&r", "301 /?q=1&r"],
    ["/index/", "301 /index"],
    ["/about", "200 about"],
    ["/about?q", "200 about"],
    ["/about.html", "301 /about"],
    ["/about.html?q=/a.html", "301 /about?q=/a.html"],
    ["/about/", "301 /about"],
    ["/about/?q", "301 /about?q"],
    ["/about%2ehtml", "301 /about"],
    ["//about", "200 about"],
    ["/x/../about", "200 about"],
    ["//about.html", "301 /about"],
    ["/about.html/", "404"],
    ["/about/index.html", "404"],
    ["/both", "200 both page"],
    ["/both.html", "301 /both"],
    ["/both/", "200 both index"],
    ["/both/index", "301 /both/"],
    ["/both/index.html?q", "301 /both/?q"],
    ["/both/x", "200 both x"],
    ["/both/x/", "301 /both/x"],
    ["/dir", "301 /dir/"],
    ["/dir/", "200 dir index"],
    ["/dir/page", "200 dir page"],
    ["/dir/page.html", "301 /dir/page"],
    ["/dir/deep/a%20b", "200 space"],
    ["/dir/deep/a%20b.html", "301 /dir/deep/a%20b"],
    ["/100%25", "200 percent"],
    ["/100%25.html", "301 /100%25"],
    ["/%E4%B8%AD", "200 chinese"],
    ["/中.html", "301 /%E4%B8%AD"],
    ["/plain", "200 no extension"],
    ["/plain.html", "200 shadowed"],
    ["/plain/", "404"],
    ["/a", "200 a"],
    ["/a.html", "301 /a"],
    ["/a.html.html", "200 a.html"],
    ["/noindex", "301 /noindex/"],
    ["/noindex/", "404"],
    ["/upper.HTML", "200 upper"],
    ["/upper", "404"],
    ["/script", "404"],
    ["/.hidden", "404"],
    ["/d/.hidden", "404"],
    ["/missing", "404"],
    ["/missing.html", "404"],
    ["/missing/", "404"],
    ["/link", FOLLOWS_LINKS ? "200 about" : "404"],
    ["/linked/page", FOLLOWS_LINKS ? "200 dir page" : "404"],
    ["/out", "404"],
    ["/out.html", "404"],
    ["/out/", "404"],
    ["/outdir", "404"],
    ["/outdir/", "404"],
    ["/outdir/index", "404"],
  ]);
  for (const [target, expected] of [["/packed", "200 gz"], ["/packed.html", "301 /packed"]]) {
    assertEquals(await served.say(target!, "Accept-Encoding: gzip"), expected);
  }
});

Deno.test("a clean URL has conditions, ranges and HEAD like any file", async () => {
  await using served = await ServedSite.start(CLEAN_FILES, { args: ["--clean-urls"] });
  for (let i = 0; i < 3; i++) {
    const { fields } = await served.ask(get("/dir/page"));
    assertEquals(fields["content-type"], "text/html; charset=UTF-8");
    assertEquals((await served.ask(get("/dir/page", `If-None-Match: ${fields.etag}`))).status, 304);
    assertEquals((await served.ask(get("/dir/page", 'If-Match: "x"'))).status, 412);
    assertEquals(await served.say("/dir/page", "Range: bytes=4-"), "206 page");
    const head = await served.ask("HEAD /dir/page HTTP/1.1\r\nHost: x\r\n\r\n");
    assertEquals({ ...head.fields, date: "" }, { ...fields, date: "" });
    // A redirect has no state of a file to compare.
    assertEquals(await served.say("/dir/page.html", `If-None-Match: ${fields.etag}`), "301 /dir/page");
    assertEquals(await served.say("/dir/page.html", "Range: bytes=0-1"), "301 /dir/page");
  }
});

Deno.test("a redirect that depends on the files is revalidated each time, one of a rule is not", async () => {
  const headers = [{ source: "/both", headers: { "Cache-Control": "max-age=5" } }];
  const redirects = [{ source: "/old", destination: "/about", status: 301 }];
  const auth = [{ source: "/d/**", users: { anna: hashOf("right") } }];
  const anna = `Authorization: Basic ${btoa("anna:right")}`;
  const rows: [settings: Record<string, unknown>, target: string, expected: string][] = [
    [{}, "/dir", "no-cache"],
    [{}, "/about.html", "no-cache"],
    [{}, "/about/", "no-cache"],
    [{}, "/both/index.html?q", "no-cache"],
    [{ redirects, headers, auth }, "/old", "undefined"],
    [{ redirects, headers, auth }, "/both.html", "no-cache"],
    [{ redirects, headers: [{ ...headers[0], source: "/dir" }], auth }, "/dir", "max-age=5"],
    [{ redirects, headers, auth }, "/d/page.html", "private, no-cache"],
    [{ cacheControl: "public, max-age=600" }, "/dir", "no-cache"],
    [{ cacheControl: "off" }, "/dir", "undefined"],
  ];
  for (const settings of new Map(rows.map(([settings]) => [JSON.stringify(settings), settings])).values()) {
    const config = { cleanUrls: true, ...settings };
    await using served = await ServedSite.start({ ...CLEAN_FILES, "d/page.html": "secret" }, { config });
    for (
      const [, target, expected] of rows.filter((row) => JSON.stringify(row[0]) === JSON.stringify(settings))
    ) {
      for (const method of ["GET", "GET", "HEAD"]) {
        const { status, fields } = await served.ask(get(target, anna).replace("GET", method));
        assertEquals([status, String(fields["cache-control"])], [301, expected], target);
      }
    }
  }
});

/** Follows redirects to their end, and returns how many there were. */
async function follow(served: ServedSite, target: string): Promise<{ hops: number; end: string }> {
  let end = "";
  for (let hops = 0; hops < 6; hops++) {
    const response = await served.ask(get(target));
    end = summary(response);
    if (response.status !== 301) return { hops, end };
    target = response.fields.location!;
  }
  return { hops: Infinity, end };
}

for (const mode of MODES) {
  Deno.test(`with any combination of names: redirects end, and from a file's path they end at its bytes (${mode})`, async () => {
    const random = new Random();
    const args = ["--clean-urls", "--index", "home.html,index.html", "--cache-validate", mode];
    const names = ["a", "a.html", "a.html.html", "index", "index.html", "home.html", "home"];
    const paths = ["", "a/", "index/", "a.html/"].flatMap((folder) => names.map((name) => folder + name));
    await using served = await ServedSite.start({}, { args });
    const { site } = served;
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 4; i++) {
        const path = random.pick(paths);
        try {
          Deno.removeSync(site.path(path.split("/")[0]!), { recursive: random.oneIn(2) });
        } catch {
          // it is missing, or a directory that is not empty
        }
        try {
          site.write(path, path);
        } catch {
          // a directory has that name, or a file the name of its directory
        }
      }
      for (let i = 0; i < 12; i++) {
        const path = random.pick(paths);
        const isThere = isFile(site.path(path));
        const { hops, end } = await follow(served, `/${path}`);
        assert(hops <= 2, `EPOLLET_SEED=${SEED}, round ${round}: ${path} leads on and on`);
        if (isThere) assertEquals(end, `200 ${path}`, `EPOLLET_SEED=${SEED}, round ${round}`);
        const bare = await follow(served, `/${path.replace(/(\.html)?$/, random.pick(["", "/"]))}`);
        assert(bare.hops <= 2, `EPOLLET_SEED=${SEED}, round ${round}: ${path} leads on and on`);
        assert(/^(200 .*|404)$/.test(bare.end), bare.end);
      }
    }
  });
}

function isFile(path: string): boolean {
  try {
    return Deno.lstatSync(path).isFile;
  } catch {
    return false;
  }
}

/** A change, and the responses to the same request before and after it, again and again. */
interface Change {
  readonly target: string;
  readonly file: string;
  readonly without: string;
  readonly withIt: string;
  readonly lines?: readonly string[];
}

const CHANGES: readonly Change[] = [
  { target: "/about", file: "about.html", without: "404", withIt: "200 about.html" },
  { target: "/about.html", file: "about.html", without: "404", withIt: "301 /about" },
  { target: "/about/", file: "about.html", without: "404", withIt: "301 /about" },
  { target: "/b", file: "b", without: "200 page b", withIt: "200 b" },
  { target: "/b.html", file: "b", without: "301 /b", withIt: "200 page b" },
  { target: "/d/", file: "d/first.html", without: "200 second", withIt: "200 d/first.html" },
  { target: "/d/index.html", file: "d/first.html", without: "301 /d/", withIt: "301 /d/index" },
  { target: "/d/index", file: "d/first.html", without: "301 /d/", withIt: "200 second" },
  { target: "/e/", file: "e/index.html", without: "301 /e", withIt: "200 e/index.html" },
  { target: "/e", file: "e.html", without: "200 page e", withIt: "200 e.html" },
  { target: "/n/", file: "n/index.html", without: "404", withIt: "200 n/index.html" },
  { target: "/n", file: "n/index.html", without: "404", withIt: "301 /n/" },
  { target: "/s", file: "s", without: "200 app", withIt: "200 s", lines: [NAVIGATION] },
  { target: "/s", file: "s.html", without: "200 app", withIt: "200 s.html", lines: [NAVIGATION] },
  { target: "/s", file: "s/index.html", without: "200 app", withIt: "301 /s/", lines: [NAVIGATION] },
];

Deno.test("a file that appears or disappears is noticed by the next request, however often the same one came", async () => {
  await Promise.all(MODES.map(async (mode) => {
    const args = [
      "--clean-urls",
      "--index=first.html,index.html",
      "--spa=/app.html",
      "--cache-validate",
      mode,
    ];
    const files = { "b.html": "page b", "d/index.html": "second", "e.html": "page e", "app.html": "app" };
    await using served = await ServedSite.start(files, { args });
    const { site } = served;
    if (mode === "stat") await settle(); // new files that are not watched are not cached
    for (let round = 0; round < 15; round++) {
      for (const { target, file, without, withIt, lines = [] } of CHANGES) {
        const isChange = file === "e.html"; // it exists before and afterwards
        for (let i = 0; i < 2; i++) assertEquals(await served.say(target, ...lines), without, `no ${file}`);
        const folder = file.split("/").length > 1 ? file.split("/")[0]! : null;
        const isNew = folder !== null && folder !== "d";
        site.write(file, file);
        for (let i = 0; i < 2; i++) assertEquals(await served.say(target, ...lines), withIt, file);
        if (!isChange) Deno.removeSync(site.path(isNew ? folder : file), { recursive: true });
        else site.write(file, "page e");
      }
      site.write("app.html", `app ${round}`);
      assertEquals(await served.say("/s", NAVIGATION), `200 app ${round}`);
      Deno.removeSync(site.path("app.html"));
      assertEquals(await served.say("/s", NAVIGATION), "404");
      site.write("app.html", "app");
    }
  }));
});

Deno.test("/.well-known leads to no hidden file beside it, by no suffix that is left out", async () => {
  const files = {
    ".well-known/security.txt": "contact",
    ".well-known.html": "top secret",
    ".well-known.gz": "top secret",
    ".well-known.br": "top secret",
    ".well-known.html.gz": "top secret",
  };
  for (const hasDirectory of [true, false]) {
    for (const args of [["--clean-urls"], [], ["--clean-urls", "--browse"]]) {
      await using served = await ServedSite.start(files, { args }, (site) => {
        if (!hasDirectory) Deno.removeSync(site.path(".well-known"), { recursive: true });
      });
      for (const target of ["/.well-known", "/.well-known/", "/.well-known.html", "/.well-known.gz"]) {
        for (const line of ["Accept-Encoding: br, gzip", "Accept-Encoding: identity"]) {
          const { status, text } = await served.ask(get(target, line));
          assert(!text.includes("top secret"), `${status} ${target} ${args}`);
        }
      }
      if (hasDirectory) assertEquals(await served.say("/.well-known/security.txt"), "200 contact");
    }
  }
});
