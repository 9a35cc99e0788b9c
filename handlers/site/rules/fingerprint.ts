/**
 * Which files have a hash of their content in their name, so that what is at such a URL never changes.
 *
 * A name does not say what its digits are. To take a date, a version, an account's number or a camera's serial number
 * for a hash would keep a changed file from its readers for a year; to overlook a hash costs a 304 now and then. So
 * only what the well-known bundlers write counts, at the place where they write it, and not all of that: of random
 * names those are left out that could as well be words or numbers, as `readable.ts` tells them. (Of webpack's 20
 * hexadecimal digits none to speak of, of Vite's 8 characters a quarter, of 8 hexadecimal digits 9 %.)
 *
 * Only types that belong to pages count: not PDF, ZIP, JSON, XML, text, and never HTML.
 * @module
 */

import { isReadable, PERHAPS, SURELY } from "./readable.ts";

/** What is before the hash's segment's end, and what may follow it: `.min`, `.chunk`, … and the file's type. */
const SUFFIX = /^(.+?)(?:\.(?:min|chunk|bundle|module|lean|esm|umd))*\.([a-z0-9]+)(\.map)?$/;

const CODE: ReadonlySet<string> = new Set(["js", "mjs", "cjs", "css", "wasm"]);
const MEDIA: ReadonlySet<string> = new Set(
  ("woff woff2 ttf otf eot svg png jpg jpeg gif webp avif ico mp4 webm mp3 ogg m4a").split(" "),
);

/**
 * Directories whose names say that a tool made them: Vite, Remix, Rails, Docusaurus, MkDocs (`assets`); Astro; Nuxt;
 * Next.js; Remix 1 (`build`). `dist`, `static` and `js` are as often made by hand.
 */
const TOOLS_DIRECTORY = /\/(?:assets|build|_astro|_nuxt|_next\/static)\//;
/** In these nobody else writes, so that a name may be nothing but the hash. */
const OWN_DIRECTORY = /\/(?:_astro|_nuxt|_next\/static)\//;
/** SvelteKit's: all that is in it is named by its content. */
const IMMUTABLE_DIRECTORY = /\/_app\/immutable\//;

/** 12: Django; 16: Next.js, Angular; 20: webpack, Gatsby; 32, 40, 64: MD5, SHA-1, SHA-256. 24 is MongoDB's object. */
const HEXADECIMAL_LENGTHS: ReadonlySet<number> = new Set([8, 12, 16, 20, 32, 40, 64]);
/** The only length at which a whole name counts outside of a tool's own directory: webpack's `[hash][ext]`. */
const WEBPACK_HASH_LENGTH = 20;

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** One in eight of all MD5 sums looks like this, too. */
const UUID_WITHOUT_HYPHENS = /^[0-9a-f]{12}[1-8][0-9a-f]{3}[89ab][0-9a-f]{15}$/;
/** Names that esbuild and Angular give to what they write beside the pages. */
const ESBUILD_STEM = /^(?:main|chunk|polyfills|styles|scripts|index)-$/;
/** True when the name at the end of the URL path `path` holds a hash of the file's content, as far as one can tell. */
export function hasContentHash(path: string): boolean {
  const suffix = SUFFIX.exec(path.slice(path.lastIndexOf("/") + 1));
  if (suffix === null) return false;
  const [, stem, type, map] = suffix;
  const isCode = CODE.has(type!);
  if (!isCode && (!MEDIA.has(type!) || map !== undefined)) return false;
  if (IMMUTABLE_DIRECTORY.test(path)) return true;
  const place: Place = { isCode, isTools: TOOLS_DIRECTORY.test(path), isOwn: OWN_DIRECTORY.test(path) };
  return endsWithHexadecimal(stem!, place) || endsWithBase64(stem!, place) || endsWithBase32(stem!, place);
}

/** What else is known of a file. */
interface Place {
  readonly isCode: boolean;
  readonly isTools: boolean;
  readonly isOwn: boolean;
}

/** `main.3f2a1b9c`, `logo-6d58c9e6`; in Next.js also `a34f9d1faa5f3315-s.p`. */
function endsWithHexadecimal(stem: string, { isCode, isTools, isOwn }: Place): boolean {
  const bare = isOwn ? stem.replace(/-s(?:\.p)?$/, "") : stem;
  const match = /^(?:(.*)([.-]))?([0-9a-f]+)$/.exec(bare);
  if (match === null) return false;
  const [, before, delimiter, hash] = match;
  if (!HEXADECIMAL_LENGTHS.has(hash!.length) || UUID.test(bare)) return false;
  if (!isCode && UUID_WITHOUT_HYPHENS.test(hash!)) return false;
  // 20240131, 2024013a and ff000080 are not: between digits and letters a hash goes to and fro.
  if (changes(hash!) < (isCode ? 2 : 3)) return false;
  if (before === undefined) return isOwn || hash!.length === WEBPACK_HASH_LENGTH;
  // Of pictures the name is often somebody's or something's number: cam-001a2b3c4d5e.jpg
  return isCode || isTools || (delimiter === "." && hash!.length !== 12);
}

/** Rollup's, and so Vite's: 8 characters, base64 for URLs: `index-B_x-zT1a`, `index.DiwrgTda`. */
function endsWithBase64(stem: string, { isCode, isTools, isOwn }: Place): boolean {
  if (!isTools) return false;
  const match = /^(?:(.*)[.-])?([A-Za-z0-9_-]{8})$/.exec(stem);
  if (match === null) return false;
  const [, before, hash] = match;
  if (!/[a-z]/.test(hash!) || !/[A-Z]/.test(hash!)) return false;
  if (before === undefined) return isOwn && !isReadable(hash!, SURELY);
  if (isOwn) return isCode || !isReadable(hash!, SURELY);
  // `index` is what Vite calls the script of each site.
  return !isReadable(hash!, isCode && before === "index" ? SURELY : PERHAPS);
}

/** esbuild's: 8 characters, base32: `chunk-5XYZ7Q2A`. */
function endsWithBase32(stem: string, { isCode, isTools }: Place): boolean {
  const match = /^(.*-)([A-Z2-7]{8})$/.exec(stem);
  if (match === null || !isCode) return false;
  const [, before, hash] = match;
  // Not VERSION2, not SUMMER25, and not TEAM2PRO.
  return (isTools || ESBUILD_STEM.test(before!)) && changes(hash!) >= 2 &&
    !isReadable(hash!.toLowerCase(), SURELY);
}

/** How often two neighbours are of different kinds: lower case, upper case, digit, other. */
function changes(text: string): number {
  let count = 0;
  for (let i = 1; i < text.length; i++) {
    if (kindOf(text.charCodeAt(i)) !== kindOf(text.charCodeAt(i - 1))) count++;
  }
  return count;
}

function kindOf(code: number): number {
  if (code >= 0x61 && code <= 0x7a) return 0;
  if (code >= 0x41 && code <= 0x5a) return 1;
  return code >= 0x30 && code <= 0x39 ? 2 : 3;
}
