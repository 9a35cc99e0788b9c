/**
 * The files that tests of conditional requests ask for, and their times.
 * @module
 */
import { formatHttpDate } from "../../server/http/date.ts";
import { Site } from "./program.ts";

export const MODIFIED_SECONDS = Date.UTC(2024, 1, 29, 12) / 1000;

export const at = (seconds: number): string => formatHttpDate(seconds);

/** Larger files are not kept in memory. */
export const SIZE_FLAG = ["--cache-file-size", "16K"];

export function files(): Record<string, string | Uint8Array> {
  return {
    "small.txt": "0123456789",
    "large.bin": new Uint8Array(100_000).map((_, i) => i * 7),
    "app.js": "let app;",
    "app.js.br": "no brotli, but who looks?",
    "map.js": "let map;",
    "map.js.gz": new Uint8Array(50_000).fill(7),
    "page.html": "<p>Text</p>\n".repeat(500),
  };
}

export const SAME = at(MODIFIED_SECONDS);
export const EARLIER = at(MODIFIED_SECONDS - 1);
export const LATER = at(MODIFIED_SECONDS + 1);
/** The targets with the fields that choose them, and how each is stored. */
export const TARGETS: readonly (readonly [what: string, target: string, ...lines: string[]])[] = [
  ["a small file", "/small.txt"],
  ["a file on disk", "/large.bin"],
  ["a sibling", "/app.js", "Accept-Encoding: br"],
  ["a sibling on disk", "/map.js", "Accept-Encoding: gzip"],
  ["what is compressed here", "/page.html", "Accept-Encoding: gzip"],
  ["what is not compressed for this client", "/page.html"],
];

/** Returns a site whose files were all changed at {@linkcode MODIFIED_SECONDS}. */
export function oldSite(): Site {
  const site = new Site(files());
  for (const name of Object.keys(files())) {
    Deno.utimeSync(site.path(name), MODIFIED_SECONDS, MODIFIED_SECONDS);
  }
  return site;
}
