/**
 * The answer to an error: the site's page for it, or a line of text.
 * @module
 */
import type { HandlerContext } from "../../../server/connection/handler.ts";
import type { HttpRequest } from "../../../server/http/request.ts";
import { HttpResponse } from "../../../server/http/response.ts";
import type { Trace } from "../lookup/locator.ts";
import { OUTSIDE } from "../lookup/lookup.ts";
import type { PlainErrors } from "./plain_errors.ts";
import type { FallbackFile, Result } from "./representation.ts";
import type { FallbackFiles } from "./fallback_files.ts";

/** What a site shows unless told otherwise. */
const DEFAULT_PAGES: Readonly<Record<number, string>> = { 404: "/404.html" };

/** Why a path is not looked at. */
export const HIDDEN = "a name begins with a dot (only /.well-known/ is served)";
/** The same. */
export const MALFORMED = "the path holds a NUL or a lone percent sign, or climbs above the root";
const REASONS: Readonly<Record<number, string>> = {
  403: "it may not be read",
  404: OUTSIDE,
  406: "none of its forms is one that the request accepts",
};

/** Why a file that was found is not shown, for those who ask. */
export function reasonOf(status: number): string {
  return REASONS[status] ?? "it cannot be had";
}

/**
 * A page is for everybody who meets its error, whatever the rules say of its own URL: else there could be none for 401.
 * Where it cannot be had the error is told in words. It has no page of its own.
 */
export class ErrorPages {
  readonly #pages: Readonly<Record<number, string>>;
  readonly #plain: PlainErrors;
  readonly #fallbackFiles: FallbackFiles;
  readonly #trace: Trace;

  /** `pages`: the path of the page for each status. */
  constructor(
    pages: Readonly<Record<number, string>>,
    plain: PlainErrors,
    fallbackFiles: FallbackFiles,
    trace: Trace,
  ) {
    this.#pages = { ...DEFAULT_PAGES, ...pages };
    this.#plain = plain;
    this.#fallbackFiles = fallbackFiles;
    this.#trace = trace;
  }

  /** The answer to `request`; `error` says what it is about. */
  response(
    error: FallbackFile,
    request: HttpRequest,
    context: HandlerContext,
  ): HttpResponse | Promise<HttpResponse> {
    const page = this.#pages[error.status];
    this.#trace("page", page ?? `none for ${error.status}: a line of text`);
    const result = page === undefined ? null : this.#fallbackFiles.present(page, error, request, context);
    const settle = (result: Result | null) => {
      if (result instanceof HttpResponse) return result;
      if (page !== undefined) this.#trace("page", "which cannot be had: a line of text instead");
      return this.#plain.response(error.status, error.url, error.extraFields, request);
    };
    return result instanceof Promise ? result.then(settle) : settle(result);
  }
}
