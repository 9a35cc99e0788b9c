/**
 * Links that lead out of the root: responses do not show whether their targets exist, and nothing behind them is looked
 * up.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FOLLOWS_LINKS, Program, Site } from "../support/program.ts";
import { hasStrace, traced } from "../support/trace.ts";
import { get, Wire, type WireResponse } from "../support/wire.ts";

const NAVIGATION = "Accept: text/html,*/*;q=0.8";
const OUTSIDE = {
  "file.txt": "outside",
  "index.html": "outside",
  "page.html": "outside",
  "packed.css.gz": "outside",
  "sub/index.html": "outside",
  "closed/x.txt": "outside",
};
const SUFFIXES = [
  "",
  "/",
  "/file.txt",
  "/page",
  "/page.html",
  "/packed.css",
  "/packed.css.gz",
  "/sub",
  "/sub/",
  "/sub/index.html",
  "/closed/x.txt",
  "/fifo",
  "/nothing",
  "/nothing/",
];
const SETTINGS: Readonly<Record<string, unknown>> = {
  "nothing else": {},
  "--spa": { spa: "/app.html" },
  "clean URLs and an application": { spa: "/app.html", cleanUrls: true },
  "listings and clean URLs": { browse: true, cleanUrls: true },
  "a rewrite for what is missing": {
    rewrites: [{ source: "/**", destination: "/app.html", ifMissing: true }],
    cleanUrls: true,
  },
  "compression and an error page": { errorPages: { 404: "/app.html" }, compress: true, compressLevel: 6 },
};

/** A site with a directory outside of it. Names of links have four letters, as has the name that does not exist. */
function makeSite(): { site: Site; links: string[] } {
  const files = Object.entries(OUTSIDE).map(([name, content]) => [`outside/${name}`, content]);
  const site = new Site({ ...Object.fromEntries(files), "root/app.html": "app", "root/in/hops/x": "x" });
  const outside = site.path("outside");
  const root = site.path("root");
  assert(new Deno.Command("mkfifo", { args: [`${outside}/fifo`] }).outputSync().success);
  Deno.chmodSync(`${outside}/closed`, 0);
  const links = {
    abso: outside,
    rela: "../outside",
    file: `${outside}/file.txt`,
    relf: "../outside/file.txt",
    dang: `${outside}/nothing`,
    reld: "../outside/nothing",
    fifo: `${outside}/fifo`,
    etcp: "/etc",
    magi: "/proc/self/root/etc",
    devi: "/dev/zero",
    chai: "in/next",
    back: "../root/../outside",
    pare: "..",
  };
  for (const [name, target] of Object.entries(links)) Deno.symlinkSync(target, `${root}/${name}`);
  Deno.symlinkSync("../../outside", `${root}/in/next`);
  // Forms of the name that does not exist: its page, and its compressed form.
  const others = { "html.html": "../outside/page.html", "pack.gz": "../outside/packed.css.gz" };
  for (const [name, target] of Object.entries(others)) Deno.symlinkSync(target, `${root}/${name}`);
  Deno.mkdirSync(`${root}/inde`);
  Deno.symlinkSync("../../outside/index.html", `${root}/inde/index.html`);
  return { site, links: [...Object.keys(links), "html", "pack"] };
}

/** Everything except the time. */
function told({ statusLine, fields, text }: WireResponse): unknown {
  return { statusLine, text, fields: Object.entries(fields).filter(([name]) => name !== "date") };
}

for (const [what, settings] of Object.entries(SETTINGS)) {
  Deno.test(`no response tells what is behind a link that leads out from a missing file: ${what}`, async () => {
    const { site, links } = makeSite();
    using _ = site;
    site.write("conf.json", JSON.stringify(settings));
    for (const mode of ["auto", "stat"]) {
      const args = ["--config", site.path("conf.json"), "--cache-validate", mode];
      await using program = await Program.start(site.path("root"), args);
      using wire = await Wire.connect(program.port);
      const ask = async (target: string, ...lines: string[]) => {
        await wire.send(get(target, ...lines));
        return await wire.expect();
      };
      for (const lines of [[NAVIGATION], ["Accept-Encoding: gzip", "Range: bytes=0-1"]]) {
        for (const suffix of SUFFIXES) {
          const nothing = told(await ask(`/none${suffix}`, ...lines));
          for (const link of links) {
            for (let i = 0; i < 2; i++) {
              assertEquals(told(await ask(`/${link}${suffix}`, ...lines)), nothing, `/${link}${suffix}`);
            }
          }
        }
      }
      // A directory whose index is a link that leads out has no index.
      const answer = await ask("/inde/", NAVIGATION);
      assert(!answer.text.includes("outside"));
      assertEquals(
        told(await ask("/inde/index.html", NAVIGATION)),
        told(await ask("/inde/nothing.html", NAVIGATION)),
      );
      if (answer.status === 200 && answer.fields["content-type"]!.startsWith("text/html")) {
        assert(!answer.text.includes("index.html"), "it is not listed either");
      }
    }
    Deno.chmodSync(site.path("outside/closed"), 0o700);
  });
}

Deno.test("no system call looks behind a link that leads out, also where a file in memory depends on it", async () => {
  if (!hasStrace() || !FOLLOWS_LINKS) return;
  using site = new Site({
    "outside/index.html": "outside",
    "root/d/second.html": "second",
    "root/in/x": "x",
  });
  Deno.symlinkSync("../../outside/index.html", site.path("root/d/index.html"));
  Deno.symlinkSync("../outside", site.path("root/out"));
  Deno.symlinkSync("../../outside", site.path("root/in/next"));
  Deno.symlinkSync("in/next", site.path("root/chain"));
  for (const mode of ["auto", "stat"]) {
    const args = [
      "--no-config",
      "--cache-validate",
      mode,
      "--index",
      "index.html,second.html",
      "--clean-urls",
    ];
    await using program = await Program.start(site.path("root"), args);
    using wire = await Wire.connect(program.port);
    const lines = await traced(
      program.pid,
      "openat,openat2,statx,newfstatat,access,faccessat2,readlinkat",
      async () => {
        for (let i = 0; i < 5; i++) {
          for (
            const target of ["/d/", "/out/", "/out/index", "/out", "/chain/index.html", "/chain", "/d/index"]
          ) {
            await wire.send(get(target));
            const { text, status } = await wire.expect();
            assertEquals(
              [status, text.includes("second")],
              target === "/d/" ? [200, true] : [404, false],
              target,
            );
          }
        }
      },
    );
    const looks = lines.filter((line) => /"(d\/index\.html|out|chain)/.test(line));
    assert(looks.length > 0);
    for (const line of looks) {
      assert(/(RESOLVE_BENEATH|O_NOFOLLOW).*= -1 E(XDEV|LOOP|NOENT|NOTDIR) /.test(line), line);
    }
  }
});

Deno.test("a link that leads out now and inside later is served then, and the other way round", async () => {
  if (!FOLLOWS_LINKS) return console.log("skipped: this kernel has no openat2(2)");
  using site = new Site({ "outside/x.txt": "outside", "root/in/x.txt": "inside" });
  const link = site.path("root/link");
  for (const mode of ["auto", "stat"]) {
    await using program = await Program.start(site.path("root"), ["--no-config", "--cache-validate", mode]);
    using wire = await Wire.connect(program.port);
    for (let i = 0; i < 20; i++) {
      const isInside = i % 2 === 1;
      Deno.symlinkSync(isInside ? "in" : "../outside", link);
      for (let k = 0; k < 2; k++) {
        await wire.send(get("/link/x.txt"));
        const { status, text } = await wire.expect();
        assertEquals([status, text.includes("inside")], isInside ? [200, true] : [404, false]);
      }
      Deno.removeSync(link);
    }
  }
});
