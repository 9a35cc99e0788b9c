/**
 * The settings of a site: what the command line, `epollet.json` and programs in JavaScript can set. A setting is a field
 * of {@linkcode SiteSettings} and an entry of {@linkcode SITE_FIELDS}.
 * @module
 */
import {
  BOOLEAN,
  BYTES,
  type Kind,
  listOf,
  objectOf,
  oneOf,
  orNull,
  PATH,
  STRING,
  STRINGS,
} from "../../../server/embedder/option_kinds.ts";
import { SiteArchive } from "../files/archive.ts";
import { FOLDER_BYTES_MAX } from "../limits.ts";

/** Header fields for the paths that a glob matches, optionally for some media types only. Later rules win. */
export interface HeaderRule {
  /** A glob over the path, such as `/assets/**`. */
  readonly source: string;
  /** Media types such as `text/html` or `image/*`: the rule is only for responses whose Content-Type is one of them. Missing: for all. */
  readonly type?: string | readonly string[];
  /** Names and values; null removes a field. */
  readonly fields: readonly (readonly [name: string, value: string | null])[];
}

/** A redirect. */
export interface RedirectRule {
  /** A glob over the path, such as `/old/*`. */
  readonly source: string;
  /** A path or a URL; `$1` to `$9` are what the wildcards matched. The query is kept unless the destination has one. */
  readonly destination: string;
  /** 301, 302, 303, 307 or 308. */
  readonly status: number;
}

/** A rewrite: another path is served under this one. */
export interface RewriteRule {
  /** A glob over the path, such as `/docs/*`. */
  readonly source: string;
  /** A path; `$1` to `$9` are what the wildcards matched. */
  readonly destination: string;
  /** The rule holds only where no file is at the path itself. */
  readonly ifMissing: boolean;
}

/** Paths that need a name and a password (RFC 7617). */
export interface AuthRule {
  /** A glob over the path, such as `/private/**`. */
  readonly source: string;
  /** The name that the browser shows. */
  readonly realm: string;
  /** The hash of each user's password, as `epollet --hash-password` prints it. */
  readonly users: Readonly<Record<string, string>>;
}

/** The syntax of media types of a rule: a whole one, or all of a kind (RFC 9110 §12.5.1, RFC 6838 §4.2). */
export const MEDIA_RANGE: RegExp =
  /^(?:\*\/\*|[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*\/(?:\*|[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*))$/;

/** How ETags are made: from the bytes, from size and time, or not at all. */
export type EtagMode = "hash" | "mtime" | "off";

/** Every value of {@linkcode EtagMode}. */
export const ETAG_MODES: readonly EtagMode[] = ["hash", "mtime", "off"];

/**
 * Which precompressed files beside a file (`app.js.gz`) are served: the ones that are not older than the file, all, or
 * none.
 */
export type PrecompressedMode = "fresh" | "always" | "off";

/** Every value of {@linkcode PrecompressedMode}. */
export const PRECOMPRESSED_MODES: readonly PrecompressedMode[] = ["fresh", "always", "off"];

/** How strongly text is compressed: from 1, the fastest, to 11, the smallest; `auto` is quick first, and strongest later. */
export type CompressLevel = "auto" | number;

/** The strongest level. */
export const COMPRESS_LEVEL_MAX = 11;

/** The settings of one site. */
export interface SiteSettings {
  /** The directory to serve, a single file, or an archive. */
  readonly root: string | SiteArchive;
  /** The root is not opened if it leads out of the working directory, since it is a default or comes from a file that was not named. Default false. */
  readonly isRootConfined?: boolean;
  /** Names tried, in this order, for a path that ends with a slash. Default `["index.html"]`. */
  readonly index: readonly string[];
  /** `about.html` is served at `/about`, and `/about.html` redirects there. Default false. */
  readonly cleanUrls: boolean;
  /** The path of the file that is served for page URLs that match no file, such as `/index.html`; null, the default, for none. */
  readonly spa: string | null;
  /** The path of the page for each error status, such as `{ 404: "/errors/missing.html" }`. `/404.html` needs no entry. */
  readonly errorPages: Readonly<Record<number, string>>;
  /** Directories without an index file are listed. Default false. */
  readonly browse: boolean;
  /** A directory is sent as an archive for `?archive=tar.gz` and `?archive=zip`. Default false. */
  readonly archive: boolean;
  /** Bytes of the files in an archive, before they are compressed. Default 4 GiB. */
  readonly archiveSize: number;
  /** Text files are compressed, once each, for clients that accept it. Default false. */
  readonly compress: boolean;
  /**
   * How strongly, from 1 to 11 (gzip: at most 9). `auto`: quickly for the first client; once more at the strongest level when
   * there is time. Default `auto`.
   */
  readonly compressLevel: CompressLevel;
  /** Which precompressed files are served. Default `fresh`. */
  readonly precompressed: PrecompressedMode;
  /** How ETags are made. Default `hash`. */
  readonly etag: EtagMode;
  /** `auto` (revalidate; a year for names with a content hash), `off` (no field), or a value for every file. Default `auto`. */
  readonly cacheControl: string;
  /** Origins whose scripts may read responses (`https://example.org`), `["*"]` for all; null, the default, for none. */
  readonly cors: readonly string[] | null;
  /** Adds HSTS, CSP, X-Frame-Options, Referrer-Policy and others. Default false. */
  readonly securityHeaders: boolean;
  /** Header fields by path and media type. Default none. */
  readonly headers: readonly HeaderRule[];
  /** Redirects; the first that matches counts. Default none. */
  readonly redirects: readonly RedirectRule[];
  /** Rewrites; the first that matches counts, once. Default none. */
  readonly rewrites: readonly RewriteRule[];
  /** Passwords by path; the first rule that matches counts. Default none. */
  readonly auth: readonly AuthRule[];
}

/** The default of a setting, and the kind of values that programs in JavaScript may set. */
interface SiteField<T> {
  readonly default: T;
  readonly kind: Kind;
}

/** Settings that a user can change; `isRootConfined` follows from where the root comes from. */
export type SiteKey = Exclude<keyof SiteSettings, "isRootConfined">;

const TABLE: Kind = {
  expected: "an object of strings",
  is: (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.values(value).every(STRING.is),
};
const FIELD: Kind = {
  expected: "a pair of a name and a value",
  is: (pair) => Array.isArray(pair) && pair.length === 2 && STRING.is(pair[0]) && orNull(STRING).is(pair[1]),
};
const TYPE: Kind = {
  expected: "a media type, or a list of them",
  is: (value) => value === undefined || STRING.is(value) || STRINGS.is(value),
};
const NUMBER: Kind = { expected: "a number", is: (value) => typeof value === "number" };
const COMPRESS_LEVEL: Kind = {
  expected: `auto, or a whole number from 1 to ${COMPRESS_LEVEL_MAX}`,
  is: (value) =>
    value === "auto" ||
    (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= COMPRESS_LEVEL_MAX),
};
const ROOT: Kind = {
  expected: `${PATH.expected}, or an archive`,
  is: (value) => PATH.is(value) || value instanceof SiteArchive,
};

/** Rules whose members have these kinds. */
function rules(members: Readonly<Record<string, Kind>>, names = Object.keys(members).join(", ")): Kind {
  return listOf(`rules { ${names} }`, objectOf("a rule", members));
}

const OFF = { default: false, kind: BOOLEAN };

/** Default and kind of each setting. */
export const SITE_FIELDS: { readonly [K in SiteKey]: SiteField<SiteSettings[K]> } = {
  root: { default: "./html", kind: ROOT },
  index: { default: ["index.html"], kind: STRINGS },
  cleanUrls: OFF,
  spa: { default: null, kind: orNull(STRING) },
  errorPages: { default: {}, kind: TABLE },
  browse: OFF,
  archive: OFF,
  archiveSize: { default: FOLDER_BYTES_MAX, kind: BYTES },
  compress: OFF,
  compressLevel: { default: "auto", kind: COMPRESS_LEVEL },
  precompressed: { default: "fresh", kind: oneOf(PRECOMPRESSED_MODES) },
  etag: { default: "hash", kind: oneOf(ETAG_MODES) },
  cacheControl: { default: "auto", kind: STRING },
  cors: { default: null, kind: orNull(STRINGS) },
  securityHeaders: OFF,
  headers: {
    default: [],
    kind: rules({ source: STRING, type: TYPE, fields: listOf("pairs", FIELD) }, "source, fields, type?"),
  },
  redirects: { default: [], kind: rules({ source: STRING, destination: STRING, status: NUMBER }) },
  rewrites: { default: [], kind: rules({ source: STRING, destination: STRING, ifMissing: BOOLEAN }) },
  auth: { default: [], kind: rules({ source: STRING, realm: STRING, users: TABLE }) },
};

/** The settings of a site where nothing is chosen. */
export const DEFAULT_SITE_SETTINGS: SiteSettings & { readonly root: string } = Object.fromEntries(
  Object.entries(SITE_FIELDS).map(([key, field]) => [key, field.default]),
) as unknown as SiteSettings & { readonly root: string };

/** What a header rule is for: `/**`, or `/** (text/html, image/*)`. */
export function describeHeaderSource({ source, type }: Pick<HeaderRule, "source" | "type">): string {
  return type === undefined ? source : `${source} (${[type].flat().join(", ")})`;
}
