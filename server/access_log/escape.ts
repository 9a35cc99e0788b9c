/**
 * Escaping of clients' bytes in log lines. The result is ASCII that is harmless to terminals, and contains nothing that
 * could end a field or a line early.
 *
 * An escaped byte takes up to six bytes. To keep a client from growing the log by six times what it sends, a field
 * takes at most {@linkcode ADDED_BYTES_MAX} bytes more than it shows. A longer field is cut, and ends with a mark that
 * no escaped bytes can produce.
 * @module
 */
import { encodeUtf8 } from "../http/characters.ts";
import { LOG_ESCAPES_BYTES_MAX } from "../limits.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The greatest length of an escaped byte. The marks are not longer. */
const ESCAPED_BYTES_MAX = 6;
/** The greatest number of bytes that a field takes beyond the number of its own. */
export const ADDED_BYTES_MAX: number = LOG_ESCAPES_BYTES_MAX + 2 * ESCAPED_BYTES_MAX;

const BACKSLASH = 0x5c;
const HEX = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

/** Writes the escaped form of a byte into `out` at `at`. Returns the offset after it. */
type Escape = (byte: number, out: Bytes, at: number) => number;

/** The escaping of a kind of field. */
export class Escaping {
  /** Byte → 1 if it needs no escaping. */
  readonly #plain: Uint8Array;
  readonly #escape: Escape;
  readonly #mark: Bytes;

  /**
   * Escapes everything except for printable ASCII without the characters of `special`. `mark` ends a field that was
   * cut.
   */
  constructor(special: string, escape: Escape, mark: string) {
    this.#mark = encodeUtf8(mark);
    this.#plain = new Uint8Array(256).fill(1, 0x20, 0x7f);
    for (const character of special) this.#plain[character.charCodeAt(0)] = 0;
    this.#escape = escape;
  }

  /**
   * Writes `bytes[start, end)` into `out` at `at`, where there must be room for as many bytes and ADDED_BYTES_MAX.
   * Returns the offset after them.
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

  /** Continues with `bytes[i]` of a field that needs more room than up to `limit`, and ends it with the mark. */
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

/** Escapes a byte as `\x1b`, like nginx and Apache. */
function hexadecimal(byte: number, out: Bytes, at: number): number {
  out[at] = BACKSLASH;
  out[at + 1] = 0x78; // x
  out[at + 2] = HEX[byte >> 4]!;
  out[at + 3] = HEX[byte & 15]!;
  return at + 4;
}

/**
 * Escapes a byte as `\u001b`, or shorter where JSON has a shorter form. A byte from 0x80 on is the character of that
 * number.
 */
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

/** The end of a field that was cut: `\\...`. A client's backslash would be `\x5c`. */
const TEXT_MARK = "\\\\...";
/** Fields between quotes. */
export const QUOTED: Escaping = new Escaping('"\\', hexadecimal, TEXT_MARK);
/** Fields between spaces. */
export const BARE: Escaping = new Escaping(' "\\[]', hexadecimal, TEXT_MARK);
/** Targets of requests between spaces; brackets and quotes stay readable. */
export const TARGET: Escaping = new Escaping(" \\", hexadecimal, TEXT_MARK);
/** JSON strings. A field that was cut ends with `…`, because no byte is shown as a character above U+00FF. */
export const JSON_STRING: Escaping = new Escaping('"\\', json, "\\u2026");
