/**
 * Checks passwords before a response says anything about what is at a URL.
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

/** Decides whether a request may see what is at a URL, and asks for a password. */
export class Authorization {
  readonly #rules: Rules;
  readonly #errors: ErrorPages;

  constructor(rules: Rules, errors: ErrorPages) {
    this.#rules = rules;
    this.#errors = errors;
  }

  /**
   * Returns the rules for `url`, for the file found there, for each compressed form of it, and for each path that a
   * rewrite led to, whether or not a file is there. So no detour avoids a rule, and none tells whether a file exists.
   * A request has to satisfy all of them.
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
   * Returns the refusal of a request that does not satisfy `rules`; null when it does. While a password is checked the
   * result is a promise, which becomes that of `retry` when the password is right. `extraFields` are added to the
   * refusal.
   */
  deny(
    rules: readonly CompiledAuth[],
    request: SiteRequest,
    retry: () => HttpResponse | Promise<HttpResponse>,
    extraFields: Fields,
  ): HttpResponse | Promise<HttpResponse> | null {
    const fail = (status: number, fields: Fields) =>
      this.#errors.response({ status, extraFields: [...fields, ...extraFields] }, request);
    for (const { gate, source } of rules) {
      let checked: boolean | Promise<boolean>;
      const busy = (error: unknown) => {
        if (!(error instanceof HttpError)) throw error;
        return fail(error.status, BUSY_FIELDS); // too many passwords are being checked
      };
      try {
        checked = gate.check(request.http, request.context);
      } catch (error) {
        return busy(error);
      }
      if (checked === true) continue;
      const refuse = () => {
        request.trace?.("rule", `auth ${source}: a name and a password are needed`);
        return fail(401, gate.challenge);
      };
      return checked === false ? refuse() : checked.then((isRight) => isRight ? retry() : refuse(), busy);
    }
    return null;
  }
}
