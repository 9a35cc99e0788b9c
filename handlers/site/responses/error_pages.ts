/**
 * The response to an error: the site's page for it, or a line of text.
 * @module
 */
import { HttpResponse } from "../../../server/http/response.ts";
import { OUTSIDE } from "../lookup/lookup.ts";
import type { PlainErrors } from "./plain_errors.ts";
import type { Result } from "./representation.ts";
import type { FallbackFiles } from "./fallback_files.ts";
import type { Fallback, SiteRequest } from "./site_request.ts";

/** The pages of statuses for which the settings name none. */
export const DEFAULT_PAGES: Readonly<Record<number, string>> = { 404: "/404.html" };

/** The trace of a path that has a hidden name. */
export const HIDDEN = "a name begins with a dot (only /.well-known/ is served)";
/** The trace of a path that cannot be resolved. */
export const MALFORMED = "the path holds a NUL or a lone percent sign, or climbs above the root";
const REASONS: Readonly<Record<number, string>> = {
  403: "it may not be read",
  404: OUTSIDE,
  406: "none of its forms is one that the request accepts",
};

/** Returns, for the trace, why a file that was found is not sent. */
export function reasonOf(status: number): string {
  return REASONS[status] ?? "it cannot be sent";
}

/**
 * Answers errors. A page is sent with its error whatever the rules say of the page's own URL: otherwise 401 could have
 * no page. When a page itself cannot be sent, the response is a line of text; errors of error pages have no page.
 */
export class ErrorPages {
  readonly #pages: Readonly<Record<number, string>>;
  readonly #plain: PlainErrors;
  readonly #fallbackFiles: FallbackFiles;

  /** `pages` has the path of the page for each status. */
  constructor(pages: Readonly<Record<number, string>>, plain: PlainErrors, fallbackFiles: FallbackFiles) {
    this.#pages = { ...DEFAULT_PAGES, ...pages };
    this.#plain = plain;
    this.#fallbackFiles = fallbackFiles;
  }

  /** Answers `request` with the error `error`. */
  response(error: Fallback, request: SiteRequest): HttpResponse | Promise<HttpResponse> {
    const { status, extraFields } = error;
    const page = this.#pages[status];
    request.trace?.("page", page ?? `none for ${status}; plain text is sent`);
    const result = page === undefined ? null : this.#fallbackFiles.present(page, error, request);
    const settle = (result: Result | null) => {
      if (result instanceof HttpResponse) return result;
      if (page !== undefined) {
        const why = result === null ? "no such file" : "it cannot be sent";
        request.trace?.("page", `${why}; plain text is sent`);
      }
      return this.#plain.response(status, extraFields, request);
    };
    return result instanceof Promise ? result.then(settle) : settle(result);
  }
}
