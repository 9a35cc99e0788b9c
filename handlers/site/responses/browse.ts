/**
 * Responses for a directory that is listed: a page for people, JSON for programs (RFC 9110 §12.5.1).
 * @module
 */
import { encodeUtf8 } from "../../../server/http/characters.ts";
import { preconditionStatus } from "../../../server/http/fields/conditional.ts";
import { prefersJson } from "../../../server/http/fields/negotiation.ts";
import { type Fields, HttpResponse } from "../../../server/http/response.ts";
import { RANGE_INLINE_BYTES_MAX } from "../../../server/limits.ts";
import { BUSY_FIELDS } from "../auth/basic_auth.ts";
import { contentTag } from "../cache/entity_tags.ts";
import type { Guard, Listings } from "../listing/listing.ts";
import type { ListingBodies, ListingBody } from "../listing/listing_bodies.ts";
import type { ListingContent } from "../listing/listing_content.ts";
import { encodeName } from "../listing/listing_entries.ts";
import { listingJson, listingLinks } from "../listing/listing_json.ts";
import { listingPage } from "../listing/listing_page.ts";
import { formatListingQuery, parseListingQuery } from "../listing/listing_query.ts";
import { GRID_POLICY, LISTING_POLICY } from "../listing/listing_style.ts";
import type { ListedFiles } from "./listed_files.ts";
import type { Result } from "./representation.ts";
import { encodePath } from "../files/resolve_path.ts";
import type { CompiledAuth, Rules } from "../rules/rules.ts";
import type { SiteRequest } from "./site_request.ts";

/** Adds the site's fields; `mediaType` is that of the content, also for a 304, which has no Content-Type. */
export type AddFolderFields = (extraFields: Fields, status: number, mediaType: string) => Fields;

/** What a listing is made of, beside the request. */
export interface BrowseParts {
  readonly listings: Listings;
  readonly bodies: ListingBodies;
  /** The files that a page shows itself. */
  readonly files: ListedFiles;
  readonly rules: Rules;
  /** The password rules that the request satisfied. */
  readonly auth: readonly CompiledAuth[];
  /** True when responses have an ETag. */
  readonly givesTags: boolean;
  /** True when the page links to archives of the directory. */
  readonly hasArchives: boolean;
  readonly addFields: AddFolderFields;
}

const REFUSED: Result = { failure: 503, extraFields: BUSY_FIELDS };

/** Lists the directory `path`, below the root. A promise when the listing takes longer than a slice, or has to wait. */
export function browse(path: Uint8Array, request: SiteRequest, parts: BrowseParts): Result | Promise<Result> {
  const { context, url } = request;
  const { seconds } = context.clock;
  const begin = () => answer(path, request, seconds, parts);
  return parts.listings.slices.run(begin(), REFUSED, context, { begin, key: url });
}

function* answer(
  path: Uint8Array,
  request: SiteRequest,
  nowSeconds: number,
  parts: BrowseParts,
): Generator<void, Result> {
  const { http, url } = request;
  const isJson = prefersJson(http.header("accept"));
  const asked = parseListingQuery(http.query);
  const query = isJson ? { ...asked, view: "list" } as const : asked;
  const guard = parts.rules.asksForPasswords ? guardOf(path, url, parts) : null;
  const listing = yield* parts.listings.list(path, query, nowSeconds, guard);
  if (typeof listing === "number") return { failure: listing, extraFields: [] };
  const { files, bodies, auth } = parts;
  const directory = { path, url, auth };
  const content = {
    listing,
    readme: isJson ? null : files.readme(listing, directory),
    pictures: yield* files.pictures(listing, directory),
  };
  const key = `${url}\0${isJson} ${formatListingQuery(listing.query)}`;
  const body = bodies.find(key, content) ?? (yield* bodyOf(key, content, url, isJson, parts));
  const policy = isJson ? null : listing.query.view === "grid" ? GRID_POLICY : LISTING_POLICY;
  return respond({ body, policy, links: listingLinks(listing, url) }, request, nowSeconds, parts);
}

function* bodyOf(
  key: string,
  content: ListingContent,
  url: string,
  isJson: boolean,
  { bodies, hasArchives }: BrowseParts,
): Generator<void, ListingBody> {
  const text = isJson
    ? JSON.stringify(listingJson(content.listing))
    : yield* listingPage(content, url, hasArchives);
  const bytes = encodeUtf8(text);
  return bodies.add(key, content, bytes, contentTag(bytes));
}

/**
 * Hides the entries that need a password beyond those that the request gave, judged by their URL below `url`, and by the
 * URL of the directory itself.
 */
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

/** A listing in the form that the request prefers. */
interface ListedForm {
  readonly body: ListingBody;
  /** The value of Content-Security-Policy; null for JSON. */
  readonly policy: string | null;
  /** The value of Link; null without other pages. */
  readonly links: string | null;
}

function respond(
  { body, policy, links }: ListedForm,
  { http }: SiteRequest,
  nowSeconds: number,
  { givesTags, addFields }: BrowseParts,
): Result {
  const etag = givesTags ? body.tag : null;
  const mediaType = policy === null ? "application/json" : "text/html; charset=UTF-8";
  const common: Fields = [
    ["Vary", "Accept"],
    ...(etag === null ? [] : [["ETag", etag]] as const),
    ...(links === null ? [] : [["Link", links]] as const),
  ];
  const byTag = http.header("if-none-match") !== null || http.header("if-match") !== null;
  if (http.isConditional && byTag) {
    // Listings have no Last-Modified: the sizes and times of entries change without a change of the directory.
    const validators = { etag, modifiedSeconds: null };
    const status = preconditionStatus(http, validators, nowSeconds);
    if (status === 304) return new HttpResponse(304, addFields(common, 304, mediaType), null);
    if (status !== null) return { failure: status, extraFields: [] };
  }
  const extraFields: Fields = [
    ["Content-Type", mediaType],
    ["X-Content-Type-Options", "nosniff"],
    ...(policy === null ? [] : [["Content-Security-Policy", policy]] as const),
    ...common,
  ];
  // The body is not copied behind the head, so clients that read slowly share one buffer.
  return new HttpResponse(
    200,
    addFields(extraFields, 200, mediaType),
    body.bytes,
    false,
    RANGE_INLINE_BYTES_MAX,
  );
}
