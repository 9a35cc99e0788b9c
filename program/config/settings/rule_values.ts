/**
 * The values of rules as they are written: fields, globs, destinations, names of hosts, users. Each function reads one
 * kind of value, and throws {@linkcode Expected} for what is none.
 * @module
 */
import { MEDIA_RANGE } from "../../../handlers/site/settings/site_settings.ts";
import { isHostName } from "../../../handlers/site/settings/host_name.ts";
import { hasControls } from "../../../server/http/fields/credentials.ts";
import { isPasswordHash } from "../../../handlers/site/auth/password_hash.ts";
import { Expected } from "../../../server/usage_error.ts";

/** How the name of a field is written, RFC 9110 §5.6.2. */
export const FIELD_NAME: RegExp = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\uffff]*$/;

/** Fields that say how the message or the file is to be read: who writes them has to know that. */
const RESERVED: readonly string[] = [
  "Content-Length",
  "Transfer-Encoding",
  "Connection",
  "Keep-Alive",
  "Date",
  "Content-Encoding",
  "Content-Range",
];

/** The name of a field that may be set. */
export function readFieldName(text: string): string {
  if (!FIELD_NAME.test(text)) throw new Expected("the name of a field, such as X-Frame-Options");
  if (RESERVED.some((name) => name.toLowerCase() === text.toLowerCase())) {
    throw new Expected(`a field other than ${RESERVED.join(", ")}: those are the server's to write`);
  }
  return text;
}

/** The value of a field, without spaces around it; null for an empty one: the field is taken away. */
export function readFieldValue(text: string): string | null {
  if (!FIELD_VALUE.test(text)) throw new Expected("a value of one line, without control characters");
  const value = text.replace(/^[\t ]+|[\t ]+$/g, "");
  return value === "" ? null : value;
}

/** `NAME: VALUE`. */
export function readField(text: string): readonly [name: string, value: string | null] {
  const colon = text.indexOf(":");
  if (colon < 0) {
    throw new Expected('NAME: VALUE, such as "X-Frame-Options: DENY" ("NAME:" takes a field away)');
  }
  return [readFieldName(text.slice(0, colon)), readFieldValue(text.slice(colon + 1))];
}

/** A glob over paths: begins with a slash, and what it opens is closed. */
export function readGlob(text: string): string {
  if (!text.startsWith("/")) throw new Expected("a glob that begins with /, such as /assets/**");
  if (hasControls(text)) throw new Expected("a glob without control characters");
  const plain = withoutClasses(text);
  if (plain.includes("[")) throw new Expected("a ] for each [");
  if (/[{}]/.test(withoutBraces(plain))) throw new Expected("a } for each {, and a { for each }");
  if (/\*{3}/.test(plain)) throw new Expected("* or **, not three stars in a row");
  return text;
}

/** How many parts of a path the glob captures: one for each `*` or `**`, of `{…}` those of one alternative. */
export function countWildcards(glob: string): number {
  return countStars(withoutBraces(withoutClasses(glob)));
}

function countStars(text: string): number {
  return text.match(/\*+/g)?.length ?? 0;
}

/** With a letter in the place of each `[…]`, and of each character that a backslash makes an ordinary one. */
function withoutClasses(glob: string): string {
  return glob.replace(/\\./gsu, "x").replace(/\[[^\]]*\]/g, "x");
}

/** With the alternative that has the most wildcards in the place of each `{…}`, from the innermost outwards. */
function withoutBraces(glob: string): string {
  const most = (_: string, alternatives: string) =>
    alternatives.split(",").reduce((a, b) => countStars(b) > countStars(a) ? b : a);
  for (let before = ""; before !== glob;) {
    before = glob;
    glob = glob.replace(/\{([^{}]*)\}/g, most);
  }
  return glob;
}

/** Throws unless each `$1` to `$9` of the destination has a wildcard in the source. */
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

/** Media types that a rule is for. */
export function readMediaRange(text: string): string {
  if (!MEDIA_RANGE.test(text)) {
    throw new Expected("a media type without parameters, such as text/html or image/*");
  }
  return text.toLowerCase();
}

/** Where a redirect leads: a path, or a URL. Two slashes would be another host. */
export function readRedirectDestination(text: string): string {
  if (hasControls(text) || !REDIRECT_DESTINATION.test(text)) {
    throw new Expected("a path that begins with one /, or a URL of http or https whose host is fixed");
  }
  return text;
}

/** How a destination of a redirect is written. */
export const REDIRECT_DESTINATION: RegExp = /^(\/(?![/\\])|https?:\/\/[^/?#\\$\s]+([/?#]|$))/;

/** What is said of a rewrite to another server. */
const NO_PROXY = "a rewrite serves another path of this site, and epollet is no proxy";

/** Where a rewrite leads: a path. */
export function readRewriteDestination(text: string): string {
  if (hasControls(text) || !REWRITE_DESTINATION.test(text)) {
    const isElsewhere = /^[^/]+:/.test(text); // a scheme, or a host and a port
    throw new Expected(
      `a path that begins with /, without ? and #${isElsewhere ? `: ${NO_PROXY}` : ""}`,
    );
  }
  return text;
}

/** How a destination of a rewrite is written. */
export const REWRITE_DESTINATION: RegExp = /^\/[^?#]*$/;

/** The name of a host in lower case, without a port. */
export function readHostName(text: string): string {
  if (!isHostName(text)) {
    throw new Expected(
      "the name of a host without a port, such as example.org or *.example.org (not in ASCII: its xn-- form)",
    );
  }
  return text.toLowerCase();
}

/** What stands for all hosts, and for those that are allowed where nothing is said. */
const EVERY_HOST = "*";
/** See {@linkcode EVERY_HOST}. */
export const USUAL_HOSTS = "auto";
/** What is said of names that are none. */
export const EXPECTED_HOSTS =
  "names of hosts separated by commas, such as app.test,*.example.org, or * for all, or auto";

/** Names of hosts that may be asked for, separated by commas; null: the usual ones. */
export function readAllowedHosts(text: string): string[] | null {
  if (text === USUAL_HOSTS) return null;
  try {
    return text.split(",").map((name) => name === EVERY_HOST ? name : readHostName(name));
  } catch (error) {
    if (error instanceof Expected) throw new Expected(EXPECTED_HOSTS);
    throw error;
  }
}

/** How the name of a user is written, RFC 7617 §2: no colon, no control characters. */
export const USER_NAME: RegExp = /^[\x20-\x39\x3b-\x7e\x80-\uffff]+$/;

/** The name of a user. */
export function readUserName(text: string): string {
  if (!USER_NAME.test(text)) throw new Expected("the name of a user, without a colon");
  return text;
}

/** How the hash of a password is written. Which costs it may have, {@linkcode isPasswordHash} knows. */
export const PASSWORD_HASH: RegExp =
  /^\$scrypt\$ln=\d{1,2},r=\d{1,2},p=\d{1,2}\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$/;

/** The hash of a password. */
export function readPasswordHash(text: string): string {
  if (!isPasswordHash(text)) throw new Expected("the hash of a password, as --hash-password prints it");
  return text;
}

/** `USER:HASH`. */
export function readUser(text: string): { name: string; hash: string } {
  const [, name, hash] = /^([^:]+):(.+)$/.exec(text) ?? [];
  if (name === undefined || !USER_NAME.test(name) || !isPasswordHash(hash!)) {
    throw new Expected("USER:HASH in single quotes, the hash as --hash-password prints it");
  }
  return { name, hash: hash! };
}

/** What a browser shows when it asks for a password. */
export function readRealm(text: string): string {
  if (text === "" || hasControls(text)) throw new Expected("a few words without control characters");
  return text;
}
