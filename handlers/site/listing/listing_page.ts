/**
 * A listing as an HTML page without scripts and external files, or as JSON; and the Link field to the other pages.
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

/** Rows that are rendered in one step: half a millisecond. */
const ROWS_PER_STEP = 50;

/** The icons of a folder, a file, and the parent folder: 18 units wide, coloured by the style. */
const PICTURES = `<svg aria-hidden="true">
<symbol id="d" viewBox="0 0 18 18"><path d="M2 4.75v9c0 .7.55 1.25 1.25 1.25h11.5c.7 0 1.25-.55 1.25-1.25v-7\
c0-.7-.55-1.25-1.25-1.25H9L7.25 3.5h-4C2.55 3.5 2 4.05 2 4.75z"/></symbol>
<symbol id="f" viewBox="0 0 18 18"><path d="M4 2.5h6.25L14 6.25v9.25H4zM10 2.75v3.75h3.75"/></symbol>
<symbol id="u" viewBox="0 0 18 18"><path d="M9 15V4M4.5 8.5L9 4l4.5 4.5"/></symbol>
</svg>`;

/** Links to the archives of the directory. Robots are told not to fetch them. */
const ARCHIVES = `<p>Download this folder: <a href="?archive=zip" rel="nofollow">ZIP</a>, \
<a href="?archive=tar.gz" rel="nofollow">tar.gz</a></p>
`;

/**
 * Returns the HTML page. `url` is the directory's path as `encodePath` writes it, with a slash at its end. All links
 * are relative, so that a proxy may serve the site below another path. With `hasArchives`, there are links to archives.
 * The generator yields often.
 */
export function* listingPage(listing: Listing, url: string, hasArchives = false): Generator<void, string> {
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
${hasArchives ? ARCHIVES : ""}</header>
<main>
${table}${pageLinks(listing)}</main>
</body>
</html>
`;
}

/** Returns a percent-encoded part of a path as text. */
function decodedPart(part: string): string {
  return textOf(
    part.replace(/%([0-9A-F]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16))),
  );
}

/** Escapes text for HTML. Control characters become their symbols (U+2400…), since HTML does not allow them. */
function textFor(text: string): string {
  return escape(text.replace(/\p{Cc}/gu, pictureOf));
}

function pictureOf(control: string): string {
  const code = control.charCodeAt(0);
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : "\ufffd";
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
  const { total, directories, pages, isTruncated } = listing;
  if (total === 0) return "This folder is empty.";
  const files = total - directories;
  const counts = [];
  if (directories > 0) counts.push(directories === 1 ? "1 folder" : `${grouped(directories)} folders`);
  if (files > 0) counts.push(files === 1 ? "1 file" : `${grouped(files)} files`);
  if (pages > 1) counts.push(`of which this page shows ${rangeOf(listing)}`);
  return counts.join(", ") + (isTruncated ? ". There are more, which are not listed." : "");
}

/** Returns the header of a column, with a link that sorts by it. In the sorted column, the link reverses the order. */
function headerOf(sort: ListingQuery["sort"], text: string, query: ListingQuery): string {
  const isSorted = query.sort === sort;
  // The largest and the newest files first: that is what these columns are sorted for.
  const order = isSorted ? (query.order === "asc" ? "desc" : "asc") : sort === "name" ? "asc" : "desc";
  const arrow = isSorted ? `<span aria-hidden="true"> ${query.order === "asc" ? "↑" : "↓"}</span>` : "";
  const state = isSorted ? ` aria-sort="${query.order}ending"` : "";
  const kind = sort === "name" ? "" : ' class="number"';
  return `<th scope="col"${kind}${state}><a href="${
    escape(queryOf({ sort, order, page: 1 }))
  }">${text}${arrow}</a></th>`;
}

/** Returns the query of a page; `./` for the first page in the default order. */
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

/** Returns a name percent-encoded for a URL. */
export function encodeName(name: FileName): string {
  return /^[A-Za-z0-9._-]+$/.test(name) ? name : encodePath(bytesOf(name), false).slice(1);
}

/** Returns the relative URL of an entry. A name with a colon gets `./`: `javascript:x` would be an absolute URL. */
function hrefOf(name: FileName, isDirectory: boolean): string {
  const encoded = encodeName(name);
  return (encoded.includes(":") ? "./" : "") + encoded + (isDirectory ? "/" : "");
}

const UNITS = ["kB", "MB", "GB", "TB", "PB", "EB"];

/** Returns a size with at most three digits, in decimal units (SI), as most file managers: 1 kB is 1000 bytes. */
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

/** Returns a time in ISO 8601, in UTC; null when it is out of the range of `Date`. */
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

/** Returns the link relation and the number of each page that this page links to. */
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

/** Returns the value of Link (RFC 8288); null for a listing with one page. `url` is as in {@linkcode listingPage}. */
export function listingLinks(listing: Listing, url: string): string | null {
  if (listing.pages === 1) return null;
  return otherPages(listing).map(([relation, page]) => {
    const query = queryOf({ ...listing.query, page });
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
