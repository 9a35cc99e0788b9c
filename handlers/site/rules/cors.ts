/**
 * Cross-origin resource sharing: which pages of other origins may read responses. Source: the Fetch standard, §3.3.
 *
 * CORS only restricts pages in browsers; other clients can read everything. Credentials are never allowed, and neither
 * is the origin `null`, which every sandboxed page has.
 * @module
 */
import type { HttpRequest } from "../../../server/http/request.ts";
import type { Fields } from "../../../server/http/response.ts";
import { CORS_REQUESTED_FIELDS_BYTES_MAX } from "../limits.ts";

/** Response fields that pages may read, in addition to those that they always may (such as Last-Modified). */
const EXPOSED: Fields = [[
  "Access-Control-Expose-Headers",
  "Accept-Ranges, Content-Disposition, Content-Encoding, Content-Length, Content-Range, ETag, Link",
]];
const ANY_ORIGIN: Fields = [["Access-Control-Allow-Origin", "*"], ...EXPOSED];
const VARY: Fields = [["Vary", "Origin"]];
const NONE: Fields = [];
/** How long browsers may cache the answer to a preflight request. Two hours is Chromium's maximum. */
const PREFLIGHT_SECONDS = 7200;
const PREFLIGHT_FIELDS: Fields = [
  ["Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"],
  ["Access-Control-Max-Age", String(PREFLIGHT_SECONDS)],
];
const PREFLIGHT_VARY = "Access-Control-Request-Method, Access-Control-Request-Headers";
const TOKENS = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*,[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+)*$/;
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9._~:[\]-]+$/;

/**
 * Returns true for an origin as browsers write it: in lower case, without a path, without the scheme's default port.
 */
export function isOrigin(text: string): boolean {
  if (!ORIGIN.test(text)) return false;
  if (!/^https?:/.test(text)) return true; // of apps and extensions: for `URL` their origin is `null`
  return URL.canParse(text) && new URL(text).origin === text;
}

/** The CORS settings of a site, prepared for requests. */
export class Cors {
  /** True when responses depend on the request's origin. */
  readonly variesByOrigin: boolean;
  readonly #allowsAll: boolean;
  readonly #byOrigin = new Map<string, Fields>();

  /**
   * `origins` is null when no other origin may read responses.
   * @throws {TypeError} for a malformed origin.
   */
  constructor(origins: readonly string[] | null) {
    this.#allowsAll = origins !== null && origins.includes("*");
    this.variesByOrigin = origins !== null && !this.#allowsAll;
    for (const origin of origins ?? []) {
      if (origin === "*") continue;
      if (!isOrigin(origin)) {
        throw new TypeError(
          `Invalid origin ${JSON.stringify(origin)}: expected one such as https://example.org`,
        );
      }
      this.#byOrigin.set(origin, [["Access-Control-Allow-Origin", origin], ...EXPOSED, ...VARY]);
    }
  }

  /** Returns the request's origin when it is exactly one of the list; else null. */
  originOf(request: HttpRequest): string | null {
    if (!this.variesByOrigin) return null;
    const origin = request.header("origin");
    return origin !== null && this.#byOrigin.has(origin) ? origin : null;
  }

  /** Returns the fields for each response to `origin`, which is the result of {@linkcode originOf}. */
  fieldsFor(origin: string | null): Fields {
    if (this.#allowsAll) return ANY_ORIGIN;
    if (!this.variesByOrigin) return NONE;
    return (origin === null ? undefined : this.#byOrigin.get(origin)) ?? VARY;
  }

  /**
   * Returns the fields of the 204 that answers a preflight request (Fetch standard, §3.3). Null when `request` is no
   * preflight request, or no origin is allowed. For an origin that is not in the list only Vary is returned, so the
   * browser blocks the page's request. Browsers send preflight requests without credentials, so they have to be
   * answered before credentials are checked.
   */
  preflight(request: HttpRequest): Fields | null {
    if (!this.#allowsAll && !this.variesByOrigin) return null;
    if (request.method !== "OPTIONS" || request.header("access-control-request-method") === null) return null;
    if (request.header("origin") === null) return null;
    const vary: Fields = [["Vary", this.#allowsAll ? PREFLIGHT_VARY : `Origin, ${PREFLIGHT_VARY}`]];
    const origin = this.#allowsAll ? "*" : this.originOf(request);
    if (origin === null) return vary;
    const requested = request.header("access-control-request-headers");
    const isListed = requested !== null && requested.length <= CORS_REQUESTED_FIELDS_BYTES_MAX &&
      TOKENS.test(requested);
    const names: Fields = isListed ? [["Access-Control-Allow-Headers", requested]] : NONE;
    return [["Access-Control-Allow-Origin", origin], ...PREFLIGHT_FIELDS, ...names, ...vary];
  }
}
