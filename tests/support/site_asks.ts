/**
 * A site that uses every setting of a site, and requests of every kind for it.
 * @module
 */
import { brotliCompressSync, gzipSync } from "node:zlib";
import type { StaticOptions } from "../../handlers/static.ts";
import type { Ask, Reply } from "./both_versions.ts";
import type { Line } from "./http2_wire.ts";
import { basic, hashOf } from "./passwords.ts";
import { Site } from "./site.ts";

/** A file that is kept in memory in one buffer with its head, one beside it, and one that is sent from the disk. */
const INLINE_BYTES = 300_000;
const BESIDE_BYTES = 1_500_000;
const DISK_BYTES = 3_000_000;
/** The bytes of the largest file that the site keeps in memory. */
const KEPT_BYTES_MAX = 2_000_000;
const MODIFIED_SECONDS = 1_582_979_696;
const MODIFIED = "Sat, 29 Feb 2020 12:34:56 GMT";
const BEFORE = "Fri, 28 Feb 2020 12:34:56 GMT";
const SCRIPT = "let all; ".repeat(400);
const BROWSER: Line = ["Accept", "text/html,application/xhtml+xml,*/*;q=0.8"];
/** The host of a site for a single-page application, and one that no site is for. */
export const SPA_HOST = "spa.test";
export const STRANGER = "stranger.test";

function bytes(length: number): Uint8Array {
  return new Uint8Array(length).map((_, i) => (i * 7919) >> 5);
}

/** Makes the files. `using` removes them. */
export function makeSite(): Site {
  const site = new Site({
    "index.html": "<h1>home</h1>",
    "404.html": "<h1>nothing here</h1>",
    "about.html": "about",
    "a.txt": "abcdefghijklmnopqrstuvwxyz",
    "empty.txt": "",
    "text.txt": "many words, many words; ".repeat(2000),
    "inline.bin": bytes(INLINE_BYTES),
    "beside.bin": bytes(BESIDE_BYTES),
    "disk.bin": bytes(DISK_BYTES),
    "disk.txt": "0123456789abcdef".repeat(DISK_BYTES / 16),
    "app.js": SCRIPT,
    "app.js.br": brotliCompressSync(SCRIPT),
    "app.js.gz": gzipSync(SCRIPT),
    "assets/main-8f3a2b1c.css": "a{}",
    "only.css.gz": gzipSync("b{}"),
    "list/b10.txt": "10",
    "list/b9.txt": "nine",
    "list/sub/x": "x",
    "private/x.txt": "secret",
    "dir/index.html": "<p>a directory</p>",
    ".well-known/security.txt": "Contact: nobody",
    ".env": "SECRET=1",
    "sp ace & más 漢字.txt": "named",
    "spa/index.html": "<h1>the application</h1>",
    "spa/a.txt": "of the application",
  });
  for (
    const name of [
      "a.txt",
      "disk.bin",
      "disk.txt",
      "inline.bin",
      "beside.bin",
      "app.js",
      "app.js.br",
      "app.js.gz",
    ]
  ) {
    Deno.utimeSync(site.path(name), MODIFIED_SECONDS, MODIFIED_SECONDS);
  }
  return site;
}

/** Returns the settings for {@linkcode makeSite}. */
export function settingsOf(site: Site): StaticOptions {
  return {
    root: site.root,
    cacheFileSize: KEPT_BYTES_MAX,
    cleanUrls: true,
    browse: true,
    compress: true,
    compressLevel: 6,
    securityHeaders: true,
    cors: ["https://b.example"],
    headers: [
      { source: "/**", fields: [["X-Every", "one"], ["X-Name", "dej\u00e0"]] },
      { source: "/list/**", fields: [["X-List", "yes"], ["X-Every", null]] },
      { source: "/**", type: "text/css", fields: [["Cache-Control", "max-age=7"]] },
    ],
    redirects: [
      { source: "/old/*", destination: "/new/$1", status: 301 },
      { source: "/away", destination: "https://example.org/\u00e0", status: 308 },
    ],
    rewrites: [
      { source: "/docs/*", destination: "/list/$1", ifMissing: false },
      { source: "/lost/**", destination: "/a.txt", ifMissing: true },
    ],
    auth: [{ source: "/private/**", realm: "Private", users: { ann: hashOf("right") } }],
    hosts: new Map([[SPA_HOST, { root: site.path("spa"), spa: "/index.html", cors: ["*"], auth: [] }]]),
    allowedHosts: ["localhost", SPA_HOST],
  };
}

function fieldOf(text: string): Line {
  const colon = text.indexOf(": ");
  return [text.slice(0, colon), text.slice(colon + 2)];
}

function get(target: string, ...fields: Line[]): Ask {
  return { target, fields };
}

const TARGETS = [
  ..."/ /index.html /index /about /about.html /a.txt /a.txt?x=%20y /empty.txt /text.txt /inline.bin /beside.bin"
    .split(" "),
  ..."/disk.bin /app.js /app.js.br /only.css /only.css.gz /assets/main-8f3a2b1c.css /assets /assets/ /dir /dir/"
    .split(" "),
  ..."/list/ /list /list/?sort=size&order=desc /list/?page=2 /.well-known/security.txt /.well-known/".split(
    " ",
  ),
  ..."/sp%20ace%20&%20m%C3%A1s%20%e6%bc%a2%e5%ad%97.txt /%61.txt /docs/b9.txt /lost/anything /old/a?b=c /away"
    .split(" "),
  ..."/missing /missing/ /a.txt/ /a.txt/x /.env /.git/config /%2e%2e/x /x/../a.txt /%00 /%zz //a.txt /a//b"
    .split(" "),
] as const;

const RANGES = [
  ..."bytes=0-4 bytes=5- bytes=-3 bytes=0-0 bytes=0-99999999 bytes=3-4,10-12 bytes=0-1,1-2,5-,-2".split(" "),
  ..."bytes=99999999- bytes=5-2 bytes=-0 bytes=x lines=1-2 bytes=0-18446744073709551616 bytes=1-2,,4-5".split(
    " ",
  ),
] as const;

/** Returns requests by their kind. `tags` are the entity tags of files by their URL. */
export function asksOf(tags: ReadonlyMap<string, string>): Readonly<Record<string, readonly Ask[]>> {
  const tag = tags.get("/a.txt")!;
  const conditions: Line[][] = [
    [["If-None-Match", tag]],
    [["If-None-Match", '"x"']],
    [["If-None-Match", `W/${tag}, "y"`]],
    [["If-None-Match", "*"]],
    [["If-Match", tag]],
    [["If-Match", '"x"']],
    [["If-Match", "*"]],
    [["If-Modified-Since", MODIFIED]],
    [["If-Modified-Since", BEFORE]],
    [["If-Modified-Since", "no date"]],
    [["If-Unmodified-Since", MODIFIED]],
    [["If-Unmodified-Since", BEFORE]],
    [["If-Range", tag], ["Range", "bytes=1-3"]],
    [["If-Range", '"x"'], ["Range", "bytes=1-3"]],
    [["If-Range", MODIFIED], ["Range", "bytes=1-3"]],
    [["If-None-Match", '"x"'], ["If-Modified-Since", MODIFIED]],
    [["If-None-Match", tag], ["Range", "bytes=0-1"]],
  ];
  return {
    "every kind of URL": TARGETS.flatMap((target) => [get(target), get(target, BROWSER)]),
    "HEAD": TARGETS.map((target) => ({ ...get(target, BROWSER), method: "HEAD" })),
    "ranges": [
      "/a.txt",
      "/inline.bin",
      "/beside.bin",
      "/disk.bin",
      "/empty.txt",
      "/text.txt",
      "/missing",
      "/dir/",
    ].flatMap((target) => RANGES.map((range) => get(target, ["Range", range], ["Accept-Encoding", "gzip"]))),
    "conditions": ["/a.txt", "/disk.bin", "/missing"].flatMap((target) =>
      conditions.flatMap((fields) =>
        ["GET", "HEAD"].map((method) => ({
          method,
          target,
          fields: fields.map(([name, value]): Line => [name, value.replace(tag, tags.get(target) ?? tag)]),
        }))
      )
    ),
    "codings": ["/app.js", "/text.txt", "/only.css", "/disk.txt", "/a.txt"].flatMap((target) =>
      ["gzip", "br", "zstd", "gzip;q=0.1, br;q=0.5", "identity;q=0, *;q=0", "identity;q=0, x", "*", ""].map((
        value,
      ) => get(target, ["Accept-Encoding", value]))
    ),
    "listings as JSON": ["/list/", "/list/?sort=time&order=desc", "/list/sub/"].flatMap((target) =>
      ["application/json", "text/html;q=0.5, application/json", "*/*"].map((value) =>
        get(target, ["Accept", value])
      )
    ),
    "passwords": [[], [fieldOf(basic("ann", "right"))], [fieldOf(basic("ann", "wrong"))], [
      ["Authorization", "Bearer x"] as Line,
    ]]
      .flatMap((fields) =>
        ["/private/x.txt", "/private/", "/private/none"].map((target) => ({ target, fields }))
      ),
    "CORS": ["https://b.example", "https://c.example", "null"].flatMap((origin) =>
      ["/a.txt", "/missing", "/list/", "/disk.bin"].flatMap((target) => [
        get(target, ["Origin", origin]),
        {
          method: "OPTIONS",
          target,
          fields: [["Origin", origin], ["Access-Control-Request-Method", "GET"], [
            "Access-Control-Request-Headers",
            "x-a",
          ]],
        },
      ])
    ),
    "methods": [
      "OPTIONS",
      "TRACE",
      "PUT",
      "DELETE",
      "PROPFIND",
      "get",
      "M-SEARCH",
      "X".repeat(32),
      "X".repeat(33),
    ].flatMap((method) => ["/a.txt", "/missing", "/private/x.txt"].map((target) => ({ method, target })))
      .concat([{ method: "OPTIONS", target: "*" }]),
    "bodies that no handler reads": [
      { method: "POST", target: "/a.txt", body: "hello" },
      { method: "POST", target: "/a.txt", body: "" },
      { method: "PUT", target: "/a.txt", body: "x".repeat(50_000), isChunked: true },
      { method: "GET", target: "/a.txt", body: "ignored" },
      { method: "HEAD", target: "/a.txt", body: "ignored", isChunked: true },
      { method: "POST", target: "/a.txt", body: "hello", fields: [["Expect", "100-continue"]] },
      { method: "GET", target: "/a.txt", fields: [["Expect", "something"]] },
    ],
    "hosts": [SPA_HOST, `${SPA_HOST}:8080`, "LOCALHOST", "127.0.0.1", "[::1]:80", STRANGER].flatMap((host) =>
      ["/", "/a.txt", "/some/page", "/missing.js", "/private/x.txt"].flatMap((target) => [
        { host, target },
        { host, target, fields: [BROWSER, ["Sec-Fetch-Mode", "navigate"] as Line] },
      ])
    ),
    "long targets and large heads": [
      ...["GET", "HEAD"].flatMap((method) =>
        [8000, 8191, 8192, 9000, 12_000].map((length) => ({ method, target: `/${"a".repeat(length)}` }))
      ),
      ...["GET", "HEAD"].flatMap((method) => [
        { method, target: "/a.txt", fields: [["X", "a".repeat(20_000)] as Line] },
        { method, target: "/a.txt", fields: Array.from({ length: 120 }, (_, i): Line => [`X-${i}`, "y"]) },
        { method, target: "/a.txt", fields: Array.from({ length: 90 }, (_, i): Line => [`X-${i}`, "y"]) },
        { method, target: "/a.txt", fields: [["X", "a".repeat(10_000)] as Line] },
      ]),
    ],
    "several fields of one name": [
      get("/a.txt", ["If-None-Match", '"x"'], ["If-None-Match", tag]),
      get("/a.txt", ["Accept-Encoding", "gzip"], ["Accept-Encoding", "br"]),
      get("/a.txt", ["Range", "bytes=0-1"], ["Range", "bytes=2-3"]),
      get("/a.txt", ["Cookie", "a=b"], ["Cookie", "c=d"], ["TE", "trailers"], ["X", "\xe4\t\xff"], [
        "Empty",
        "",
      ]),
    ],
  };
}

/** Asks for the tag of each file that {@linkcode asksOf} needs, and until what can be compressed is. */
export async function learnTags(ask: (ask: Ask) => Promise<Reply>): Promise<Map<string, string>> {
  const tags = new Map<string, string>();
  for (const target of ["/a.txt", "/disk.bin", "/disk.txt", "/text.txt"]) {
    for (const coding of ["identity", "gzip", "br", "zstd"]) {
      for (let i = 0; i < 3; i++) {
        const { lines } = await ask(get(target, ["Accept-Encoding", coding]));
        const tag = lines.find((line) => line.startsWith("etag: "))?.slice("etag: ".length);
        if (coding === "identity" && tag !== undefined) tags.set(target, tag);
      }
    }
  }
  return tags;
}
