/**
 * What caches that serve many may keep of what asks for a password: nothing, unless a rule for that very path says so.
 *
 * RFC 9111 §3.5 lets them keep the answer to a request with a password where it says `public`, `s-maxage` or
 * `must-revalidate`; and there are caches that do not know of passwords at all, and keep whatever is not `private`.
 * @module
 */
import type { SiteSettings } from "../settings/site_settings.ts";

/** Fields that are read as Cache-Control is; those of one kind of cache count there instead of it (RFC 9213). */
const CACHE_CONTROL = /^(?:.+-)?cache-control$/i;
/** Fields that other caches obey first, and what keeps those from keeping anything. */
const OTHERS: ReadonlyMap<string, string | null> = new Map([
  ["surrogate-control", "no-store"],
  ["edge-control", "no-store"],
  ["x-accel-expires", "0"],
  ["pragma", null],
]);
/** An element of the list (RFC 9111 §5.2), which may be empty (RFC 9110 §5.6.1), and what ends it. */
const ELEMENT =
  /[ \t]*(?:(([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(?:"(?:[^"\\]|\\.)*"|[!#$%&'*+.^_`|~0-9A-Za-z-]+))?)[ \t]*)?(,|$)/y;
const SHARED: readonly string[] = ["public", "s-maxage"];
const WILDCARD = /[*?[{\\]/;
const EVERY_PATH = "/**";

/** The directives of a value; null: it is no list of directives. */
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

/** A value of Cache-Control by which only the reader's own cache keeps the response: `public, max-age=60` is `private, max-age=60`. */
export function withoutSharing(value: string): string {
  const directives = directivesOf(value);
  if (directives === null) return "private"; // what a cache makes of it is not known
  const kept = directives.filter(({ name }) => !SHARED.includes(name)).map(({ text }) => text);
  // With an argument it is about fields alone (RFC 9111 §5.2.2.7).
  const isPrivate = kept.some((text) => /^(?:private|no-store)$/i.test(text));
  if (isPrivate) return kept.length === directives.length ? value : kept.join(", ");
  return ["private", ...kept].join(", ");
}

/** What a field says to caches where a password is asked for: another value, or null to leave it out. */
export function guarded(name: string, value: string | null): string | null {
  if (value === null) return null;
  if (CACHE_CONTROL.test(name)) return withoutSharing(value);
  const other = OTHERS.get(name.toLowerCase());
  return other === undefined ? value : other;
}

/** True when a field would let caches that serve many keep the response, or may do so. */
function isShared(name: string, value: string | null): boolean {
  if (value === null) return false;
  if (!CACHE_CONTROL.test(name)) return guarded(name, value) !== value;
  return directivesOf(value)?.some(({ name }) => SHARED.includes(name)) ?? true;
}

/**
 * Whether a header rule whose glob is `source`, and which matches a path, means that very path, for which the rule with
 * the glob `auth` asks for a password (null: only what is served there is behind one): it names the path without a
 * wildcard, has the same glob, or is about what is in the same directory (`/a/**` asks, `/a/b/*` is meant). What holds
 * for every path means none in particular.
 */
export function isMeant(source: string, auth: string | null): boolean {
  if (!WILDCARD.test(source)) return true;
  if (auth === null || auth === EVERY_PATH) return false;
  if (source === auth) return true;
  const directory = auth.endsWith(EVERY_PATH) ? auth.slice(0, -2) : auth.endsWith("/") ? auth : `${auth}/`;
  return directory !== "/" && !WILDCARD.test(directory) && source.startsWith(directory);
}

/** False when no path can be matched by both globs. */
function mayMeet(a: string, b: string): boolean {
  const [start, other] = [a, b].map((glob) => glob.slice(0, WILDCARD.exec(glob)?.index ?? glob.length)) as [
    string,
    string,
  ];
  return start.startsWith(other) || other.startsWith(start);
}

/** What the settings of a site say of caching, and does not hold where a password is asked for: a line for each. */
export function describeGuarded({ auth, cacheControl, headers }: SiteSettings): string[] {
  const lines: string[] = [];
  const add = (what: string, name: string, value: string, isOther: (source: string) => boolean) => {
    const source = auth.map(({ source }) => source).find(isOther);
    if (source === undefined || !isShared(name, value)) return;
    const sent = guarded(name, value);
    const instead = sent === null ? "without it" : `with ${JSON.stringify(sent)}`;
    lines.push(
      `${what} lets any cache keep what ${source} asks a password for: that is sent ${instead}, unless a rule for that very path says otherwise`,
    );
  };
  if (cacheControl !== "auto" && cacheControl !== "off") {
    add(`cacheControl ${JSON.stringify(cacheControl)}`, "Cache-Control", cacheControl, () => true);
  }
  for (const { source, fields } of headers) {
    for (const [name, value] of fields) {
      if (value === null) continue;
      const what = `"${name}: ${value}" for ${source}`;
      add(what, name, value, (auth) => mayMeet(source, auth) && !isMeant(source, auth));
    }
  }
  return lines;
}
