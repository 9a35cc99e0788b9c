/**
 * Parses the head of a request slowly, in the terms of RFC 9112: the reference for
 * `server/protocols/http1/head_parser.ts`.
 *
 * It shares no code with the parser. Regular expressions find the elements, and the meaning of fields is read from
 * lists of strings. Errors are found in the order in which the bytes arrive.
 * @module
 */
import { FIELDS_MAX, HEAD_BYTES_MAX, METHOD_BYTES_MAX, TARGET_BYTES_MAX } from "../../server/limits.ts";
import type { Parsed } from "../support/request_replay.ts";

/** The result for the bytes so far. */
export interface Outcome {
  /** The length of the head in bytes; 0 when it is incomplete; the negated status when it is refused. */
  readonly taken: number;
  /** The method, as far as it was read and is known; otherwise empty. */
  readonly method: string;
  /** The position of the byte at which the head was refused. */
  readonly at: number;
  /** The request when it is accepted; otherwise null. */
  readonly request: Omit<Parsed, "rest"> | null;
}

/** Thrown to end the parsing with a result. */
class Verdict {
  readonly taken: number;

  constructor(taken: number) {
    this.taken = taken;
  }
}

/** Reads a text from left to right. */
export class Scanner {
  readonly text: string;
  readonly #atEnd: number;
  at = 0;

  /** `atEnd` is the result when the text ends too early. */
  constructor(text: string, atEnd: number) {
    this.text = text;
    this.#atEnd = atEnd;
  }

  /** Takes and returns what `pattern`, which is sticky, matches. */
  run(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  /** Takes the next character. @throws {Verdict} when the text ends */
  next(): string {
    if (this.at >= this.text.length) throw new Verdict(this.#atEnd);
    return this.text[this.at]!;
  }

  /** Takes `literal`. @throws {Verdict} when other text follows */
  take(literal: string, otherwise: number): void {
    for (const character of literal) {
      if (this.next() !== character) throw new Verdict(-otherwise);
      this.at++;
    }
  }

  /** Takes one character that `pattern` matches. @throws {Verdict} for another one */
  one(pattern: RegExp, otherwise: number): string {
    const character = this.next();
    if (!pattern.test(character)) throw new Verdict(-otherwise);
    this.at++;
    return character;
  }
}

/** Returns the result of `read`, also when it is thrown. */
export function verdictOf(read: () => number): number {
  try {
    return read();
  } catch (error) {
    if (error instanceof Verdict) return error.taken;
    throw error;
  }
}

/** Ends the parsing with this status. @throws {Verdict} always */
export function refuse(status: number): never {
  throw new Verdict(-status);
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]*/y;
const CONDITIONAL = /^(range|if-(match|none-match|modified-since|unmodified-since|range))$/i;
const HOST = String.raw`(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)`;
const AUTHORITY = new RegExp(String.raw`^${HOST}(?::\d{0,5})?$`);
const AUTHORITY_WITH_PORT = new RegExp(String.raw`^${HOST}:\d{1,5}$`);

/** Parses the head at the beginning of `text`, which has a character for each byte. */
export function referenceParse(text: string): Outcome {
  const scanner = new Scanner(text.slice(0, HEAD_BYTES_MAX), text.length >= HEAD_BYTES_MAX ? -431 : 0);
  let method = "";
  let request: Omit<Parsed, "rest"> | null = null;
  const taken = verdictOf(() => {
    while (scanner.next() === "\r") scanner.take("\r\n", 400);
    const word = scanner.run(TOKEN);
    if (word.length > METHOD_BYTES_MAX) refuse(501);
    if (scanner.next() !== " " || word === "") refuse(400);
    scanner.at++;
    method = METHODS.includes(word) ? word : "";

    const target = scanner.run(/[\x21\x22\x24-\x7e\x80-\xff]*/y);
    if (target.length > TARGET_BYTES_MAX) refuse(414);
    if (scanner.next() !== " " || target === "") refuse(400);
    const read = targetOf(method, target) ?? refuse(400);
    scanner.at++;

    scanner.take("HTTP/", 400);
    const major = scanner.one(/\d/, 400);
    scanner.take(".", 400);
    const minor = scanner.one(/\d/, 400);
    if (scanner.next() !== "\r") refuse(400);
    if (major !== "1") refuse(505);
    scanner.take("\r\n", 400);
    if (method === "" && read.form === "asterisk") refuse(400);
    method = word;

    const fields: [string, string][] = [];
    while (scanner.next() !== "\r") {
      const name = scanner.run(TOKEN);
      if (scanner.next() !== ":" || name === "") refuse(400);
      scanner.at++;
      const value = scanner.run(/[\t\x20-\x7e\x80-\xff]*/y);
      scanner.take("\r\n", 400);
      if (fields.length === FIELDS_MAX) refuse(431);
      fields.push([name, trimmed(value)]);
      const hosts = valuesOf(fields, "host");
      if (hosts.length > 1 || (hosts.length === 1 && hosts[0] !== "" && !AUTHORITY.test(hosts[0]!))) {
        refuse(400);
      }
      const lengths = valuesOf(fields, "content-length");
      if (lengths.length > 1 || (lengths.length === 1 && !/^\d+$/.test(lengths[0]!))) refuse(400);
    }
    scanner.take("\r\n", 400);
    request = { method, ...read, ...meaningOf(fields, minor === "0" ? 0 : 1), fields };
    return scanner.at;
  });
  return { taken, method, at: scanner.at, request };
}

/** Parses the request target by RFC 9112 §3.2. Returns null for a target of no form. */
function targetOf(method: string, target: string): Pick<Parsed, "form" | "path" | "query"> | null {
  if (method === "CONNECT") {
    return AUTHORITY_WITH_PORT.test(target) ? { form: "authority", path: "/", query: "" } : null;
  }
  if (target === "*") {
    return method === "OPTIONS" || method === "" ? { form: "asterisk", path: "*", query: "" } : null;
  }
  const absolute = /^https?:\/\/([^/?]*)/i.exec(target);
  if (absolute === null && !target.startsWith("/")) return null;
  if (absolute !== null && !AUTHORITY.test(absolute[1]!)) return null;
  const rest = target.slice(absolute?.[0].length ?? 0);
  const [path] = rest.split("?", 1) as [string];
  return {
    form: absolute === null ? "origin" : "absolute",
    path: path || "/",
    query: rest.slice(path.length),
  };
}

/** Reads the framing and persistence from the fields: RFC 9112 §6 and §9.3. */
function meaningOf(
  fields: readonly [string, string][],
  minorVersion: 0 | 1,
): Omit<Parsed, "method" | "form" | "path" | "query" | "rest" | "fields"> {
  const codings = valuesOf(fields, "transfer-encoding");
  const lengths = valuesOf(fields, "content-length");
  if (minorVersion === 1 && valuesOf(fields, "host").length === 0) refuse(400);
  if (codings.length > 0) {
    const names = codings.flatMap(elementsOf);
    // No coding follows it, not even an empty element.
    const isLast = elementsOf(codings[codings.length - 1]!).at(-1) === "chunked";
    if (minorVersion === 0 || lengths.length > 0 || !isLast) refuse(400);
    if (names.filter((name) => name === "chunked").length > 1) refuse(400);
    if (names.length > 1) refuse(501);
  }
  const expectations = valuesOf(fields, "expect").map((value) => value.toLowerCase());
  if (minorVersion === 1 && expectations.some((value) => value !== "100-continue")) refuse(417);
  const options = valuesOf(fields, "connection").flatMap(elementsOf);
  const contentLength = lengths.length === 0 ? -1 : Math.min(Number(lengths[0]), Number.MAX_SAFE_INTEGER);
  const hasBody = codings.length > 0 || contentLength > 0;
  return {
    minorVersion,
    keepAlive: !options.includes("close") && (minorVersion === 1 || options.includes("keep-alive")),
    contentLength,
    chunked: codings.length > 0,
    expectsContinue: minorVersion === 1 && expectations.length > 0 && hasBody,
    isConditional: fields.some(([name]) => CONDITIONAL.test(name)),
    hasBody,
  };
}

/** Returns the values of all fields with this name. */
export function valuesOf(fields: readonly (readonly [string, string])[], name: string): string[] {
  return fields.filter(([given]) => given.toLowerCase() === name).map(([, value]) => value);
}

/** Returns the elements of a list by RFC 9110 §5.6.1, in lower case. */
function elementsOf(value: string): string[] {
  return value.split(",").map((element) => trimmed(element).toLowerCase()).filter((element) =>
    element !== ""
  );
}

/** Removes the white space of RFC 9110 §5.6.3. `trim` would also remove the byte 0xA0. */
export function trimmed(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, "");
}
