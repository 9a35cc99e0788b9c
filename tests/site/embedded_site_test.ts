/**
 * A site in an archive is served like the directory that it was made of: both answer the same requests with the same
 * bytes.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { EM_AARCH64, EM_X86_64 } from "../../ffi/libc/constants.ts";
import { readElfHeader } from "../../ffi/process/executable.ts";
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { FileStatus } from "../../ffi/file/file_status.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import { PackError, packSite } from "../../deploy/pack_site.ts";
import { staticHandler, type StaticOptions } from "../../handlers/static.ts";
import { SiteArchive } from "../../handlers/site/files/archive.ts";
import { serving } from "../support/in_process.ts";
import { FOLLOWS_LINKS, Site } from "../support/program.ts";
import { get, head, Wire, type WireResponse } from "../support/wire.ts";

const LARGE = new Uint8Array(1_200_000).map((_, i) => (i * 7919) >> 5);
const TEXT = "many words, many words; ".repeat(500);

/** A directory with everything that a site can have. */
function makeSite(): Site {
  const site = new Site({
    "index.html": "<h1>home</h1>",
    "404.html": "<h1>nothing here</h1>",
    "about.html": "about",
    "empty.txt": "",
    "large.bin": LARGE,
    "text.txt": TEXT,
    "app.js": "let all;".repeat(300),
    "app.js.br": brotliCompressSync("let all;".repeat(300)),
    "app.js.gz": gzipSync("let all;".repeat(300)),
    "assets/main-8f3a2b1c.css": "a{}",
    "only.css.gz": gzipSync("b{}"),
    "deep/er/and/deeper.txt": "deep",
    "list/b10.txt": "10",
    "list/b9.txt": "nine",
    "list/sub/x": "x",
    ".well-known/security.txt": "Contact: nobody",
    ".env": "SECRET=1",
    "deep/.git/config": "secret",
    "epollet.json": "{}",
    "sp ace & más 漢字.txt": "named",
  });
  const bytes = new Uint8Array([...new TextEncoder().encode(`${site.root}/`), 0xff, 0x2e, 0x74, 0x78, 0x74]);
  writeBytes(bytes, "a name that is no text");
  Deno.utimeSync(site.path("about.html"), 1_600_000_000, 1_600_000_000);
  if (FOLLOWS_LINKS) {
    Deno.symlinkSync("about.html", site.path("linked.html"));
    Deno.symlinkSync("deep/er", site.path("linked"));
    Deno.symlinkSync("/etc/passwd", site.path("outside"));
    Deno.symlinkSync("nowhere", site.path("dangling"));
  }
  new Deno.Command("mkfifo", { args: [site.path("pipe")] }).outputSync();
  return site;
}

/** Deno has only names that are text; the shell has all. */
function writeBytes(path: Uint8Array, content: string): void {
  const octal = Array.from(path, (byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
  new Deno.Command("sh", { args: ["-c", `printf %s "$2" > "$(printf "$1")"`, "sh", octal, content] })
    .outputSync();
}

/** An archive of a directory, open; `using` closes it. */
class Packed implements Disposable {
  readonly archive: SiteArchive;
  readonly leftOut: readonly string[];
  readonly #folder = new Site();
  readonly #fd: number;

  /** `before` are bytes before the archive in its file, where the program is. */
  constructor(directory: string, before = 4099) {
    const path = this.#folder.path("archive");
    using file = Deno.openSync(path, { write: true, createNew: true });
    file.writeSync(new Uint8Array(before));
    this.leftOut = packSite(directory, file).leftOut;
    const folder = openDirectory(this.#folder.root);
    this.#fd = openBeneathByWalking(folder, cString("archive"));
    close(folder);
    this.archive = new SiteArchive(this.#fd, before);
  }

  [Symbol.dispose](): void {
    close(this.#fd);
    this.#folder[Symbol.dispose]();
  }
}

const BROWSER = "Accept: text/html,*/*;q=0.8";

/** Requested in several ways. */
const PATHS: readonly string[] = [
  "/",
  "/about",
  "/empty.txt",
  "/large.bin",
  "/text.txt",
  "/app.js",
  "/only.css",
  "/assets/main-8f3a2b1c.css",
  "/missing.html",
  "/list/",
  "/linked/and/deeper.txt",
];

/** Requested once. */
const OTHER_PATHS: readonly string[] = [
  "/index.html",
  "/about.html",
  "/app.js.br",
  "/assets",
  "/assets/",
  "/deep/",
  "/deep/er/and/deeper.txt",
  "/deep/er/and/deeper.txt/",
  "/deep/er/and/deeper.txt/x",
  "/deep/../about.html",
  "/%2e%2e/x",
  "/missing",
  "/list/?sort=size&order=desc",
  "/list/?sort=modified",
  "/list/?page=2",
  "/.env",
  "/.well-known/security.txt",
  "/.well-known/",
  "/deep/.git/config",
  "/epollet.json",
  "/sp%20ace%20&%20m%C3%A1s%20%E6%BC%A2%E5%AD%97.txt",
  "/%FF.txt",
  "/linked.html",
  "/linked/",
  "/outside",
  "/dangling",
  "/pipe",
  `/${"n".repeat(300)}`,
  "/a%00b",
  "//about.html",
  "/./",
  "/.",
];

/** Requests of every kind. */
const REQUESTS: readonly string[] = [
  ...PATHS.flatMap((path) => [
    get(path),
    head(path),
    get(path, BROWSER),
    get(path, "Accept-Encoding: gzip, br, zstd"),
  ]),
  ...OTHER_PATHS.map((path) => get(path)),
  ...["bytes=0-9", "bytes=-5", "bytes=1199990-", "bytes=5-2", "bytes=9999999-", "bytes=1048570-1048590"]
    .flatMap(
      (range) => [get("/large.bin", `Range: ${range}`), get("/text.txt", `Range: ${range}`)],
    ),
  get("/list/", "Accept: application/json"),
  get("/text.txt", "Accept-Encoding: identity;q=0, *;q=0"),
  get("/about.html", "If-Modified-Since: Sun, 13 Sep 2020 12:26:40 GMT"),
  get("/about.html", "If-Unmodified-Since: Sun, 13 Sep 2020 12:26:39 GMT"),
  get("/about.html", 'If-Match: "x"'),
  "OPTIONS / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n",
];

function requestLine(request: string): string {
  return request.replaceAll("\r\n", " | ").slice(0, 120);
}

const latin1 = new TextDecoder("latin1");

/** Returns the parts of a response that do not depend on its time and on the server. */
function comparable({ statusLine, fields, body }: WireResponse): string {
  const { date: _, ...others } = fields;
  const boundary = /boundary=(\S+)/.exec(fields["content-type"] ?? "")?.[1];
  const text = JSON.stringify([statusLine, others]) + latin1.decode(body);
  return boundary === undefined ? text : text.replaceAll(boundary, "BOUNDARY");
}

/** Requests everything from both servers twice, the second time from memory. */
async function compare(site: Site, options: Omit<StaticOptions, "root">, requests = REQUESTS): Promise<void> {
  using packed = new Packed(site.root);
  const onDisk = staticHandler({ ...options, root: site.root });
  const embedded = staticHandler({ ...options, root: packed.archive });
  {
    await using one = serving(onDisk);
    await using other = serving(embedded);
    const wires = [await Wire.connect(one.port), await Wire.connect(other.port)];
    for (let round = 0; round < 2; round++) {
      for (const request of requests) {
        for (const wire of wires) await wire.send(request);
        const answers: string[] = [];
        for (const [i, { port }] of [one, other].entries()) {
          const answer = await wires[i]!.expect(request.startsWith("HEAD "));
          if (answer.fields.connection === "close") {
            wires[i]![Symbol.dispose]();
            wires[i] = await Wire.connect(port);
          }
          answers.push(comparable(answer));
        }
        assert(
          answers[0] === answers[1],
          `${requestLine(request)}\n${answers.map((a) => a.slice(0, 600)).join("\n")}`,
        );
      }
    }
    for (const wire of wires) wire[Symbol.dispose]();
    assertEquals([...one.errors, ...other.errors], []);
  }
  onDisk.close();
  embedded.close();
}

Deno.test("an embedded site answers every request as the directory does, byte for byte", async () => {
  using site = makeSite();
  age(site);
  await compare(site, {});
});

/**
 * Returns false for names that are not packed: on disk they exist and are not served, in an archive they are missing.
 */
function isPacked(request: string): boolean {
  return !/ \/(outside|dangling|pipe) /.test(request);
}

Deno.test("an embedded site does, too, with listings, clean URLs, --spa, compression and rules", async () => {
  using site = makeSite();
  age(site);
  await compare(site, {
    browse: true,
    cleanUrls: true,
    spa: "/index.html",
    compress: true,
    compressLevel: 6,
    cors: ["*"],
    securityHeaders: true,
    errorPages: { 404: "/404.html" },
    headers: [{ source: "/**/*.txt", fields: [["X-Text", "yes"]] }],
    redirects: [{ source: "/old/*", destination: "/$1", status: 308 }],
    rewrites: [{ source: "/deep/*", destination: "/list/b9.txt", ifMissing: true }],
  }, [...REQUESTS.filter(isPacked), get("/old/x"), get("/deep/nothing"), get("/some/page", BROWSER)]);
});

Deno.test("an embedded site does, too, without a cache, and with tags of size and time", async () => {
  using site = makeSite();
  age(site);
  const ranges = get("/large.bin", "Range: bytes=0-0,1000000-1100000,-7");
  await compare(site, { cacheSize: 0, etag: "mtime" }, [...REQUESTS, ranges]);
  await compare(site, { cacheSize: 0 }, [get("/large.bin"), ranges]);
});

/** Sets the files' times back, since files that have just changed would not be cached yet. */
function age(site: Site): void {
  new Deno.Command("sh", {
    args: ["-c", 'find "$1" -print0 | xargs -0 touch -h -d "2024-05-06 07:08:09.123456789"', "sh", site.root],
  })
    .outputSync();
}

Deno.test("files that would not be served are not packed, and links and special files among them are named", () => {
  using site = makeSite();
  using packed = new Packed(site.root);
  for (
    const path of [".env", "deep/.git", "deep/.git/config", "epollet.json", "outside", "dangling", "pipe"]
  ) {
    assertEquals(packed.archive.find(path), undefined, path);
  }
  const named = packed.leftOut.map((line) => line.slice(site.root.length + 1));
  assertEquals(named, [
    ...(FOLLOWS_LINKS ? ["dangling: a link that leads nowhere, or no regular file"] : []),
    ...(FOLLOWS_LINKS ? ["outside: a link that leads out of the directory"] : []),
    "pipe: a link that leads nowhere, or no regular file",
  ]);
});

Deno.test("a link to a directory that contains it is an error with its name", () => {
  if (!FOLLOWS_LINKS) return;
  using site = new Site({ "a/b.txt": "b" });
  Deno.symlinkSync("..", site.path("a/up"));
  assertThrows(
    () => new Packed(site.root),
    PackError,
    `${site.root}/a/up: a link that leads to a directory it is in`,
  );
});

Deno.test("the same directory makes the same archive, and a damaged archive is an error", () => {
  using site = makeSite();
  using folder = new Site();
  const [one, other] = ["one", "other"].map((name) => {
    using file = Deno.openSync(folder.path(name), { write: true, createNew: true });
    packSite(site.root, file);
    return Deno.readFileSync(folder.path(name));
  });
  assertEquals(one, other);
  Deno.truncateSync(folder.path("one"), one!.length - 1);
  Deno.writeFileSync(folder.path("other"), other!.fill(0, 0, 1));
  const root = openDirectory(folder.root);
  for (const name of ["one", "other"]) {
    const fd = openBeneathByWalking(root, cString(name));
    assertThrows(() => new SiteArchive(fd, 0), Error, "Cannot read the embedded site");
    close(fd);
  }
  close(root);
});

Deno.test("a file in an archive has the status that it had on disk", () => {
  using site = makeSite();
  using packed = new Packed(site.root);
  const entry = packed.archive.find("about.html")!;
  const status = new FileStatus();
  status.describe(entry.kind, entry);
  assertEquals([status.isFile, status.size, status.modifiedSeconds], [true, 5, 1_600_000_000]);
  assertEquals(packed.archive.find("")!.names.includes("\xff.txt"), true);
});

Deno.test("an executable's header tells its machine and its end; other files tell nothing", () => {
  using file = Deno.openSync(Deno.execPath());
  const bytes = new Uint8Array(64);
  file.readSync(bytes);
  const header = readElfHeader(bytes)!;
  assert([EM_X86_64, EM_AARCH64].includes(header.machine), String(header.machine));
  assert(header.end > 1_000_000 && header.end <= file.statSync().size, String(header.end));
  assertEquals(readElfHeader(bytes.subarray(0, 63)), null);
  assertEquals(readElfHeader(new Uint8Array(64)), null);
  bytes.fill(0, 40, 48); // no section table
  assertEquals(readElfHeader(bytes), null);
});
