/**
 * A listing as an HTML page without external files. It works without its script, which adds the filter in place and the
 * keys.
 * @module
 */
import { escape } from "../../../server/std.ts";
import type { Listing } from "./listing.ts";
import type { ListingContent, Readme } from "./listing_content.ts";
import {
  grouped,
  hrefOf,
  ICONS,
  linesFor,
  PARENT_ROW,
  PARENT_TILE,
  rowOf,
  textFor,
  tileOf,
} from "./listing_entries.ts";
import { otherPages } from "./listing_json.ts";
import { formatListingQuery, type ListingQuery } from "./listing_query.ts";
import { LISTING_SCRIPT } from "./listing_script.ts";
import { LISTING_STYLE } from "./listing_style.ts";
import { isPicture } from "../files/media_type.ts";
import { textOf } from "./natural_order.ts";

/** Entries that are rendered in one step: half a millisecond. */
const ENTRIES_PER_STEP = 50;

/** Links to the archives of the directory. Robots are told not to fetch them. */
const ARCHIVES =
  `<nav aria-label="Download"><span>Download</span><a href="?archive=zip" rel="nofollow">ZIP</a>\
<a href="?archive=tar.gz" rel="nofollow">tar.gz</a></nav>
`;

/**
 * Returns the HTML page. `url` is the directory's path as `encodePath` writes it, with a slash at its end. All links
 * are relative, so that a proxy may serve the site below another path. With `hasArchives`, there are links to archives.
 * The generator yields often.
 */
export function* listingPage(
  content: ListingContent,
  url: string,
  hasArchives = false,
): Generator<void, string> {
  const { listing, readme } = content;
  const parts = url.split("/").slice(1, -1).map(decodedPart);
  const title = parts.length === 0 ? "/" : `/${parts.join("/")}/`;
  const entries = yield* entriesOf(content, parts.length > 0);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>Index of ${textFor(title)}</title>
<style>${LISTING_STYLE}</style>
</head>
<body>
${ICONS}
<header>
<nav aria-label="Breadcrumbs"><h1>${breadcrumbs(parts)}</h1></nav>
<p>${summary(listing)}</p>
</header>
<main>
${bar(listing, hasArchives)}${entries}${pageLinks(listing)}${
    readme === null ? "" : readmeSection(readme)
  }</main>
<script>${LISTING_SCRIPT}</script>
</body>
</html>
`;
}

/** Returns the table or the grid; nothing for a root without entries. */
function* entriesOf({ listing, pictures }: ListingContent, hasParent: boolean): Generator<void, string> {
  const { entries, query } = listing;
  if (entries.length === 0 && !hasParent) return "";
  const isGrid = query.view === "grid";
  const items: string[] = [];
  for (const entry of entries) {
    items.push(isGrid ? tileOf(entry, pictures.has(entry.name)) : rowOf(entry));
    if (items.length % ENTRIES_PER_STEP === 0) yield;
  }
  if (isGrid) return `<ul class="grid">\n${hasParent ? PARENT_TILE : ""}${items.join("")}</ul>\n`;
  const headers = [
    headerOf("name", "Name", query),
    headerOf("size", "Size", query),
    headerOf("time", 'Modified<span class="clock"> (UTC)</span>', query),
  ];
  return `<table>
<thead><tr>${headers.join("")}</tr></thead>
<tbody>
${hasParent ? PARENT_ROW : ""}${items.join("")}</tbody>
</table>
`;
}

/** Returns a percent-encoded part of a path as text. */
function decodedPart(part: string): string {
  return textOf(
    part.replace(/%([0-9A-F]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16))),
  );
}

/** Returns the path as links to each folder on it. The last part is the current folder, without a link. */
function breadcrumbs(parts: readonly string[]): string {
  const names = ["Home", ...parts];
  return names.map((name, index) => {
    const up = names.length - 1 - index;
    const text = `<bdi>${textFor(name)}</bdi>`;
    return up === 0 ? text : `<a href="${"../".repeat(up)}">${text}</a><span>/</span>`;
  }).join("");
}

function summary(listing: Listing): string {
  const { total, unfiltered, directories, pages, isTruncated, query } = listing;
  if (unfiltered === 0) return "This folder is empty.";
  const files = total - directories;
  const counts = [];
  if (directories > 0) counts.push(directories === 1 ? "1 folder" : `${grouped(directories)} folders`);
  if (files > 0) counts.push(files === 1 ? "1 file" : `${grouped(files)} files`);
  if (pages > 1) counts.push(`of which this page shows ${rangeOf(listing)}`);
  const all = counts.join(", ") + (isTruncated ? ". There are more, which are not listed." : "");
  if (query.filter === "") return all;
  const filter = `“<bdi>${textFor(query.filter)}</bdi>”`;
  const which = total === 0
    ? `No name has ${filter}`
    : `${all.replace(/\.$/, "")}. Only names with ${filter}`;
  const href = escape(formatListingQuery({ ...query, filter: "", page: 1 }));
  return `${which}, of ${grouped(unfiltered)}. <a href="${href}">Show all</a>`;
}

/** Returns the row with the filter and the actions; nothing for an empty folder. */
function bar(listing: Listing, hasArchives: boolean): string {
  if (listing.unfiltered === 0) return "";
  const { filter, ...others } = listing.query;
  const hidden = Array.from(
    new URLSearchParams(formatListingQuery({ ...others, filter: "", page: 1 }).replace("./", "")),
    ([name, value]) => `<input type="hidden" name="${name}" value="${value}">`,
  );
  return `<div class="bar">
<form action="./" role="search">${hidden.join("")}<input type="search" name="q" value="${escape(filter)}"\
 placeholder="Filter by name" aria-label="Filter by name" autocomplete="off" autocapitalize="off" spellcheck="false"\
 maxlength="255"><button>Filter</button><output></output></form>
${actions(listing)}${hasArchives ? ARCHIVES : ""}</div>
`;
}

/** Returns the links beside the filter: the order of a grid, which has no headers, and the other view. */
function actions({ query, entries }: Listing): string {
  const isGrid = query.view === "grid";
  if (!isGrid && !entries.some(({ name, isDirectory }) => !isDirectory && isPicture(name))) return "";
  const other = { ...query, page: 1, view: isGrid ? "list" : "grid" } as const;
  const sorts = ["name", "size", "time"] as const;
  const names = { name: "Name", size: "Size", time: "Modified" };
  const order = sorts.map((sort) => sortLink(sort, names[sort], query));
  return `<nav aria-label="View">${isGrid ? `<span>Sort by</span>${order.join("")}` : ""}<a href="${
    escape(formatListingQuery(other))
  }">${isGrid ? "List" : "Grid"}</a></nav>
`;
}

/** Returns the header of a column, with a link that sorts by it. */
function headerOf(sort: ListingQuery["sort"], text: string, query: ListingQuery): string {
  const state = query.sort === sort ? ` aria-sort="${query.order}ending"` : "";
  const kind = sort === "name" ? "" : ' class="number"';
  return `<th scope="col"${kind}${state}>${sortLink(sort, text, query)}</th>`;
}

/** Returns a link that sorts by a column. In the sorted column, the link reverses the order. */
function sortLink(sort: ListingQuery["sort"], text: string, query: ListingQuery): string {
  const isSorted = query.sort === sort;
  // The largest and the newest files first: that is what these columns are sorted for.
  const order = isSorted ? (query.order === "asc" ? "desc" : "asc") : sort === "name" ? "asc" : "desc";
  const arrow = isSorted ? `<span aria-hidden="true"> ${query.order === "asc" ? "↑" : "↓"}</span>` : "";
  const href = escape(formatListingQuery({ ...query, sort, order, page: 1 }));
  return `<a href="${href}">${text}${arrow}</a>`;
}

const PAGE_TEXTS = { first: "First", prev: "Previous", next: "Next", last: "Last" } as const;

function pageLinks(listing: Listing): string {
  const { query, pages, total } = listing;
  if (pages === 1) return "";
  const links = otherPages(listing).map(([relation, page]) => {
    const kind = relation === "prev" || relation === "next" ? ` rel="${relation}"` : "";
    const href = escape(formatListingQuery({ ...query, page }));
    return `<a href="${href}"${kind}>${PAGE_TEXTS[relation]}</a>`;
  });
  return `<nav aria-label="Pages"><span>${rangeOf(listing)} of ${grouped(total)}</span>${
    links.join("")
  }</nav>\n`;
}

function rangeOf({ offset, entries }: Listing): string {
  return `${grouped(offset + 1)}–${grouped(offset + entries.length)}`;
}

function readmeSection({ name, text, isWhole }: Readme): string {
  const href = escape(hrefOf(name, false));
  const rest = isWhole ? "" : `<p>This is the beginning. <a href="${href}">Show the whole file</a></p>\n`;
  return `<section aria-labelledby="readme">
<h2 id="readme"><a href="${href}">${textFor(textOf(name))}</a></h2>
<pre>\n${linesFor(text)}</pre>
${rest}</section>
`;
}
