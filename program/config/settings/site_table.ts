/**
 * The settings of a site, one entry each, in the order of `--help`. Their defaults are in
 * `handlers/site/settings/site_settings.ts`.
 * @module
 */
import {
  ETAG_MODES,
  type EtagMode,
  PRECOMPRESSED_MODES,
  type PrecompressedMode,
  type SiteKey,
  type SiteSettings,
} from "../../../handlers/site/settings/site_settings.ts";
import { oneOf, SWITCH } from "./kinds.ts";
import { type Entry, type Heading, merged } from "./setting.ts";
import {
  AUTH,
  CACHE_CONTROL,
  DEFAULT_SPA,
  ERROR_PAGES,
  HEADERS,
  INDEX,
  ORIGINS,
  REDIRECTS,
  REWRITES,
  ROOT,
  SPA,
} from "./site_kinds.ts";

/** An entry for each setting of a site. */
type SiteTable = { readonly [K in SiteKey]: Entry<SiteSettings[K]> };

/** Every setting of a site, under its heading. */
export const SITE_GROUPS = {
  Site: {
    root: {
      kind: ROOT,
      letter: "d",
      label: "root",
      help: "directory to serve",
      description: "The directory to serve, relative to the one that this file is in.",
    },
    index: {
      kind: INDEX,
      label: "index",
      help: "files for a path that ends with /, separated by commas",
      description: "Files for a path that ends with a slash, in the order in which they are tried.",
    },
    cleanUrls: {
      kind: SWITCH,
      called: "clean URLs",
      help: "/about is about.html, and /about.html leads there",
    },
    spa: {
      kind: SPA,
      otherwise: DEFAULT_SPA,
      help: "answer navigations to where nothing is with this file",
      description: `The file that answers navigations to where nothing is; true: ${DEFAULT_SPA}.`,
    },
    errorPages: {
      kind: ERROR_PAGES,
      flag: "error-page",
      called: "errors",
      help: "page for a status from 400 to 599; /404.html needs no mention",
      description: "The path of the page for a status. /404.html needs no mention.",
    },
    browse: {
      kind: SWITCH,
      help: "list directories that have no index",
      description: "Directories without an index are listed.",
    },
  },

  "Encoding and caching": {
    compress: {
      kind: SWITCH,
      help: "compress text, once, when a client that understands it asks",
      description: "Text is compressed, once, when a client that understands it asks.",
    },
    precompressed: {
      kind: oneOf<PrecompressedMode>("WHICH", PRECOMPRESSED_MODES),
      help: `${PRECOMPRESSED_MODES.join(", ")}: use of a.js.br, .zst, .gz beside a.js`,
      description:
        "Which of .br, .zst and .gz beside a file are served: those that are not older than the file, all, or none.",
    },
    etag: {
      kind: oneOf<EtagMode>("HOW", ETAG_MODES),
      help: `${ETAG_MODES.join(", ")}: what entity tags are made of`,
      description: "What they are made of: the bytes, size and time, or none at all.",
    },
    cacheControl: {
      kind: CACHE_CONTROL,
      help: "auto (revalidate; a year for hashed names), off, or a value",
      description: "auto: revalidate, but a year for names with a content hash; off: no field; or a value.",
    },
  },

  Rules: {
    headers: {
      kind: HEADERS,
      flag: "header",
      called: "headers",
      letter: "H",
      help: "a field for every response; without a value it is taken away",
      description:
        "Fields of one's own, for all paths, by glob or by type; null takes a field away. Later rules win.",
    },
    cors: {
      kind: ORIGINS,
      otherwise: "",
      help: "let other origins read: all, or those named, separated by commas",
      description: "Origins that may read across origins; true: all.",
    },
    securityHeaders: {
      kind: SWITCH,
      called: "security",
      help: "fields that make browsers careful",
    },
    auth: {
      kind: AUTH,
      help: "ask for a name and a password; the hash is --hash-password's",
      description: "The first rule that matches is asked for.",
    },
  },

  "": {
    redirects: { kind: REDIRECTS, flag: null, help: "the first that matches is followed" },
    rewrites: {
      kind: REWRITES,
      flag: null,
      help: "the first that matches is followed, once",
    },
  },
} satisfies { readonly [K in Heading]?: Partial<SiteTable> };

/** Every setting of a site: one that is missing does not compile. */
export const SITE_TABLE: SiteTable = merged(SITE_GROUPS);
