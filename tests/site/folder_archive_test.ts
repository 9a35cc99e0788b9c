/**
 * Archives of directories, over real sockets, unpacked by programs that others have written.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { contentOf, FORMATS, unpack } from "../support/folders.ts";
import { basic, hashOf } from "../support/passwords.ts";
import { FOLLOWS_LINKS } from "../support/program.ts";
import { Random, SEED } from "../support/random.ts";
import { ServedSite } from "../support/served_site.ts";
import { get, head } from "../support/wire.ts";

/** Fetches an archive. */
async function fetchArchive(port: number, target: string, headers: HeadersInit = {}): Promise<Uint8Array> {
  const response = await fetch(`http://127.0.0.1:${port}${target}`, { headers });
  assertEquals(response.status, 200, target);
  return await response.bytes();
}

/** Fetches an archive by curl, with further arguments. */
function fetchByCurl(port: number, target: string, ...args: string[]): Uint8Array {
  const url = `http://127.0.0.1:${port}${target}`;
  return new Deno.Command("curl", { args: ["-sS", "--fail", ...args, url] }).outputSync().stdout;
}

/** Makes a file whose name has any bytes, which Deno's names cannot. */
function writeBytes(path: string, name: string): void {
  const octal = Array.from(name, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, "0")}`).join("");
  new Deno.Command("sh", { args: ["-c", `printf x > "$1/$(printf "$2")"`, "sh", path, octal] }).outputSync();
}

Deno.test("an archive has all files and folders, with names, times, content and the right to execute", async () => {
  console.log(`seed ${SEED}`);
  const random = new Random();
  const bytes = (count: number) => Uint8Array.from({ length: count }, () => random.below(256));
  const latin1 = (bytes: Uint8Array) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const long = "l".repeat(200);
  const files: Record<string, Uint8Array> = {
    "d/a.txt": new TextEncoder().encode("text ".repeat(30_000)),
    "d/empty": new Uint8Array(0),
    "d/noise.txt": bytes(150_000 + random.below(1000)),
    "d/p.png": bytes(70_000),
    "d/s/b.js": new TextEncoder().encode("let x = 1;\n"),
    "d/s/index.html": new TextEncoder().encode("<p>"),
    [`d/s/${long}/${long}/${long}.txt`]: new TextEncoder().encode("deep"),
    "d/ünï ☃.txt": new TextEncoder().encode("snow"),
    'd/"q%\\.txt': new TextEncoder().encode("quoted"),
    "d/line\nfeed": new TextEncoder().encode("two lines"),
    "other/x": new TextEncoder().encode("x"),
  };
  await using served = await ServedSite.start(files, { args: ["--archive"] }, (site) => {
    Deno.mkdirSync(site.path("d/hollow"));
    writeBytes(site.path("d"), "bad\xff.txt");
    Deno.utimeSync(site.path("d/a.txt"), 0, new Date("2020-02-29T12:34:56Z"));
    Deno.chmodSync(site.path("d/s/b.js"), 0o700);
  });
  const asUtf8 = (name: string) => latin1(new TextEncoder().encode(name));
  const expected: Record<string, string | null> = {
    "d/": null,
    "d/hollow/": null,
    "d/s/": null,
    "d/bad\xff.txt": "x",
  };
  expected[`d/s/${long}/`] = expected[`d/s/${long}/${long}/`] = null;
  for (const [name, content] of Object.entries(files)) {
    if (name.startsWith("d/")) expected[asUtf8(name)] = latin1(content);
  }
  for (const format of FORMATS) {
    const archive = await fetchArchive(served.port, `/d/?archive=${format}`);
    const unpacked = unpack(archive, format);
    assertEquals(contentOf(unpacked), expected, format);
    const members = new Map(unpacked);
    assertEquals(members.get("d/a.txt")!.seconds, Date.UTC(2020, 1, 29, 12, 34, 56) / 1000);
    assertEquals([members.get("d/a.txt")!.mode, members.get("d/s/b.js")!.mode], [0o644, 0o755]);
    assert(archive.length < 250_000, `${format} has ${archive.length} bytes, so text is not compressed`);
    assertEquals([...members.keys()], [...members.keys()].sort(), "in the order of names");
    const again = await fetchArchive(served.port, `/d/?archive=${format}`);
    assertEquals(again, archive, "the same folder gives the same bytes");
    if (format === "tar.gz") continue;
    const methods = ["a.txt", "p.png", "s/b.js"].map((name) => members.get(`d/${name}`)!.method);
    assertEquals(methods, [8, 0, 0], "text is deflated unless that makes it larger, other files are stored");
  }
});

Deno.test("the response is a file to save, of a known type, in no cache; HEAD has the same fields", async () => {
  const files = { "plain/a": "a", 'ü & "x"/a': "a", "index.html": "index" };
  await using served = await ServedSite.start(files, { args: ["--archive"] });
  const ask = async (target: string) => {
    const { status, fields } = await served.ask(head(target));
    return [status, fields["content-type"], fields["content-disposition"], fields["cache-control"]];
  };
  const types = { zip: "application/zip", "tar.gz": "application/gzip" };
  for (const format of FORMATS) {
    const disposition = `attachment; filename="plain.${format}"`;
    assertEquals(await ask(`/plain/?archive=${format}`), [200, types[format], disposition, "no-store"]);
    const root = served.site.root.split("/").at(-1);
    assertEquals((await ask(`/?archive=${format}`))[2], `attachment; filename="${root}.${format}"`);
    const odd = (await ask(`/%C3%BC%20&%20%22x%22/?archive=${format}`))[2];
    assertEquals(
      odd,
      `attachment; filename="_ & _x_.${format}"; filename*=UTF-8''%C3%BC%20%26%20%22x%22.${format}`,
    );
    const whole = await fetch(`http://127.0.0.1:${served.port}/plain/?archive=${format}`);
    const { fields } = await served.ask(head(`/plain/?archive=${format}`));
    await whole.bytes();
    for (const [name, value] of whole.headers) if (name !== "date") assertEquals(fields[name], value, name);
    assertEquals([fields["content-length"], fields["accept-ranges"]], [undefined, "none"]);
  }
  assertEquals(await served.say("/?archive=rar"), "400");
  assertEquals(await served.say("/plain?archive=zip"), "301 /plain/?archive=zip");
  assertEquals(await served.say("/plain/a?archive=zip"), "200 a");
  assertEquals(await served.say("/none/?archive=zip"), "404");
  assertEquals(await served.say("/?archived=1"), "200 index");
});

Deno.test("without --archive it is a query; with it, a listing has links", async () => {
  await using served = await ServedSite.start({ "index.html": "index", "d/a": "a" }, { args: ["--browse"] });
  await served.check([["/?archive=zip", "200 index"]]);
  assert(!(await served.ask(get("/d/"))).text.includes("archive"));
  await using other = await ServedSite.start({ "d/a": "a" }, { args: ["--browse", "--archive"] });
  const { text } = await other.ask(get("/d/"));
  for (const format of FORMATS) assertStringIncludes(text, `<a href="?archive=${format}"`);
});

Deno.test("an archive has nothing that its client could not get file by file", async () => {
  const rule = (source: string, user: string) => ({ source, users: { [user]: hashOf(user) } });
  const files = {
    "d/a.txt": "a",
    "d/.hidden": "no",
    "d/.git/config": "no",
    "d/secret/x": "other password",
    "d/own/x": "needs a password, too",
    "d/gone/x": "redirected",
    "d/gone/sub/x": "redirected",
    "d/moved.txt": "redirected",
    "d/dark/x": "rewritten",
    "d/same/x": "rewritten to itself",
    "d/landing/index.html": "its folder is redirected",
    "outside/x": "outside of the folder",
    ".well-known/x": "well-known",
    "epollet.json": "{}",
  };
  const config = {
    archive: true,
    auth: [rule("/d/secret/**", "anna"), rule("/d/**", "bert")],
    redirects: [
      { source: "/d/gone/**", destination: "/d/a.txt" },
      { source: "/d/moved.txt", destination: "/d/a.txt" },
      { source: "/d/landing/", destination: "/d/landing/index.html" },
    ],
    rewrites: [
      { source: "/d/dark/*", destination: "/d/a.txt" },
      { source: "/d/same/*", destination: "/d/same/$1" },
      { source: "/alias/*", destination: "/d/$1" },
    ],
  };
  const outside = Deno.makeTempFileSync();
  await using served = await ServedSite.start(files, { config }, (site) => {
    Deno.symlinkSync(outside, site.path("d/leads-out"));
    Deno.symlinkSync("nowhere", site.path("d/dangling"));
    Deno.symlinkSync("../d", site.path("d/loop"));
    Deno.symlinkSync("../outside", site.path("d/inside"));
    Deno.symlinkSync("a.txt", site.path("d/link.txt"));
    new Deno.Command("mkfifo", { args: [site.path("d/pipe")] }).outputSync();
  });
  const expected: Record<string, string | null> = {
    "d/": null,
    "d/a.txt": "a",
    "d/own/": null,
    "d/own/x": "needs a password, too",
    "d/same/": null,
    "d/same/x": "rewritten to itself",
    "d/landing/": null,
    "d/landing/index.html": "its folder is redirected",
  };
  if (FOLLOWS_LINKS) {
    Object.assign(expected, { "d/link.txt": "a", "d/inside/": null, "d/inside/x": "outside of the folder" });
  }
  const [name, password] = basic("bert", "bert").split(": ") as [string, string];
  for (const format of FORMATS) {
    assertEquals(await served.say(`/d/?archive=${format}`), "401");
    const archive = await fetchArchive(served.port, `/d/?archive=${format}`, { [name]: password });
    assertEquals(contentOf(unpack(archive, format)), expected, format);
    const root = contentOf(unpack(await fetchArchive(served.port, `/?archive=${format}`), format));
    const top = `${served.site.root.split("/").at(-1)}/`;
    const names = Object.keys(root).map((name) => name.slice(top.length)).sort();
    assertEquals(names, ["", ".well-known/", ".well-known/x", "outside/", "outside/x"]);
  }
  Deno.removeSync(outside);
});

Deno.test("a folder beyond the bound is refused before anything is sent; a host has a bound of its own", async () => {
  const config = {
    archive: true,
    archiveSize: "1000",
    hosts: { "b.test": { archiveSize: "3K" }, "c.test": { archive: false } },
  };
  const files = { "index.html": "index", "d/a": "x".repeat(900), "d/b": "x".repeat(900) };
  await using served = await ServedSite.start(files, { config });
  const refused = await served.ask(get("/d/?archive=zip"));
  assertEquals(refused.status, 403);
  assertMatch(
    refused.text,
    /^403: This folder has more than the 1\.0 kB that --archive-size \("archiveSize"\) allows\./,
  );
  assertEquals((await served.ask(head("/d/?archive=zip"))).status, 403);
  assertEquals((await served.ask(get("/d/?archive=zip").replace("Host: test", "Host: c.test"))).status, 404);
  const archive = fetchByCurl(served.port, "/d/?archive=zip", "-H", "Host: b.test");
  assertEquals(Object.keys(contentOf(unpack(archive, "zip"))), ["d/", "d/a", "d/b"]);
});

Deno.test("HTTP/2 and HTTP/1.0 give the same archive", async () => {
  const files = { "d/a.txt": "a".repeat(500_000), "d/b.bin": "b".repeat(100_000) };
  await using served = await ServedSite.start(files, { args: ["--archive"] });
  for (const format of FORMATS) {
    const target = `/d/?archive=${format}`;
    const archive = await fetchArchive(served.port, target);
    assertEquals(contentOf(unpack(archive, format)), { "d/": null, ...files });
    assertEquals(fetchByCurl(served.port, target, "--http2-prior-knowledge"), archive);
    assertEquals(fetchByCurl(served.port, target, "--http1.0"), archive);
  }
});
