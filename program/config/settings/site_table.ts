/**
 * The settings of a site, one entry each, in the order of `--help`. Their defaults are in
 * `handlers/site/settings/site_settings.ts`.
 * @module
 */
import {
  COMPRESS_LEVEL_MAX,
  ETAG_MODES,
  type EtagMode,
  PRECOMPRESSED_MODES,
  type PrecompressedMode,
  type SiteKey,
  type SiteSettings,
} from "../../../handlers/site/settings/site_settings.ts";
import { oneOf, SIZE, SWITCH } from "./kinds.ts";
import { type Entry, type Heading, merged } from "./setting.ts";
import {
  AUTH,
  CACHE_CONTROL,
  COMPRESS_LEVEL,
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
      help: "directory or file to serve",
      description: "The directory or file to serve, relative to the directory of this file.",
    },
    index: {
      kind: INDEX,
      label: "index",
      help: "index files, separated by commas",
      description: "Index files, in the order in which they are tried.",
    },
    cleanUrls: { kind: SWITCH, called: "clean URLs", help: "serve about.html at /about, and redirect to it" },
    spa: {
      kind: SPA,
      otherwise: "",
      help: `serve FILE (${DEFAULT_SPA}) for page URLs that match no file (SPA)`,
      description: `The file for page URLs that match no file; true: ${DEFAULT_SPA}.`,
    },
    errorPages: {
      kind: ERROR_PAGES,
      flag: "error-page",
      called: "errors",
      help: "page for an error status; 404.html needs no flag",
      description: "The page for an error status. 404.html needs no entry.",
    },
    browse: { kind: SWITCH, help: "list directories that have no index file" },
    archive: { kind: SWITCH, help: "send folders as ?archive=zip or tar.gz" },
    archiveSize: {
      kind: SIZE,
      called: "archive size",
      help: "most bytes of files in one archive",
      description: "The most bytes of all files in a folder that is sent as an archive.",
    },
  },

  "Encoding and caching": {
    compress: { kind: SWITCH, help: "compress text files" },
    compressLevel: {
      kind: COMPRESS_LEVEL,
      help: `1 (fastest) to ${COMPRESS_LEVEL_MAX} (smallest), or auto: fast, then smallest when idle`,
    },
    precompressed: {
      kind: oneOf<PrecompressedMode>("WHICH", PRECOMPRESSED_MODES),
      help: `serve a.js.br, .zst, .gz in place of a.js: ${PRECOMPRESSED_MODES.join(", ")}`,
    },
    etag: { kind: oneOf<EtagMode>("HOW", ETAG_MODES), help: `how ETags are made: ${ETAG_MODES.join(", ")}` },
    cacheControl: {
      kind: CACHE_CONTROL,
      help: "a Cache-Control value, off, or auto: revalidate, a year for hashed names",
    },
  },

  Rules: {
    headers: {
      kind: HEADERS,
      flag: "header",
      called: "headers",
      letter: "H",
      help: 'add a response header; "NAME:" removes it',
      description: "Response headers for all paths, by glob or by type; null removes one. Later rules win.",
    },
    cors: {
      kind: ORIGINS,
      help: "let all origins, or only ORIGINS, read",
      description: "Origins whose scripts may read responses; true: all.",
    },
    securityHeaders: { kind: SWITCH, called: "security", help: "add HSTS, CSP, X-Frame-Options and others" },
    auth: {
      kind: AUTH,
      help: "ask for a password; --hash-password makes HASH",
      description: "Passwords by path. The first rule that matches counts.",
      examples: [[{ source: "/private/**", users: { anna: "$scrypt$ln=14,r=8,p=1$SALT$KEY" } }]],
    },
  },

  "": {
    redirects: {
      kind: REDIRECTS,
      flag: null,
      help: "the first that matches is followed",
      examples: [[{ source: "/old/*", destination: "/new/$1" }]],
    },
    rewrites: {
      kind: REWRITES,
      flag: null,
      help: "the first that matches is followed, once",
      examples: [[{ source: "/docs/*", destination: "/manual/$1" }]],
    },
  },
} satisfies { readonly [K in Heading]?: Partial<SiteTable> };

/** Every setting of a site: one that is missing does not compile. */
export const SITE_TABLE: SiteTable = merged(SITE_GROUPS);
