/**
 * The query of a listing: its order, page, filter and view.
 * @module
 */
import { LISTING_PAGE_ENTRIES_MAX } from "../limits.ts";

/** Which entries of a listing are shown, in which order, and how. Directories come first in any order. */
export interface ListingQuery {
  /** The column. By size, directories stay in the order of their names. */
  readonly sort: "name" | "size" | "time";
  readonly order: "asc" | "desc";
  /** The number of the page, from 1. */
  readonly page: number;
  /** The text that names must contain, without spaces around it; empty for all names. */
  readonly filter: string;
  /** A table, or tiles with pictures. JSON is the same for both. */
  readonly view: "list" | "grid";
}

/** The query where nothing is asked for. */
export const DEFAULT_LISTING_QUERY: ListingQuery = {
  sort: "name",
  order: "asc",
  page: 1,
  filter: "",
  view: "list",
};

/** Characters of a filter that count: no name on Linux is longer. */
const FILTER_CHARACTERS_MAX = 256;

/** Parses the query of a URL, with or without its question mark. Unknown and malformed parameters are ignored. */
export function parseListingQuery(query: string): ListingQuery {
  const parameters = new URLSearchParams(query);
  const sort = parameters.get("sort");
  const page = parameters.get("page") ?? "";
  return {
    sort: sort === "size" || sort === "time" ? sort : "name",
    order: parameters.get("order") === "desc" ? "desc" : "asc",
    page: /^[1-9]\d{0,6}$/.test(page) ? Number(page) : 1,
    filter: cut((parameters.get("q") ?? "").trim()),
    view: parameters.get("view") === "grid" ? "grid" : "list",
  };
}

/** Cuts a text off, but not between the halves of a surrogate pair: those could not be encoded in a URL. */
function cut(text: string): string {
  return text.slice(0, FILTER_CHARACTERS_MAX).replace(/[\ud800-\udbff]$/, "").trimEnd();
}

/** Returns the query for a link, with its question mark; `./` when nothing differs from the default. */
export function formatListingQuery({ sort, order, page, filter, view }: ListingQuery): string {
  const parameters: string[] = [];
  if (filter !== "") parameters.push(`q=${encodeURIComponent(filter)}`);
  if (view !== "list") parameters.push(`view=${view}`);
  if (sort !== "name" || order !== "asc") parameters.push(`sort=${sort}`, `order=${order}`);
  if (page > 1) parameters.push(`page=${page}`);
  return parameters.length === 0 ? "./" : `?${parameters.join("&")}`;
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
