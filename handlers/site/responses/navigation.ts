/**
 * Whether a request for a URL without a file is a navigation, which a single-page application answers, or asks for a file.
 * @module
 */
import { acceptsHtml } from "../../../server/http/fields/negotiation.ts";
import type { HttpRequest } from "../../../server/http/request.ts";
import type { Fields } from "../../../server/http/response.ts";
import { hasKnownType } from "../files/media_type.ts";

/** The result of {@linkcode judgeNavigation}. */
export interface Navigation {
  readonly isNavigation: boolean;
  /** `Vary` with the request fields that decided; empty when the name alone did. */
  readonly vary: Fields;
  /** The reason, for the trace. */
  readonly why: string;
}

/** Extensions with a media type that are also the ends of names: `/sites/example.com`, `/users/jane.me`. */
const ALSO_NAMES: ReadonlySet<string> = new Set(["123", "ac", "ai", "com", "es", "in", "me", "org"]);
const NOTHING: Fields = [];
const BY_ACCEPT: Fields = [["Vary", "Accept"]];
const BY_BOTH: Fields = [["Vary", "Accept, Sec-Fetch-Mode"]];

/**
 * Tells whether `request` is a navigation: it accepts HTML, or says so by `Sec-Fetch-Mode` (Fetch Metadata). A name whose
 * extension has a media type is a file whatever the request says, so a page or a download that is missing is 404;
 * `/docs/9.9` and `/users/jane.doe` have no such extension. `url` is the path in its one spelling.
 */
export function judgeNavigation(url: string, request: HttpRequest): Navigation {
  const name = url.slice(url.lastIndexOf("/") + 1);
  const extension = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  if (name.includes(".") && hasKnownType(name) && !ALSO_NAMES.has(extension)) {
    return { isNavigation: false, vary: NOTHING, why: "spa: no page (the name has an extension)" };
  }
  const navigates = "spa: a navigation to where nothing is";
  if (acceptsHtml(request.header("accept"))) return { isNavigation: true, vary: BY_ACCEPT, why: navigates };
  const mode = request.header("sec-fetch-mode");
  const vary = mode === null ? BY_ACCEPT : BY_BOTH;
  if (mode === "navigate") return { isNavigation: true, vary, why: navigates };
  return { isNavigation: false, vary, why: "spa: no navigation (Accept does not name text/html)" };
}
