/**
 * What can be said about a site: on the command line, in `epollet.json`, and by who embeds the server.
 * @module
 */
import type { SiteArchive } from "../files/archive.ts";

/** Fields for the paths that a glob matches, and perhaps for some types only; null takes a field away. Later rules win. */
export interface HeaderRule {
  /** A glob over the path, such as `/assets/**`. */
  readonly source: string;
  /** One or several of `text/html`, `image/*`: only for responses whose Content-Type is one of them. Missing: for all. */
  readonly type?: string | readonly string[];
  /** Names and values. */
  readonly fields: readonly (readonly [name: string, value: string | null])[];
}

/** Sends clients elsewhere. */
export interface RedirectRule {
  /** A glob over the path, such as `/old/*`. */
  readonly source: string;
  /** A path or a URL; `$1` to `$9` are what the wildcards matched. The query is kept unless it has one. */
  readonly destination: string;
  /** 301, 302, 303, 307 or 308. */
  readonly status: number;
}

/** Serves another path under this one. */
export interface RewriteRule {
  /** A glob over the path, such as `/docs/*`. */
  readonly source: string;
  /** A path; `$1` to `$9` are what the wildcards matched. */
  readonly destination: string;
  /** Only where nothing is at the path itself. */
  readonly ifMissing: boolean;
}

/** Paths that need a name and a password (RFC 7617). */
export interface AuthRule {
  /** A glob over the path, such as `/private/**`. */
  readonly source: string;
  /** What the browser shows. */
  readonly realm: string;
  /** The hash of each user's password, as `epollet --hash-password` prints it. */
  readonly users: Readonly<Record<string, string>>;
}

/** How media types are written that a rule is for: a whole one, or all of a kind (RFC 9110 §12.5.1, RFC 6838 §4.2). */
export const MEDIA_RANGE: RegExp =
  /^(?:\*\/\*|[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*\/(?:\*|[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*))$/;

/** How entity tags are made: of the bytes, of size and time, or not at all. */
export type EtagMode = "hash" | "mtime" | "off";

/** Every value of {@linkcode EtagMode}. */
export const ETAG_MODES: readonly EtagMode[] = ["hash", "mtime", "off"];

/**
 * Whether compressed forms that stand beside a file (`app.js.gz`) are served: those that are not older than the file,
 * all, or none.
 */
export type PrecompressedMode = "fresh" | "always" | "off";

/** Every value of {@linkcode PrecompressedMode}. */
export const PRECOMPRESSED_MODES: readonly PrecompressedMode[] = ["fresh", "always", "off"];

/** What can be said about one site. */
export interface SiteSettings {
  /** The directory to serve, or an archive. */
  readonly root: string | SiteArchive;
  /** The root is not opened where it leads out of the working directory: it is a default, or comes from a file that was not named. Default false. */
  readonly isRootConfined?: boolean;
  /** Names tried, in this order, for a path that ends with a slash. Default `["index.html"]`. */
  readonly index: readonly string[];
  /** `/about` is `about.html`, and `/about.html` leads there. Default false. */
  readonly cleanUrls: boolean;
  /** The path of the file that answers navigations to where nothing is, such as `/index.html`; null, the default: none does. */
  readonly spa: string | null;
  /** The path of the page for a status, such as `{ 404: "/errors/missing.html" }`. `/404.html` needs no mention. */
  readonly errorPages: Readonly<Record<number, string>>;
  /** Directories without an index are listed. Default false. */
  readonly browse: boolean;
  /** Text is compressed, once, when a client that understands it asks. Default false. */
  readonly compress: boolean;
  /** Which compressed forms that stand beside a file are served. Default `fresh`. */
  readonly precompressed: PrecompressedMode;
  /** How entity tags are made. Default `hash`. */
  readonly etag: EtagMode;
  /** `auto` (revalidate; a year for names with a content hash), `off` (no field), or a value for every file. Default `auto`. */
  readonly cacheControl: string;
  /** Origins that may read across origins (`https://example.org`), `["*"]` for all; null, the default: nothing is said. */
  readonly cors: readonly string[] | null;
  /** Fields that make browsers careful. Default false. */
  readonly securityHeaders: boolean;
  /** Fields of one's own. Default none. */
  readonly headers: readonly HeaderRule[];
  /** The first that matches is followed. Default none. */
  readonly redirects: readonly RedirectRule[];
  /** The first that matches is followed, once. Default none. */
  readonly rewrites: readonly RewriteRule[];
  /** The first that matches is asked for. Default none. */
  readonly auth: readonly AuthRule[];
}

/** What holds where nothing is said. */
export const DEFAULT_SITE_SETTINGS: SiteSettings & { readonly root: string } = {
  root: "./html",
  index: ["index.html"],
  cleanUrls: false,
  spa: null,
  errorPages: {},
  browse: false,
  compress: false,
  precompressed: "fresh",
  etag: "hash",
  cacheControl: "auto",
  cors: null,
  securityHeaders: false,
  headers: [],
  redirects: [],
  rewrites: [],
  auth: [],
};
