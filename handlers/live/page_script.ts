/**
 * Adds the script of `--live` to a page on its way out.
 *
 * The element stands before everything that the parser would show, so that the script sees all that the page loads:
 * behind the document type, which decides how the page is laid out, and before the element `html`. A parser makes that
 * element, and merges attributes of a later `<html>` into it (WHATWG HTML §13.2.6).
 * @module
 */
import { concat } from "../../server/http/bytes.ts";
import { encodeUtf8, latin1 } from "../../server/http/characters.ts";
import { LIVE_POLICY_BYTES_MAX } from "../site/limits.ts";

/** A byte order mark, white space, comments of every kind, and a document type (WHATWG HTML §13.2.5). */
const START =
  /^(?:\xef\xbb\xbf)?(?:[\t\n\f\r ]|<!--(?:>|->|[^]*?(?:-->|--!>))|<\?[^>]*>|<!(?!--|doctype)[^>]*>)*(?:<!doctype(?:"[^"]*"|'[^']*'|[^>"'])*>)?/i;

/** The marks of UTF-16, in which the element would be no ASCII. */
const WIDE = /^(?:\xff\xfe|\xfe\xff)/;

/** Returns `page` with the element `script`; unchanged if it is in UTF-16, or has no place for it at its beginning. */
export function withScript(page: Uint8Array<ArrayBuffer>, script: string): Uint8Array<ArrayBuffer> {
  if (WIDE.test(latin1(page, 0, Math.min(page.length, 2)))) return page;
  const start = latin1(page, 0, Math.min(page.length, LIVE_POLICY_BYTES_MAX));
  const at = START.exec(start)![0].length;
  const isCut = page.length > start.length && (at === start.length || start.startsWith("<!--", at));
  if (isCut) return page; // the document type may come later
  return concat([page.subarray(0, at), encodeUtf8(script), page.subarray(at)]);
}

/** What the element of a page has beside the URL of the script. */
export interface ScriptAttributes {
  /** The number of the last change before the response. */
  readonly state: string;
  /** The keys for URLs that need a password. */
  readonly keys: readonly string[];
  /** Null where no policy asks for one. */
  readonly nonce: string | null;
}

/** Returns the element. */
export function scriptElement(path: string, { state, keys, nonce }: ScriptAttributes): string {
  const more = [
    ...keys.length > 0 ? [` data-keys="${keys.join(" ")}"`] : [],
    ...nonce === null ? [] : [` nonce="${nonce}"`],
  ];
  return `<script src="${path}" data-state="${state}"${more.join("")}></script>`;
}

/** A policy in the page itself, in one of the two orders of attributes. */
const META = /<meta\s[^>]*http-equiv\s*=\s*["']?content-security-policy["']?[^>]*>/gi;
const CONTENT = /\scontent\s*=\s*(?:"([^"]*)"|'([^']*)')/i;

/** Returns the policies that `page` sets for itself. */
export function policiesIn(page: Uint8Array<ArrayBuffer>): string[] {
  const text = latin1(page, 0, Math.min(page.length, LIVE_POLICY_BYTES_MAX));
  return [...text.matchAll(META)].flatMap(([element]) => {
    const [, double, single] = CONTENT.exec(element) ?? [];
    return double ?? single ?? [];
  });
}
