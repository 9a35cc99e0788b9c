/**
 * Writes `status_page.ts` out of `status.html`: `deno task status`.
 * @module
 */

/** The module that holds a page. */
export function statusPageModule(html: string): string {
  return `/**
 * The text of \`status.html\`, for a program that may read no file of its own. Written by \`deno task status\`.
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
