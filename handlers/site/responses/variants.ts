/**
 * Which variant of a resource a request gets. Source: RFC 9110 §12.5.3, §14.2.
 * @module
 */
import { type Coding, codingsOf } from "../../../server/http/fields/negotiation.ts";
import { parseRanges } from "../../../server/http/fields/range.ts";
import type { HttpRequest } from "../../../server/http/request.ts";
import { isRangeOf } from "../../../server/http/fields/conditional.ts";
import { SIBLING_SUFFIXES } from "../watch/watched_name.ts";
import type { Resource, Variant } from "../cache/resource.ts";
import type { SiteRequest } from "./site_request.ts";

/** Makes variants, and knows their entity tags. */
export interface VariantSource {
  /** Compresses the resource now; null when that does not help, or too much is being compressed. */
  make(resource: Resource, coding: Coding, request: SiteRequest): Variant | Promise<Variant> | null;
  /** Returns the tag of a variant when a condition of the request needs it; otherwise null. */
  tagOf(resource: Resource, variant: Variant, request: SiteRequest): string | null | Promise<string | null>;
}

/**
 * Returns the variant that the client prefers; null when it accepts none. A Range is of the uncompressed file, where the
 * client accepts that: a part of a compressed form is useful only to a client that has the rest of the form, and such a
 * client names its tag.
 */
export function chooseVariant(
  resource: Resource,
  request: SiteRequest,
  source: VariantSource,
): Variant | Promise<Variant> | null {
  const { http } = request;
  const first = resource.variants[0]!;
  const codings = codingsOf(http.header("accept-encoding"));
  const mayBePlain = first.coding === null && codings.length > 0 && codings[0] !== "identity" &&
    codings.includes("identity") && asksForRanges(http);
  if (!mayBePlain) return chooseCoding(resource, codings, request, source);
  const tag = source.tagOf(resource, first, request);
  const choose = (tag: string | null) =>
    isRangeOf(http, tag) ? first : chooseCoding(resource, codings, request, source);
  return tag instanceof Promise ? tag.then(choose) as Promise<Variant> : choose(tag);
}

function chooseCoding(
  resource: Resource,
  codings: readonly (Coding | "identity")[],
  request: SiteRequest,
  source: VariantSource,
): Variant | Promise<Variant> | null {
  const first = resource.variants[0]!;
  for (const coding of codings) {
    const wanted = coding === "identity" ? null : coding;
    const variant = resource.variants.find(({ coding }) => coding === wanted);
    if (variant !== undefined) return variant;
    const made = wanted === null ? null : source.make(resource, wanted, request);
    if (made !== null) return made;
  }
  return first.coding === null ? first : null;
}

/** True when a Range would be honoured, as far as the request alone can tell. */
function asksForRanges(request: HttpRequest): boolean {
  if (!request.isConditional || request.method !== "GET") return false;
  const field = request.header("range");
  return field !== null && parseRanges(field, Number.MAX_SAFE_INTEGER) !== null;
}

/** Describes a variant for the trace. */
export function describeVariant({ coding, seen }: Variant): string {
  const name = seen.names.at(-1) ?? "";
  const suffix = SIBLING_SUFFIXES.find((suffix) => name.endsWith(suffix));
  if (coding === null) return "as it is";
  return suffix === undefined ? `${coding}, compressed here` : `${coding}, from ${name}`;
}

/** Returns `variant` after a wait, during which its bytes may have left memory. */
export function asItIsNow(variant: Variant, resource: Resource): Variant {
  if (variant.content?.file.hasLeft !== true) return variant;
  return resource.isMade(variant) ? resource.variants[0]! : { ...variant, content: null };
}
