/**
 * The encoder of HPACK, without a dynamic table: what it makes is valid on every connection, at every time.
 * Source: RFC 7541 §5 and §6.
 * @module
 */
import { encodeHuffman, huffmanLength } from "./huffman.ts";
import { STATIC_ENTRIES } from "./static_table.ts";

/** A literal without indexing, whose prefix has 4 bits (§6.2.2). */
const WITHOUT_INDEXING = 0x00;
/** The same, of a secret, which no intermediary may put into a table (§6.2.3). */
const NEVER_INDEXED = 0x10;
const INDEXED = 0x80;
const HUFFMAN = 0x80;
/** The most bytes of an integer: a prefix, and 28 bits. */
const INTEGER_BYTES = 5;
const SECRET = /^(set-cookie|authorization|proxy-authenticate|www-authenticate)$/;

const PAIRS = new Map(STATIC_ENTRIES.map(([name, value], i) => [`${name}\0${value}`, i + 1]));
/** The first index of each name. */
const NAMES = new Map<string, number>();
for (const [i, [name]] of STATIC_ENTRIES.entries()) if (!NAMES.has(name)) NAMES.set(name, i + 1);

/** Collects the fields of one block. */
export class HpackEncoder {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** The number of bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Adds a field. `name` is in lower case; `value` is its bytes. `isPlain` leaves the value as it is, so that it can be patched. */
  add(name: string, value: Uint8Array, isPlain = false): void {
    const text = value.length <= 16 && !isPlain ? String.fromCharCode(...value) : null;
    const pair = text === null ? undefined : PAIRS.get(`${name}\0${text}`);
    if (pair !== undefined) {
      this.#reserve(INTEGER_BYTES);
      return this.#integer(INDEXED, 7, pair);
    }
    const index = NAMES.get(name) ?? 0;
    const bytes = index === 0 ? Uint8Array.from(name, (letter) => letter.charCodeAt(0)) : null;
    this.#reserve(3 * INTEGER_BYTES + (bytes?.length ?? 0) + value.length);
    this.#integer(SECRET.test(name) ? NEVER_INDEXED : WITHOUT_INDEXING, 4, index);
    if (bytes !== null) this.#string(bytes, false);
    this.#string(value, isPlain);
  }

  /** Returns a copy of the block. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /** Begins a new block. */
  clear(): void {
    this.#length = 0;
  }

  #string(text: Uint8Array, isPlain: boolean): void {
    const length = huffmanLength(text);
    if (isPlain || length >= text.length) {
      this.#integer(0, 7, text.length);
      this.#bytes.set(text, this.#length);
      this.#length += text.length;
    } else {
      this.#integer(HUFFMAN, 7, length);
      this.#length = encodeHuffman(text, this.#bytes, this.#length);
    }
  }

  #integer(pattern: number, prefix: number, value: number): void {
    const mask = (1 << prefix) - 1;
    if (value < mask) {
      this.#bytes[this.#length++] = pattern | value;
      return;
    }
    this.#bytes[this.#length++] = pattern | mask;
    for (value -= mask; value >= 0x80; value >>>= 7) this.#bytes[this.#length++] = (value & 0x7f) | 0x80;
    this.#bytes[this.#length++] = value;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
