/**
 * What a listing shows beside its entries, over real sockets: the filter, the grid's pictures, and the README below.
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { LISTING_PAGE_ENTRIES_MAX, LISTING_README_BYTES_MAX } from "../../handlers/site/limits.ts";
import { basic, hashOf } from "../support/passwords.ts";
import { ServedSite } from "../support/served_site.ts";
import { get } from "../support/wire.ts";

const JSON_WANTED = "Accept: application/json";

/** The names in the JSON of a listing. */
async function namesAt(served: ServedSite, target: string): Promise<string> {
  const { status, text } = await served.ask(get(target, JSON_WANTED));
  assertEquals(status, 200, target);
  return (JSON.parse(text) as { name: string }[]).map(({ name }) => name).join(" ");
}

/** The names in the page of a listing. */
function shownIn(page: string): string {
  const entries = page.slice(page.indexOf("<tbody>"), page.indexOf("</table>"));
  return Array.from(entries.matchAll(/<bdi>([^<]*)<\/bdi>/g), ([, name]) => name).join(" ");
}

/** The text below a listing; null when there is none. */
async function readmeAt(served: ServedSite, target: string, ...lines: string[]): Promise<string | null> {
  const { status, text } = await served.ask(get(target, ...lines));
  assertEquals(status, 200, target);
  return /<pre>\n([^]*)<\/pre>/.exec(text)?.[1] ?? null;
}

Deno.test("?q= leaves the entries whose names have each of its words, whatever their case and accents, in every form and order", async () => {
  const files = {
    "d/Béta.txt": "1",
    "d/alpha.txt": "22",
    "d/BETA-gamma/x": "x",
    "d/a&b.txt": "333",
    "d/50%": "x",
  };
  await using served = await ServedSite.start(files, { args: ["--browse"] });
  const table: Readonly<Record<string, string>> = {
    "q=beta": "BETA-gamma Béta.txt",
    "q=B%C3%89TA": "BETA-gamma Béta.txt",
    "q=gamma+be": "BETA-gamma",
    "q=.TXT": "a&b.txt alpha.txt Béta.txt",
    "q=.txt&sort=size&order=desc": "a&b.txt alpha.txt Béta.txt",
    "q=.txt&sort=size": "Béta.txt alpha.txt a&b.txt",
    "q=%26": "a&b.txt",
    "q=%25": "50%",
    "q=%2": "",
    "q=+": "BETA-gamma 50% a&b.txt alpha.txt Béta.txt",
    "q=*": "",
    "q=%3Cscript%3E": "",
    "x=1": "BETA-gamma 50% a&b.txt alpha.txt Béta.txt",
  };
  for (const [query, names] of Object.entries(table)) {
    assertEquals(await namesAt(served, `/d/?${query}`), names, query);
    const page = await served.ask(get(`/d/?${query}`));
    assertEquals(shownIn(page.text), names.replaceAll("&", "&amp;"), query);
    assertEquals(page.text.match(/<script/g)?.length, 1, query);
  }
  const [one, other] = [await served.ask(get("/d/?q=beta")), await served.ask(get("/d/?q=alpha"))];
  assertNotEquals(one.fields.etag, other.fields.etag);
  assertEquals((await served.ask(get("/d/?q=beta", `If-None-Match: ${one.fields.etag}`))).status, 304);
  served.site.write("d/new beta", "x");
  const changed = await served.ask(get("/d/?q=beta", `If-None-Match: ${one.fields.etag}`));
  assertEquals([changed.status, shownIn(changed.text)], [200, "BETA-gamma Béta.txt new beta"]);
});

Deno.test("a filter is over all entries of a large directory, and its pages keep it", async () => {
  const files: Record<string, string> = { "d/other": "x" };
  for (let i = 0; i < LISTING_PAGE_ENTRIES_MAX + 500; i++) files[`d/${i}.a`] = "";
  await using served = await ServedSite.start(files, { args: ["--browse"] });
  const first = await served.ask(get("/d/?q=.A&sort=name&order=desc"));
  assertEquals(
    first.fields.link,
    '</d/?q=.A&sort=name&order=desc&page=2>; rel="next", </d/?q=.A&sort=name&order=desc&page=2>; rel="last"',
  );
  assertStringIncludes(
    first.text,
    "1,000 files, of which this page shows 1–500. Only names with “<bdi>.A</bdi>”, of 1,001.",
  );
  assertEquals((await namesAt(served, "/d/?q=.A&page=2")).split(" ").length, 500);
  assertEquals(await namesAt(served, "/d/?q=other"), "other");
});

Deno.test("README.md or README.txt is shown below a listing, whole or its beginning, and a change shows in the next response", async () => {
  const files = {
    "d/README.md": "# One\n<b>&\n",
    "d/README.txt": "text\n",
    "t/readme.TXT": "\ufeffé\n",
    "long/README.md": `${"x".repeat(LISTING_README_BYTES_MAX - 1)}é tail`,
    "binary/README.md": "a\0b",
    "binary/README.txt": "plain",
    "none/README": "x",
    "none/READMEmd": "x",
  };
  await using served = await ServedSite.start(files, { args: ["--browse"] });
  assertEquals(await readmeAt(served, "/d/"), "# One\n&lt;b&gt;&amp;\n");
  assertEquals(await readmeAt(served, "/d/?view=grid"), "# One\n&lt;b&gt;&amp;\n");
  assertEquals(await readmeAt(served, "/t/"), "é\n");
  assertEquals(await readmeAt(served, "/long/"), "x".repeat(LISTING_README_BYTES_MAX - 1));
  assertStringIncludes((await served.ask(get("/long/"))).text, "Show the whole file");
  assertEquals(await readmeAt(served, "/binary/"), "plain");
  assertEquals(await readmeAt(served, "/none/"), null);

  const { site } = served;
  let { etag } = (await served.ask(get("/d/"))).fields;
  for (let i = 0; i < 50; i++) {
    site.write("d/README.md", `# ${i % 10}\n`);
    Deno.utimeSync(site.path("d/README.md"), 1e9, 1e9); // size and time stay
    const { status, text, fields } = await served.ask(get("/d/", `If-None-Match: ${etag}`));
    assertEquals([status, /<pre>\n([^]*)<\/pre>/.exec(text)?.[1]], [200, `# ${i % 10}\n`]);
    etag = fields.etag;
  }
  assertEquals((await served.ask(get("/d/", `If-None-Match: ${etag}`))).status, 304);
  Deno.removeSync(site.path("d/README.md"));
  assertEquals(await readmeAt(served, "/d/"), "text\n");
  site.write("new", "# new\n");
  Deno.renameSync(site.path("new"), site.path("d/README.md"));
  assertEquals(await readmeAt(served, "/d/"), "# new\n");
});

Deno.test("a README and pictures are shown only where the client would get the files themselves", async () => {
  const picture = '<svg xmlns="http://www.w3.org/2000/svg"/>';
  const files = {
    "conf.json": "{}",
    "open/README.md": "open",
    "open/a.svg": picture,
    "open/secret.svg": picture,
    "open/moved.svg": picture,
    "open/other.svg": picture,
    "open/locked.svg": picture,
    "open/c.tiff": "x",
    "open/d.txt": "x",
    "moved/README.md": "moved",
    "other/README.md": "other",
    "asked/README.md": "asked",
    "locked/README.md": "locked",
    "inner/README.md": "inner",
  };
  const auth = (source: string) => ({ source, users: { anna: hashOf("right") } });
  const config = {
    browse: true,
    auth: [auth("/open/secret.*"), auth("/asked/README.md"), auth("/inner/**")],
    redirects: [{ source: "/moved/README.md", destination: "/x" }, {
      source: "/open/moved.*",
      destination: "/x",
    }],
    rewrites: [
      { source: "/other/README.md", destination: "/open/README.md" },
      { source: "/open/other.svg", destination: "/open/a.svg" },
      { source: "/way/", destination: "/open/" },
    ],
  };
  await using served = await ServedSite.start(files, { config }, (site) => {
    Deno.chmodSync(site.path("locked/README.md"), 0);
    Deno.chmodSync(site.path("open/locked.svg"), 0);
    Deno.mkdirSync(site.path("link"));
    Deno.symlinkSync("../open/README.md", site.path("link/README.md"));
    Deno.mkdirSync(site.path("out"));
    Deno.symlinkSync("/etc/passwd", site.path("out/README.md"));
  });
  const isRoot = Deno.uid() === 0; // may read everything
  const table: Readonly<Record<string, string | null>> = {
    "/open/": "open",
    "/moved/": null,
    "/other/": null,
    "/asked/": null,
    "/locked/": isRoot ? "locked" : null,
    "/link/": "open",
    "/out/": null,
    "/way/": null,
  };
  for (const [target, text] of Object.entries(table)) {
    assertEquals(await readmeAt(served, target), text, target);
  }
  assertEquals(await readmeAt(served, "/inner/", basic("anna", "right")), "inner");
  assertEquals(await readmeAt(served, "/asked/", basic("anna", "right")), null);

  const grid = await served.ask(get("/open/?view=grid"));
  assertMatch(grid.fields["content-security-policy"]!, /img-src 'self'$/);
  const images = Array.from(grid.text.matchAll(/<img src="([^"]*)"[^>]* loading="lazy"/g), ([, src]) => src);
  assertEquals(images, isRoot ? ["a.svg", "locked.svg"] : ["a.svg"]);
  assert(!grid.text.includes("secret"));
  assertStringIncludes(grid.text, 'href="c.tiff"');
  assert(!(await served.ask(get("/way/?view=grid"))).text.includes("<img"), "their URLs lead nowhere");
});
