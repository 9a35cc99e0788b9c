/**
 * From a resource and a request to a response: which variant, which part of it, from memory or from disk.
 * @module
 */
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { HandlerContext } from "../../../server/connection/handler.ts";
import { bodyMemory } from "../../../server/http/body_memory.ts";
import { preconditionStatus, type Validators } from "../../../server/http/fields/conditional.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import { KnownRequest } from "../../../server/http/heads/known_request.ts";
import type { HttpRequest } from "../../../server/http/request.ts";
import type { Fields, HttpResponse } from "../../../server/http/response.ts";
import { FORM_OVERHEAD_BYTES } from "../../../server/limits.ts";
import { CACHE_SETTLE_SECONDS } from "../limits.ts";
import type { EntityTags } from "../cache/entity_tags.ts";
import type { FieldPolicy } from "../rules/field_policy.ts";
import type { FileCache } from "../cache/file_cache.ts";
import type { FileContent } from "../cache/file_content.ts";
import type { Forms } from "./forms.ts";
import type { Loaded, Loader } from "../content/loader.ts";
import type { Trace } from "../lookup/locator.ts";
import { isPackedSvg } from "../files/media_type.ts";
import {
  type AddFields,
  errorPage,
  type FallbackFile,
  negotiate,
  notModified,
  type Representation,
  type Result,
  sourceInMemory,
  sourceOnDisk,
  whole,
} from "./representation.ts";
import type { Answer, Content, Resource, Variant } from "../cache/resource.ts";
import { asItIsNow, chooseVariant, describeVariant } from "./variants.ts";
import { statusOfErrno } from "../files/directory_root.ts";
import { contentOf, isDated, validatorsOf } from "../cache/validators.ts";

const BUSY: Fields = [["Retry-After", "1"]];

/** What a presenter works with. */
export interface PresenterParts {
  readonly cache: FileCache;
  readonly loader: Loader;
  readonly tags: EntityTags;
  readonly policy: FieldPolicy;
  /** Known requests remember its answers for this object. */
  readonly owner: object;
  readonly forms: Forms;
  readonly trace: Trace;
}

/** Makes the response for a resource and a request. */
export class Presenter {
  readonly #parts: PresenterParts;

  constructor(parts: PresenterParts) {
    this.#parts = parts;
  }

  /** Answers `request` with `resource`; null for `fallback`: the resource is what the URL leads to. */
  present(
    resource: Resource,
    request: HttpRequest,
    context: HandlerContext,
    fallback: FallbackFile | null = null,
  ): Result | Promise<Result> {
    const variant = this.#choose(resource, request, context);
    if (variant === null) return { failure: 406, extraFields: [["Vary", "Accept-Encoding"]] };
    return variant instanceof Promise
      ? variant.then((variant) => this.#show(resource, asItIsNow(variant), request, context, fallback))
      : this.#show(resource, variant, request, context, fallback);
  }

  #choose(
    resource: Resource,
    request: HttpRequest,
    context: HandlerContext,
  ): Variant | Promise<Variant> | null {
    if (!resource.varies) return resource.variants[0]!;
    return chooseVariant(resource, request, {
      make: (coding) => this.#make(resource, coding, context),
      tagOf: (variant) => this.#tagOf(resource, variant, request, context),
    });
  }

  /** Null as well when no condition needs it. */
  #tagOf(
    resource: Resource,
    variant: Variant,
    request: HttpRequest,
    context: HandlerContext,
  ): string | null | Promise<string | null> {
    if (request.header("if-range") === null && request.header("if-match") === null) return null;
    const loaded = variant.content === null ? this.#load(resource, variant, context) : null;
    if (variant.content !== null) return variant.content.validators.etag;
    if (loaded === null || typeof loaded === "number") return null;
    loaded.file?.release();
    return this.#tagOnDisk(variant, loaded, context);
  }

  #tagOnDisk({ coding, seen }: Variant, { digest, status }: Loaded, { clock }: HandlerContext) {
    const { tags } = this.#parts;
    return tags.ofKnown(digest, status, coding) ?? tags.ofFile(seen.path, status, coding, clock.seconds);
  }

  /** A form that is made here; null where that is of no use, or there is too much to do already. */
  #make(resource: Resource, coding: Coding, context: HandlerContext): Variant | Promise<Variant> | null {
    if (!resource.isCompressible) return null;
    const original = resource.variants[0]!;
    const loaded = original.content === null ? this.#load(resource, original, context) : null;
    if (typeof loaded !== "number" && loaded !== null) loaded.file?.release();
    const { content } = original;
    if (content === null || resource.entry === null) return null; // it would be made again and again
    const form = this.#parts.forms.of(content.file, coding, context.clock.seconds);
    if (form === null) return null;
    const attach = (form: FileContent | null): Variant => {
      if (form === null || form.hasLeft) return original;
      const known = resource.variants.find((variant) => variant.coding === coding);
      if (known !== undefined) return known;
      const variant: Variant = { coding, seen: original.seen, content: null };
      this.#keepContent(resource, variant, form, null, { ...content.validators, etag: form.tag }, context);
      if (resource.entry !== null) resource.variants.push(variant);
      else bodyMemory.reclaimer.add(form.bytes.buffer); // it is for those who waited for it
      return variant;
    };
    return form instanceof Promise ? form.then(attach) : attach(form);
  }

  #show(
    resource: Resource,
    variant: Variant,
    request: HttpRequest,
    context: HandlerContext,
    fallback: FallbackFile | null,
  ): Result | Promise<Result> {
    this.#parts.trace("variant", describeVariant(variant));
    const loaded = variant.content === null ? this.#load(resource, variant, context) : null;
    if (variant.content !== null) {
      return this.#fromMemory(resource, variant, variant.content, request, context, fallback);
    }
    if (typeof loaded !== "number") {
      return this.#fromDisk(resource, variant, loaded!, request, context, fallback);
    }
    const failure = statusOfErrno(-loaded);
    if (failure === 503) return { failure, extraFields: BUSY }; // nothing is wrong with the file
    return this.#withdraw(resource, variant)
      ? this.present(resource, request, context, fallback)
      : { failure, extraFields: [] };
  }

  /**
   * A variant that cannot be opened ends its resource: what led to it is to be looked at again. True when it was a
   * compressed form beside others: the client gets one of those, as if this one were not there. Others may be at work
   * with the resource still, or have withdrawn the same variant.
   */
  #withdraw(resource: Resource, variant: Variant): boolean {
    this.#parts.cache.remove(resource);
    resource.isNew = false;
    const others = resource.variants.filter(({ seen }) => seen !== variant.seen);
    if (variant.coding === null || others.length === 0) return false;
    resource.variants = others;
    return true;
  }

  /** Null: it is in memory now. A resource is kept as soon as a variant of it was opened, and is watched. */
  #load(resource: Resource, variant: Variant, context: HandlerContext): Loaded | number | null {
    const { loader, cache, tags, trace } = this.#parts;
    const isFresh = resource.entry !== null && resource.checkedTurn === context.turn;
    const loaded = loader.load(resource, variant, isFresh, (status) => cache.contentOf(status, context));
    if (typeof loaded === "number") return loaded;
    const { bytes, status } = loaded;
    const { seen } = variant;
    const aheadSeconds = status.modifiedSeconds - context.clock.seconds;
    const isAhead = aheadSeconds > 0 && aheadSeconds <= CACHE_SETTLE_SECONDS;
    if (seen.status === null || !status.equals(seen.status) || isAhead) {
      // It changed since it was looked at: what was seen would vouch for these bytes, should it come back. Or since
      // this turn's clock was read: its Last-Modified would go on saying the second before.
      cache.remove(resource);
      resource.isNew = false;
      trace("cache", "not kept: it has just changed");
    }
    const content = bytes === null ? loaded.content : contentOf(bytes, status, context, this.#parts);
    if (content !== null) {
      const etag = tags.ofForm(content.tag, status, variant.coding);
      if (content.isProvisional || !isDated(status, etag, context, this.#parts)) {
        resource.isProvisional = true;
      }
      const validators = validatorsOf(status, etag, context, this.#parts);
      this.#keepContent(resource, variant, content, content, validators, context);
    }
    if (resource.isNew) {
      const isKept = cache.put(resource, context);
      trace("cache", isKept ? "kept in memory" : "not kept: it cannot be watched, and changed a moment ago");
    }
    if (bytes !== null && resource.entry === null) cache.dismiss(content!);
    return content === null ? loaded : null;
  }

  /** `added` is what the resource has not been made of so far. */
  #keepContent(
    resource: Resource,
    variant: Variant,
    content: FileContent,
    added: FileContent | null,
    validators: Validators,
    context: HandlerContext,
  ): void {
    const file = { ...describe(resource, variant), validators, ...sourceInMemory(content.bytes) };
    const isOwn = !content.isShared; // of several URLs, one has it behind its head, and all others send it from there
    const response = whole(file, this.#addFields(resource, null, null), isOwn);
    let bytes = response.bytes.length;
    if (isOwn) {
      content.isShared = true;
      if (response.tail === null) {
        content.moveInto(response);
        bytes -= content.size;
      }
    }
    const isFirst = resource.variants[0] === variant;
    if (isFirst) resource.response = response;
    const answer = isFirst ? resource : resource.answer(response);
    variant.content = { file: content, validators, whole: answer, byOrigin: new Map(), notModified: null };
    this.#parts.cache.grow(resource, bytes, added, context.clock.seconds);
  }

  #fromMemory(
    resource: Resource,
    variant: Variant,
    content: Content,
    request: HttpRequest,
    context: HandlerContext,
    fallback: FallbackFile | null,
  ): Result {
    const { cache, forms, owner, policy } = this.#parts;
    const origin = policy.cors.originOf(request);
    const isPlain = origin === null && fallback === null;
    // While there is too much to compress, a client may get what is not the best for it: only for now.
    const isLasting = resource.entry !== null && !(resource.isCompressible && forms.isFull);
    const known = request instanceof KnownRequest && isLasting ? request : null;
    let answer = fallback !== null
      ? null
      : origin === null
      ? content.whole
      : content.byOrigin.get(origin) ?? null;
    if (answer === null || answer.response === null || request.isConditional) {
      const addFields = this.#addFields(resource, origin, fallback);
      const { validators } = content;
      const file = { ...describe(resource, variant), validators, ...sourceInMemory(content.file.bytes) };
      if (fallback !== null && fallback.status !== 200) {
        return errorPage(file, fallback.status, fallback.extraFields, addFields);
      }
      /** One response for all requests that remember it: it counts in the cache. */
      const share = (response: HttpResponse): Answer => {
        const shared = resource.answer(response);
        cache.grow(resource, response.bytes.length + FORM_OVERHEAD_BYTES, null, context.clock.seconds);
        return shared;
      };
      if (isPlain && preconditionStatus(request, validators, context.clock.seconds) === 304) {
        answer = content.notModified;
        if (answer === null && known === null) return notModified(file, addFields);
        answer ??= content.notModified = share(notModified(file, addFields));
      } else {
        const part = negotiate(request, context, file, addFields);
        if (part !== null) return part;
        if (answer === null) {
          const response = whole(file, addFields, false);
          if (fallback !== null || origin === null || known === null) return response;
          content.byOrigin.set(origin, answer = share(response));
        }
      }
      // The resource may have ended while its bytes were compressed, or had to leave at once.
      if (answer.response === null) {
        return answer === content.notModified ? notModified(file, addFields) : whole(file, addFields, false);
      }
    }
    if (known !== null && answer.entry !== null) known.remember(owner, answer);
    return answer.response;
  }

  #fromDisk(
    resource: Resource,
    variant: Variant,
    loaded: Loaded,
    request: HttpRequest,
    context: HandlerContext,
    fallback: FallbackFile | null,
  ): Result | Promise<Result> {
    const { file: open, start, status } = loaded;
    const answer = (etag: string | null, status: FileStatus) => {
      let isLeased = false;
      try {
        const addFields = this.#addFields(resource, this.#parts.policy.cors.originOf(request), fallback);
        const source = sourceOnDisk(open!, start, status, () => isLeased = true);
        const validators = validatorsOf(status, etag, context, this.#parts);
        const file = { ...describe(resource, variant), validators, ...source };
        if (fallback !== null && fallback.status !== 200) {
          return errorPage(file, fallback.status, fallback.extraFields, addFields);
        }
        return negotiate(request, context, file, addFields) ?? whole(file, addFields);
      } finally {
        if (!isLeased) open!.release();
      }
    };
    const etag = this.#tagOnDisk(variant, loaded, context);
    if (!(etag instanceof Promise)) return answer(etag, status);
    return etag.then((etag) => {
      const now = new FileStatus(); // it may have been written to while its tag was made
      if (now.readDescriptor(open!.fd) < 0) now.copyFrom(status);
      return answer(now.equals(status) ? etag : null, now);
    });
  }

  #addFields(resource: Resource, origin: string | null, fallback: FallbackFile | null): AddFields {
    const { fileName, mediaType, url } = resource;
    const isPrivate = resource.auth.length > 0 || fallback?.isPrivate === true;
    return (extraFields, status) => {
      const fields = fallback === null || fallback.status !== 200
        ? extraFields
        : [...extraFields, ...fallback.extraFields];
      const path = fallback === null ? url : fallback.url;
      return this.#parts.policy.fieldsOf(fields, { path, status, fileName, mediaType, origin, isPrivate });
    };
  }
}

function describe(
  { fileName, mediaType, varies }: Resource,
  { coding }: Variant,
): Pick<Representation, "mediaType" | "coding" | "varies"> {
  return { mediaType, coding: coding ?? (isPackedSvg(fileName) ? "gzip" : null), varies };
}
