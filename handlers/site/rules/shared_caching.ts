/**
 * Keeps responses behind a password out of shared caches, unless a rule for exactly that path allows it.
 *
 * RFC 9111 §3.5 allows shared caches to store the response to a request with credentials if it has `public`, `s-maxage`
 * or `must-revalidate`. Some caches ignore credentials, and store every response that is not `private`.
 * @module
 */
import type { SiteSettings } from "../settings/site_settings.ts";

/** Cache-Control, and fields with the same syntax that replace it for a certain kind of cache (RFC 9213). */
const CACHE_CONTROL = /^(?:.+-)?cache-control$/i;
/**
 * Other fields that certain caches prefer to Cache-Control, with the value that prevents storing; null removes the
 * field.
 */
const OTHERS: ReadonlyMap<string, string | null> = new Map([
  ["surrogate-control", "no-store"],
  ["edge-control", "no-store"],
  ["x-accel-expires", "0"],
  ["pragma", null],
]);
/** An element of the list (RFC 9111 §5.2), which may be empty (RFC 9110 §5.6.1.2), with the comma or end after it. */
const ELEMENT =
  /[ \t]*(?:(([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(?:"(?:[^"\\]|\\.)*"|[!#$%&'*+.^_`|~0-9A-Za-z-]+))?)[ \t]*)?(,|$)/y;
const SHARED: readonly string[] = ["public", "s-maxage"];
const WILDCARD = /[*?[{\\]/;
const EVERY_PATH = "/**";

/** Parses a list of directives. Returns null when `value` is malformed. */
function directivesOf(value: string): { readonly name: string; readonly text: string }[] | null {
  const found = [];
  ELEMENT.lastIndex = 0;
  for (;;) {
    const match = ELEMENT.exec(value);
    if (match === null) return null;
    const [, text, name, end] = match;
    if (text !== undefined) found.push({ name: name!.toLowerCase(), text });
    if (end === "") return found;
  }
}

/** Returns a value of Cache-Control that excludes shared caches: `public, max-age=60` becomes `private, max-age=60`. */
export function withoutSharing(value: string): string {
  const directives = directivesOf(value);
  if (directives === null) return "private"; // caches interpret a malformed value in different ways
  const kept = directives.filter(({ name }) => !SHARED.includes(name)).map(({ text }) => text);
  // `private` with an argument is only about the fields that it names (RFC 9111 §5.2.2.7).
  const isPrivate = kept.some((text) => /^(?:private|no-store)$/i.test(text));
  if (isPrivate) return kept.length === directives.length ? value : kept.join(", ");
  return ["private", ...kept].join(", ");
}

/** Returns the value of a field for a response behind a password; null when the field is left out. */
export function guarded(name: string, value: string | null): string | null {
  if (value === null) return null;
  if (CACHE_CONTROL.test(name)) return withoutSharing(value);
  const other = OTHERS.get(name.toLowerCase());
  return other === undefined ? value : other;
}

/** Returns true when a field may let shared caches store the response. */
function isShared(name: string, value: string | null): boolean {
  if (value === null) return false;
  if (!CACHE_CONTROL.test(name)) return guarded(name, value) !== value;
  return directivesOf(value)?.some(({ name }) => SHARED.includes(name)) ?? true;
}

/**
 * Returns whether a header rule that matches a path is specifically for paths behind the password: the rule's glob
 * `source` has no wildcard, is equal to the authentication rule's glob `auth`, or is for a part of its directory, as
 * `/a/b/*` for `/a/**`. A rule for every path is not specific. `auth` is null when no rule matches the path itself,
 * because a rewrite led to a protected file.
 */
export function isSpecificTo(source: string, auth: string | null): boolean {
  if (!WILDCARD.test(source)) return true;
  if (auth === null || auth === EVERY_PATH) return false;
  if (source === auth) return true;
  const directory = auth.endsWith(EVERY_PATH) ? auth.slice(0, -2) : auth.endsWith("/") ? auth : `${auth}/`;
  return directory !== "/" && !WILDCARD.test(directory) && source.startsWith(directory);
}

/** Returns false when no path can match both globs. */
function mayOverlap(a: string, b: string): boolean {
  const [start, other] = [a, b].map((glob) => glob.slice(0, WILDCARD.exec(glob)?.index ?? glob.length)) as [
    string,
    string,
  ];
  return start.startsWith(other) || other.startsWith(start);
}

/** Returns a line for each setting about shared caching that is not applied behind a password. */
export function describeGuarded({ auth, cacheControl, headers }: SiteSettings): string[] {
  const lines: string[] = [];
  const add = (what: string, name: string, value: string, isAffected: (source: string) => boolean) => {
    const source = auth.map(({ source }) => source).find(isAffected);
    if (source === undefined || !isShared(name, value)) return;
    const sent = guarded(name, value);
    const instead = sent === null ? "without it" : `with ${JSON.stringify(sent)}`;
    lines.push(
      `${what} would let shared caches keep what the auth rule for ${source} protects: that is sent ${instead}, unless a rule for exactly that path says otherwise`,
    );
  };
  if (cacheControl !== "auto" && cacheControl !== "off") {
    add(`cacheControl ${JSON.stringify(cacheControl)}`, "Cache-Control", cacheControl, () => true);
  }
  for (const { source, fields } of headers) {
    for (const [name, value] of fields) {
      if (value === null) continue;
      const what = `"${name}: ${value}" for ${source}`;
      add(what, name, value, (auth) => mayOverlap(source, auth) && !isSpecificTo(source, auth));
    }
  }
  return lines;
}
