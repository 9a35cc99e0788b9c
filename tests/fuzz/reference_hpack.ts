/**
 * HPACK by the text of RFC 7541, slow and plain, for comparison. It shares no code with the server's.
 * @module
 */
import type { Random } from "../support/random.ts";
import { referenceHuffman, referenceUnhuffman } from "./reference_huffman.ts";

/** Name and value, a character for each byte. */
export type Field = readonly [name: string, value: string];

/** Appendix A: names with their values, separated by spaces. Names without one have an empty value. */
export const STATIC: readonly Field[] =
  `:authority :method=GET :method=POST :path=/ :path=/index.html :scheme=http
:scheme=https :status=200 :status=204 :status=206 :status=304 :status=400 :status=404 :status=500 accept-charset
accept-encoding=gzip,_deflate accept-language accept-ranges accept access-control-allow-origin age allow authorization
cache-control content-disposition content-encoding content-language content-length content-location content-range
content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range
if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range referer
refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate`
    .split(/\s+/).map((entry) => {
      const [name, value = ""] = entry.split("=");
      return [name!, value.replace("_", " ")];
    });

/** §5.1 allows bounds. These are the server's: a larger number, or one in more bytes behind the first, is an error. */
const NUMBER_MAX = 2 ** 28 - 1;
const NUMBER_BYTES_MAX = 5;

/** What cannot be decoded. */
class Wrong extends Error {}

/** A decoder, or what an encoder has to know of one. */
export class ReferenceTable {
  /** The newest first. */
  entries: Field[] = [];
  sizeMax = 4096;
  readonly #limit: number;

  constructor(limit = 4096) {
    this.#limit = this.sizeMax = limit;
  }

  get size(): number {
    return this.entries.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  }

  at(index: number): Field | undefined {
    return index <= STATIC.length ? STATIC[index - 1] : this.entries[index - 1 - STATIC.length];
  }

  add(field: Field): void {
    this.entries.unshift(field);
    this.#evict();
  }

  resize(size: number): boolean {
    this.sizeMax = size;
    this.#evict();
    return size <= this.#limit;
  }

  #evict(): void {
    while (this.size > this.sizeMax) this.entries.pop();
  }

  /** Decodes a block. Returns null for an error; the table is of no use then. */
  decode(block: Iterable<number>): Field[] | null {
    try {
      return this.#decode([...block]);
    } catch (error) {
      if (error instanceof Wrong) return null;
      throw error;
    }
  }

  #decode(bytes: number[]): Field[] {
    const fields: Field[] = [];
    const next = (): number => {
      if (bytes.length === 0) throw new Wrong();
      return bytes.shift()!;
    };
    const number = (first: number, bits: number): number => {
      let value = first % 2 ** bits;
      if (value < 2 ** bits - 1) return value;
      for (let i = 0; i < NUMBER_BYTES_MAX; i++) {
        const byte = next();
        value += (byte % 128) * 128 ** i;
        if (value > NUMBER_MAX) throw new Wrong();
        if (byte < 128) return value;
      }
      throw new Wrong();
    };
    const text = (): string => {
      const first = next();
      const length = number(first, 7);
      if (length > bytes.length) throw new Wrong();
      const coded = bytes.splice(0, length);
      const plain = first >= 128 ? referenceUnhuffman(coded) : String.fromCharCode(...coded);
      if (plain === null) throw new Wrong();
      return plain;
    };
    const entry = (index: number): Field => {
      const field = index === 0 ? undefined : this.at(index);
      if (field === undefined) throw new Wrong();
      return field;
    };
    const literal = (index: number): Field => {
      const name = index === 0 ? text() : entry(index)[0];
      return [name, text()];
    };
    while (bytes.length > 0) {
      const first = next();
      if (first >= 0b1000_0000) fields.push(entry(number(first, 7)));
      else if (first >= 0b0100_0000) {
        const field = literal(number(first, 6));
        fields.push(field);
        this.add(field);
      } else if (first >= 0b0010_0000) {
        const size = number(first, 5);
        if (fields.length > 0 || !this.resize(size)) throw new Wrong();
      } else fields.push(literal(number(first, 4)));
    }
    return fields;
  }

  /** Encodes fields in random ways, as a client may. */
  encode(fields: readonly Field[], random: Random): number[] {
    const block: number[] = [];
    const number = (pattern: number, bits: number, value: number) => {
      const most = 2 ** bits - 1;
      block.push(pattern + Math.min(value, most));
      if (value < most) return;
      for (value -= most; value >= 128; value = Math.floor(value / 128)) block.push(128 + value % 128);
      if (random.oneIn(20) && value < 128) block.push(128 + value, 0); // longer than necessary
      else block.push(value);
    };
    const text = (plain: string) => {
      const isCoded = random.oneIn(2);
      const bytes = isCoded ? referenceHuffman(plain) : Array.from(plain, (c) => c.charCodeAt(0));
      number(isCoded ? 128 : 0, 7, bytes.length);
      for (const byte of bytes) block.push(byte);
    };
    for (let i = random.oneIn(8) ? 1 + random.below(2) : 0; i > 0; i--) {
      const size = random.pick([0, 40, 100, this.#limit, random.below(this.#limit + 1)]);
      number(0b0010_0000, 5, size);
      this.resize(size);
    }
    for (const [name, value] of fields) {
      const all = [...STATIC, ...this.entries];
      const whole = all.flatMap(([n, v], i) => n === name && v === value ? [i + 1] : []);
      const named = all.flatMap(([n], i) => n === name ? [i + 1] : []);
      if (whole.length > 0 && !random.oneIn(4)) {
        number(0b1000_0000, 7, random.pick(whole));
        continue;
      }
      const [pattern, bits] = random.pick(
        [[0b0100_0000, 6], [0b0100_0000, 6], [0, 4], [0b0001_0000, 4]] as const,
      );
      const index = named.length > 0 && !random.oneIn(4) ? random.pick(named) : 0;
      number(pattern, bits, index);
      if (index === 0) text(name);
      text(value);
      if (bits === 6) this.add([name, value]);
    }
    return block;
  }
}
