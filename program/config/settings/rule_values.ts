/**
 * Reads the values of rules: fields, globs, destinations, names of hosts, users. Each function throws
 * {@linkcode Expected} for a text that is wrong.
 * @module
 */
import { MEDIA_RANGE } from "../../../handlers/site/settings/site_settings.ts";
import { isHostName } from "../../../handlers/site/settings/host_name.ts";
import { hasControls } from "../../../server/http/fields/credentials.ts";
import { isPasswordHash } from "../../../handlers/site/auth/password_hash.ts";
import { Expected } from "../../../server/usage_error.ts";

/** The syntax of a field name (RFC 9110 §5.6.2). */
export const FIELD_NAME: RegExp = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\uffff]*$/;

/** Fields about the framing and coding of the message, which the server writes. */
const RESERVED: readonly string[] = [
  "Content-Length",
  "Transfer-Encoding",
  "Connection",
  "Keep-Alive",
  "Date",
  "Content-Encoding",
  "Content-Range",
];

/** Reads the name of a field that rules may set. */
export function readFieldName(text: string): string {
  if (!FIELD_NAME.test(text)) throw new Expected("the name of a field, such as X-Frame-Options");
  if (RESERVED.some((name) => name.toLowerCase() === text.toLowerCase())) {
    throw new Expected(`a field other than ${RESERVED.join(", ")}: those are the server's to write`);
  }
  return text;
}

/** Reads the value of a field, without spaces around it; an empty one is null, which removes the field. */
export function readFieldValue(text: string): string | null {
  if (!FIELD_VALUE.test(text)) throw new Expected("a value of one line, without control characters");
  const value = text.replace(/^[\t ]+|[\t ]+$/g, "");
  return value === "" ? null : value;
}

/** Reads `NAME: VALUE`. */
export function readField(text: string): readonly [name: string, value: string | null] {
  const colon = text.indexOf(":");
  if (colon < 0) {
    throw new Expected('NAME: VALUE, such as "X-Frame-Options: DENY" ("NAME:" takes a field away)');
  }
  return [readFieldName(text.slice(0, colon)), readFieldValue(text.slice(colon + 1))];
}

/** Reads a glob over paths: it begins with a slash, and its brackets are closed. */
export function readGlob(text: string): string {
  if (!text.startsWith("/")) throw new Expected("a glob that begins with /, such as /assets/**");
  if (hasControls(text)) throw new Expected("a glob without control characters");
  const plain = withoutClasses(text);
  if (plain.includes("[")) throw new Expected("a ] for each [");
  if (/[{}]/.test(withoutBraces(plain))) throw new Expected("a } for each {, and a { for each }");
  if (/\*{3}/.test(plain)) throw new Expected("* or **, not three stars in a row");
  return text;
}

/** Counts the parts of a path that the glob captures: one for each `*` or `**`, of `{…}` those of one alternative. */
export function countWildcards(glob: string): number {
  return countStars(withoutBraces(withoutClasses(glob)));
}

function countStars(text: string): number {
  return text.match(/\*+/g)?.length ?? 0;
}

/** Replaces each `[…]` and each escaped character by a letter. */
function withoutClasses(glob: string): string {
  return glob.replace(/\\./gsu, "x").replace(/\[[^\]]*\]/g, "x");
}

/** Replaces each `{…}` by its alternative with the most wildcards, from the innermost outwards. */
function withoutBraces(glob: string): string {
  const most = (_: string, alternatives: string) =>
    alternatives.split(",").reduce((a, b) => countStars(b) > countStars(a) ? b : a);
  for (let before = ""; before !== glob;) {
    before = glob;
    glob = glob.replace(/\{([^{}]*)\}/g, most);
  }
  return glob;
}

/** Checks that each `$1` to `$9` of the destination has a wildcard in the source. @throws {Expected} */
export function checkCaptures(source: string, destination: string): void {
  const count = countWildcards(source);
  for (const [capture, digit] of destination.matchAll(/\$([1-9$])/g)) {
    if (digit === "$" || Number(digit) <= count) continue; // two dollars stand for one
    const needed = digit === "1" ? "a wildcard" : `${digit} wildcards`;
    throw new Expected(`${needed} in ${JSON.stringify(source)} for ${capture}, where there ${areOf(count)}`);
  }
}

function areOf(count: number): string {
  return count === 0 ? "is none" : count === 1 ? "is one" : `are ${count}`;
}

/** Reads the media types that a rule is for. */
export function readMediaRange(text: string): string {
  if (!MEDIA_RANGE.test(text)) {
    throw new Expected("a media type without parameters, such as text/html or image/*");
  }
  return text.toLowerCase();
}

/** Reads the destination of a redirect: a path, or a URL. Two slashes would be another host. */
export function readRedirectDestination(text: string): string {
  if (hasControls(text) || !REDIRECT_DESTINATION.test(text)) {
    throw new Expected("a path that begins with one /, or a URL of http or https whose host is fixed");
  }
  return text;
}

/** The syntax of the destination of a redirect. */
export const REDIRECT_DESTINATION: RegExp = /^(\/(?![/\\])|https?:\/\/[^/?#\\$\s]+([/?#]|$))/;

const NO_PROXY = "a rewrite serves another path of this site, and epollet is no proxy";

/** Reads the destination of a rewrite: a path. */
export function readRewriteDestination(text: string): string {
  if (hasControls(text) || !REWRITE_DESTINATION.test(text)) {
    const isElsewhere = /^[^/]+:/.test(text); // a scheme, or a host and a port
    throw new Expected(
      `a path that begins with /, without ? and #${isElsewhere ? `: ${NO_PROXY}` : ""}`,
    );
  }
  return text;
}

/** The syntax of the destination of a rewrite. */
export const REWRITE_DESTINATION: RegExp = /^\/[^?#]*$/;

/** Reads the name of a host, without a port; returns it in lower case. */
export function readHostName(text: string): string {
  if (!isHostName(text)) {
    throw new Expected(
      "the name of a host without a port, such as example.org or *.example.org (not in ASCII: its xn-- form)",
    );
  }
  return text.toLowerCase();
}

/** The syntax of the name of a user (RFC 7617 §2): no colon, no control characters. */
export const USER_NAME: RegExp = /^[\x20-\x39\x3b-\x7e\x80-\uffff]+$/;

/** Reads the name of a user. */
export function readUserName(text: string): string {
  if (!USER_NAME.test(text)) throw new Expected("the name of a user, without a colon");
  return text;
}

/** The syntax of the hash of a password; {@linkcode isPasswordHash} also checks its costs. */
export const PASSWORD_HASH: RegExp =
  /^\$scrypt\$ln=\d{1,2},r=\d{1,2},p=\d{1,2}\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$/;

/** Reads the hash of a password. */
export function readPasswordHash(text: string): string {
  if (!isPasswordHash(text)) throw new Expected("the hash of a password, as --hash-password prints it");
  return text;
}

/** Reads `USER:HASH`. */
export function readUser(text: string): { name: string; hash: string } {
  const [, name, hash] = /^([^:]+):(.+)$/.exec(text) ?? [];
  if (name === undefined || !USER_NAME.test(name) || !isPasswordHash(hash!)) {
    throw new Expected("USER:HASH in single quotes, the hash as --hash-password prints it");
  }
  return { name, hash: hash! };
}

/** Reads a realm, which a browser shows when it asks for a password. */
export function readRealm(text: string): string {
  if (text === "" || hasControls(text)) throw new Expected("a few words without control characters");
  return text;
}
