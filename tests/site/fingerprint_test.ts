/**
 * File names with hashes, as bundlers write them, and names that only look like that.
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { hasContentHash } from "../../handlers/site/rules/fingerprint.ts";
import { Random } from "../support/random.ts";

const SHA256 = "0a1b5c9d3e7f2a4b6c8d0e1f3a5b7c9d1e3f5a7b9c0d2e4f6a8b1c3d5e7f9a0b";

const HASHED: Readonly<Record<string, readonly string[]>> = {
  Vite: [
    "/assets/index-DiwrgTda.js",
    "/assets/index-B_x-zT1a.js",
    "/assets/index-n_ryQ3BS.css",
    "/assets/vendor-C6sPXkmB.js",
    "/assets/react-CHdo91hT.svg",
    "/assets/Home-DqCy3lq5.js.map",
    "/sub/assets/logo-Dr7bQ2x_.png",
    "/assets/worker-BL5Zy0nK.wasm",
    "/assets/index.d89f3e4b.js", // before version 5
    "/assets/logo.03d6d6da.png",
  ],
  VitePress: ["/assets/guide_index.md.C8Bxm5sQ.lean.js", "/assets/inter-roman-latin.Di8DUHzh.woff2"],
  webpack: [
    "/main.3f2a1b9c8d7e6f5a4b3c.js",
    "/runtime~main.3f2a1b9c.js",
    "/vendors~main.3f2a1b9c8d7e6f5a4b3c.chunk.js",
    "/3f2a1b9c8d7e6f5a4b3c.png",
    "/main.3f2a1b9c8d7e6f5a4b3c.js.map",
  ],
  "Create React App": [
    "/static/js/main.8a3b2c1d.js",
    "/static/js/787.4b6f2c8e.chunk.js",
    "/static/css/main.f855e6bc.css",
    "/static/media/logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg",
  ],
  "Next.js": [
    "/_next/static/chunks/main-app-5c4e2f9a8b1d3e7f.js",
    "/_next/static/chunks/4bd1b696-f785427dddbba9fb.js",
    "/_next/static/chunks/app/page-1d2f3a4b5c6d7e8f.js",
    "/_next/static/css/0ab3f9c2d1e4b5a6.css",
    "/_next/static/media/a34f9d1faa5f3315-s.p.woff2",
    "/_next/static/media/logo.8d3f2a1b.png",
  ],
  Astro: ["/_astro/index.DiwrgTda.css", "/_astro/hoisted.BxQ3z8Kp.js", "/_astro/hero.D8q2Vn4k.webp"],
  Nuxt: ["/_nuxt/entry.B2kf9QxZ.css", "/_nuxt/DlAUqK2U.js", "/_nuxt/error-404.CoZKRZXM.css"],
  SvelteKit: [
    "/_app/immutable/entry/start.DiwrgTda.js",
    "/_app/immutable/chunks/scheduler.js",
    "/_app/immutable/assets/0.B2kf9QxZ.css",
    "/base/_app/immutable/nodes/0.BxQ3z8Kp.js",
  ],
  Parcel: ["/index.3f2a1b9c.js", "/logo.8d3f2a1b.svg", "/index.3f2a1b9c.css.map"],
  esbuild: ["/chunk-5XYZ7Q2A.js", "/build/root-K3V7B2QX.js", "/assets/app-5XYZ7Q2A.css"],
  Angular: ["/main.3f2a1b9c8d7e6f5a4b3c.js", "/polyfills.c67aa5d9ef1a2b3c.js", "/main-M5AB6NQX.js"],
  Rails: [
    `/assets/application-${SHA256}.js`,
    `/assets/admin/logo-${SHA256}.png`,
    "/assets/application-6d58c9e6.js",
  ],
  Hugo: [`/css/main.min.${SHA256}.css`, `/js/bundle.${SHA256}.js`],
  Gatsby: [
    "/component---src-pages-index-js-3f2a1b9c8d7e6f5a4b3c.js",
    "/webpack-runtime-8d7e6f5a4b3c3f2a1b9c.js",
    "/app-3f2a1b9c8d7e6f5a4b3c.js.map",
  ],
  Phoenix: [
    "/assets/app-0b5c9d3e7f2a4b6c8d0e1f3a5b7c9d1e.css",
    "/js/app-0b5c9d3e7f2a4b6c8d0e1f3a5b7c9d1e.js",
  ],
  Django: ["/static/admin/css/base.27e20196a850.css", "/static/js/app.d5b2f0a9c81e.js"],
  MkDocs: ["/assets/stylesheets/main.8c3ca2c6.min.css", "/assets/javascripts/bundle.5cf534bf.min.js"],
  Docusaurus: ["/assets/js/935f2afb.3f2a1b9c.js", "/assets/css/styles.8d3f2a1b.css"],
};

const NOT_HASHED: Readonly<Record<string, readonly string[]>> = {
  "no name, no type, no hash": [
    "/",
    "/assets/",
    "/a",
    "/main.js",
    "/a/b.c",
    "/.js",
    "/.",
    "/assets/.B2kf9QxZ",
  ],
  dates: [
    "/report-20240131.js",
    "/20240131.png",
    "/assets/photo-20240131.jpg",
    "/css/a.20240131.css",
    "/assets/20240131a.js",
    "/css/site-2024013a.css",
    "/backup-202401311230.js",
    "/assets/IMG_20240131_120000.jpg",
  ],
  versions: [
    "/jquery-3.6.0.min.js",
    "/lib.v1.2.3.js",
    "/bootstrap-5.3.3.css",
    "/assets/app-Version2.js",
    "/main-VERSION2.js",
    "/styles-SUMMER25.css",
    "/build/app-RELEASE7.js",
    "/three.r150.js",
  ],
  numbers: [
    "/IMG_12345678.jpg",
    "/assets/img-12345678.png",
    "/DSC-0001.jpg",
    "/1.png",
    "/photo.12345678.png",
    "/assets/img-1234567890123456.png",
    "/0123456789012345678901234567890123456789.js",
  ],
  "numbers of accounts and devices": [
    "/avatar-507f1f77bcf86cd799439011.jpg",
    "/uploads/avatar.507f1f77bcf86cd799439011.png",
    "/u/3f2a1b9c-1234-4abc-8def-1234567890ab.jpg",
    "/assets/3f2a1b9c-1234-7abc-8def-1234567890ab.js",
    "/assets/a-3f2a1b9c12344abc8def1234567890ab.png",
    "/cam-001a2b3c4d5e.jpg",
    "/cam.001a2b3c4d5e.jpg",
    "/avatars/205e460b479e2e5b48aec07710c08d50.jpg",
    "/photo-3f2a1b9c.jpg",
    "/small_photo_a1b2c3d4e5.jpg",
    "/assets/photo_3f2a1b9c.jpg",
    "/user-3f2a1b9c-avatar.png",
    "/65a1b2c3d4e5f.jpg",
    "/video-dQw4w9WgXcQ.mp4",
    "/part-0012345c.png",
  ],
  words: [
    "/assets/my-document.js",
    "/assets/photo-HomePage.jpg",
    "/assets/app-HomePage.js",
    "/assets/app-MainView.css",
    "/assets/JavaScript.js",
    "/assets/photo-iPhone14.jpg",
    "/assets/clip-H264High.mp4",
    "/assets/My-Page1.js",
    "/assets/a-My-Page1.js",
    "/assets/README-README12.js",
    "/assets/photo-iPhone7s.jpg",
    "/assets/photo-iPhone7s.js",
    "/assets/setup-Win10x64.png",
    "/assets/setup-Win10x64.js",
    "/assets/index-HomePage.js",
    "/assets/index-Version2.css",
    "/assets/hub-USB3Hub2.webp",
    "/assets/logo-MacOS14a.svg",
    "/assets/cover-B2BSales.png",
    "/assets/chart-Q3Report.svg",
    "/assets/clip-MP4to3GP.mp4",
    "/assets/wall-iPadPro5.webp",
    "/assets/app-TEAM2PRO.js",
    "/deadbeef.js",
    "/x-deadbeef.js",
    "/x.facade.js",
    "/bg-ff000080.png",
    "/assets/bg-ff000080.png",
    "/main-COMPILED.js",
    "/camelCaseName.js",
    "/lib/index-DiwrgTda.js", // not a place where a bundler writes
    "/photos/x-B_x-zT1a.jpg",
    "/dist/x-B_x-zT1a.js",
  ],
  "what a bundler would not have written so": [
    "/main-ABCDEF12.js", // 1 is not a base32 digit
    "/other-5XYZ7Q2A.js",
    "/chunk-5XYZ7Q2A.png",
    "/main.3F2A1B9C.js",
    "/main.3f2a1b9.js",
    "/main.3f2a1b9c8.js",
    "/main.3f2a1b9c8d7e6f5a4b3c",
    "/3f2a1b9c.js",
    "/3f2a1b9c.other.js",
    "/main.3f2a1b9c.hot-update.js",
    "/assets/index-B_x-zT1.js",
    "/3f2a1b9c8d7e6f5a4b3c/main.js",
    "/assets/3f2a1b9c/logo.png",
    "/caf%C3%A9.js",
    "/a%3f2a1b9c.js",
  ],
  "types that stand for themselves": [
    "/index.3f2a1b9c8d7e6f5a4b3c.html",
    "/assets/index-B_x-zT1a.html",
    "/_app/immutable/index.html",
    "/_app/immutable/a.htm",
    "/_next/static/chunks/3f2a1b9c8d7e6f5a.html",
    "/paper.3f2a1b9c8d7e6f5a4b3c.pdf",
    "/data.3f2a1b9c8d7e6f5a4b3c.json",
    "/release-3f2a1b9c8d7e6f5a4b3c.zip",
    "/logo.3f2a1b9c.png.map",
    "/sw.js",
    "/_next/static/abc/_buildManifest.js",
  ],
};

Deno.test("names of bundlers are recognized", () => {
  for (const [tool, paths] of Object.entries(HASHED)) {
    for (const path of paths) assert(hasContentHash(path), `${tool}: ${path}`);
  }
});

Deno.test("names that only look like hashes are not recognized", () => {
  for (const [kind, paths] of Object.entries(NOT_HASHED)) {
    for (const path of paths) assert(!hasContentHash(path), `${kind}: ${path}`);
  }
});

Deno.test("few random hashes are missed", () => {
  const random = new Random(1);
  const draw = (alphabet: string, length: number) =>
    Array.from({ length }, () => alphabet[random.below(alphabet.length)]).join("");
  const digits = "0123456789";
  const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const base64 = digits + upper + upper.toLowerCase() + "-_";
  const table:
    readonly (readonly [name: (hash: string) => string, alphabet: string, length: number, most: number])[] = [
      [(hash) => `/main.${hash}.js`, digits + "abcdef", 20, 0.01],
      [(hash) => `/main.${hash}.js`, digits + "abcdef", 8, 0.11],
      [(hash) => `/assets/index-${hash}.js`, base64, 8, 0.12],
      // Random names that may be words are all missed: missing one costs a 304.
      [(hash) => `/assets/Home-${hash}.js`, base64, 8, 0.25],
      [(hash) => `/_nuxt/${hash}.js`, base64, 8, 0.12],
      [(hash) => `/assets/hero-${hash}.webp`, base64, 8, 0.3],
      [(hash) => `/chunk-${hash}.js`, upper + "234567", 8, 0.4],
    ];
  for (const [name, alphabet, length, most] of table) {
    let overlooked = 0;
    for (let i = 0; i < 5000; i++) if (!hasContentHash(name(draw(alphabet, length)))) overlooked++;
    assertLess(overlooked / 5000, most, `${name("…")}: ${overlooked / 5000}`);
  }
});

/** Short words, names and abbreviations, as in file names. */
const WORDS =
  ("home page main view user admin photo team logo icon menu card list grid map chart data file form login blog post news " +
    "shop cart item price sale order about contact help legal terms index start intro demo test draft final copy old new " +
    "big small left right top dark light blue red green black white gold sun moon star rain snow wind tree rose lion wolf " +
    "bear bird fish horse house door room desk lamp book pen note year month week day night spring summer winter may june " +
    "july anna max paul emma lena jonas marie luis john jane smith brown berlin paris london rome tokyo milan oslo bern " +
    "phone pad watch pixel galaxy mac win linux ubuntu android chrome edge fox opera safari node deno bun vue react svelte " +
    "usb hdmi wifi mp3 mp4 png jpg pdf css html json xml sql api app web dev prod beta alpha rev ver setup tool kit")
    .split(" ");

/** Some thousand names of eight characters in upper and lower case, as people write them. */
function* writtenNames(): Generator<string> {
  const capital = (word: string) => word[0]!.toUpperCase() + word.slice(1);
  const numbers = ["2", "3", "7", "10", "12", "24", "64", "99", "2024", "2026", "3840"];
  for (const a of WORDS) {
    for (const b of WORDS) yield* [capital(a) + capital(b), a + capital(b), a.toUpperCase() + capital(b)];
    for (const n of numbers) {
      yield* [capital(a) + n, n + capital(a), a.toUpperCase() + n + "px"];
      for (const end of ["a", "s", "x", "px", "pt", "XL", "Pro", "HD", "x64", "x2"]) {
        yield capital(a) + n + end;
      }
      for (const start of ["i", "e", "my", "v", "Q", "A"]) yield start + capital(a) + n;
      for (const b of WORDS) yield capital(a) + n + b;
    }
  }
}

Deno.test("of some thousand names in upper and lower case at most one in a hundred is taken for a hash, outside of bundlers' directories", () => {
  const names = new Set([...writtenNames()].filter((name) => name.length === 8));
  assert(names.size > 4000, String(names.size));
  const places = [
    ["/assets/photo-….jpg", 0.01],
    ["/assets/setup-….js", 0.01],
    ["/img/….png", 0.0001],
    ["/assets/index-….js", 0.1], // Vite's name for the script of each site
    ["/_astro/hero.….webp", 0.1], // a directory that only a bundler writes
  ] as const;
  for (const [place, most] of places) {
    const taken = [...names].filter((name) => hasContentHash(place.replace("…", name)));
    const share = taken.length / names.size;
    assertLess(share, most, `${place}: ${taken.length} of ${names.size}: ${taken.slice(0, 20)}`);
  }
  for (const word of WORDS) {
    for (const place of ["/….js", "/assets/….js", "/assets/….png", "/css/site.….css", "/main-….js"]) {
      for (const name of [word, word.toUpperCase(), `${word}2024`, `${word}-2`]) {
        assert(!hasContentHash(place.replace("…", name)), `${place} ${name}`);
      }
    }
  }
});

Deno.test("a long name is checked in no time", () => {
  const startMs = performance.now();
  for (const part of ["a", "a.", "a-", ".min", "0a", "-", "A2"]) {
    assertEquals(hasContentHash(`/assets/${part.repeat(8000 / part.length)}.txt`), false);
    hasContentHash(`/assets/${part.repeat(8000 / part.length)}.js`);
  }
  assertLess(performance.now() - startMs, 1000);
});
