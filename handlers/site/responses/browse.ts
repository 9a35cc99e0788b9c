/**
 * Answers for a directory that is listed: a page for people, JSON for programs (RFC 9110 §12.5.1).
 * @module
 */
import { encodeUtf8 } from "../../../server/http/characters.ts";
import type { HandlerContext } from "../../../server/connection/handler.ts";
import { preconditionStatus } from "../../../server/http/fields/conditional.ts";
import { prefersJson } from "../../../server/http/fields/negotiation.ts";
import type { HttpRequest } from "../../../server/http/request.ts";
import { type Fields, HttpResponse } from "../../../server/http/response.ts";
import { RANGE_INLINE_BYTES_MAX } from "../../../server/limits.ts";
import { BUSY_FIELDS } from "../auth/basic_auth.ts";
import { contentTag } from "../cache/entity_tags.ts";
import type { Guard, Listing, Listings } from "../listing/listing.ts";
import type { ListingBodies, ListingBody } from "../listing/listing_bodies.ts";
import {
  encodeName,
  LISTING_POLICY,
  listingJson,
  listingLinks,
  listingPage,
} from "../listing/listing_page.ts";
import { parseListingQuery } from "../listing/listing_query.ts";
import type { Result } from "./representation.ts";
import { encodePath } from "../files/resolve_path.ts";
import type { CompiledAuth, Rules } from "../rules/rules.ts";

/** How a site lists. */
export interface BrowseParts {
  readonly listings: Listings;
  readonly bodies: ListingBodies;
  readonly rules: Rules;
  /** The rules that this listing's asker had to satisfy. */
  readonly auth: readonly CompiledAuth[];
  /** Entity tags are given out. */
  readonly givesTags: boolean;
  /** `mediaType` is that of the listing, which a 304 does not say. */
  readonly addFields: (extraFields: Fields, status: number, mediaType: string) => Fields;
}

const REFUSED: Result = { failure: 503, extraFields: BUSY_FIELDS };

/** Lists the directory `path`, below the root, whose URL is `url`. A promise when it takes long, or has to wait. */
export function browse(
  path: Uint8Array,
  url: string,
  request: HttpRequest,
  context: HandlerContext,
  parts: BrowseParts,
): Result | Promise<Result> {
  const { seconds } = context.clock;
  const begin = () => answer(path, url, request, seconds, parts);
  return parts.listings.slices.run(begin(), REFUSED, context, { begin, key: url });
}

function* answer(
  path: Uint8Array,
  url: string,
  request: HttpRequest,
  nowSeconds: number,
  parts: BrowseParts,
): Generator<void, Result> {
  const query = parseListingQuery(request.query);
  const guard = parts.rules.asksForPasswords ? guardOf(path, url, parts) : null;
  const listing = yield* parts.listings.list(path, query, nowSeconds, guard);
  if (typeof listing === "number") return { failure: listing, extraFields: [] };
  const isJson = prefersJson(request.header("accept"));
  const { bodies } = parts;
  const { sort, order, page } = listing.query;
  const key = `${url}\0${isJson} ${sort} ${order} ${page}`;
  const body = bodies.find(key, listing) ?? (yield* bodyOf(key, listing, url, isJson, bodies));
  return respond(body, isJson, listingLinks(listing, url), request, nowSeconds, parts);
}

function* bodyOf(
  key: string,
  listing: Listing,
  url: string,
  isJson: boolean,
  bodies: ListingBodies,
): Generator<void, ListingBody> {
  const text = isJson ? JSON.stringify(listingJson(listing)) : yield* listingPage(listing, url);
  const bytes = encodeUtf8(text);
  return bodies.add(key, listing, bytes, contentTag(bytes));
}

/** What is behind a password that the listing's asker was not asked for is not told, neither by its URL nor its place. */
function guardOf(path: Uint8Array, url: string, { rules, auth }: BrowseParts): Guard {
  const encoded = encodePath(path, true);
  const bases = encoded === url ? [url] : [url, encoded];
  return {
    key: url,
    hides: (name, isDirectory) => {
      const end = encodeName(name) + (isDirectory ? "/" : "");
      return bases.some((base) => {
        const rule = rules.auth(base + end);
        return rule !== null && !auth.includes(rule);
      });
    },
  };
}

function respond(
  body: ListingBody,
  isJson: boolean,
  links: string | null,
  request: HttpRequest,
  nowSeconds: number,
  { givesTags, addFields }: BrowseParts,
): Result {
  const etag = givesTags ? body.tag : null;
  const mediaType = isJson ? "application/json" : "text/html; charset=UTF-8";
  const common: Fields = [
    ["Vary", "Accept"],
    ...(etag === null ? [] : [["ETag", etag]] as const),
    ...(links === null ? [] : [["Link", links]] as const),
  ];
  const byTag = request.header("if-none-match") !== null || request.header("if-match") !== null;
  if (request.isConditional && byTag) {
    // It has no date: sizes and times of its entries change without changing the directory.
    const validators = { etag, modifiedSeconds: null };
    const status = preconditionStatus(request, validators, nowSeconds);
    if (status === 304) return new HttpResponse(304, addFields(common, 304, mediaType), null);
    if (status !== null) return { failure: status, extraFields: [] };
  }
  const extraFields: Fields = [
    ["Content-Type", mediaType],
    ["X-Content-Type-Options", "nosniff"],
    ...(isJson ? [] : [["Content-Security-Policy", LISTING_POLICY]] as const),
    ...common,
  ];
  // Not copied behind its head: clients that do not read theirs share one.
  return new HttpResponse(
    200,
    addFields(extraFields, 200, mediaType),
    body.bytes,
    false,
    RANGE_INLINE_BYTES_MAX,
  );
}
