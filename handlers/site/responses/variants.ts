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

/** What a choice needs of the presenter that makes it. */
export interface VariantSource {
  /** A form that is made now; null where that is of no use, or there is too much to do already. */
  make(coding: Coding): Variant | Promise<Variant> | null;
  /** The tag of a variant, where a condition of the request needs it; else null. */
  tagOf(variant: Variant): string | null | Promise<string | null>;
}

/**
 * The variant that the client likes best; null when there is none that it accepts. A Range is of the file as it is, where
 * the client takes that: a part of a compressed form can be decoded only by a client that has the rest of it, and such a
 * client names its tag.
 */
export function chooseVariant(
  resource: Resource,
  request: HttpRequest,
  source: VariantSource,
): Variant | Promise<Variant> | null {
  const first = resource.variants[0]!;
  const codings = codingsOf(request.header("accept-encoding"));
  const mayBePlain = first.coding === null && codings.length > 0 && codings[0] !== "identity" &&
    codings.includes("identity") && asksForRanges(request);
  if (!mayBePlain) return chooseCoding(resource, codings, source);
  const tag = source.tagOf(first);
  const choose = (tag: string | null) =>
    isRangeOf(request, tag) ? first : chooseCoding(resource, codings, source);
  return tag instanceof Promise ? tag.then(choose) as Promise<Variant> : choose(tag);
}

function chooseCoding(
  resource: Resource,
  codings: readonly (Coding | "identity")[],
  source: VariantSource,
): Variant | Promise<Variant> | null {
  const first = resource.variants[0]!;
  for (const coding of codings) {
    const wanted = coding === "identity" ? null : coding;
    const variant = resource.variants.find(({ coding }) => coding === wanted);
    if (variant !== undefined) return variant;
    const made = wanted === null ? null : source.make(wanted);
    if (made !== null) return made;
  }
  return first.coding === null ? first : null;
}

/** Whether a Range would be honoured, for all that can be told without the file. */
function asksForRanges(request: HttpRequest): boolean {
  if (!request.isConditional || request.method !== "GET") return false;
  const field = request.header("range");
  return field !== null && parseRanges(field, Number.MAX_SAFE_INTEGER) !== null;
}

/** What a variant is, for `--explain`. */
export function describeVariant({ coding, seen }: Variant): string {
  const name = seen.names.at(-1) ?? "";
  const suffix = SIBLING_SUFFIXES.find((suffix) => name.endsWith(suffix));
  if (coding === null) return "as it is";
  return suffix === undefined ? `${coding}, compressed here` : `${coding}, from ${name}`;
}

/** A variant after a while: its bytes may have had to leave memory meanwhile. */
export function asItIsNow(variant: Variant): Variant {
  return variant.content?.file.hasLeft === true ? { ...variant, content: null } : variant;
}
