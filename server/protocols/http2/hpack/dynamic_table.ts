/**
 * The dynamic table of HPACK's decoder. Source: RFC 7541 §2.3.2 and §4.
 *
 * An entry is a string, because idle connections keep their tables, and most clients put a few short fields into theirs: a
 * buffer of bytes would take three times as much memory.
 * @module
 */

/** What an entry counts beside its bytes (§4.1). */
export const ENTRY_OVERHEAD_BYTES = 32;
/** The size that both sides begin with (RFC 9113 §6.5.2). */
export const DEFAULT_TABLE_BYTES = 4096;

/** The number of places to begin with. */
const FIRST_PLACES = 4;
/** Where name and value are put together. No entry is longer than a table. */
const joined = new Uint8Array(DEFAULT_TABLE_BYTES);

/** Copies `from[start, end)`. A call costs more than the copying of a short name or value. */
export function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > 32) to.set(from.subarray(start, end), at);
  else for (let i = start; i < end; i++) to[at++] = from[i]!;
}

/** A field in the table. */
export interface Entry {
  /** The name and the value, a character for each byte. */
  readonly text: string;
  readonly nameLength: number;
}

/** Writes the bytes of `text` from `start` to `end` to `out` at `at`. */
export function writeText(text: string, start: number, end: number, out: Uint8Array, at: number): void {
  for (let i = start; i < end; i++) out[at++] = text.charCodeAt(i);
}

/** Entries, the newest first. */
export class DynamicTable {
  /** The largest size that the encoder may choose, at most {@linkcode DEFAULT_TABLE_BYTES}. */
  readonly #limit: number;
  /** The size that the encoder has chosen. */
  #bytesMax: number;
  #size = 0;
  /** A ring. */
  #entries: (Entry | null)[] | null = null;
  #newest = -1;
  #count = 0;
  /** Counts changes. */
  version = 0;

  constructor(limit: number = DEFAULT_TABLE_BYTES) {
    this.#limit = this.#bytesMax = limit;
  }

  /** The number of entries. */
  get count(): number {
    return this.#count;
  }

  /** The size of the entries as §4.1 counts it. */
  get size(): number {
    return this.#size;
  }

  /** The size that the encoder has chosen. */
  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** Returns false for a size above the limit. */
  resize(bytesMax: number): boolean {
    if (bytesMax > this.#limit) return false;
    this.version++;
    this.#bytesMax = bytesMax;
    this.#evict(0);
    return true;
  }

  /** Returns the entry at `index`, 0 for the newest. */
  entry(index: number): Entry {
    return this.#entries![this.#at(index)]!;
  }

  /** Adds an entry. One that does not fit empties the table (§4.4). */
  add(bytes: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const nameLength = nameEnd - nameStart;
    const length = nameLength + valueEnd - valueStart;
    this.version++;
    this.#evict(length + ENTRY_OVERHEAD_BYTES);
    if (length + ENTRY_OVERHEAD_BYTES > this.#bytesMax) return;
    copyBytes(bytes, nameStart, nameEnd, joined, 0);
    copyBytes(bytes, valueStart, valueEnd, joined, nameLength);
    const text = String.fromCharCode.apply(null, joined.subarray(0, length) as unknown as number[]);
    const entries = this.#entriesFor(this.#count + 1);
    this.#newest = (this.#newest + 1) % entries.length;
    this.#count++;
    this.#size += length + ENTRY_OVERHEAD_BYTES;
    entries[this.#newest] = { text, nameLength };
  }

  /** Removes all entries, because one was added that does not fit. */
  clear(): void {
    this.version++;
    this.#size = this.#count = 0;
    this.#entries?.fill(null);
  }

  /** Removes the oldest entries until there is room for `needed`. */
  #evict(needed: number): void {
    while (this.#count > 0 && this.#size + needed > this.#bytesMax) {
      const at = this.#at(this.#count - 1);
      this.#size -= this.#entries![at]!.text.length + ENTRY_OVERHEAD_BYTES;
      this.#entries![at] = null;
      this.#count--;
    }
  }

  /** Returns the entries, with places for `count`. */
  #entriesFor(count: number): (Entry | null)[] {
    const entries = this.#entries ??= new Array(FIRST_PLACES).fill(null);
    const places = entries.length;
    if (count <= places) return entries;
    const more: (Entry | null)[] = new Array(places * 2).fill(null);
    for (let i = 0; i < this.#count; i++) more[this.#count - 1 - i] = this.entry(i);
    this.#newest = this.#count - 1;
    return this.#entries = more;
  }

  #at(index: number): number {
    const places = this.#entries!.length;
    return (this.#newest - index + places) % places;
  }
}
