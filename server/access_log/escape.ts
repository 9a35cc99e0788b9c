/**
 * Bytes of a client as one line of a log shows them: in ASCII that is harmless to terminals, and with nothing in it by
 * which a line could seem to be two, or a field to end early.
 *
 * A byte that cannot stand as it is takes up to six. So that a client cannot make a log grow by six times what it sends, a
 * field takes at most so many bytes more than it shows ({@linkcode ADDED_BYTES_MAX}): one that would take more is cut, and
 * ends with a mark that no bytes of a client are shown as.
 * @module
 */
import { encodeUtf8 } from "../http/characters.ts";
import { LOG_ESCAPES_BYTES_MAX } from "../limits.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes that one byte becomes at most; and no mark is longer. */
const ESCAPED_BYTES_MAX = 6;
/** What a field takes at most beyond the number of its bytes. */
export const ADDED_BYTES_MAX: number = LOG_ESCAPES_BYTES_MAX + 2 * ESCAPED_BYTES_MAX;

const BACKSLASH = 0x5c;
const HEX = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

/** Shows one byte that cannot stand as it is: writes into `out` from `at`, and returns where that ends. */
type Escape = (byte: number, out: Bytes, at: number) => number;

/** How the bytes of a field are shown. */
export class Escaping {
  /** byte → 1: it stands for itself. */
  readonly #plain: Uint8Array;
  readonly #escape: Escape;
  readonly #mark: Bytes;

  /** What is printable in ASCII stands for itself, but for the characters of `special`; `mark` ends what was cut. */
  constructor(special: string, escape: Escape, mark: string) {
    this.#mark = encodeUtf8(mark);
    this.#plain = new Uint8Array(256).fill(1, 0x20, 0x7f);
    for (const character of special) this.#plain[character.charCodeAt(0)] = 0;
    this.#escape = escape;
  }

  /**
   * Writes `bytes[start, end)` into `out` from `at`, where there has to be room for as many and ADDED_BYTES_MAX; returns
   * where it ends.
   */
  write(bytes: Uint8Array, start: number, end: number, out: Bytes, at: number): number {
    const limit = at + (end - start) + LOG_ESCAPES_BYTES_MAX;
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      if (this.#plain[byte] === 1) {
        out[at++] = byte;
        continue;
      }
      at = this.#escape(byte, out, at);
      const left = end - i - 1;
      if (at + left > limit && left > 0) return this.#cut(bytes, i + 1, out, at, limit);
    }
    return at;
  }

  /** Goes on from `bytes[i]`, of which there are more than there is room for up to `limit`, and ends with the mark. */
  #cut(bytes: Uint8Array, i: number, out: Bytes, at: number, limit: number): number {
    while (at <= limit - 2 * ESCAPED_BYTES_MAX) {
      const byte = bytes[i++]!;
      if (this.#plain[byte] === 1) out[at++] = byte;
      else at = this.#escape(byte, out, at);
    }
    out.set(this.#mark, at);
    return at + this.#mark.length;
  }
}

/** `\x1b`, as nginx and Apache write it. */
function hexadecimal(byte: number, out: Bytes, at: number): number {
  out[at] = BACKSLASH;
  out[at + 1] = 0x78; // x
  out[at + 2] = HEX[byte >> 4]!;
  out[at + 3] = HEX[byte & 15]!;
  return at + 4;
}

/** `\u001b`, and shorter where JSON has something shorter. A byte from 0x80 on is the character of that number. */
function json(byte: number, out: Bytes, at: number): number {
  out[at] = BACKSLASH;
  if (byte === 0x22 || byte === BACKSLASH) {
    out[at + 1] = byte;
    return at + 2;
  }
  out[at + 1] = 0x75; // u
  out[at + 2] = out[at + 3] = 0x30; // 0
  out[at + 4] = HEX[byte >> 4]!;
  out[at + 5] = HEX[byte & 15]!;
  return at + 6;
}

/** What was cut ends with `\\...`: a backslash of a client is `\x5c`. */
const TEXT_MARK = "\\\\...";
/** Between quotes. */
export const QUOTED: Escaping = new Escaping('"\\', hexadecimal, TEXT_MARK);
/** Between spaces. */
export const BARE: Escaping = new Escaping(' "\\[]', hexadecimal, TEXT_MARK);
/** In a string of JSON. What was cut ends with `…`: no byte is shown as a character beyond U+00FF. */
export const JSON_STRING: Escaping = new Escaping('"\\', json, "\\u2026");
