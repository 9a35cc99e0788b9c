/**
 * The settings of a site: what the command line, `epollet.json` and programs in JavaScript can set. A setting is a field
 * of {@linkcode SiteSettings} and an entry of {@linkcode SITE_FIELDS}.
 * @module
 */
import {
  BOOLEAN,
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

/** The default of a setting of a site, and what programs in JavaScript may set it to. */
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
  compress: OFF,
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

/** The settings of a site for which nothing is set. */
export const DEFAULT_SITE_SETTINGS: SiteSettings & { readonly root: string } = Object.fromEntries(
  Object.entries(SITE_FIELDS).map(([key, field]) => [key, field.default]),
) as unknown as SiteSettings & { readonly root: string };

/** What a header rule is for: `/**`, or `/** (text/html, image/*)`. */
export function describeHeaderSource({ source, type }: Pick<HeaderRule, "source" | "type">): string {
  return type === undefined ? source : `${source} (${[type].flat().join(", ")})`;
}
