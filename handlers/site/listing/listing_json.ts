/**
 * A listing for programs: as JSON, and the Link field to the other pages.
 * @module
 */
import type { Listing } from "./listing.ts";
import { hrefOf, isoTime } from "./listing_entries.ts";
import { formatListingQuery } from "./listing_query.ts";
import { textOf } from "./natural_order.ts";

/** Returns the link relation and the number of each page that this page links to. */
export function otherPages(
  { query: { page }, pages }: Listing,
): (readonly ["first" | "prev" | "next" | "last", number])[] {
  const others: (readonly ["first" | "prev" | "next" | "last", number])[] = [];
  if (page > 1) others.push(["first", 1], ["prev", page - 1]);
  if (page < pages) others.push(["next", page + 1], ["last", pages]);
  return others;
}

/**
 * Returns the value of Link (RFC 8288); null for a listing with one page. `url` is the directory's path as `encodePath`
 * writes it, with a slash at its end.
 */
export function listingLinks(listing: Listing, url: string): string | null {
  if (listing.pages === 1) return null;
  return otherPages(listing).map(([relation, page]) => {
    const query = formatListingQuery({ ...listing.query, page });
    return `<${url}${query === "./" ? "" : query}>; rel="${relation}"`;
  }).join(", ");
}

/**
 * Returns the page's entries for JSON, with the keys of nginx (`autoindex_format json`). Times are in ISO 8601. Bytes
 * of a name that are not UTF-8 become U+FFFD, since JSON is text. `href` leads to the entry also for such a name.
 */
export function listingJson(listing: Listing): unknown[] {
  return listing.entries.map(({ name, isDirectory, size, modifiedSeconds }) => {
    const entry = { name: textOf(name), href: hrefOf(name, isDirectory) };
    const mtime = isoTime(modifiedSeconds);
    return isDirectory ? { ...entry, type: "directory", mtime } : { ...entry, type: "file", mtime, size };
  });
}
