/**
 * Resolves the path of a URL to the path of a file by rewriting strings: the reference for
 * `handlers/site/files/resolve_path.ts`.
 * @module
 */

/** The result: a name below the root with a character for each byte, or a status. */
export type Resolved = { readonly path: string; readonly isDirectory: boolean } | 400 | 404;

/** A segment that is a name, and the two dots that remove it. */
const UP = /\/(?!\.\.?(?:\/|$))[^/]+\/\.\.(?=\/|$)/;

/** Resolves a path whose escapes are well-formed. RFC 3986 §5.2.4, but dots that lead above the root are an error. */
export function referenceResolve(path: string): Resolved {
  let text = `/${path}`.replace(/%(..)/gs, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return 400;
  if (text.includes("\0")) return 400;
  const isDirectory = /(?:^|\/)\.{0,2}$/.test(text);
  text = text.replace(/\/{2,}/g, "/");
  while (/\/\.(?=\/|$)/.test(text)) text = text.replace(/\/\.(?=\/|$)/, "");
  while (UP.test(text)) text = text.replace(UP, "");
  if (text.split("/").includes("..")) return 400;
  const names = text.split("/").filter((name) => name !== "");
  if (names.some((name, i) => name.startsWith(".") && (i > 0 || name !== ".well-known"))) return 404;
  return { path: names.join("/"), isDirectory };
}

/** Returns the canonical spelling of a path. */
export function referenceEncode(path: string, isDirectory: boolean): string {
  const encoded = path.replace(
    /[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
  return isDirectory && path !== "" ? `/${encoded}/` : `/${encoded}`;
}
