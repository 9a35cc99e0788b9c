/**
 * What a client would rather have: Accept-Encoding, Accept and Accept-Language. Source: RFC 9110
 * §12.4.2, §12.5.1, §12.5.3, §12.5.4.
 *
 * Nothing here fails: an element whose weight cannot be read counts as not sent. Several lines of a field come joined
 * by commas.
 * @module
 */
import { HTAB, SP } from "../characters.ts";
import { CACHED_ACCEPT_ENCODING_BYTES_MAX, CACHED_ACCEPT_ENCODINGS_MAX } from "../../limits.ts";

/** The content codings (RFC 9110 §8.4.1) that files may be had in. */
export type Coding = "br" | "zstd" | "gzip";

/** Best first, where the client does not mind. */
const PREFERENCE = ["br", "zstd", "gzip", "identity"] as const;

/** One element of a field. */
interface Weighted {
  /** In lower case, without parameters. */
  readonly name: string;
  /** 0 (not at all) to 1. */
  readonly weight: number;
}

const IDENTITY_ONLY = Object.freeze(["identity"] as const);
/** Accept-Encoding → what was made of it: browsers send the same few texts all the time. */
const known = new Map<string, readonly (Coding | "identity")[]>();

/**
 * The codings that a client accepts, best first; the array is frozen, and the same for the same text. Those of equal
 * weight come as br, zstd, gzip, and `identity` (no coding) behind all that the client does not rank below it by name.
 *
 * Without the field, and with an empty one, `identity` only: who names no coding may have no decoder. Empty when the
 * client refuses all of them, `identity` included; what it then gets is for the caller to say.
 *
 * @param field The value of Accept-Encoding.
 */
export function codingsOf(field: string | null): readonly (Coding | "identity")[] {
  if (field === null || field === "") return IDENTITY_ONLY;
  let codings = known.get(field);
  if (codings === undefined) {
    codings = Object.freeze(rank(field));
    if (field.length <= CACHED_ACCEPT_ENCODING_BYTES_MAX) {
      if (known.size >= CACHED_ACCEPT_ENCODINGS_MAX) known.clear(); // somebody makes them up
      known.set(field, codings);
    }
  }
  return codings;
}

function rank(field: string): (Coding | "identity")[] {
  const weights = new Map<string, number>();
  for (const { name, weight } of elementsOf(field)) {
    const coding = name === "x-gzip" ? "gzip" : name; // §8.4.1.3
    if (!weights.has(coding)) weights.set(coding, weight); // the first counts, as in nginx
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
 * True when HTML is asked for by name, as in a navigation: `text/html` or `application/xhtml+xml`, with a weight above
 * 0. What a page loads (scripts, images, fetch) names other types, or only the range of all of them.
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
 * True when JSON is wanted rather than HTML: its weight is higher, or is the same and JSON is named more closely, as
 * where scripts name it beside the range of all types. HTML for those who do not say.
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

/** The languages of what is said to people. */
export type Language = "en" | "zh";

/**
 * The language to tell a reader in, of the two that there are; null: no language is named, so both are needed. A reader
 * of others only gets English.
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

/** The weight that the closest of `ranges` gives, and how far down it stands there (§12.5.1). */
function closest(
  elements: readonly Weighted[],
  ranges: readonly string[],
): { weight: number; distance: number } {
  for (const [distance, range] of ranges.entries()) {
    const weights = elements.filter(({ name }) => name === range);
    // Several differ in parameters that say nothing here.
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

/** The elements of a list, §5.6.1, whose parameters, §5.6.6, may hold commas and semicolons within quotes. */
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
/** §12.4.2; beyond that also `.2`, which Java sends, more digits than three, and blanks. */
const WEIGHT = /^q[ \t]*=[ \t]*(0|0?\.\d+|0\.|1(?:\.0*)?)$/i;

/** Without what §5.6.3 calls white space at either end. `trim` takes a byte 0xA0 for some, too. */
function withoutBlanks(text: string, start: number, end: number): string {
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (start < end && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
}

/** The weight that a parameter `q=…` gives, NaN when that is none. */
function weightOf(parameter: string): number {
  const match = WEIGHT.exec(parameter);
  return match === null ? NaN : Number(match[1]);
}
