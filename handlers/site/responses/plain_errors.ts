/**
 * Responses that say in a few words what happened, with the fields that a site adds to everything.
 * @module
 */
import type { HttpRequest } from "../../../server/http/request.ts";
import { ERROR_FIELDS, errorBody, isToldByLanguage } from "../../../server/exchange/error_response.ts";
import { type Language, languageOf } from "../../../server/http/fields/negotiation.ts";
import { type Fields, HttpResponse } from "../../../server/http/response.ts";
import type { FieldPolicy } from "../rules/field_policy.ts";

const VARY: Fields = [["Vary", "Accept-Language"]];

/** Error responses that are the same for all clients are made once. */
export class PlainErrors {
  readonly #policy: FieldPolicy;
  /** For each language, null among them: the answer to each status. */
  readonly #made = new Map<Language | null, Map<number, HttpResponse>>();

  constructor(policy: FieldPolicy) {
    this.#policy = policy;
  }

  /** The answer to `request` for `url`, the path in its one spelling. */
  response(status: number, url: string, extraFields: Fields, request: HttpRequest): HttpResponse {
    const isShared = extraFields.length === 0 && this.#policy.isUniform;
    const spoken = isToldByLanguage(status) ? request.header("accept-language") : null;
    const language = languageOf(spoken);
    const made = isShared ? this.#made.get(language)?.get(status) : undefined;
    if (made !== undefined) return made;
    const origin = this.#policy.cors.originOf(request);
    const what = { path: url, status, fileName: null, mediaType: null, origin };
    // Without a language the answer is in all that there are: it does for every reader, also out of a cache.
    const vary = language === null ? [] : VARY;
    const fields = this.#policy.fieldsOf([...ERROR_FIELDS, ...extraFields, ...vary], what);
    const response = new HttpResponse(status, fields, errorBody(status, language));
    if (isShared) {
      const others = this.#made.get(language) ?? new Map<number, HttpResponse>();
      this.#made.set(language, others.set(status, response));
    }
    return response;
  }
}
