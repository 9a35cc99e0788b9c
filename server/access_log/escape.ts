/**
 * Bytes of a client as one line of a log shows them: in ASCII that is harmless to terminals, and with nothing in it by
 * which a line could seem to be two, or a field to end early.
 * @module
 */
type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes that one byte becomes at most. */
export const ESCAPED_BYTES_MAX = 6;

const BACKSLASH = 0x5c;
const HEX = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

/** Shows one byte that cannot stand as it is: writes into `out` from `at`, and returns where that ends. */
type Escape = (byte: number, out: Bytes, at: number) => number;

/** How the bytes of a field are shown. */
export class Escaping {
  /** byte → 1: it stands for itself. */
  readonly #plain: Uint8Array;
  readonly #escape: Escape;

  /** What is printable in ASCII stands for itself, but for the characters of `special`. */
  constructor(special: string, escape: Escape) {
    this.#plain = new Uint8Array(256).fill(1, 0x20, 0x7f);
    for (const character of special) this.#plain[character.charCodeAt(0)] = 0;
    this.#escape = escape;
  }

  /** Writes `bytes[start, end)` into `out` from `at`, where there has to be room; returns where it ends. */
  write(bytes: Uint8Array, start: number, end: number, out: Bytes, at: number): number {
    for (let i = start; i < end; i++) {
      const byte = bytes[i];
      if (this.#plain[byte] === 1) out[at++] = byte;
      else at = this.#escape(byte, out, at);
    }
    return at;
  }
}

/** `\x1b`, as nginx and Apache write it. */
function hexadecimal(byte: number, out: Bytes, at: number): number {
  out[at] = BACKSLASH;
  out[at + 1] = 0x78; // x
  out[at + 2] = HEX[byte >> 4];
  out[at + 3] = HEX[byte & 15];
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
  out[at + 4] = HEX[byte >> 4];
  out[at + 5] = HEX[byte & 15];
  return at + 6;
}

/** Between quotes. */
export const QUOTED: Escaping = new Escaping('"\\', hexadecimal);
/** Between spaces. */
export const BARE: Escaping = new Escaping(' "\\[]', hexadecimal);
/** In a string of JSON. */
export const JSON_STRING: Escaping = new Escaping('"\\', json);
