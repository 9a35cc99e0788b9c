/**
 * Listings of directories: which entries, in which order and on which page; how long others wait; what is remembered.
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { type Guard, type Listing, Listings } from "../../handlers/site/listing/listing.ts";
import { parseListingQuery } from "../../handlers/site/listing/listing_query.ts";
import { textOf } from "../../handlers/site/listing/natural_order.ts";
import { SiteRoot } from "../../handlers/site/files/directory_root.ts";
import { LISTING_PAGE_ENTRIES_MAX } from "../../handlers/site/limits.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { FOLLOWS_LINKS, IS_EMULATED, Site } from "../support/program.ts";

const encoder = new TextEncoder();

/** A time later than CACHE_SETTLE_SECONDS after any change. */
const LATER_SECONDS = Math.floor(Date.now() / 1000) + 3600;

/** The listings of a temporary directory. */
class Listed {
  readonly site: Site;
  readonly #root: SiteRoot;
  readonly listings: Listings;
  #turn = 0;

  constructor(
    files: Readonly<Record<string, string | Uint8Array>>,
    isHidden?: (names: readonly string[]) => boolean,
  ) {
    this.site = new Site(files);
    this.#root = new SiteRoot(this.site.root);
    this.listings = new Listings(this.#root, isHidden);
  }

  list(
    path: string,
    query = "",
    nowSeconds = LATER_SECONDS,
    guard: Guard | null = null,
    signal = new AbortController().signal,
  ): Listing | number | Promise<Listing | number> {
    const begin = () => this.listings.list(encoder.encode(path), parseListingQuery(query), nowSeconds, guard);
    return this.listings.slices.run(begin(), 503, { turn: this.#turn++, signal }, { begin, key: path });
  }

  async page(
    path: string,
    query = "",
    nowSeconds = LATER_SECONDS,
    guard: Guard | null = null,
  ): Promise<Listing> {
    const listing = await this.list(path, query, nowSeconds, guard);
    assert(typeof listing !== "number", `${path}: ${listing}`);
    return listing;
  }

  /** The names of the entries, with a slash for directories. */
  async names(path: string, query = "", nowSeconds = LATER_SECONDS): Promise<string[]> {
    const { entries } = await this.page(path, query, nowSeconds);
    return entries.map(({ name, isDirectory }) => textOf(name) + (isDirectory ? "/" : ""));
  }

  async status(path: string): Promise<number> {
    const listing = await this.list(path);
    assert(typeof listing === "number", path);
    return listing;
  }

  [Symbol.dispose](): void {
    this.#root.close();
    this.site[Symbol.dispose]();
  }
}

Deno.test("names are in natural order, directories first", async () => {
  using listed = new Listed({
    "a10.txt": "",
    "a2.txt": "",
    "A1.txt": "",
    "b.txt": "",
    "B/x": "",
    "a/x": "",
    "élan.txt": "",
    "Eva.txt": "",
    "zebra.txt": "",
    "10": "",
    "9": "",
    "_x": "",
  });
  const expected = "a/ B/ 9 10 _x A1.txt a2.txt a10.txt b.txt élan.txt Eva.txt zebra.txt".split(" ");
  assertEquals(await listed.names(""), expected);
  const backwards = [...expected.slice(0, 2).reverse(), ...expected.slice(2).reverse()];
  assertEquals(await listed.names("", "?order=desc"), backwards);
});

Deno.test("by size and by time, equal entries stay in the order of their names", async () => {
  using listed = new Listed({ "b": "22", "a": "1", "c": "22", "d": "333", "y/x": "", "x/x": "" });
  const times: Readonly<Record<string, number>> = { a: 3, b: 1, c: 2, d: 2, x: 9, y: 8 };
  for (const [name, seconds] of Object.entries(times)) {
    Deno.utimeSync(listed.site.path(name), seconds, seconds);
  }
  const table: Readonly<Record<string, string>> = {
    "?sort=size": "x/ y/ a b c d",
    "?sort=size&order=desc": "x/ y/ d b c a",
    "?sort=time": "y/ x/ b c d a",
    "?sort=time&order=desc": "x/ y/ a c d b",
  };
  for (const [query, names] of Object.entries(table)) {
    assertEquals((await listed.names("", query)).join(" "), names, query);
  }
  const { entries, directories, total } = await listed.page("", "?sort=size");
  assertEquals([directories, total], [2, 6]);
  assertEquals(entries.slice(2).map(({ size, modifiedSeconds }) => [size, modifiedSeconds]), [
    [1, 3],
    [2, 1],
    [2, 2],
    [3, 2],
  ]);
});

Deno.test("entries that would not be served are not listed", async () => {
  using listed = new Listed({
    ".hidden": "",
    ".well-known/x": "",
    ".well-known/.y": "",
    "sub/.well-known/x": "",
    "sub/seen": "",
    "secret.txt": "",
    "sub/secret.txt": "",
    "a": "",
  }, (names) => names.join("/") === "sub/secret.txt");
  await new Deno.Command("mkfifo", { args: [listed.site.path("pipe")] }).output();
  using socket = Deno.listen({ transport: "unix", path: listed.site.path("socket") });
  assert(socket.addr);
  assertEquals(await listed.names(""), [".well-known/", "sub/", "a", "secret.txt"]);
  assertEquals(await listed.names(".well-known"), ["x"]);
  assertEquals(await listed.names("sub"), ["seen"]);
});

Deno.test("links are listed as their targets, unless these are outside of the root, or missing", async () => {
  if (!FOLLOWS_LINKS) return console.log("SKIPPED: this kernel (or emulator) has no openat2(2)");
  using outside = new Site({ "secret": "12345678", "d/x": "" });
  using listed = new Listed({ "d/file": "123", "s/x": "" });
  const links: Readonly<Record<string, string>> = {
    "in": "d/file",
    "s/up": "../d",
    "dangling": "nowhere",
    "loop": "loop",
    "out": outside.path("secret"),
    "out-directory": outside.path("d"),
    "absolute": listed.site.path("d/file"),
    "device": "/dev/null",
  };
  for (const [name, target] of Object.entries(links)) Deno.symlinkSync(target, listed.site.path(name));
  assertEquals(await listed.names(""), ["d/", "s/", "absolute", "in"]);
  const { entries, total } = await listed.page("");
  assertEquals([entries[2]!.size, entries[3]!.size, total], [3, 3, 4]);
  assertEquals(await listed.names("s"), ["up/", "x"]);
  assertEquals(await listed.names("s/up"), ["file"]);
  assertEquals(await listed.names("", "?sort=size&order=desc"), ["d/", "s/", "absolute", "in"]);
  assertEquals(await listed.status("out-directory"), 404);
});

Deno.test("a path that is no directory, or cannot be read, has a status; no descriptor stays open", async () => {
  using listed = new Listed({ "a": "", "d/x": "" });
  const before = openDescriptors();
  assertEquals(await listed.status("a"), 404);
  assertEquals(await listed.status("nothing"), 404);
  assertEquals(await listed.names("d"), ["x"]);
  await listed.names("", "?sort=time");
  assertEquals(openDescriptors(), before);
});

Deno.test("a name in any bytes is listed, and its status found", async () => {
  using listed = new Listed({ "é\n%?": "12", ["x".repeat(255)]: "1" });
  await new Deno.Command("sh", {
    args: ["-c", "printf 123 > \"$(printf 'b\\377.txt')\""],
    cwd: listed.site.root,
  })
    .output();
  const { entries } = await listed.page("");
  assertEquals(entries.map(({ name, size }) => [name, size]), [
    ["b\xff.txt", 3],
    ["\xc3\xa9\n%?", 2],
    ["x".repeat(255), 1],
  ]);
});

/** A directory `many` with `count` names, `0.txt` and so on, of one empty file: links are made faster than files. */
function listedMany(count: number, isHidden?: (names: readonly string[]) => boolean): Listed {
  const listed = new Listed({ "many/0.txt": "" }, isHidden);
  const file = listed.site.path("many/0.txt");
  for (let i = 1; i < count; i++) Deno.linkSync(file, listed.site.path(`many/${i}.txt`));
  return listed;
}

Deno.test("a large directory comes in pages; a page beyond the last one is the last one", async () => {
  const count = 2 * LISTING_PAGE_ENTRIES_MAX + 1;
  using listed = listedMany(count);
  for (const query of ["", "?sort=time"]) {
    const pages = [];
    for (let page = 1; page <= 3; page++) {
      pages.push(await listed.page("many", `${query || "?"}&page=${page}`));
    }
    assertEquals(pages.map(({ entries }) => entries.length), [500, 500, 1]);
    assertEquals(pages.map(({ offset }) => offset), [0, 500, 1000]);
    const names = new Set(pages.flatMap(({ entries }) => entries.map(({ name }) => name)));
    assertEquals([names.size, pages[0]!.pages, pages[0]!.total], [count, 3, count]);
    const past = await listed.page("many", `${query || "?"}&page=77`);
    assertEquals(past, pages[2]);
  }
  assertEquals((await listed.names("many", "?page=2"))[0], "500.txt");
  assertEquals((await listed.names("many", "?order=desc"))[0], "1000.txt");
  using empty = new Listed({});
  const { total, pages, entries, query } = await empty.page("", "?page=5");
  assertEquals([total, pages, entries.length, query.page], [0, 1, 0, 1]);
});

Deno.test("a change shows at once, also in a directory whose names are remembered", async () => {
  using listed = listedMany(1500);
  const total = async () => (await listed.page("many")).total;
  assertEquals(await total(), 1500);
  assertEquals(await total(), 1500);
  for (let i = 1; i <= 20; i++) {
    Deno.writeTextFileSync(listed.site.path(`many/new${i}`), "");
    assertEquals(await total(), 1500 + i);
  }
  Deno.removeSync(listed.site.path("many/new1"));
  assertEquals(await total(), 1519);
  Deno.writeTextFileSync(listed.site.path("many/0.txt"), "grown");
  assertEquals((await listed.page("many")).entries[0]!.size, 5);
});

Deno.test("the target of a link is checked each time, also in a large directory", async () => {
  if (!FOLLOWS_LINKS) return console.log("SKIPPED: this kernel (or emulator) has no openat2(2)");
  using listed = listedMany(1500);
  Deno.symlinkSync("../later", listed.site.path("many/link"));
  assertEquals((await listed.page("many")).total, 1500);
  listed.site.write("later", "");
  assertEquals((await listed.page("many")).total, 1501);
});

Deno.test("a large directory is read once, unless it has just changed", async () => {
  let asked = 0;
  using listed = listedMany(1500, () => {
    asked++;
    return false;
  });
  const nowSeconds = Math.floor(Date.now() / 1000);
  await listed.page("many", "", nowSeconds);
  await listed.page("many", "", nowSeconds);
  assertEquals(asked, 3000);
  await listed.page("many");
  await listed.page("many", "?page=2");
  await listed.page("many", "?sort=size");
  assertEquals(asked, 4500);
});

Deno.test("while 50,000 names are listed other requests are served, and the next page comes at once", async () => {
  if (IS_EMULATED) return console.log("SKIPPED: emulated");
  let asked = 0;
  using listed = listedMany(50_000, () => {
    asked++;
    return false;
  });
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  try {
    // Many at once: each one reads for one slice, and uses the names that the first one has read.
    const listings = await Promise.all(Array.from({ length: 10 }, () => listed.page("many")));
    assertEquals(listings.map(({ total }) => total), Array(10).fill(50_000));
    assertLess(asked, 8 * 50_000);
    assert(turns >= 3, `others got ${turns} turns`);
    turns = 0;
    const { total, entries } = await listed.page("many", "?sort=size");
    assertEquals([total, entries.length], [50_000, LISTING_PAGE_ENTRIES_MAX]);
    assert(turns >= 3, `others got ${turns} turns`);
    const next = listed.list("many", "?page=2");
    assert(!(next instanceof Promise), "names that are remembered were not used");
  } finally {
    clearInterval(timer);
  }
});

Deno.test("while many list 50,000 names a small directory is listed first, and clients that left cost nothing more", async () => {
  if (IS_EMULATED) return console.log("SKIPPED: emulated");
  using listed = listedMany(50_000);
  listed.site.write("small/x", "");
  const before = openDescriptors();
  const gone = new AbortController();
  let done = 0;
  const large = Array.from({ length: 64 }, async () => {
    const listing = await listed.list("many", "?sort=size", LATER_SECONDS, null, gone.signal);
    done++;
    return listing;
  });
  assertEquals(openDescriptors(), before + 1, "waiting work holds no descriptor");
  assertEquals(await listed.names("small"), ["x"]);
  assertLess(done, 64);
  gone.abort();
  assertEquals(openDescriptors(), before);
  assert((await Promise.all(large)).includes(503));
  assertEquals(await listed.names("small"), ["x"]);
});

Deno.test("guarded entries are left out, also of totals and pages; a listing with another guard does not share its names", async () => {
  using listed = listedMany(2 * LISTING_PAGE_ENTRIES_MAX + 1);
  listed.site.write("many/d/x", "");
  const guard: Guard = {
    key: "/many/",
    hides: (name, isDirectory) => isDirectory || name === "0.txt",
  };
  for (let attempt = 0; attempt < 2; attempt++) {
    for (const query of ["", "?sort=size"]) {
      const hidden = await listed.page("many", query, LATER_SECONDS, guard);
      assertEquals([hidden.total, hidden.pages, hidden.directories], [1000, 2, 0], query);
      assertEquals([hidden.entries.length, hidden.entries[0]!.name], [500, "1.txt"]);
      const whole = await listed.page("many", query);
      assertEquals([whole.total, whole.pages, whole.directories], [1002, 3, 1], query);
    }
  }
});
