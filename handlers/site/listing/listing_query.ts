/**
 * The query of a listing: its order and page.
 * @module
 */
import { LISTING_PAGE_ENTRIES_MAX } from "../limits.ts";

/** The order and the page of a listing. Directories come first in any order. */
export interface ListingQuery {
  /** The column. By size, directories stay in the order of their names. */
  readonly sort: "name" | "size" | "time";
  readonly order: "asc" | "desc";
  /** The number of the page, from 1. */
  readonly page: number;
}

/** Parses the query of a URL, with or without its question mark. Unknown and malformed parameters are ignored. */
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

/** Returns which entries are on the page of `query`; for a page beyond the last one, those of the last one. */
export function pageRange(
  query: ListingQuery,
  total: number,
): { page: number; pages: number; offset: number; end: number } {
  const pages = Math.max(1, Math.ceil(total / LISTING_PAGE_ENTRIES_MAX));
  const page = Math.min(query.page, pages);
  const offset = (page - 1) * LISTING_PAGE_ENTRIES_MAX;
  return { page, pages, offset, end: Math.min(offset + LISTING_PAGE_ENTRIES_MAX, total) };
}
