/**
 * The request for an archive: `?archive=tar.gz` or `?archive=zip`; and the fields of its response.
 * @module
 */
import type { FileName } from "../../../ffi/file/inotify.ts";
import type { Fields } from "../../../server/http/response.ts";
import { textOf } from "../listing/natural_order.ts";

/** A format of archives, or `unknown` for another word. */
export type Wanted = "tar.gz" | "zip" | "unknown";

const TYPES = { "tar.gz": "application/gzip", zip: "application/zip" } as const;

/** Returns the archive that a query asks for; null when it asks for none. */
export function archiveWanted(query: string): Wanted | null {
  if (!query.includes("archive")) return null;
  const value = new URLSearchParams(query).get("archive");
  return value === null ? null : value === "tar.gz" || value === "zip" ? value : "unknown";
}

/** Returns the fields of an archive of the directory `name`. */
export function archiveFields(name: FileName, format: keyof typeof TYPES): Fields {
  return [
    ["Content-Type", TYPES[format]],
    ["Content-Disposition", dispositionOf(`${textOf(name)}.${format}`)],
    ["X-Content-Type-Options", "nosniff"],
    ["Accept-Ranges", "none"],
  ];
}

/**
 * Returns the value of Content-Disposition for a file to be saved as `name` (RFC 6266 §4.3). A name that is not plain
 * ASCII is there twice, since old clients do not know the form with `*` (RFC 8187).
 */
function dispositionOf(name: string): string {
  const clean = name.replace(/[\p{Cc}/\\]/gu, "_");
  const plain = clean.replace(/[^\x20-\x7e]/gu, "_").replace(/["%]/g, "_");
  const value = `attachment; filename="${plain}"`;
  if (plain === clean) return value;
  const encoded = encodeURIComponent(clean.toWellFormed())
    .replace(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  return `${value}; filename*=UTF-8''${encoded}`;
}
