/**
 * The fields that a site's settings add to a response: Cache-Control, CORS fields, security fields, and header rules.
 * @module
 */
import type { SiteSettings } from "../settings/site_settings.ts";
import { encodeUtf8 } from "../../../server/http/characters.ts";
import { type Fields, HttpResponse } from "../../../server/http/response.ts";
import { Cors } from "./cors.ts";
import { hasContentHash } from "./fingerprint.ts";
import { encodePath } from "../files/resolve_path.ts";
import { type FieldRules, isContentType, type Rules } from "./rules.ts";
import { guarded, isSpecificTo, withoutSharing } from "./shared_caching.ts";

/** The facts about a response that its fields depend on. */
export interface ResponseFacts {
  /** The canonical path of the URL; empty for a URL without one (400), which only rules for every path match. */
  readonly path: string;
  readonly status: number;
  /** The file's name, without its directory and the suffix of a content coding; null when the response is no file. */
  readonly fileName: string | null;
  /** The Content-Type that the response has with status 200, since a 304 has none; null when there is none. */
  readonly mediaType: string | null;
  /** The result of {@linkcode Cors.originOf}. */
  readonly origin: string | null;
  /** True when a password was required although no rule matches `path`, because a rewrite led to a protected file. */
  readonly isPrivate?: boolean;
}

/**
 * Security fields that are useful for every site and break nearly none. They are in every response, also in a 304,
 * which updates pages that are in a browser's cache already.
 *
 * - Strict-Transport-Security (RFC 6797): browsers ignore it over plain HTTP. It takes effect behind a proxy with TLS,
 *   for a year. It is for this host only, since hosts below it may have no TLS.
 * - X-Frame-Options and `frame-ancestors`: pages of other sites cannot embed this site in a frame. The former is for
 *   browsers without the latter.
 * - `base-uri`, `object-src`: markup injected into a page cannot redirect its relative links or embed objects of
 *   another site. `'none'` would break objects that are files of the site itself. Scripts and styles are not
 *   restricted, since only the site's owner knows which ones it needs.
 * - Cross-Origin-Opener-Policy: a page of another site that opened this one has no reference to it. Pop-ups that this
 *   site opens keep theirs, since logins and payments need it.
 * - Permissions-Policy: only this site's own pages can ask for these permissions, not frames of other sites in them.
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
/** Fields about the content: header rules with them are for files, not for error responses. */
const ABOUT_CONTENT = /^content-(?!security-policy)/i;
/** Fields about caching: header rules with them are not for errors. A 404 must not be cached as long as the file. */
const ABOUT_CACHING =
  /^(?:expires|pragma|surrogate-control|edge-control|x-accel-expires|(?:.+-)?cache-control)$/i;

/** The fields that the settings of a site add. */
export class FieldPolicy {
  /** The site's CORS settings. */
  readonly cors: Cors;
  /** True when responses other than files have the same fields for every path and every origin. */
  readonly isUniform: boolean;
  /**
   * The fields of redirects that depend on which files exist. Without Cache-Control, caches may keep a 301 for good
   * (RFC 9110 §15.4.2), and a later redirect in the other direction would make a loop.
   */
  readonly found: Fields;
  readonly #rules: Rules;
  readonly #cacheControl: string;
  readonly #security: Fields;

  /** @throws {TypeError} for a malformed origin, and for an invalid value of Cache-Control. */
  constructor(settings: SiteSettings, rules: Rules) {
    this.cors = new Cors(settings.cors);
    this.isUniform = !rules.fieldsDependOnPath && !this.cors.variesByOrigin;
    this.#rules = rules;
    this.#cacheControl = settings.cacheControl;
    this.found = settings.cacheControl === "off" ? NONE : [["Cache-Control", REVALIDATE]];
    this.#security = settings.securityHeaders ? SECURITY : NONE;
    new HttpResponse(200, [["Cache-Control", settings.cacheControl]], null); // throws for an invalid value
  }

  /**
   * Returns `extraFields` and the fields that the settings add. Header rules come last and replace fields of the same
   * name, except that a value of Vary is added to those before it. Fields about content are set for files only, and
   * fields about caching not for errors. Rules with a type are compared with the Content-Type that is sent, which
   * another rule may have set. Responses behind a password are not for shared caches, unless a rule for exactly that
   * path says so (`shared_caching.ts`).
   */
  fieldsOf(extraFields: Fields, what: ResponseFacts): Fields {
    let fields = withOneVary(extraFields);
    const auth = what.status < 400 ? this.#rules.auth(what.path)?.source ?? null : null; // errors are not secret
    const isPrivate = auth !== null || (what.isPrivate === true && what.status < 400);
    if (isPrivate) fields = fields.map(([name, value]) => [name, guarded(name, value) ?? value] as const);
    const cacheControl = this.#cacheControlOf(what, isPrivate);
    if (cacheControl !== null) fields = put(fields, "Cache-Control", cacheControl);
    for (const [name, value] of this.cors.fieldsFor(what.origin)) fields = put(fields, name, value);
    for (const [name, value] of this.#security) fields = put(fields, name, value);
    const typed = this.#contentTypeOf(extraFields, what);
    const type = typed === null ? typeOf(extraFields, what) : typed[1];
    for (const { source, fields: ruleFields } of this.#rules.headers(what.path, type)) {
      const isKept = !isPrivate || isSpecificTo(source, auth);
      for (const [name, value] of ruleFields) {
        if (isContentType(name) || !applies(name, what, extraFields)) continue;
        fields = put(fields, name, isKept ? value : guarded(name, value));
      }
    }
    // Last, since a rule for one type may set another, which the rule itself does not match.
    if (typed !== null && applies(typed[0], what, extraFields)) fields = put(fields, ...typed);
    const lacksPrivate = isPrivate && fields.some(isExpiry) && !fields.some(isCacheControl);
    return lacksPrivate ? put(fields, "Cache-Control", "private") : fields;
  }

  /**
   * Returns the Content-Type that the rules set for a file, also for a 304, which does not have the field. Null if none
   * does.
   */
  #contentTypeOf(extraFields: Fields, what: ResponseFacts): FieldRules[number] | null {
    const { path, status, fileName } = what;
    if (fileName === null || !isSuccess(status)) return null;
    return this.#rules.contentType(path, typeOf(extraFields, what));
  }

  /**
   * Returns the value of Cache-Control; null for none. With `auto`, a file with a content hash in its name is
   * immutable, and everything else is to be revalidated, which costs a 304. A hash in the URL counts only when it is in
   * the file's own name: the page of a single-page application is sent for many paths, and changes. It does not count
   * for HTML pages, whose URLs have numbers that look like hashes.
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

/**
 * Returns the Content-Type of the response, or of the whole file for several ranges and for a 304. Null when there is
 * none.
 */
function typeOf(extraFields: Fields, { mediaType }: ResponseFacts): string | null {
  const type = extraFields.find(([name]) => isContentType(name))?.[1];
  return type === undefined || MULTIPART.test(type) ? mediaType : type;
}

/** Returns true when the last name in the URL's path is that of the file. */
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

/** Returns false when a header rule with the field `name` does not apply to this response. */
function applies(name: string, { status, fileName }: ResponseFacts, extraFields: Fields): boolean {
  if (!ABOUT_CONTENT.test(name)) return status < 400 || !ABOUT_CACHING.test(name);
  // A 206 and a 304 must have it when the 200 has it (RFC 9110 §15.3.7, §15.4.5).
  if (/^content-location$/i.test(name)) return fileName !== null && isSuccess(status);
  if (fileName === null || (status !== 200 && status !== 206)) return false;
  // With several ranges, Content-Type is that of the multipart body, which clients need to take it apart.
  return !extraFields.some(([name, value]) => isContentType(name) && MULTIPART.test(value));
}

/**
 * Returns `fields` with this field in place of those with the same name. A `value` of null removes them. Values of Vary
 * are combined instead, and null does not remove them.
 */
function put(fields: Fields, name: string, value: string | null): Fields {
  const lower = name.toLowerCase();
  const others = fields.filter((field) => field[0].toLowerCase() !== lower);
  if (lower !== "vary") return value === null ? others : [...others, [name, value]];
  if (value === null) return fields;
  const there = fields.filter((field) => field[0].toLowerCase() === lower).map((field) => field[1]);
  return [...others, [name, unite([...there, value])]];
}

/** Combines several Vary fields into one. */
function withOneVary(fields: Fields): Fields {
  const varying = fields.filter(([name]) => name === "Vary");
  return varying.length < 2 ? fields : put(fields, "Vary", "");
}

/** Returns the members of comma-separated lists, each once; `*` alone when it is among them. */
function unite(lists: readonly string[]): string {
  const names = new Map<string, string>();
  for (const name of lists.join().split(",").map((name) => name.trim())) {
    const key = name.toLowerCase();
    if (key !== "" && !names.has(key)) names.set(key, name);
  }
  return names.has("*") ? "*" : Array.from(names.values()).join(", ");
}
