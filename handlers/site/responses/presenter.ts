/**
 * Responses for a resource: chooses a variant, has it loaded, and applies the request's conditions and ranges; from
 * memory where the variant is there, else from disk.
 * @module
 */
import { FileStatus } from "../../../ffi/file/file_status.ts";
import { preconditionStatus } from "../../../server/http/fields/conditional.ts";
import { KnownRequest } from "../../../server/http/heads/known_request.ts";
import { type Fields, HttpResponse } from "../../../server/http/response.ts";
import { FORM_OVERHEAD_BYTES } from "../../../server/limits.ts";
import type { Loaded } from "../content/loader.ts";
import { conditionalResponse } from "./partial_content.ts";
import {
  addFieldsFor,
  errorPage,
  notModified,
  representationOf,
  type Result,
  sourceInMemory,
  sourceOnDisk,
  whole,
} from "./representation.ts";
import type { Answer, Content, Resource, Variant } from "../cache/resource.ts";
import type { SiteRequest } from "./site_request.ts";
import { VariantLoader, type VariantParts } from "./variant_loader.ts";
import { asItIsNow, chooseVariant, describeVariant } from "./variants.ts";
import { statusOfErrno } from "../files/directory_root.ts";
import { validatorsOf } from "../cache/validators.ts";

const BUSY: Fields = [["Retry-After", "1"]];

/** What a presenter works with. */
export interface PresenterParts extends VariantParts {
  /** The object for which known requests remember answers. */
  readonly owner: object;
}

/** Makes the response for a resource and a request. */
export class Presenter {
  readonly #parts: PresenterParts;
  readonly #loader: VariantLoader;

  constructor(parts: PresenterParts) {
    this.#parts = parts;
    this.#loader = new VariantLoader(parts);
  }

  /** Answers `request` with `resource`, which is what the URL leads to, or the file of `request.fallback`. */
  present(resource: Resource, request: SiteRequest): Result | Promise<Result> {
    const variant = resource.varies ? chooseVariant(resource, request, this.#loader) : resource.variants[0]!;
    if (variant === null) return { failure: 406, extraFields: [["Vary", "Accept-Encoding"]] };
    return variant instanceof Promise
      ? variant.then((variant) => this.#show(resource, asItIsNow(variant, resource), request))
      : this.#show(resource, variant, request);
  }

  #show(resource: Resource, variant: Variant, request: SiteRequest): Result | Promise<Result> {
    request.trace?.("variant", describeVariant(variant));
    const loaded = this.#loader.load(resource, variant, request);
    if (variant.content !== null) return this.#fromMemory(resource, variant, variant.content, request);
    if (typeof loaded !== "number") return this.#fromDisk(resource, variant, loaded!, request);
    const failure = statusOfErrno(-loaded);
    if (failure === 503) return { failure, extraFields: BUSY }; // out of descriptors or memory: the file is as it was
    return this.#withdraw(resource, variant) ? this.present(resource, request) : { failure, extraFields: [] };
  }

  /**
   * Ends `resource` because `variant` cannot be opened, so the next request looks again. True when `variant` was one of
   * several: the client gets another one. Pending requests may still use the resource, or have withdrawn the same variant.
   */
  #withdraw(resource: Resource, variant: Variant): boolean {
    this.#parts.cache.remove(resource);
    resource.isNew = false;
    const others = resource.variants.filter(({ seen }) => seen !== variant.seen);
    if (variant.coding === null || others.length === 0) return false;
    resource.variants = others;
    return true;
  }

  #fromMemory(resource: Resource, variant: Variant, content: Content, request: SiteRequest): Result {
    const { forms, owner, policy } = this.#parts;
    const { http, fallback } = request;
    const origin = policy.cors.originOf(http);
    // While too much is being compressed, a client may get a variant that is not the best one; that is not remembered.
    const isLasting = resource.entry !== null && !(resource.isCompressible && forms.isFull);
    const known = http instanceof KnownRequest && isLasting ? http : null;
    let answer = fallback !== null
      ? null
      : origin === null
      ? content.whole
      : content.byOrigin.get(origin) ?? null;
    if (answer === null || answer.response === null || http.isConditional) {
      const made = this.#makeAnswer(resource, variant, { content, answer, known, origin }, request);
      if (made instanceof HttpResponse || "failure" in made) return made;
      answer = made;
    }
    if (known !== null && answer.entry !== null) known.remember(owner, answer);
    return answer.response!;
  }

  /**
   * Makes the response to conditions, for an origin, or for a fallback. An `Answer`, which has a response, may be
   * remembered by later requests; a `Result` is for this request alone.
   */
  #makeAnswer(
    resource: Resource,
    variant: Variant,
    { content, answer, known, origin }: Choice,
    request: SiteRequest,
  ): Answer | Result {
    const { http, context, fallback } = request;
    const addFields = addFieldsFor(this.#parts.policy, resource, origin, request);
    const { validators } = content;
    const file = representationOf(resource, variant, validators, sourceInMemory(content.file.bytes));
    if (fallback !== null && fallback.status !== 200) return errorPage(file, fallback, addFields);
    const isPlain = origin === null && fallback === null;
    let found = answer;
    if (isPlain && preconditionStatus(http, validators, context.clock.seconds) === 304) {
      found = content.notModified;
      if (found === null && known === null) return notModified(file, addFields);
      found ??= content.notModified = this.#share(resource, content, notModified(file, addFields), request);
    } else {
      const part = conditionalResponse(request, file, addFields);
      if (part !== null) return part;
      if (found === null) {
        const response = whole(file, addFields, false);
        if (fallback !== null || origin === null || known === null) return response;
        content.byOrigin.set(origin, found = this.#share(resource, content, response, request));
      }
    }
    if (found.response !== null) return found;
    // The resource ended while its bytes were compressed, or as soon as it grew.
    return found === content.notModified ? notModified(file, addFields) : whole(file, addFields, false);
  }

  /** Makes `response` one that requests may remember; it counts in the cache. */
  #share(resource: Resource, content: Content, response: HttpResponse, { context }: SiteRequest): Answer {
    const shared = resource.answer(response);
    const bytes = response.bytes.length + FORM_OVERHEAD_BYTES;
    content.bytes += bytes;
    this.#parts.cache.grow(resource, bytes, null, context.clock.seconds);
    return shared;
  }

  #fromDisk(
    resource: Resource,
    variant: Variant,
    loaded: Loaded,
    request: SiteRequest,
  ): Result | Promise<Result> {
    const { policy } = this.#parts;
    const { http, context, fallback } = request;
    const { file: open, start, status } = loaded;
    const answer = (etag: string | null, status: FileStatus) => {
      let isLeased = false;
      try {
        const addFields = addFieldsFor(policy, resource, policy.cors.originOf(http), request);
        const source = sourceOnDisk(open!, start, status, () => isLeased = true);
        const validators = validatorsOf(status, etag, context, this.#parts);
        const file = representationOf(resource, variant, validators, source);
        if (fallback !== null && fallback.status !== 200) return errorPage(file, fallback, addFields);
        return conditionalResponse(request, file, addFields) ?? whole(file, addFields);
      } finally {
        if (!isLeased) open!.release();
      }
    };
    const etag = this.#loader.tagOnDisk(variant, loaded, request);
    if (!(etag instanceof Promise)) return answer(etag, status);
    return etag.then((etag) => {
      const now = new FileStatus(); // the file may have been written to while its digest was made
      if (now.readDescriptor(open!.fd) < 0) now.copyFrom(status);
      return answer(now.equals(status) ? etag : null, now);
    });
  }
}

/** The variant in memory for a request, and who may read the response. */
interface Choice {
  readonly content: Content;
  /** The response 200 for `origin`; null when it was not made yet, and for a fallback. */
  readonly answer: Answer | null;
  /** The request, when it may remember an answer; else null. */
  readonly known: KnownRequest | null;
  /** The origin whose pages may read the response; null without one. */
  readonly origin: string | null;
}
