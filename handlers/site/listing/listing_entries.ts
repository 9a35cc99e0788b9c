/**
 * The entries of a listing as HTML: rows of a table, or tiles of a grid.
 * @module
 */
import { escape } from "../../../server/std.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import type { ListingEntry } from "./listing.ts";
import { bytesOf, textOf } from "./natural_order.ts";
import { encodePath } from "../files/resolve_path.ts";

/** The icons of a folder, a file, and the parent folder: 18 units wide, coloured by the style. */
export const ICONS = `<svg aria-hidden="true">
<symbol id="d" viewBox="0 0 18 18"><path d="M2 4.75v9c0 .7.55 1.25 1.25 1.25h11.5c.7 0 1.25-.55 1.25-1.25v-7\
c0-.7-.55-1.25-1.25-1.25H9L7.25 3.5h-4C2.55 3.5 2 4.05 2 4.75z"/></symbol>
<symbol id="f" viewBox="0 0 18 18"><path d="M4 2.5h6.25L14 6.25v9.25H4zM10 2.75v3.75h3.75"/></symbol>
<symbol id="u" viewBox="0 0 18 18"><path d="M9 15V4M4.5 8.5L9 4l4.5 4.5"/></symbol>
</svg>`;

const PARENT = `<a href="../">${iconOf("u")}<span>Parent folder</span></a>`;

/** The row that leads to the parent folder. */
export const PARENT_ROW: string = `<tr class="up"><td>${PARENT}</td><td></td><td></td></tr>\n`;

/** The tile that leads to the parent folder. */
export const PARENT_TILE: string = `<li class="up">${PARENT}</li>\n`;

/** Returns the row of an entry. */
export function rowOf(entry: ListingEntry): string {
  const { isDirectory, size, modifiedSeconds } = entry;
  const shown = isDirectory ? "" : `<span title="${grouped(size)} bytes">${readableSize(size)}</span>`;
  return `<tr><td>${linkOf(entry, iconOf(isDirectory ? "d" : "f"))}</td>` +
    `<td class="number">${shown}</td><td class="number">${timeOf(modifiedSeconds)}</td></tr>\n`;
}

/** Returns the tile of an entry; with `isPicture`, its picture is requested once the tile is near the window. */
export function tileOf(entry: ListingEntry, isPicture: boolean): string {
  const { name, isDirectory, size } = entry;
  const picture = isPicture
    ? `<img src="${escape(hrefOf(name, false))}" alt="" loading="lazy" decoding="async">`
    : iconOf(isDirectory ? "d" : "f");
  const shown = isDirectory ? "" : `<small>${readableSize(size)}</small>`;
  return `<li>${linkOf(entry, picture, shown)}</li>\n`;
}

function linkOf({ name, isDirectory }: ListingEntry, picture: string, more = ""): string {
  const text = `<bdi>${textFor(textOf(name))}</bdi>${isDirectory ? "/" : ""}`;
  return `<a href="${escape(hrefOf(name, isDirectory))}">${picture}<span>${text}</span>${more}</a>`;
}

function iconOf(id: "d" | "f" | "u"): string {
  return `<svg aria-hidden="true"${id === "d" ? ' class="folder"' : ""}><use href="#${id}"/></svg>`;
}

/** Escapes text for HTML. Control characters become their symbols (U+2400…), since HTML does not allow them. */
export function textFor(text: string): string {
  return escape(text.replace(/\p{Cc}/gu, pictureOf));
}

/** Escapes a text of several lines. */
export function linesFor(text: string): string {
  return escape(text.replace(/\r\n?/g, "\n").replace(/[^\P{Cc}\n\t]/gu, pictureOf));
}

function pictureOf(control: string): string {
  const code = control.charCodeAt(0);
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : "\ufffd";
}

/** Returns a name percent-encoded for a URL. */
export function encodeName(name: FileName): string {
  return /^[A-Za-z0-9._-]+$/.test(name) ? name : encodePath(bytesOf(name), false).slice(1);
}

/** Returns the relative URL of an entry. A name with a colon gets `./`: `javascript:x` would be an absolute URL. */
export function hrefOf(name: FileName, isDirectory: boolean): string {
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

/** Returns a number with a comma after each three digits. */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Returns a time in ISO 8601, in UTC; null when it is out of the range of `Date`. */
export function isoTime(seconds: number): string | null {
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
