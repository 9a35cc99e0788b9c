/**
 * Content-Type by the name of a file, with the eyes of a browser that does not guess (`nosniff`).
 * @module
 */
import { assertEquals } from "@std/assert";
import { mediaTypeOf } from "../handlers/site/media_type.ts";
import { Program, Site } from "./support/program.ts";
import { exchange, get } from "./support/wire.ts";

Deno.test("what a page loads has a type that a browser takes, and source is text", () => {
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

Deno.test(".svgz is SVG in the coding gzip, and is not compressed again", async () => {
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

Deno.test("an .svgz has no forms beside it, since it is one itself: x.svgz.gz is another file", async () => {
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
