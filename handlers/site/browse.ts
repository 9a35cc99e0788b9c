/**
 * Answers for a directory that is listed: a page for people, JSON for programs (RFC 9110 §12.5.1).
 * @module
 */
import type { HandlerContext } from "../../server/handler.ts";
import { preconditionStatus } from "../../server/http/conditional.ts";
import { prefersJson } from "../../server/http/negotiation.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { type Fields, HttpResponse } from "../../server/http/response.ts";
import { type Listing, type Listings, parseListingQuery } from "./listing.ts";
import { LISTING_POLICY, listingJson, listingLinks, listingPage } from "./listing_page.ts";
import type { Dress, Result } from "./representation.ts";

/** How a site lists. */
export interface BrowseParts {
  readonly listings: Listings;
  /** The entity tag of a body; null: none is given out. */
  readonly tagOf: (body: Uint8Array) => string | null;
  readonly dress: Dress;
}

/** Lists the directory `path`, below the root, whose URL is `url`. */
export function browse(
  path: Uint8Array,
  url: string,
  request: HttpRequest,
  context: HandlerContext,
  parts: BrowseParts,
): Result | Promise<Result> {
  const query = parseListingQuery(request.query);
  const listed = parts.listings.list(path, query, context.clock.seconds);
  const answer = (listing: Listing | number) =>
    typeof listing === "number"
      ? { failure: listing, own: [] }
      : respond(listing, url, request, context, parts);
  return listed instanceof Promise ? listed.then(answer) : answer(listed);
}

function respond(
  listing: Listing,
  url: string,
  request: HttpRequest,
  context: HandlerContext,
  { tagOf, dress }: BrowseParts,
): Result {
  const isJson = prefersJson(request.header("accept"));
  const text = isJson ? JSON.stringify(listingJson(listing)) : listingPage(listing, url);
  const body = new TextEncoder().encode(text);
  const etag = tagOf(body);
  const links = listingLinks(listing, url);
  const common: Fields = [
    ["Vary", "Accept"],
    ...(etag === null ? [] : [["ETag", etag]] as const),
    ...(links === null ? [] : [["Link", links]] as const),
  ];
  const byTag = request.header("if-none-match") !== null || request.header("if-match") !== null;
  if (request.isConditional && byTag) {
    // It has no date: sizes and times of its entries change without changing the directory.
    const validators = { etag, modifiedSeconds: Infinity };
    const status = preconditionStatus(request, validators, context.clock.seconds);
    if (status === 304) return new HttpResponse(304, dress(common, 304), null);
    if (status !== null) return { failure: status, own: [] };
  }
  const own: Fields = [
    ["Content-Type", isJson ? "application/json" : "text/html; charset=UTF-8"],
    ["X-Content-Type-Options", "nosniff"],
    ...(isJson ? [] : [["Content-Security-Policy", LISTING_POLICY]] as const),
    ...common,
  ];
  return new HttpResponse(200, dress(own, 200), body);
}
