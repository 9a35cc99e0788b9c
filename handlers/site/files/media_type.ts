/**
 * Media types of files, by their names.
 * @module
 */
import { contentType } from "../../../server/std.ts";
import { COMPRESSED_BYTES_MAX, COMPRESSED_BYTES_MIN } from "../limits.ts";

const TEXT = "text/plain; charset=UTF-8";
const SCRIPT = "text/javascript; charset=UTF-8";
const JSON_TYPE = "application/json; charset=UTF-8";

/**
 * Types that replace the registry's, with their extensions. Browsers do not know the registry's types for these. With
 * `nosniff`, scripts of an unknown type do not run, and source text is downloaded instead of shown. `.ts` stays a video
 * (HLS).
 */
const DECIDED: readonly (readonly [type: string, extensions: string])[] = [
  [SCRIPT, "cjs es es6 jsm"],
  ["image/jpeg", "jfif pjpeg pjp"],
  ["image/avif", "avifs"],
  ["image/heif", "hif"],
  [JSON_TYPE, "jsonc json5 topojson"],
  ["application/jsonl; charset=UTF-8", "jsonl ndjson"],
  ["application/toml; charset=UTF-8", "toml"],
  ["image/x-icon", "cur"],
  ["audio/flac", "flac"],
  ["audio/mp4", "m4b"],
  ["audio/ac3", "ac3"],
  ["application/xhtml+xml", "xhtm"],
  ["text/vcard; charset=UTF-8", "vcf"],
  ["video/mp4", "m4v"],
  ["application/zstd", "zst"],
  ["application/gzip", "tgz"],
  ["application/x-apple-aspen-config", "mobileconfig"],
  [
    TEXT,
    "rs go py rb pl sh bash zsh ps1 swift kt scala sql r jl hs ex erl clj dart cs hpp c h cc cpp java lua tsx jsx cts mts vue " +
    "asm cxx f f77 f90 for hh hxx lhs pas s ejs hbs jade pug nfo po pot " +
    "svelte astro scss sass less styl coffee graphql proto cfg properties diff patch tex bib rst adoc org zig nim glsl srt lock",
  ],
];

/** Types by extension, also those that were looked up in the registry; null when it has none. */
const known = new Map<string, string | null>(
  DECIDED.flatMap(([type, extensions]) => extensions.split(" ").map((extension) => [`.${extension}`, type])),
);
/** Types of files by their whole names, which have no extension. */
const NAMES: ReadonlyMap<string, string> = new Map([["apple-app-site-association", JSON_TYPE]]);
const EXTENSIONS_MAX = 1000;

/**
 * Returns the Content-Type for a file called `name`: with a charset for text, `application/octet-stream` if unknown.
 */
export function mediaTypeOf(name: string): string {
  return NAMES.get(name) ?? typeByExtension(name) ?? "application/octet-stream";
}

/** Returns true when the type of a file called `name` is known, even if it is `application/octet-stream`. */
export function hasKnownType(name: string): boolean {
  return NAMES.has(name) || typeByExtension(name) !== null;
}

function typeByExtension(name: string): string | null {
  const dot = name.lastIndexOf(".");
  if (dot < 0 || dot === name.length - 1) return null;
  const extension = name.slice(dot).toLowerCase();
  let type = known.get(extension);
  if (type === undefined) {
    type = contentType(extension) ?? null;
    if (known.size < EXTENSIONS_MAX) known.set(extension, type);
  }
  return type;
}

/**
 * Returns true for `.svgz` files: their type is that of SVG, and their bytes are compressed with gzip (SVG 1.1, §1.2).
 */
export function isPackedSvg(name: string): boolean {
  return /\.svgz$/i.test(name);
}

/** Types, beside `text/…`, `…+json` and `…+xml`, whose files become smaller by compression. */
const COMPRESSIBLE_TYPES = new Set([
  "application/javascript",
  "application/json",
  "application/manifest+json",
  "application/vnd.ms-fontobject",
  "application/wasm",
  "application/xml",
  "font/otf",
  "font/ttf",
  "image/bmp",
  "image/svg+xml",
  "image/x-icon",
  "image/vnd.microsoft.icon",
]);

/** Returns true for a type that compression makes smaller, and a size in the bounds for compression. */
export function isCompressible(mediaType: string, size: number): boolean {
  if (size < COMPRESSED_BYTES_MIN || size > COMPRESSED_BYTES_MAX) return false;
  const type = mediaType.split(";")[0]!.toLowerCase();
  return type.startsWith("text/") || type.endsWith("+json") || type.endsWith("+xml") ||
    COMPRESSIBLE_TYPES.has(type);
}

/** The types of images that every browser shows. */
const PICTURES = new Set([
  "image/apng",
  "image/avif",
  "image/bmp",
  "image/gif",
  "image/jpeg",
  "image/png",
  "image/svg+xml",
  "image/webp",
  "image/x-icon",
  "image/vnd.microsoft.icon",
]);

/** Returns true when browsers show a file called `name` as an image. */
export function isPicture(name: string): boolean {
  return PICTURES.has(mediaTypeOf(name));
}
