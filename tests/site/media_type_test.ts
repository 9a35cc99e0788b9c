/**
 * Content-Type by the name of a file, for browsers that do not guess it (`nosniff`).
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { hasKnownType, mediaTypeOf } from "../../handlers/site/files/media_type.ts";
import { findBrowser, QUIETLY, removeSoon } from "../support/browser.ts";
import { Program, Site } from "../support/program.ts";
import { exchange, get } from "../support/wire.ts";

Deno.test("files that a page loads have types that browsers accept, and source is text", () => {
  const types = {
    "a.cjs": "text/javascript; charset=UTF-8",
    "a.mjs": "text/javascript; charset=UTF-8",
    "a.JS": "text/javascript; charset=UTF-8",
    "a.rs": "text/plain; charset=UTF-8",
    "a.py": "text/plain; charset=UTF-8",
    "a.ts": "video/mp2t",
    "a.wasm": "application/wasm",
    "a.woff2": "font/woff2",
    "a.map": "application/json; charset=UTF-8",
    "a.webmanifest": "application/manifest+json; charset=UTF-8",
    "apple-app-site-association": "application/json; charset=UTF-8",
    "a.jsonl": "application/jsonl; charset=UTF-8",
    "a.m3u8": "application/vnd.apple.mpegurl",
    "a.svgz": "image/svg+xml",
    "a.flac": "audio/flac",
    "a.unknown": "application/octet-stream",
    "a": "application/octet-stream",
  };
  for (const [name, type] of Object.entries(types)) assertEquals(mediaTypeOf(name), type, name);
});

Deno.test(".svgz is SVG with Content-Encoding gzip, and is not compressed again", async () => {
  const packed = new Uint8Array(5000).fill(0x41);
  using site = new Site({ "a.svgz": packed });
  await using program = await Program.start(site.root, ["--compress"]);
  for (const accept of ["gzip, br", "br", "identity"]) {
    for (let i = 0; i < 2; i++) {
      const { status, fields, body } = await exchange(
        program.port,
        get("/a.svgz", `Accept-Encoding: ${accept}`),
      );
      assertEquals([status, fields["content-type"], fields["content-encoding"]], [
        200,
        "image/svg+xml",
        "gzip",
      ]);
      assertEquals(body, packed, accept);
    }
  }
});

/** nginx' table (1.22), without its types for bytes. */
const NGINX =
  `text/html html htm shtml; text/css css; image/gif gif; image/jpeg jpeg jpg; application/atom+xml atom;
application/rss+xml rss; text/mathml mml; text/plain txt; text/vnd.sun.j2me.app-descriptor jad; text/vnd.wap.wml wml;
text/x-component htc; image/avif avif; image/png png; image/svg+xml svg svgz; image/tiff tif tiff; image/webp webp;
image/x-jng jng; font/woff woff; font/woff2 woff2; application/java-archive jar war ear; application/json json;
application/mac-binhex40 hqx; application/msword doc; application/pdf pdf; application/postscript ps eps ai;
application/rtf rtf; application/vnd.apple.mpegurl m3u8; application/vnd.google-earth.kml+xml kml;
application/vnd.google-earth.kmz kmz; application/vnd.ms-excel xls; application/vnd.ms-fontobject eot;
application/vnd.ms-powerpoint ppt; application/wasm wasm; application/x-7z-compressed 7z; application/xhtml+xml xhtml;
application/xspf+xml xspf; application/zip zip; audio/midi mid midi kar; audio/mpeg mp3; audio/ogg ogg;
video/3gpp 3gpp 3gp; video/mp2t ts; video/mp4 mp4; video/mpeg mpeg mpg; video/quicktime mov; video/webm webm;
video/x-flv flv; video/x-mng mng; video/x-ms-asf asx asf; video/x-ms-wmv wmv; video/x-msvideo avi`;

/** Where this table and those of nginx, Caddy (Go) or Apache (Debian's media-types) differ for a browser. */
const DIFFERENCES: readonly (readonly [extensions: string, type: string])[] = [
  ["js mjs cjs es es6 jsm", "text/javascript"], // nginx: application/javascript, the others' bytes or source
  ["xml xsl", "application/xml"], // nginx and Caddy: text/xml, which is the same to a browser
  ["bmp", "image/bmp"],
  ["ico", "image/vnd.microsoft.icon"],
  ["jfif pjpeg pjp", "image/jpeg"], // bytes elsewhere: a visit saves them instead of showing them
  ["avif avifs", "image/avif"],
  ["hif heif", "image/heif"],
  ["m4a m4b", "audio/mp4"],
  ["m4v mp4", "video/mp4"],
  ["xhtml xht xhtm", "application/xhtml+xml"],
  ["c h cc cpp cxx hh hpp hxx java py rb pl sh rs go asm s f90 pas po pot nfo ejs pug", "text/plain"],
  ["ts m2ts", "video/mp2t"],
  ["exe", "application/x-msdos-program"],
  ["hta vbs wsf mht mhtml", "application/octet-stream"], // active formats of some browsers are only for download
];

Deno.test("types that nginx has are the same here, and each difference is intended", () => {
  const essence = (name: string) => mediaTypeOf(name).split(";")[0];
  for (const row of NGINX.split(";")) {
    const [type, ...extensions] = row.trim().split(/\s+/);
    for (const extension of extensions) assertEquals(essence(`a.${extension}`), type, extension);
  }
  for (const [extensions, type] of DIFFERENCES) {
    for (const extension of extensions.split(" ")) assertEquals(essence(`a.${extension}`), type, extension);
  }
  for (const name of ["a.doe", "a.9", "a", "a."]) assertEquals(hasKnownType(name), false, name);
  for (const name of ["a.bin", "a.JS", "apple-app-site-association"]) {
    assertEquals(hasKnownType(name), true, name);
  }
});

Deno.test("with nosniff a browser runs scripts, also of another origin, and nothing without a type", async () => {
  const browser = await findBrowser();
  if (browser === null) return;
  const drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>';
  const pixel = Uint8Array.from(
    atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="),
    (character) => character.charCodeAt(0),
  );
  const scripts = ["js", "mjs", "cjs", "es6", "jsm", "unknown"];
  const images = ["png", "jfif", "pjp", "ico", "avifs", "bmp", "cur", "webp", "unknown"];
  const files = {
    ...Object.fromEntries(scripts.map((name) => [`a.${name}`, `done("${name}")`])),
    ...Object.fromEntries(images.map((name) => [`p.${name}`, pixel])),
    "p.svg": drawing,
    "a.css": "#none { color: red }",
  };
  using site = new Site(files);
  await using other = await Program.start(site.root);
  const base = `http://127.0.0.1:${other.port}`;
  const page = `<!doctype html><p id="got"></p><script>
    const got = [];
    function done(name) { got.push(name); document.getElementById("got").textContent = got.sort().join(" "); }
    for (const name of ${JSON.stringify(scripts)}) document.head.append(Object.assign(
      document.createElement("script"), { src: "${base}/a." + name }));
    for (const name of ${JSON.stringify([...images, "svg"])}) document.body.append(Object.assign(
      new Image(), { src: "${base}/p." + name, onload() { done("image-" + name); } }));
    document.head.append(Object.assign(document.createElement("link"),
      { rel: "stylesheet", href: "${base}/a.css", onload() { done("css"); } }));
    </script>`;
  using own = new Site({ "index.html": page });
  await using program = await Program.start(own.root);
  const profile = await Deno.makeTempDir({ prefix: "epollet-browser-" });
  try {
    const url = `http://127.0.0.1:${program.port}/`;
    const args = [...QUIETLY, `--user-data-dir=${profile}`, "--virtual-time-budget=5000", "--dump-dom", url];
    const output = await new Deno.Command("timeout", { args: ["60", browser, ...args], stderr: "null" })
      .output();
    assert(output.success, "the browser failed or did not end");
    const dom = new TextDecoder().decode(output.stdout);
    const shown = [...scripts, ...[...images, "svg"].map((name) => `image-${name}`), "css"]
      .filter((name) => name !== "unknown"); // an image without a type is shown in a page, but a visit downloads it
    assertEquals(/id="got">([^<]*)</.exec(dom)?.[1]?.split(" "), shown.sort());
  } finally {
    await removeSoon(profile);
  }
});

Deno.test("an .svgz has no compressed forms beside it, since it is compressed itself: x.svgz.gz is another file", async () => {
  const files = { "a.svgz": "packed", "A.SVGZ": "packed", "a.svg": "plain", "a.svg.gz": "beside" };
  using site = new Site(files);
  for (const name of ["a.svgz", "A.SVGZ", "b.svgz"]) {
    for (const ending of ["gz", "br", "zst"]) site.write(`${name}.${ending}`, "twice");
  }
  await using program = await Program.start(site.root);
  for (const accept of ["gzip", "br, zstd, gzip", "identity"]) {
    const line = `Accept-Encoding: ${accept}`;
    for (const target of ["/a.svgz", "/A.SVGZ"]) {
      const { text, fields } = await exchange(program.port, get(target, line));
      assertEquals([text, fields["content-encoding"], fields.vary], ["packed", "gzip", undefined], accept);
    }
    assertEquals((await exchange(program.port, get("/b.svgz", line))).status, 404);
    assertEquals((await exchange(program.port, get("/b.svgz.gz", line))).text, "twice");
  }
  assertEquals((await exchange(program.port, get("/a.svg", "Accept-Encoding: gzip"))).text, "beside");
});
