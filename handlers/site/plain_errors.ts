/**
 * Responses that say in a few words what happened, with the fields that a site adds to everything.
 * @module
 */
import type { HttpRequest } from "../../server/http/request.ts";
import { ERROR_FIELDS, errorBody } from "../../server/http/error_response.ts";
import { type Fields, HttpResponse } from "../../server/http/response.ts";
import type { FieldPolicy } from "./field_policy.ts";

/** Those that are the same for everybody are made once. */
export class PlainErrors {
  readonly #policy: FieldPolicy;
  readonly #made = new Map<number, HttpResponse>();

  constructor(policy: FieldPolicy) {
    this.#policy = policy;
  }

  /** The answer to `request` for `url`, the path in its one spelling. */
  response(status: number, url: string, own: Fields, request: HttpRequest): HttpResponse {
    const isShared = own.length === 0 && this.#policy.isUniform;
    const made = isShared ? this.#made.get(status) : undefined;
    if (made !== undefined) return made;
    const origin = this.#policy.cors.originOf(request);
    const what = { path: url, status, fileName: null, mediaType: null, origin };
    const fields = this.#policy.fieldsOf([...ERROR_FIELDS, ...own], what);
    const response = new HttpResponse(status, fields, errorBody(status));
    if (isShared) this.#made.set(status, response);
    return response;
  }
}
