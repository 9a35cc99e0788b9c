/**
 * Responses whose body is a line of text, with the fields that the site adds to all responses.
 * @module
 */
import { ERROR_FIELDS, errorBody, variesByLanguage } from "../../../server/exchange/error_response.ts";
import { type Language, languageOf } from "../../../server/http/fields/negotiation.ts";
import { type Fields, HttpResponse } from "../../../server/http/response.ts";
import type { FieldPolicy } from "../rules/field_policy.ts";
import type { SiteRequest } from "./site_request.ts";

const VARY: Fields = [["Vary", "Accept-Language"]];

/** Makes such responses; one that is the same for all clients is made once. */
export class PlainErrors {
  readonly #policy: FieldPolicy;
  /** Shared responses by language and status. The language is null when the request names none of those spoken here. */
  readonly #made = new Map<Language | null, Map<number, HttpResponse>>();

  constructor(policy: FieldPolicy) {
    this.#policy = policy;
  }

  /** Answers `request` with `status` and `extraFields`. */
  response(status: number, extraFields: Fields, { http, url }: SiteRequest): HttpResponse {
    const isShared = extraFields.length === 0 && this.#policy.isUniform;
    const spoken = variesByLanguage(status) ? http.header("accept-language") : null;
    const language = languageOf(spoken);
    const made = isShared ? this.#made.get(language)?.get(status) : undefined;
    if (made !== undefined) return made;
    const origin = this.#policy.cors.originOf(http);
    const what = { path: url, status, fileName: null, mediaType: null, origin };
    // Without a language the text is in all languages at once: a cache may give it to every reader, so it has no Vary.
    const vary = language === null ? [] : VARY;
    const fields = this.#policy.fieldsOf([...ERROR_FIELDS, ...extraFields, ...vary], what);
    const response = new HttpResponse(status, fields, errorBody(status, language));
    if (isShared) {
      const others = this.#made.get(language) ?? new Map<number, HttpResponse>();
      this.#made.set(language, others.set(status, response));
    }
    return response;
  }

  /** Redirects `request` to `location`. */
  redirect(location: string, status: number, request: SiteRequest, extraFields: Fields = []): HttpResponse {
    return this.response(status, [["Location", location], ...extraFields], request);
  }
}
