/**
 * A listing as a page for people (one file: no script, nothing else is requested), as JSON for programs, and the
 * links from one page to the others.
 * @module
 */
import { escape } from "../../../server/std.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import type { Listing, ListingEntry } from "./listing.ts";
import type { ListingQuery } from "./listing_query.ts";
import { LISTING_STYLE } from "./listing_style.ts";
import { bytesOf, textOf } from "./natural_order.ts";
import { encodePath } from "../files/resolve_path.ts";

/** The value of Content-Security-Policy for the page. */
export { LISTING_POLICY } from "./listing_style.ts";

/** Rows between two places at which others may have their turn: half a millisecond. */
const ROWS_PER_STEP = 50;

/** The pictures of a folder, a file, and the way up: drawn here, 18 units wide, coloured by the style. */
const PICTURES = `<svg aria-hidden="true">
<symbol id="d" viewBox="0 0 18 18"><path d="M2 4.75v9c0 .7.55 1.25 1.25 1.25h11.5c.7 0 1.25-.55 1.25-1.25v-7\
c0-.7-.55-1.25-1.25-1.25H9L7.25 3.5h-4C2.55 3.5 2 4.05 2 4.75z"/></symbol>
<symbol id="f" viewBox="0 0 18 18"><path d="M4 2.5h6.25L14 6.25v9.25H4zM10 2.75v3.75h3.75"/></symbol>
<symbol id="u" viewBox="0 0 18 18"><path d="M9 15V4M4.5 8.5L9 4l4.5 4.5"/></symbol>
</svg>`;

/**
 * The page for people; yields often. `url` is the directory's path as `encodePath` writes it, with a slash at its end. All links are
 * relative, so that a proxy may serve the site below another path.
 */
export function* listingPage(listing: Listing, url: string): Generator<void, string> {
  const { entries, query } = listing;
  const parts = url.split("/").slice(1, -1).map(decodedPart);
  const title = parts.length === 0 ? "/" : `/${parts.join("/")}/`;
  const rows: string[] = [];
  for (const entry of entries) {
    if (rows.push(rowOf(entry)) % ROWS_PER_STEP === 0) yield;
  }
  const parent =
    '<tr><td><a href="../"><svg><use href="#u"/></svg>Parent folder</a></td><td></td><td></td></tr>\n';
  const headers = [
    headerOf("name", "Name", query),
    headerOf("size", "Size", query),
    headerOf("time", 'Modified<span class="clock"> (UTC)</span>', query),
  ];
  const table = `<table>
<thead><tr>${headers.join("")}</tr></thead>
<tbody>
${parts.length === 0 ? "" : parent}${rows.join("")}</tbody>
</table>
`;
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
${PICTURES}
<header>
<h1>${breadcrumbs(parts)}</h1>
<p>${summary(listing)}</p>
</header>
<main>
${table}${pageLinks(listing)}</main>
</body>
</html>
`;
}

/** What the part of a URL's path says. */
function decodedPart(part: string): string {
  return textOf(
    part.replace(/%([0-9A-F]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16))),
  );
}

/** Text for HTML. Control characters are shown by their pictures (U+2400…), since HTML has no place for them. */
function textFor(text: string): string {
  return escape(text.replace(/\p{Cc}/gu, pictureOf));
}

function pictureOf(control: string): string {
  const code = control.charCodeAt(0);
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : "\ufffd";
}

/** Each folder on the way is a link, the last one is where we are. */
function breadcrumbs(parts: readonly string[]): string {
  const names = ["Home", ...parts];
  return names.map((name, index) => {
    const up = names.length - 1 - index;
    const text = `<bdi>${textFor(name)}</bdi>`;
    return up === 0 ? text : `<a href="${"../".repeat(up)}">${text}</a><span>/</span>`;
  }).join("");
}

function summary(listing: Listing): string {
  const { total, directories, pages, isTruncated } = listing;
  if (total === 0) return "This folder is empty.";
  const files = total - directories;
  const counts = [];
  if (directories > 0) counts.push(directories === 1 ? "1 folder" : `${grouped(directories)} folders`);
  if (files > 0) counts.push(files === 1 ? "1 file" : `${grouped(files)} files`);
  if (pages > 1) counts.push(`of which this page shows ${rangeOf(listing)}`);
  return counts.join(", ") + (isTruncated ? ". There are more, which are not listed." : "");
}

/** A header that sorts by its column; by the column that it is sorted by already: the other way round. */
function headerOf(sort: ListingQuery["sort"], text: string, query: ListingQuery): string {
  const isSorted = query.sort === sort;
  // Of sizes and times one wants to see the largest first.
  const order = isSorted ? (query.order === "asc" ? "desc" : "asc") : sort === "name" ? "asc" : "desc";
  const arrow = isSorted ? `<span aria-hidden="true"> ${query.order === "asc" ? "↑" : "↓"}</span>` : "";
  const state = isSorted ? ` aria-sort="${query.order}ending"` : "";
  const kind = sort === "name" ? "" : ' class="number"';
  return `<th scope="col"${kind}${state}><a href="${
    escape(queryOf({ sort, order, page: 1 }))
  }">${text}${arrow}</a></th>`;
}

/** The query for a page, `./` for the one without any. */
function queryOf({ sort, order, page }: ListingQuery): string {
  const parameters: string[] = [];
  if (sort !== "name" || order !== "asc") parameters.push(`sort=${sort}`, `order=${order}`);
  if (page > 1) parameters.push(`page=${page}`);
  return parameters.length === 0 ? "./" : `?${parameters.join("&")}`;
}

function rowOf(entry: ListingEntry): string {
  const { name, isDirectory, size, modifiedSeconds } = entry;
  const text = `<bdi>${textFor(textOf(name))}</bdi>${isDirectory ? "/" : ""}`;
  const icon = isDirectory ? '<svg class="folder"><use href="#d"/></svg>' : '<svg><use href="#f"/></svg>';
  const shown = isDirectory ? "" : `<span title="${grouped(size)} bytes">${readableSize(size)}</span>`;
  return `<tr><td><a href="${escape(hrefOf(name, isDirectory))}">${icon}${text}</a></td>` +
    `<td class="number">${shown}</td><td class="number">${timeOf(modifiedSeconds)}</td></tr>\n`;
}

/** A name as a URL has it. */
export function encodeName(name: FileName): string {
  return /^[A-Za-z0-9._-]+$/.test(name) ? name : encodePath(bytesOf(name), false).slice(1);
}

/** Relative to the directory. `javascript:x` would be a URL of its own: hence the dot. */
function hrefOf(name: FileName, isDirectory: boolean): string {
  const encoded = encodeName(name);
  return (encoded.includes(":") ? "./" : "") + encoded + (isDirectory ? "/" : "");
}

const UNITS = ["kB", "MB", "GB", "TB", "PB", "EB"];

/** Decimal, as SI and all file managers but one have it: 1 kB is 1000 bytes. Three digits at most. */
export function readableSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  let unit = -1;
  do {
    value /= 1000;
    unit++;
  } while (value >= 999.5 && unit < UNITS.length - 1);
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** As ISO 8601 has it, in UTC; null for what no calendar has. */
function isoTime(seconds: number): string | null {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? null : date.toISOString().replace(".000Z", "Z");
}

function timeOf(seconds: number): string {
  const iso = isoTime(seconds);
  if (iso === null) return "";
  const [day, clock] = iso.split("T") as [string, string];
  return `<time datetime="${iso}" title="${day} ${clock.slice(0, 8)} UTC">${day}` +
    `<span class="clock"> ${clock.slice(0, 5)}</span></time>`;
}

/** The other pages: relation and number. */
function otherPages(
  { query: { page }, pages }: Listing,
): (readonly ["first" | "prev" | "next" | "last", number])[] {
  const others: (readonly ["first" | "prev" | "next" | "last", number])[] = [];
  if (page > 1) others.push(["first", 1], ["prev", page - 1]);
  if (page < pages) others.push(["next", page + 1], ["last", pages]);
  return others;
}

const PAGE_TEXTS = { first: "First", prev: "Previous", next: "Next", last: "Last" } as const;

function pageLinks(listing: Listing): string {
  const { query, pages, total } = listing;
  if (pages === 1) return "";
  const links = otherPages(listing).map(([relation, page]) => {
    const kind = relation === "prev" || relation === "next" ? ` rel="${relation}"` : "";
    return `<a href="${escape(queryOf({ ...query, page }))}"${kind}>${PAGE_TEXTS[relation]}</a>`;
  });
  return `<nav aria-label="Pages"><span>${rangeOf(listing)} of ${grouped(total)}</span>${
    links.join("")
  }</nav>\n`;
}

function rangeOf({ offset, entries }: Listing): string {
  return `${grouped(offset + 1)}–${grouped(offset + entries.length)}`;
}

/** The value of `Link` (RFC 8288) for a listing of several pages, else null. `url` as in {@linkcode listingPage}. */
export function listingLinks(listing: Listing, url: string): string | null {
  if (listing.pages === 1) return null;
  return otherPages(listing).map(([relation, page]) => {
    const query = queryOf({ ...listing.query, page });
    return `<${url}${query === "./" ? "" : query}>; rel="${relation}"`;
  }).join(", ");
}

/**
 * The page's entries for programs, named as nginx names them (autoindex_format json); times are in ISO 8601. What is
 * not UTF-8 in a name is U+FFFD, since JSON has nothing else: `href` leads to the entry, whatever its name is.
 */
export function listingJson(listing: Listing): unknown[] {
  return listing.entries.map(({ name, isDirectory, size, modifiedSeconds }) => {
    const entry = { name: textOf(name), href: hrefOf(name, isDirectory) };
    const mtime = isoTime(modifiedSeconds);
    return isDirectory ? { ...entry, type: "directory", mtime } : { ...entry, type: "file", mtime, size };
  });
}
