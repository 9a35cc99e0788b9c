/**
 * Lists the resources of open pages that are missing, a line each, once for each time that the page is loaded.
 * @module
 */
import type { HttpRequest } from "../../server/http/request.ts";
import { LIVE_MISSING_OF_PAGE_MAX, LIVE_MISSING_PAGES_MAX } from "../site/limits.ts";

/** Browsers ask for it without a page that names it. */
const UNASKED = "/favicon.ico";

/** What was listed. */
export class Missing {
  readonly #onMissing: (line: string) => void;
  /** What was listed since the page was loaded, by the page. */
  readonly #listed = new Map<string, Set<string>>();

  constructor(onMissing: (line: string) => void) {
    this.#onMissing = onMissing;
  }

  /** Begins anew for the page of `request`, which is loaded now. */
  loads(request: HttpRequest): void {
    this.#listed.delete(keyOf(request.authority, request.path + request.query));
  }

  /** Lists the resource of `request`, which is missing, if a page of this server has asked for it. */
  add(request: HttpRequest): void {
    const { authority, path } = request;
    if (path === UNASKED || isNavigation(request)) return;
    const page = pageOf(request);
    if (page === null) return;
    const key = keyOf(authority, page);
    let listed = this.#listed.get(key);
    if (listed === undefined) {
      this.#listed.set(key, listed = new Set());
      if (this.#listed.size > LIVE_MISSING_PAGES_MAX) this.#listed.delete(this.#listed.keys().next().value!);
    }
    if (listed.has(path) || listed.size >= LIVE_MISSING_OF_PAGE_MAX) return;
    listed.add(path);
    this.#onMissing(`404 ${visible(path)}${page === "" ? "" : `, used by ${visible(page)}`}`);
  }
}

/** True for a page that is opened, also by a link; false for one in a frame, which is a resource of the page around it. */
function isNavigation(request: HttpRequest): boolean {
  const mode = request.header("sec-fetch-mode");
  if (mode === null) return request.header("referer") === null;
  const destination = request.header("sec-fetch-dest");
  return mode === "navigate" && (destination === null || destination === "document");
}

/** Returns the path and query of the page or style sheet that asks; empty when only its site is known; null for others. */
function pageOf(request: HttpRequest): string | null {
  const { authority } = request;
  const referer = request.header("referer");
  if (referer === null) return request.header("sec-fetch-site") === "same-origin" ? "" : null;
  const [, host, page = "/"] = /^https?:\/\/([^/?#]*)([^#]*)/i.exec(referer) ?? [];
  return host?.toLowerCase() === authority?.toLowerCase() ? page : null;
}

function keyOf(authority: string | null, page: string): string {
  return `${(authority ?? "").toLowerCase()} ${page}`;
}

/** Returns a text that a terminal takes for nothing else: other characters are written as in the access log. */
function visible(text: string): string {
  return text.replace(
    /[^\x21-\x7e]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
