/**
 * The HTML page of a listing, its JSON and its links: escaping, link targets, filter, grid, and the format of sizes and
 * times.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Listing, ListingEntry } from "../../handlers/site/listing/listing.ts";
import type { ListingContent } from "../../handlers/site/listing/listing_content.ts";
import { readableSize } from "../../handlers/site/listing/listing_entries.ts";
import { listingJson, listingLinks } from "../../handlers/site/listing/listing_json.ts";
import { listingPage as pageInSteps } from "../../handlers/site/listing/listing_page.ts";
import { DEFAULT_LISTING_QUERY } from "../../handlers/site/listing/listing_query.ts";
import { GRID_POLICY, LISTING_POLICY } from "../../handlers/site/listing/listing_style.ts";

const SECONDS = Date.UTC(2024, 0, 31, 12, 34, 56) / 1000;

function entry(name: string, more: Partial<ListingEntry> = {}): ListingEntry {
  const bytes = new TextEncoder().encode(name);
  const kernelName = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return { name: kernelName, isDirectory: false, size: 1, modifiedSeconds: SECONDS, ...more };
}

function listing(entries: readonly ListingEntry[], more: Partial<Listing> = {}): Listing {
  return {
    query: DEFAULT_LISTING_QUERY,
    pages: 1,
    total: entries.length,
    unfiltered: more.total ?? entries.length,
    directories: entries.filter(({ isDirectory }) => isDirectory).length,
    offset: 0,
    entries,
    isTruncated: false,
    readmes: [],
    ...more,
  };
}

function listingPage(listing: Listing, url: string, more: Partial<ListingContent> = {}): string {
  const work = pageInSteps({ listing, readme: null, pictures: new Set(), ...more }, url);
  let step = work.next();
  while (step.done !== true) step = work.next();
  return step.value;
}

function hrefsOf(page: string): string[] {
  return Array.from(page.matchAll(/<a href="([^"]*)"/g), ([, href]) => href!);
}

/** The targets of the entries' links, for a browser that shows the page of `url`. */
function targets(page: string, url: string): string[] {
  const rows = page.slice(page.indexOf("<tbody>"));
  return hrefsOf(rows).map((href) =>
    new URL(href.replaceAll("&#39;", "'").replaceAll("&amp;", "&"), url).href
  );
}

Deno.test("any name is shown unchanged and leads to its file, whatever characters it has", () => {
  const names: readonly (readonly [name: string, path: string, text: string])[] = [
    ["a.txt", "a.txt", "a.txt"],
    ["a b.txt", "a%20b.txt", "a b.txt"],
    ["100%.txt", "100%25.txt", "100%.txt"],
    ["%41.txt", "%2541.txt", "%41.txt"],
    ["a?b=c#d", "a%3Fb%3Dc%23d", "a?b=c#d"],
    [
      "<img src=x onerror=alert(1)>",
      "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E",
      "&lt;img src=x onerror=alert(1)&gt;",
    ],
    ['"><script>', "%22%3E%3Cscript%3E", "&quot;&gt;&lt;script&gt;"],
    ["it's & more", "it's%20%26%20more", "it&#39;s &amp; more"],
    ["javascript:alert(1)", "javascript:alert(1)", "javascript:alert(1)"],
    ["http:x", "http:x", "http:x"],
    ["new\nline\x7f", "new%0Aline%7F", "new\u240aline\u2421"],
    ["back\\slash", "back%5Cslash", "back\\slash"],
    ["café", "caf%C3%A9", "café"],
    ["..a", "..a", "..a"],
    ["&amp;", "%26amp%3B", "&amp;amp;"],
  ];
  const page = listingPage(listing(names.map(([name]) => entry(name))), "/");
  const links = targets(page, "https://example.com/d/?page=2");
  names.forEach(([name, path, text], index) => {
    const url = new URL(links[index]!);
    assertEquals([url.origin, url.search, url.hash], ["https://example.com", "", ""], name);
    assertEquals(decodeURIComponent(url.pathname), decodeURIComponent(`/d/${path}`), name);
    assertStringIncludes(page, `<bdi>${text}</bdi>`, name);
  });
  assert(!page.includes("<img") && page.match(/<script/g)?.length === 1 && !/href="javascript/.test(page));
});

Deno.test("a name that is not UTF-8 has its bytes in the link and a replacement character in the text", () => {
  const page = listingPage(listing([{ ...entry("x"), name: "bad\xff.txt" }]), "/");
  assertStringIncludes(page, 'href="bad%FF.txt"');
  assertStringIncludes(page, "<bdi>bad\ufffd.txt</bdi>");
});

Deno.test("a folder's link ends with a slash; the folders above are links, too", () => {
  const page = listingPage(listing([entry("sub", { isDirectory: true })]), "/a%20b/%3Cc%3E/");
  assertStringIncludes(page, 'href="sub/"');
  assertStringIncludes(page, "<title>Index of /a b/&lt;c&gt;/</title>");
  assertStringIncludes(page, '<a href="../../"><bdi>Home</bdi></a>');
  assertStringIncludes(page, '<a href="../"><bdi>a b</bdi></a>');
  assertStringIncludes(page, "<bdi>&lt;c&gt;</bdi></h1>");
  assertStringIncludes(page, "Parent folder");
  assert(!listingPage(listing([]), "/").includes("Parent folder"));
});

Deno.test("an empty folder says so, others say how much is in them", () => {
  const folder = { isDirectory: true };
  assertStringIncludes(listingPage(listing([]), "/a/"), "<p>This folder is empty.</p>");
  assertStringIncludes(listingPage(listing([entry("a")]), "/"), "<p>1 file</p>");
  const both = listing([entry("a", folder), entry("b"), entry("c")]);
  assertStringIncludes(listingPage(both, "/"), "<p>1 folder, 2 files</p>");
  const many = listing([entry("a")], { total: 1_234_567, directories: 1000, isTruncated: true });
  const text = "<p>1,000 folders, 1,233,567 files. There are more, which are not listed.</p>";
  assertStringIncludes(listingPage(many, "/"), text);
});

Deno.test("sizes are decimal, with three digits at most", () => {
  const table: Readonly<Record<number, string>> = {
    0: "0 B",
    999: "999 B",
    1000: "1.0 kB",
    1024: "1.0 kB",
    9949: "9.9 kB",
    9950: "10 kB",
    15_320: "15 kB",
    999_499: "999 kB",
    999_500: "1.0 MB",
    1_234_567: "1.2 MB",
    5_000_000_000: "5.0 GB",
    [2 ** 53]: "9.0 PB",
  };
  for (const [bytes, text] of Object.entries(table)) assertEquals(readableSize(Number(bytes)), text, bytes);
  const page = listingPage(listing([entry("a", { size: 1_234_567 })]), "/");
  assertStringIncludes(page, '<span title="1,234,567 bytes">1.2 MB</span>');
});

Deno.test("times are in UTC, for people and for machines; one that is out of range is left out", () => {
  const page = listingPage(listing([entry("a")]), "/");
  assertMatch(
    page,
    /<time datetime="2024-01-31T12:34:56Z"[^>]*>2024-01-31<span class="clock"> 12:34<\/span><\/time>/,
  );
  assert(!listingPage(listing([entry("a", { modifiedSeconds: 1e15 })]), "/").includes("<time"));
});

Deno.test("headers sort, and show which column is sorted", () => {
  const page = listingPage(
    listing([entry("a")], { query: { ...DEFAULT_LISTING_QUERY, sort: "size", order: "desc", page: 3 } }),
    "/",
  );
  assertMatch(page, /<th scope="col"><a href="\.\/">Name<\/a><\/th>/);
  assertMatch(page, /aria-sort="descending"><a href="\?sort=size&amp;order=asc">Size<span[^>]*> ↓<\/span>/);
  assertStringIncludes(page, 'href="?sort=time&amp;order=desc"');
  assertEquals(page.match(/aria-sort=/g)?.length, 1);
  const byName = listingPage(listing([entry("a")]), "/");
  assertMatch(byName, /aria-sort="ascending"><a href="\?sort=name&amp;order=desc">Name<span[^>]*> ↑<\/span>/);
});

Deno.test("pages are linked to each other, in the page and in the field Link", () => {
  const entries = Array.from({ length: 500 }, (_, i) => entry(`${i}`));
  const on = (page: number, sort: "name" | "time" = "name") =>
    listing(entries, {
      query: { ...DEFAULT_LISTING_QUERY, sort, page },
      pages: 100,
      total: 50_000,
      offset: (page - 1) * 500,
    });
  assertStringIncludes(listingPage(on(2), "/d/"), "<span>501–1,000 of 50,000</span>");
  const navigation = (page: string) => hrefsOf(page.slice(page.indexOf('<nav aria-label="Pages"')));
  assertEquals(navigation(listingPage(on(2), "/d/")), ["./", "./", "?page=3", "?page=100"]);
  assertEquals(navigation(listingPage(on(1), "/d/")), ["?page=2", "?page=100"]);
  const byTime = "?sort=time&amp;order=asc";
  assertEquals(navigation(listingPage(on(100, "time"), "/d/")), [byTime, `${byTime}&amp;page=99`]);
  assert(!listingPage(listing(entries), "/").includes('aria-label="Pages"'));

  assertEquals(listingLinks(listing(entries), "/d/"), null);
  assertEquals(listingLinks(on(1), "/d/"), '</d/?page=2>; rel="next", </d/?page=100>; rel="last"');
  assertEquals(
    listingLinks(on(3, "time"), "/d/"),
    '</d/?sort=time&order=asc>; rel="first", </d/?sort=time&order=asc&page=2>; rel="prev", ' +
      '</d/?sort=time&order=asc&page=4>; rel="next", </d/?sort=time&order=asc&page=100>; rel="last"',
  );
});

Deno.test("JSON has the keys of nginx, and a URL for each entry, whatever its name is", () => {
  const mtime = "2024-01-31T12:34:56Z";
  const entries = [
    entry("d", { isDirectory: true }),
    entry("é.txt", { size: 2 ** 40 }),
    entry("javascript:x"),
  ];
  const json = listingJson(listing(entries)) as Record<string, unknown>[];
  assertEquals(json.slice(0, 2), [
    { name: "d", href: "d/", type: "directory", mtime },
    { name: "é.txt", href: "%C3%A9.txt", type: "file", mtime, size: 2 ** 40 },
  ]);
  assertEquals(json[2]!.href, "./javascript:x");
});

/** Decodes the references that the page has. */
function plain(html: string): string {
  return html.replaceAll("&lt;", "<").replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll(
    "&amp;",
    "&",
  );
}

Deno.test("filter, view and order stay together in every link, and in the form", () => {
  const query = {
    ...DEFAULT_LISTING_QUERY,
    filter: '"é<&',
    view: "grid",
    sort: "size",
    order: "desc",
    page: 2,
  } as const;
  const entries = [entry("a.png"), entry("b", { isDirectory: true })];
  const page = listingPage(listing(entries, { query, pages: 3, total: 1200, offset: 500 }), "/d/");
  const own = "?q=%22%C3%A9%3C%26";
  const bar = page.slice(page.indexOf('<div class="bar">'), page.indexOf("<ul"));
  assertEquals(hrefsOf(bar).map(plain), [
    `${own}&view=grid`,
    `${own}&view=grid&sort=size&order=asc`,
    `${own}&view=grid&sort=time&order=desc`,
    `${own}&sort=size&order=desc`,
  ]);
  assertStringIncludes(bar, 'value="&quot;é&lt;&amp;"');
  assertEquals(
    Array.from(bar.matchAll(/type="hidden" name="(\w+)" value="(\w+)"/g), ([, ...pair]) => pair.join("=")),
    [
      "view=grid",
      "sort=size",
      "order=desc",
    ],
  );
  const pages = hrefsOf(page.slice(page.indexOf('aria-label="Pages"'))).map(plain);
  assertEquals(pages[0], `${own}&view=grid&sort=size&order=desc`);
  assertEquals(pages.at(-1), `${own}&view=grid&sort=size&order=desc&page=3`);
  assertStringIncludes(page, "“<bdi>&quot;é&lt;&amp;</bdi>”");
  assertEquals(hrefsOf(page.slice(page.indexOf("<p>"))).map(plain)[0], "?view=grid&sort=size&order=desc");
  const none = listing([], { query: { ...DEFAULT_LISTING_QUERY, filter: "x" }, unfiltered: 7 });
  assertStringIncludes(listingPage(none, "/"), "No name has “<bdi>x</bdi>”, of 7.");
});

Deno.test("a grid has pictures that load late, of those files only that are given; a list offers it where it has images", () => {
  const entries = [entry("d.png", { isDirectory: true }), entry("a:b.png"), entry("b.jpg"), entry("c.txt")];
  const query = { ...DEFAULT_LISTING_QUERY, view: "grid" } as const;
  const page = listingPage(listing(entries, { query }), "/x/", { pictures: new Set(["a:b.png"]) });
  const images = Array.from(page.matchAll(/<img [^>]*>/g), ([tag]) => tag);
  assertEquals(images, ['<img src="./a:b.png" alt="" loading="lazy" decoding="async">']);
  assertEquals(targets(`<tbody>${page.slice(page.indexOf("<ul"))}`, "http://x/x/"), [
    "http://x/",
    "http://x/x/d.png/",
    "http://x/x/a:b.png",
    "http://x/x/b.jpg",
    "http://x/x/c.txt",
  ]);
  assertStringIncludes(listingPage(listing(entries), "/x/"), '<a href="?view=grid">Grid</a>');
  assert(!listingPage(listing([entries[0]!, entries[3]!]), "/x/").includes("Grid"));
});

Deno.test("a README is shown as text below the entries, with a link to all of it", () => {
  const text = "# A <b>\r\n\tB & C\x1b[0m\rD</pre><script>";
  const page = listingPage(listing([entry("README.md")]), "/", {
    readme: { name: "README.md", text, isWhole: false },
  });
  assert(page.indexOf("<table>") < page.indexOf("<pre>"));
  assertStringIncludes(page, "<pre>\n# A &lt;b&gt;\n\tB &amp; C\u241b[0m\nD&lt;/pre&gt;&lt;script&gt;</pre>");
  assertStringIncludes(page, '<a href="README.md">Show the whole file</a>');
  assertEquals(page.match(/<script/g)?.length, 1);
});

Deno.test("an empty root has neither table nor filter; an empty folder leads up", () => {
  assert(!/<table|<form|<ul/.test(listingPage(listing([]), "/")));
  assertStringIncludes(listingPage(listing([]), "/a/"), '<a href="../">');
});

Deno.test("the page's policy allows its style and its script, and the page requests nothing else", async () => {
  const page = listingPage(listing([entry("a"), entry("d", { isDirectory: true })]), "/x/");
  for (const element of ["style", "script"]) {
    const contents = Array.from(
      page.matchAll(new RegExp(`<${element}>([^]*?)</${element}>`, "g")),
      ([, text]) => text,
    );
    assertEquals(contents.length, 1);
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(contents[0]));
    const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
    assertStringIncludes(
      LISTING_POLICY,
      `${element}-src 'sha256-${hash}'`,
      `the hash of the ${element} is ${hash}`,
    );
  }
  assertStringIncludes(LISTING_POLICY, "default-src 'none'");
  assertEquals(GRID_POLICY, `${LISTING_POLICY}; img-src 'self'`);
  const markup = page.replace(/<script>[^]*?<\/script>/, "");
  assert(!/<script| style=| on\w+=|src=|url\(|@import/.test(markup), "something that the policy forbids");
  assertStringIncludes(page, '<html lang="en">');
  assertStringIncludes(page, '<meta name="robots" content="noindex">');
});
