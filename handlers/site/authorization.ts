/**
 * Who may see what is at a URL.
 * @module
 */
import type { HandlerContext } from "../../server/connection/handler.ts";
import { HttpError } from "../../server/http/http_error.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import type { Fields, HttpResponse } from "../../server/http/response.ts";
import { BUSY_FIELDS } from "./auth/basic_auth.ts";
import type { ErrorPages } from "./responses/error_pages.ts";
import type { Location, Trace } from "./lookup/locator.ts";
import { encodePath } from "./files/resolve_path.ts";
import type { CompiledAuth, Rules } from "./rules/rules.ts";

/** Decides whether a request may see what is at a URL, and asks for a password. */
export class Authorization {
  readonly #rules: Rules;
  readonly #errors: ErrorPages;
  readonly #trace: Trace;

  constructor(rules: Rules, errors: ErrorPages, trace: Trace) {
    this.#rules = rules;
    this.#errors = errors;
    this.#trace = trace;
  }

  /**
   * The rules for the URL, for what is found there and for each form of it, and for each path that a rewrite led to,
   * whether something is there or not: no detour leads around them, and none tells what is there. Where these are two,
   * both have to be satisfied.
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
   * What those are told who may not see what is at `url`; null: whoever asks may. While a password is being tried it
   * is a promise, of what `retry` gives when it is right. `extraFields` are further fields of what they are told.
   */
  deny(
    rules: readonly CompiledAuth[],
    url: string,
    request: HttpRequest,
    context: HandlerContext,
    retry: () => HttpResponse | Promise<HttpResponse>,
    extraFields: Fields = [],
  ): HttpResponse | Promise<HttpResponse> | null {
    for (const { gate, source } of rules) {
      let checked: boolean | Promise<boolean>;
      const busy = (error: unknown) => {
        if (!(error instanceof HttpError)) throw error; // too many are being checked
        const fields = [...BUSY_FIELDS, ...extraFields];
        return this.#errors.response({ status: error.status, url, extraFields: fields }, request, context);
      };
      try {
        checked = gate.check(request, context);
      } catch (error) {
        return busy(error);
      }
      if (checked === true) continue;
      const refuse = () => {
        this.#trace("rule", `auth ${source}: a name and a password are needed`);
        const fields = [...gate.challenge, ...extraFields];
        return this.#errors.response({ status: 401, url, extraFields: fields }, request, context);
      };
      return checked === false ? refuse() : checked.then((isRight) => isRight ? retry() : refuse(), busy);
    }
    return null;
  }
}
