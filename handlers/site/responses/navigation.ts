/**
 * Whether a request for what is not there is a navigation, which an application's page answers, or is for a file.
 * @module
 */
import { acceptsHtml } from "../../../server/http/fields/negotiation.ts";
import type { HttpRequest } from "../../../server/http/request.ts";
import type { Fields } from "../../../server/http/response.ts";
import { hasKnownType } from "../files/media_type.ts";

/** What {@linkcode judgeNavigation} says. */
export interface Navigation {
  readonly isNavigation: boolean;
  /** What of the request that depends on. */
  readonly vary: Fields;
  /** For `--explain`. */
  readonly why: string;
}

/** Extensions of files that are also the ends of names: `/sites/example.com`, `/users/jane.me`. */
const ALSO_NAMES: ReadonlySet<string> = new Set(["123", "ac", "ai", "com", "es", "in", "me", "org"]);
const NOTHING: Fields = [];
const BY_ACCEPT: Fields = [["Vary", "Accept"]];
const BY_BOTH: Fields = [["Vary", "Accept, Sec-Fetch-Mode"]];

/**
 * A navigation asks for HTML by `Accept`, or says that it is one (Fetch Metadata). Whatever it says, a name whose
 * extension stands for a type is a file's: 404 tells a page, and a link to a download, that it is missing. `/docs/9.9`
 * and `/users/jane.doe` have none. `url` is the path in its one spelling.
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
