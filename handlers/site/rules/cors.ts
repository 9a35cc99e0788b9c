/**
 * What pages of other origins may read. Source: the Fetch standard, §3.3 (CORS protocol).
 *
 * Nothing here protects the site from anybody but the pages that a browser shows: other clients read what they like.
 * Credentials are never allowed, and neither is the origin `null`, which every sandboxed page has.
 * @module
 */
import type { HttpRequest } from "../../../server/http/request.ts";
import type { Fields } from "../../../server/http/response.ts";
import { CORS_REQUESTED_FIELDS_BYTES_MAX } from "../limits.ts";

/** Who reads ranges needs these; those that every page may read anyway (such as Last-Modified) need no mention. */
const EXPOSED: Fields = [[
  "Access-Control-Expose-Headers",
  "Accept-Ranges, Content-Disposition, Content-Encoding, Content-Length, Content-Range, ETag, Link",
]];
const EVERYBODY: Fields = [["Access-Control-Allow-Origin", "*"], ...EXPOSED];
const VARY: Fields = [["Vary", "Origin"]];
const NONE: Fields = [];
/** Chromium remembers an answer for two hours at most. */
const PREFLIGHT_SECONDS = 7200;
const ALLOWED: Fields = [
  ["Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"],
  ["Access-Control-Max-Age", String(PREFLIGHT_SECONDS)],
];
const ASKED = "Access-Control-Request-Method, Access-Control-Request-Headers";
const TOKENS = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*,[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+)*$/;
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9._~:[\]-]+$/;

/** True for an origin as browsers write it: lower case, without a path, without the port that goes without saying. */
export function isOrigin(text: string): boolean {
  if (!ORIGIN.test(text)) return false;
  if (!/^https?:/.test(text)) return true; // those of apps and extensions, of which URL knows none
  return URL.canParse(text) && new URL(text).origin === text;
}

/** The part of the settings that is about other origins, made ready. */
export class Cors {
  /** True when responses differ by the origin that asks. */
  readonly variesByOrigin: boolean;
  readonly #allowsAll: boolean;
  readonly #byOrigin = new Map<string, Fields>();

  /** `origins` as in the settings. @throws {TypeError} for what is no origin. */
  constructor(origins: readonly string[] | null) {
    this.#allowsAll = origins !== null && origins.includes("*");
    this.variesByOrigin = origins !== null && !this.#allowsAll;
    for (const origin of origins ?? []) {
      if (origin === "*") continue;
      if (!isOrigin(origin)) {
        throw new TypeError(
          `No origin: ${JSON.stringify(origin)} (expected one such as https://example.org)`,
        );
      }
      this.#byOrigin.set(origin, [["Access-Control-Allow-Origin", origin], ...EXPOSED, ...VARY]);
    }
  }

  /** The request's origin where it stands in the list, to the letter; else null. */
  originOf(request: HttpRequest): string | null {
    if (!this.variesByOrigin) return null;
    const origin = request.header("origin");
    return origin !== null && this.#byOrigin.has(origin) ? origin : null;
  }

  /** The fields of each response to `origin`, as {@linkcode originOf} gave it. */
  fieldsFor(origin: string | null): Fields {
    if (this.#allowsAll) return EVERYBODY;
    if (!this.variesByOrigin) return NONE;
    return (origin === null ? undefined : this.#byOrigin.get(origin)) ?? VARY;
  }

  /**
   * The fields of the 204 that answers the question that browsers ask first; null where it is not that question, or
   * nothing is set. An origin that is not in the list is told nothing, so that its browser refuses. The question
   * comes without credentials: who asks for some must answer it before.
   */
  preflight(request: HttpRequest): Fields | null {
    if (!this.#allowsAll && !this.variesByOrigin) return null;
    if (request.method !== "OPTIONS" || request.header("access-control-request-method") === null) return null;
    const asking = request.header("origin");
    if (asking === null) return null;
    const vary: Fields = [["Vary", this.#allowsAll ? ASKED : `Origin, ${ASKED}`]];
    const origin = this.#allowsAll ? "*" : this.originOf(request);
    if (origin === null) return vary;
    const requested = request.header("access-control-request-headers");
    const isListed = requested !== null && requested.length <= CORS_REQUESTED_FIELDS_BYTES_MAX &&
      TOKENS.test(requested);
    const names: Fields = isListed ? [["Access-Control-Allow-Headers", requested]] : NONE;
    return [["Access-Control-Allow-Origin", origin], ...ALLOWED, ...names, ...vary];
  }
}
