/**
 * Content negotiation: Accept-Encoding, Accept and Accept-Language. Source: RFC 9110 §12.4.2, §12.5.1, §12.5.3,
 * §12.5.4.
 *
 * Nothing here fails: an element with an invalid weight is ignored. Several field lines are joined by commas before.
 * @module
 */
import { HTAB, SP } from "../characters.ts";
import { CACHED_ACCEPT_ENCODING_BYTES_MAX, CACHED_ACCEPT_ENCODINGS_MAX } from "../../limits.ts";

/** The content codings (RFC 9110 §8.4.1) in which files can be sent. */
export type Coding = "br" | "zstd" | "gzip";

/** The order among codings of equal weight, the best first. */
const PREFERENCE = ["br", "zstd", "gzip", "identity"] as const;

/** An element of a field, with its weight. */
interface Weighted {
  /** The name in lower case, without parameters. */
  readonly name: string;
  /** The weight, from 0 (not acceptable) to 1. */
  readonly weight: number;
}

const IDENTITY_ONLY = Object.freeze(["identity"] as const);
/** Accept-Encoding → its result, because browsers send the same few values all the time. */
const known = new Map<string, readonly (Coding | "identity")[]>();

/**
 * Returns the codings that a client accepts, the best first. The array is frozen, and usually the same for the same
 * text. Codings of equal weight are in the order br, zstd, gzip. `identity` (no coding) comes after all codings, unless
 * the client explicitly gives a coding a lower weight.
 *
 * Without the field, and for an empty one, only `identity` is accepted: a client that names no coding may have no
 * decoder. The result is empty if the client accepts nothing, not even `identity`; the caller decides what to send
 * then.
 *
 * @param field The value of Accept-Encoding.
 */
export function codingsOf(field: string | null): readonly (Coding | "identity")[] {
  if (field === null || field === "") return IDENTITY_ONLY;
  let codings = known.get(field);
  if (codings === undefined) {
    codings = Object.freeze(rank(field));
    if (field.length <= CACHED_ACCEPT_ENCODING_BYTES_MAX) {
      if (known.size >= CACHED_ACCEPT_ENCODINGS_MAX) known.clear(); // more values than real clients send
      known.set(field, codings);
    }
  }
  return codings;
}

function rank(field: string): (Coding | "identity")[] {
  const weights = new Map<string, number>();
  for (const { name, weight } of elementsOf(field)) {
    const coding = name === "x-gzip" ? "gzip" : name; // §8.4.1.3
    if (!weights.has(coding)) weights.set(coding, weight); // the first one counts, as in nginx
  }
  const others = weights.get("*") ?? 0;
  const weightOf = (coding: Coding | "identity") => {
    const weight = weights.get(coding);
    if (weight !== undefined) return weight;
    if (coding !== "identity") return others;
    return weights.get("*") === 0 ? 0 : Number.MIN_VALUE; // acceptable unless excluded, and the last
  };
  return PREFERENCE.filter((coding) => weightOf(coding) > 0).sort((a, b) => weightOf(b) - weightOf(a));
}

/**
 * Returns true if HTML is accepted by name, as in a navigation: `text/html` or `application/xhtml+xml` with a weight
 * above 0. Requests for scripts, images and data name other types, or only the range of all types.
 *
 * @param field The value of Accept.
 */
export function acceptsHtml(field: string | null): boolean {
  return field !== null &&
    elementsOf(field).some(({ name, weight }) =>
      weight > 0 && (name === "text/html" || name === "application/xhtml+xml")
    );
}

/**
 * Returns true if JSON is preferred to HTML: its weight is higher, or it has the same weight and is matched by a more
 * specific range. Scripts often name it beside the range of all types. HTML is the default.
 *
 * @param field The value of Accept.
 */
export function prefersJson(field: string | null): boolean {
  if (field === null) return false;
  const elements = elementsOf(field);
  const json = closest(elements, ["application/json", "application/*", "*/*"]);
  const html = closest(elements, ["text/html", "text/*", "*/*"]);
  return json.weight > html.weight ||
    (json.weight === html.weight && json.weight > 0 && json.distance < html.distance);
}

/** The languages of messages for users. */
export type Language = "en" | "zh";

/**
 * Returns the language for a message. Null means that the client names no language, so the message is shown in both. A
 * client that names only other languages gets English.
 *
 * @param field The value of Accept-Language (RFC 9110 §12.5.4).
 */
export function languageOf(field: string | null): Language | null {
  if (field === null || field === "") return null;
  let best: Weighted | null = null;
  let isAnyNamed = false;
  for (const element of elementsOf(field)) {
    const { name, weight } = element;
    if (name === "*" || weight === 0) continue;
    isAnyNamed = true;
    if (/^(?:zh|en)(?:-|$)/.test(name) && (best === null || weight > best.weight)) best = element;
  }
  if (best !== null) return best.name.startsWith("zh") ? "zh" : "en";
  return isAnyNamed ? "en" : null;
}

/**
 * Returns the weight of the most specific matching range (§12.5.1). `ranges` starts with the most specific; `distance`
 * is the index of the match.
 */
function closest(
  elements: readonly Weighted[],
  ranges: readonly string[],
): { weight: number; distance: number } {
  for (const [distance, range] of ranges.entries()) {
    const weights = elements.filter(({ name }) => name === range);
    // Several matches differ only in parameters, which do not matter here.
    if (weights.length > 0) {
      return { weight: weights.reduce((most, { weight }) => Math.max(most, weight), 0), distance };
    }
  }
  return { weight: 0, distance: ranges.length };
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;

/** Returns the elements of a list (§5.6.1). Quoted strings in parameters (§5.6.6) may contain commas and semicolons. */
function elementsOf(field: string): Weighted[] {
  const elements: Weighted[] = [];
  let name: string | null = null;
  let weight: number | null = null;
  let start = 0;
  const endPiece = (end: number) => {
    const piece = withoutBlanks(field, start, end);
    if (name === null) name = piece.toLowerCase();
    else if (weight === null && IS_WEIGHT.test(piece)) weight = weightOf(piece);
    start = end + 1;
  };
  const endElement = (end: number) => {
    endPiece(end);
    if (name !== null && name !== "" && !Number.isNaN(weight)) elements.push({ name, weight: weight ?? 1 });
    name = null;
    weight = null;
  };
  let isQuoted = false;
  for (let i = 0; i < field.length; i++) {
    const character = field.charCodeAt(i);
    if (character === QUOTE) isQuoted = !isQuoted;
    else if (isQuoted && character === BACKSLASH) i++;
    else if (isQuoted) continue;
    else if (character === SEMICOLON) endPiece(i);
    else if (character === COMMA) endElement(i);
  }
  endElement(field.length);
  return elements;
}

const IS_WEIGHT = /^q[ \t]*(?:=|$)/i;
/** §12.4.2. Also accepts `.2`, which Java sends, more than three digits, and spaces. */
const WEIGHT = /^q[ \t]*=[ \t]*(0|0?\.\d+|0\.|1(?:\.0*)?)$/i;

/** Removes white space (§5.6.3) from both ends. `trim` would also remove the byte 0xA0. */
function withoutBlanks(text: string, start: number, end: number): string {
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (start < end && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
}

/** Returns the weight of a parameter `q=…`; NaN if it is invalid. */
function weightOf(parameter: string): number {
  const match = WEIGHT.exec(parameter);
  return match === null ? NaN : Number(match[1]);
}
