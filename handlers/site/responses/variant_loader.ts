/**
 * Brings variants of resources into memory: reads them, or compresses them on first use, and makes their responses.
 * @module
 */
import { bodyMemory } from "../../../server/http/body_memory.ts";
import type { Validators } from "../../../server/http/fields/conditional.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import { CACHE_SETTLE_SECONDS } from "../limits.ts";
import type { EntityTags } from "../cache/entity_tags.ts";
import type { FieldPolicy } from "../rules/field_policy.ts";
import type { FileCache } from "../cache/file_cache.ts";
import type { FileContent } from "../cache/file_content.ts";
import type { Forms } from "./forms.ts";
import type { Loaded, Loader } from "../content/loader.ts";
import { addFieldsFor, representationOf, sourceInMemory, whole } from "./representation.ts";
import type { Resource, Variant } from "../cache/resource.ts";
import type { SiteRequest } from "./site_request.ts";
import type { VariantSource } from "./variants.ts";
import { contentOf, isDated, validatorsOf } from "../cache/validators.ts";

/** What variants are loaded with. */
export interface VariantParts {
  readonly cache: FileCache;
  readonly loader: Loader;
  readonly tags: EntityTags;
  readonly policy: FieldPolicy;
  readonly forms: Forms;
}

/** What {@linkcode VariantLoader} keeps of a variant. */
interface Kept {
  readonly content: FileContent;
  /** True for bytes that were read for this resource; false for a form compressed of them, which they include. */
  readonly isRead: boolean;
  readonly validators: Validators;
}

/** Loads variants. */
export class VariantLoader implements VariantSource {
  readonly #parts: VariantParts;

  constructor(parts: VariantParts) {
    this.#parts = parts;
  }

  /**
   * Loads `variant` of `resource`, unless it is in memory. Null: `variant.content` is set now. Otherwise returns the open
   * file, or −errno. A new resource is kept in the cache once a variant was opened, and is watched from then on.
   */
  load(resource: Resource, variant: Variant, request: SiteRequest): Loaded | number | null {
    return variant.content === null ? this.#load(resource, variant, request) : null;
  }

  #load(resource: Resource, variant: Variant, { context, trace }: SiteRequest): Loaded | number | null {
    const { loader, cache, tags } = this.#parts;
    const isFresh = resource.entry !== null && resource.checkedTurn === context.turn;
    const loaded = loader.load(resource, variant, isFresh, (status) => cache.contentOf(status, context));
    if (typeof loaded === "number") return loaded;
    const { bytes, status } = loaded;
    const { seen } = variant;
    const aheadSeconds = status.modifiedSeconds - context.clock.seconds;
    const isAhead = aheadSeconds > 0 && aheadSeconds <= CACHE_SETTLE_SECONDS;
    if (seen.status === null || !status.equals(seen.status) || isAhead) {
      // The file changed after the look: if the state that was seen came back, it would vouch for other bytes. Or it
      // changed after this turn's clock was read: its Last-Modified would stay a second behind.
      cache.remove(resource);
      resource.isNew = false;
      trace?.("cache", "not kept: it has just changed");
    }
    const content = bytes === null ? loaded.content : contentOf(bytes, status, context, this.#parts);
    if (content !== null) {
      const etag = tags.ofForm(content.tag, status, variant.coding);
      if (content.isProvisional || !isDated(status, etag, context, this.#parts)) {
        resource.isProvisional = true;
      }
      const validators = validatorsOf(status, etag, context, this.#parts);
      this.#keep(resource, variant, { content, isRead: true, validators }, context.clock.seconds);
    }
    if (resource.isNew) {
      const isKept = cache.put(resource, context);
      trace?.(
        "cache",
        isKept ? "kept in memory" : "not kept: it cannot be watched, and changed a moment ago",
      );
    }
    if (bytes !== null && resource.entry === null) cache.dismiss(content!);
    return content === null ? loaded : null;
  }

  make(resource: Resource, coding: Coding, request: SiteRequest): Variant | Promise<Variant> | null {
    if (!resource.isCompressible) return null;
    const { seconds } = request.context.clock;
    const original = resource.variants[0]!;
    const loaded = this.load(resource, original, request);
    if (typeof loaded !== "number" && loaded !== null) loaded.file?.release();
    const { content } = original;
    if (content === null || resource.entry === null) return null; // it would be made again for each request
    const form = this.#parts.forms.of(content.file, coding, seconds);
    if (form === null) return null;
    const attach = (form: FileContent | null): Variant => {
      if (form === null || form.hasLeft) return original;
      const known = resource.variants.find((variant) => variant.coding === coding);
      if (known !== undefined) return known;
      const variant: Variant = { coding, seen: original.seen, content: null };
      // A stronger compression may replace the form, so its date does not tell which bytes it has.
      const validators = { ...content.validators, etag: form.tag, isDateWeak: true };
      const nowSeconds = request.context.clock.seconds;
      this.#keep(resource, variant, { content: form, isRead: false, validators }, nowSeconds);
      if (resource.entry !== null) resource.variants.push(variant);
      else bodyMemory.reclaimer.add(form.bytes.buffer); // only the requests that waited for it use it
      return variant;
    };
    return form instanceof Promise ? form.then(attach) : attach(form);
  }

  /** Returns null when no condition of the request needs the tag, too. */
  tagOf(resource: Resource, variant: Variant, request: SiteRequest): string | null | Promise<string | null> {
    const { http } = request;
    if (http.header("if-range") === null && http.header("if-match") === null) return null;
    const loaded = this.load(resource, variant, request);
    if (variant.content !== null) return variant.content.validators.etag;
    if (loaded === null || typeof loaded === "number") return null;
    loaded.file?.release();
    return this.tagOnDisk(variant, loaded, request);
  }

  /** Returns the tag of a file that was opened and not read; a promise while its digest is made. */
  tagOnDisk(
    { coding, seen }: Variant,
    { digest, status }: Loaded,
    { context }: SiteRequest,
  ): string | null | Promise<string | null> {
    const { tags } = this.#parts;
    return tags.ofKnown(digest, status, coding) ??
      tags.ofFile(seen.path, status, coding, context.clock.seconds);
  }

  #keep(
    resource: Resource,
    variant: Variant,
    { content, isRead, validators }: Kept,
    nowSeconds: number,
  ): void {
    const { cache, policy } = this.#parts;
    const file = representationOf(resource, variant, validators, sourceInMemory(content.bytes));
    // Bytes that several URLs share stand behind the head of one response; the others send them from there.
    const isOwn = !content.isShared;
    const response = whole(file, addFieldsFor(policy, resource, null, null), isOwn);
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
    variant.content = {
      file: content,
      validators,
      whole: answer,
      byOrigin: new Map(),
      notModified: null,
      bytes,
    };
    cache.grow(resource, bytes, isRead ? content : null, nowSeconds);
  }
}
