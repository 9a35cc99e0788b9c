/**
 * Recognition of content hashes in file names. A URL with one never changes its content, so it can be cached for good.
 *
 * Digits in a name may be something else. Taking a date, a version, an account number or a camera's serial number for a
 * hash would hide changes of the file for a year; missing a hash costs only a 304 now and then. So only the forms that
 * well-known bundlers write are recognized, at the places where they write them. Of these, names that could be words or
 * numbers (`readable.ts`) are left out: nearly none of webpack's 20 hexadecimal digits, a quarter of Vite's 8
 * characters, and 9 % of 8 hexadecimal digits.
 *
 * Only types that are parts of pages count: not PDF, ZIP, JSON, XML and text, and never HTML.
 * @module
 */

import { isReadable, PERHAPS, SURELY } from "./readable.ts";

/**
 * The part of a name that ends with the hash, the type, and `.map`. Between the first two, `.min`, `.chunk` … may
 * stand.
 */
const SUFFIX = /^(.+?)(?:\.(?:min|chunk|bundle|module|lean|esm|umd))*\.([a-z0-9]+)(\.map)?$/;

const CODE: ReadonlySet<string> = new Set(["js", "mjs", "cjs", "css", "wasm"]);
const MEDIA: ReadonlySet<string> = new Set(
  ("woff woff2 ttf otf eot svg png jpg jpeg gif webp avif ico mp4 webm mp3 ogg m4a").split(" "),
);

/**
 * Directories that tools write: Vite, Remix, Rails, Docusaurus and MkDocs (`assets`); Remix 1 (`build`); Astro; Nuxt;
 * Next.js. `dist`, `static` and `js` are not here, since they are as often written by hand.
 */
const TOOLS_DIRECTORY = /\/(?:assets|build|_astro|_nuxt|_next\/static)\//;
/** Directories that only one tool writes. A name in them may be the hash alone. */
const OWN_DIRECTORY = /\/(?:_astro|_nuxt|_next\/static)\//;
/** The directory of SvelteKit in which all names have hashes. */
const IMMUTABLE_DIRECTORY = /\/_app\/immutable\//;

/**
 * Lengths of hexadecimal hashes. 12: Django; 16: Next.js, Angular; 20: webpack, Gatsby; 32, 40, 64: MD5, SHA-1,
 * SHA-256. 24 is not here: that is a MongoDB ObjectId.
 */
const HEXADECIMAL_LENGTHS: ReadonlySet<number> = new Set([8, 12, 16, 20, 32, 40, 64]);
/**
 * The only length that counts for a name that is the hash alone, outside of a tool's own directory: webpack's
 * `[hash][ext]`.
 */
const WEBPACK_HASH_LENGTH = 20;

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** A UUID without hyphens. One in eight MD5 sums has this form too. */
const UUID_WITHOUT_HYPHENS = /^[0-9a-f]{12}[1-8][0-9a-f]{3}[89ab][0-9a-f]{15}$/;
/** The beginnings of names that esbuild and Angular write beside the pages. */
const ESBUILD_STEM = /^(?:main|chunk|polyfills|styles|scripts|index)-$/;

/** Returns true when the last name in the URL path `path` most probably has a hash of the file's content. */
export function hasContentHash(path: string): boolean {
  const suffix = SUFFIX.exec(path.slice(path.lastIndexOf("/") + 1));
  if (suffix === null) return false;
  const [, stem, type, map] = suffix;
  const isCode = CODE.has(type!);
  if (!isCode && (!MEDIA.has(type!) || map !== undefined)) return false;
  if (IMMUTABLE_DIRECTORY.test(path)) return true;
  const traits: Traits = { isCode, isTools: TOOLS_DIRECTORY.test(path), isOwn: OWN_DIRECTORY.test(path) };
  return endsWithHexadecimal(stem!, traits) || endsWithBase64(stem!, traits) || endsWithBase32(stem!, traits);
}

/** What the type and the directory of a file tell. */
interface Traits {
  /** The file is a script, a style or WebAssembly. */
  readonly isCode: boolean;
  /** The directory is one that tools write. */
  readonly isTools: boolean;
  /** The directory is one that only one tool writes. */
  readonly isOwn: boolean;
}

/** Recognizes hexadecimal hashes: `main.3f2a1b9c`, `logo-6d58c9e6`; of Next.js also `a34f9d1faa5f3315-s.p`. */
function endsWithHexadecimal(stem: string, { isCode, isTools, isOwn }: Traits): boolean {
  const bare = isOwn ? stem.replace(/-s(?:\.p)?$/, "") : stem;
  const match = /^(?:(.*)([.-]))?([0-9a-f]+)$/.exec(bare);
  if (match === null) return false;
  const [, before, delimiter, hash] = match;
  if (!HEXADECIMAL_LENGTHS.has(hash!.length) || UUID.test(bare)) return false;
  if (!isCode && UUID_WITHOUT_HYPHENS.test(hash!)) return false;
  // Excludes 20240131, 2024013a and ff000080: in a hash, digits and letters alternate more often.
  if (changes(hash!) < (isCode ? 2 : 3)) return false;
  if (before === undefined) return isOwn || hash!.length === WEBPACK_HASH_LENGTH;
  // Names of pictures often have an account's or a device's number: cam-001a2b3c4d5e.jpg
  return isCode || isTools || (delimiter === "." && hash!.length !== 12);
}

/** Recognizes hashes of Rollup and Vite: 8 characters of base64url: `index-B_x-zT1a`, `index.DiwrgTda`. */
function endsWithBase64(stem: string, { isCode, isTools, isOwn }: Traits): boolean {
  if (!isTools) return false;
  const match = /^(?:(.*)[.-])?([A-Za-z0-9_-]{8})$/.exec(stem);
  if (match === null) return false;
  const [, before, hash] = match;
  if (!/[a-z]/.test(hash!) || !/[A-Z]/.test(hash!)) return false;
  if (before === undefined) return isOwn && !isReadable(hash!, SURELY);
  if (isOwn) return isCode || !isReadable(hash!, SURELY);
  // Vite calls the main script of each site `index`.
  return !isReadable(hash!, isCode && before === "index" ? SURELY : PERHAPS);
}

/** Recognizes hashes of esbuild: 8 characters of base32: `chunk-5XYZ7Q2A`. */
function endsWithBase32(stem: string, { isCode, isTools }: Traits): boolean {
  const match = /^(.*-)([A-Z2-7]{8})$/.exec(stem);
  if (match === null || !isCode) return false;
  const [, before, hash] = match;
  // Excludes VERSION2, SUMMER25 and TEAM2PRO.
  return (isTools || ESBUILD_STEM.test(before!)) && changes(hash!) >= 2 &&
    !isReadable(hash!.toLowerCase(), SURELY);
}

/** Returns how many pairs of neighbouring characters are of different kinds: lower case, upper case, digit, other. */
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
