/**
 * Writes `status_page.ts` from `status.html`: `deno task status`.
 * @module
 */

/** Returns the text of a module that exports `html`. */
export function statusPageModule(html: string): string {
  return `/**
 * The text of \`status.html\`: the program may not read its own files. Written by \`deno task status\`.
 * @module
 */

/** The status page. */
// deno-fmt-ignore
export const STATUS_PAGE: string = ${JSON.stringify(html)};
`;
}

if (import.meta.main) {
  const page = (name: string) => new URL(name, import.meta.url);
  Deno.writeTextFileSync(
    page("status_page.ts"),
    statusPageModule(Deno.readTextFileSync(page("status.html"))),
  );
}
