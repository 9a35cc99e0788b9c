/**
 * A percent-encoded path as a list of characters: one that is written as three bytes, or as `%E2%82%AC`, counts as one.
 * Source: RFC 3986 §2.1; UTF-8: RFC 3629.
 * @module
 */
import { hexValue } from "../../../server/http/characters.ts";

/** A byte that is not UTF-8 becomes this number plus the byte, above all code points of Unicode. */
const STRAY = 0x110000;
const PERCENT = 0x25;

/** The characters of a text, with the position of each. */
export class CharacterString {
  readonly text: string;
  /** The code points. */
  readonly codes: readonly number[];
  /** The position of each character in the text, and the text's length; null when each character has length 1. */
  readonly #starts: readonly number[] | null;

  /** In `text`, two hexadecimal digits must follow each percent sign. */
  constructor(text: string) {
    this.text = text;
    const codes: number[] = [];
    if (/^[\0-$&-\x7f]*$/.test(text)) {
      for (let i = 0; i < text.length; i++) codes.push(text.charCodeAt(i));
      this.codes = codes;
      this.#starts = null;
      return;
    }
    const starts: number[] = [];
    for (let i = 0; i < text.length;) {
      starts.push(i);
      if (text.charCodeAt(i) !== PERCENT) {
        const code = text.codePointAt(i) ?? 0;
        codes.push(code);
        i += code > 0xffff ? 2 : 1;
        continue;
      }
      const length = sequenceLength(text, i);
      codes.push(decodeAt(text, i, length));
      i += 3 * length;
    }
    starts.push(text.length);
    this.codes = codes;
    this.#starts = starts;
  }

  /** Returns the text of the characters `[from, to)`. */
  slice(from: number, to: number): string {
    return this.#starts === null
      ? this.text.slice(from, to)
      : this.text.slice(this.#starts[from], this.#starts[to]);
  }
}

/** Returns the byte that is percent-encoded at `at`; −1 when there is none. */
function byteAt(text: string, at: number): number {
  if (text.charCodeAt(at) !== PERCENT) return -1;
  return hexValue(text.charCodeAt(at + 1)) * 16 + hexValue(text.charCodeAt(at + 2));
}

/** Returns how many percent-encoded bytes from `at` on form one UTF-8 character; 1 when they form none. */
function sequenceLength(text: string, at: number): number {
  const first = byteAt(text, at);
  const length = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;
  for (let i = 1; i < length; i++) {
    const next = byteAt(text, at + 3 * i);
    if (next < 0x80 || next > 0xbf) return 1;
  }
  if (length === 1) return 1;
  const code = codeOf(text, at, length);
  const isTooLong = code < (length === 3 ? 0x800 : length === 4 ? 0x10000 : 0x80);
  const isSurrogate = code >= 0xd800 && code <= 0xdfff;
  return isTooLong || isSurrogate || code > 0x10ffff ? 1 : length;
}

function decodeAt(text: string, at: number, length: number): number {
  if (length > 1) return codeOf(text, at, length);
  const byte = byteAt(text, at);
  return byte < 0x80 ? byte : STRAY + byte;
}

function codeOf(text: string, at: number, length: number): number {
  let code = byteAt(text, at) & (0xff >> (length + 1));
  for (let i = 1; i < length; i++) code = code << 6 | byteAt(text, at + 3 * i) & 0x3f;
  return code;
}
