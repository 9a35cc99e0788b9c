/**
 * Authorization: which authentication rules a request has to satisfy, and the response when it does not.
 * @module
 */
import { HttpError } from "../../server/http/http_error.ts";
import type { Fields, HttpResponse } from "../../server/http/response.ts";
import { BUSY_FIELDS } from "./auth/basic_auth.ts";
import type { ErrorPages } from "./responses/error_pages.ts";
import type { SiteRequest } from "./responses/site_request.ts";
import type { Location } from "./lookup/locator.ts";
import { encodePath } from "./files/resolve_path.ts";
import type { CompiledAuth, Rules } from "./rules/rules.ts";

/** The check of a request's credentials against the rules of a site. */
export class Authorization {
  readonly #rules: Rules;
  readonly #errors: ErrorPages;

  constructor(rules: Rules, errors: ErrorPages) {
    this.#rules = rules;
    this.#errors = errors;
  }

  /**
   * Returns the rules that a request for `url` has to satisfy, all of them: those for the URL, for the file or
   * directory at `location`, for each form of the file, and for each path that a rewrite led to. Paths of rewrites
   * count also when nothing is there. So no other way to a file bypasses its rule, and none reveals whether a file
   * exists.
   */
  rulesFor(url: string, location: Location): readonly CompiledAuth[] {
    const paths = location.kind === "file"
      ? [location.path, ...location.variants.map(({ seen }) => seen.path.subarray(0, -1))]
      : [];
    const urls = paths.map((path) => encodePath(path, false));
    if (location.kind === "directory") urls.push(encodePath(location.path, true));
    const rules = [url, ...urls, ...location.rewritten ?? []].map((url) => this.#rules.auth(url));
    return [...new Set(rules.filter((rule) => rule !== null))];
  }

  /**
   * Returns the response to a request that does not satisfy `rules`: 401, or 503 when too many passwords are being
   * checked. Null when the request satisfies them. While a password is being checked the result is a promise; when the
   * password is correct, it has the result of `retry`. `extraFields` are added to the response.
   */
  deny(
    rules: readonly CompiledAuth[],
    request: SiteRequest,
    retry: () => HttpResponse | Promise<HttpResponse>,
    extraFields: Fields,
  ): HttpResponse | Promise<HttpResponse> | null {
    const fail = (status: number, fields: Fields) =>
      this.#errors.response({ status, extraFields: [...fields, ...extraFields] }, request);
    for (const { basicAuth, source } of rules) {
      let checked: boolean | Promise<boolean>;
      const busy = (error: unknown) => {
        if (!(error instanceof HttpError)) throw error;
        return fail(error.status, BUSY_FIELDS); // too many passwords are being checked
      };
      try {
        checked = basicAuth.check(request.http, request.context);
      } catch (error) {
        return busy(error);
      }
      if (checked === true) continue;
      const reject = () => {
        request.trace?.("rule", `auth ${source}: a user name and a password are required`);
        return fail(401, basicAuth.challenge);
      };
      return checked === false ? reject() : checked.then((isRight) => isRight ? retry() : reject(), busy);
    }
    return null;
  }
}
