/**
 * What of a directory's listing is asked for: in which order, and which page.
 * @module
 */
import { LISTING_PAGE_ENTRIES_MAX } from "../limits.ts";

/** What of a listing is asked for. Directories come first in any order. */
export interface ListingQuery {
  /** By size, directories stay in the order of their names. */
  readonly sort: "name" | "size" | "time";
  readonly order: "asc" | "desc";
  /** From 1. */
  readonly page: number;
}

/** The query component of a URL, with its question mark or without. What is unknown or malformed counts as not there. */
export function parseListingQuery(query: string): ListingQuery {
  const parameters = new URLSearchParams(query);
  const sort = parameters.get("sort");
  const page = parameters.get("page") ?? "";
  return {
    sort: sort === "size" || sort === "time" ? sort : "name",
    order: parameters.get("order") === "desc" ? "desc" : "asc",
    page: /^[1-9]\d{0,6}$/.test(page) ? Number(page) : 1,
  };
}

/** Which entries are on the page; past the last one: those of the last one. */
export function placeOf(
  query: ListingQuery,
  total: number,
): { page: number; pages: number; offset: number; end: number } {
  const pages = Math.max(1, Math.ceil(total / LISTING_PAGE_ENTRIES_MAX));
  const page = Math.min(query.page, pages);
  const offset = (page - 1) * LISTING_PAGE_ENTRIES_MAX;
  return { page, pages, offset, end: Math.min(offset + LISTING_PAGE_ENTRIES_MAX, total) };
}
