/**
 * The fields that a site's settings add to a response: Cache-Control, those for other origins, those that make
 * browsers careful, and the site's own.
 * @module
 */
import type { SiteSettings } from "../settings/site_settings.ts";
import { encodeUtf8 } from "../../../server/http/characters.ts";
import { type Fields, HttpResponse } from "../../../server/http/response.ts";
import { Cors } from "./cors.ts";
import { hasContentHash } from "./fingerprint.ts";
import { encodePath } from "../files/resolve_path.ts";
import { type FieldRules, isContentType, type Rules } from "./rules.ts";
import { guarded, isMeant, withoutSharing } from "./shared_caching.ts";

/** What a response is about. */
export interface ResponseFacts {
  /** The canonical path of the URL; empty where it has none (400): only rules for every path hold then. */
  readonly path: string;
  readonly status: number;
  /** The name of the file that answers, without its directory and the ending of an encoding; null where none does. */
  readonly fileName: string | null;
  /** Of the file, or of what else the answer would be with 200: a 304 does not say it. */
  readonly mediaType: string | null;
  /** As {@linkcode Cors.originOf} gave it. */
  readonly origin: string | null;
  /** Whoever got it had to give a password, whatever the rules say of `path`: a rewrite led to the file. */
  readonly isPrivate?: boolean;
}

/**
 * What helps every site and breaks nearly none. All of it goes with every response, also with a 304, so that pages
 * that are in a browser's cache already get it, too.
 *
 * - Strict-Transport-Security (RFC 6797): browsers ignore it over plain HTTP. It takes effect behind a proxy that
 *   speaks TLS, and is a promise for a year: of this host only, since others below it may have no TLS.
 * - Frames: other sites may not show this one in theirs. The old field is for browsers without `frame-ancestors`.
 * - `base-uri`, `object-src`: markup that got into a page cannot bend its relative links or embed another site's
 *   objects. `'none'` would break drawings and documents of the site's own that are embedded as objects. Nothing is
 *   said about scripts and styles: which ones a site needs only its owner knows.
 * - Cross-Origin-Opener-Policy: a page of another site that opened this one loses its hold on it. Pop-ups keep theirs,
 *   since logging in and paying happen there.
 * - Permissions-Policy: frames of other sites cannot ask for these in this site's name; its own pages can.
 */
const SECURITY: Fields = [
  ["Strict-Transport-Security", "max-age=31536000"],
  ["X-Content-Type-Options", "nosniff"],
  ["X-Frame-Options", "SAMEORIGIN"],
  ["Referrer-Policy", "strict-origin-when-cross-origin"],
  ["Content-Security-Policy", "frame-ancestors 'self'; base-uri 'self'; object-src 'self'"],
  ["Cross-Origin-Opener-Policy", "same-origin-allow-popups"],
  [
    "Permissions-Policy",
    ["camera", "display-capture", "geolocation", "hid", "microphone", "serial", "usb"]
      .map((feature) => `${feature}=(self)`).join(", "),
  ],
];
const NONE: Fields = [];
const REVALIDATE = "no-cache";
const IMMUTABLE = "max-age=31536000, immutable";
const MULTIPART = /^multipart\/byteranges\b/i;
/** What a rule says of a file's bytes is not true of an error's. */
const ABOUT_CONTENT = /^content-(?!security-policy)/i;
/** A year for a file must not become a year for its absence. */
const ABOUT_CACHING =
  /^(?:expires|pragma|surrogate-control|edge-control|x-accel-expires|(?:.+-)?cache-control)$/i;

/** Adds the fields that the settings of a site ask for. */
export class FieldPolicy {
  /** Who may read across origins. */
  readonly cors: Cors;
  /** True when responses that no file answers have the same fields whatever their path and whoever asks. */
  readonly isUniform: boolean;
  /**
   * What redirects have that follow from the files that are there: they last no longer than these, while caches keep a
   * 301 of which nothing is said for good (RFC 9110 §15.4.2), and go in circles once there are others.
   */
  readonly found: Fields;
  readonly #rules: Rules;
  readonly #cacheControl: string;
  readonly #security: Fields;

  /** @throws {TypeError} for what no response can hold: an origin that is none, a bad value for Cache-Control. */
  constructor(settings: SiteSettings, rules: Rules) {
    this.cors = new Cors(settings.cors);
    this.isUniform = !rules.fieldsDependOnPath && !this.cors.variesByOrigin;
    this.#rules = rules;
    this.#cacheControl = settings.cacheControl;
    this.found = settings.cacheControl === "off" ? NONE : [["Cache-Control", REVALIDATE]];
    this.#security = settings.securityHeaders ? SECURITY : NONE;
    new HttpResponse(200, [["Cache-Control", settings.cacheControl]], null); // throws where that is no value
  }

  /**
   * `extraFields` and what the settings add. The rules come last and replace, but for two things: `Vary` is united with what is
   * there, and what a rule says about content holds for files only, what it says about caching not for errors. Rules by
   * type are about the Content-Type that is sent, which another rule may have set. What asks for a password is for its reader alone, whatever is said for all paths (`shared_caching.ts`).
   */
  fieldsOf(extraFields: Fields, what: ResponseFacts): Fields {
    let fields = withOneVary(extraFields);
    const auth = what.status < 400 ? this.#rules.auth(what.path)?.source ?? null : null; // errors are told to all
    const isPrivate = auth !== null || (what.isPrivate === true && what.status < 400);
    if (isPrivate) fields = fields.map(([name, value]) => [name, guarded(name, value) ?? value] as const);
    const cacheControl = this.#cacheControlOf(what, isPrivate);
    if (cacheControl !== null) fields = put(fields, "Cache-Control", cacheControl);
    for (const [name, value] of this.cors.fieldsFor(what.origin)) fields = put(fields, name, value);
    for (const [name, value] of this.#security) fields = put(fields, name, value);
    const typed = this.#contentTypeOf(extraFields, what);
    const type = typed === null ? typeOf(extraFields, what) : typed[1];
    for (const { source, fields: said } of this.#rules.headers(what.path, type)) {
      const isKept = !isPrivate || isMeant(source, auth);
      for (const [name, value] of said) {
        if (isContentType(name) || !holds(name, what, extraFields)) continue;
        fields = put(fields, name, isKept ? value : guarded(name, value));
      }
    }
    // A rule by type that sets the type does not fit what it makes of it.
    if (typed !== null && holds(typed[0], what, extraFields)) fields = put(fields, ...typed);
    const isUnsaid = isPrivate && fields.some(isExpiry) && !fields.some(isCacheControl);
    return isUnsaid ? put(fields, "Cache-Control", "private") : fields;
  }

  /** What the rules make of the Content-Type, also with a 304, which does not say it; null: nothing. */
  #contentTypeOf(extraFields: Fields, what: ResponseFacts): FieldRules[number] | null {
    const { path, status, fileName } = what;
    if (fileName === null || !isSuccess(status)) return null;
    return this.#rules.contentType(path, typeOf(extraFields, what));
  }
  /**
   * Null: nothing is said. By `auto` what has a content hash in its name never changes, and everything else is to be
   * asked for again, which costs a 304. The URL must be the file's own: a page that answers for every path of an
   * application changes, whatever the path looks like. The name of a page is not trusted, either: pages
   * have addresses, and what looks like a hash there is a number.
   */
  #cacheControlOf({ path, status, fileName, mediaType }: ResponseFacts, isPrivate: boolean): string | null {
    if (this.#cacheControl === "off" || !isSuccess(status)) return null;
    if (this.#cacheControl !== "auto") {
      if (fileName === null) return null;
      return isPrivate ? withoutSharing(this.#cacheControl) : this.#cacheControl;
    }
    const isPage = mediaType === null || /^text\/html\b/i.test(mediaType);
    const isFixed = fileName !== null && !isPage && isNamed(path, fileName) && hasContentHash(path);
    const value = isFixed ? IMMUTABLE : REVALIDATE;
    return isPrivate ? withoutSharing(value) : value;
  }
}

/** The Content-Type of the response, or of what it is a part of, or says the state of; null: there is none. */
function typeOf(extraFields: Fields, { mediaType }: ResponseFacts): string | null {
  const said = extraFields.find(([name]) => isContentType(name))?.[1];
  return said === undefined || MULTIPART.test(said) ? mediaType : said;
}

/** True when the URL's last name is that of the file. */
function isNamed(path: string, fileName: string): boolean {
  return path.slice(path.lastIndexOf("/")) === encodePath(encodeUtf8(fileName), false);
}

function isCacheControl([name]: Fields[number]): boolean {
  return /^cache-control$/i.test(name);
}

function isExpiry([name]: Fields[number]): boolean {
  return /^expires$/i.test(name);
}

function isSuccess(status: number): boolean {
  return status === 200 || status === 206 || status === 304;
}

/** False where a rule about `name` speaks of something else than this response. */
function holds(name: string, { status, fileName }: ResponseFacts, extraFields: Fields): boolean {
  if (!ABOUT_CONTENT.test(name)) return status < 400 || !ABOUT_CACHING.test(name);
  // Where a 200 has it, each 206 and 304 must, too (RFC 9110 §15.3.7, §15.4.5).
  if (/^content-location$/i.test(name)) return fileName !== null && isSuccess(status);
  if (fileName === null || (status !== 200 && status !== 206)) return false;
  // Several ranges in one body: what it is says how to take it apart, not what the file is.
  return !extraFields.some(([name, value]) => isContentType(name) && MULTIPART.test(value));
}

/** `fields` with this one in place of those of its name, or without them (null). `Vary` only grows. */
function put(fields: Fields, name: string, value: string | null): Fields {
  const lower = name.toLowerCase();
  const others = fields.filter((field) => field[0].toLowerCase() !== lower);
  if (lower !== "vary") return value === null ? others : [...others, [name, value]];
  if (value === null) return fields;
  const there = fields.filter((field) => field[0].toLowerCase() === lower).map((field) => field[1]);
  return [...others, [name, unite([...there, value])]];
}

/** What a page in place of another adds to `Vary` is united with what was there. */
function withOneVary(fields: Fields): Fields {
  const varying = fields.filter(([name]) => name === "Vary");
  return varying.length < 2 ? fields : put(fields, "Vary", "");
}

/** The members of the lists, each once; a star stands for all of them. */
function unite(lists: readonly string[]): string {
  const names = new Map<string, string>();
  for (const name of lists.join().split(",").map((name) => name.trim())) {
    const key = name.toLowerCase();
    if (key !== "" && !names.has(key)) names.set(key, name);
  }
  return names.has("*") ? "*" : Array.from(names.values()).join(", ");
}
