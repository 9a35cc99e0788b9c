/**
 * The dynamic table of HPACK's decoder. Source: RFC 7541 §2.3.2 and §4.
 *
 * Names and values lie one behind the other in one buffer. Entries are only added at its end; when that is reached, those
 * that are left move to its beginning. The buffer grows with what is in it, since most clients use little of their table,
 * and idle connections keep it.
 * @module
 */

/** What an entry counts beside its bytes (§4.1). */
export const ENTRY_OVERHEAD_BYTES = 32;
/** The size that both sides begin with (RFC 9113 §6.5.2). */
export const DEFAULT_TABLE_BYTES = 4096;

/** The sizes to begin with: places for entries of up to 64 bytes, which cost no memory outside of the heap of V8. */
const FIRST_PLACES = 5;
const FIRST_BUFFER_BYTES = 256;
const ENTRY_WORDS = 3;

/** Copies `from[start, end)`. A call costs more than the copying of a short name or value. */
export function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > 32) to.set(from.subarray(start, end), at);
  else for (let i = start; i < end; i++) to[at++] = from[i]!;
}

/** Entries, the newest first. */
export class DynamicTable {
  /** The largest size that the encoder may choose. */
  #limit: number;
  /** The size that the encoder has chosen. */
  #bytesMax: number;
  #size = 0;
  #buffer: Uint8Array<ArrayBuffer> | null = null;
  /** Where the next entry begins. */
  #end = 0;
  /** Offset, length of the name and length of the value of each entry; a ring. */
  #entries: Int32Array | null = null;
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

  /** The bytes of all entries. */
  get bytes(): Uint8Array {
    return this.#buffer!;
  }

  /** Returns false for a size above the limit. */
  resize(bytesMax: number): boolean {
    if (bytesMax > this.#limit) return false;
    this.version++;
    this.#bytesMax = bytesMax;
    this.#evict(0);
    return true;
  }

  /** Offset of the name of the entry at `index`, 0 for the newest. */
  nameStart(index: number): number {
    return this.#entries![this.#at(index)]!;
  }

  /** Offset of the end of that name, where the value begins. */
  nameEnd(index: number): number {
    const at = this.#at(index);
    return this.#entries![at]! + this.#entries![at + 1]!;
  }

  /** Offset of the end of that value. */
  valueEnd(index: number): number {
    const at = this.#at(index);
    return this.#entries![at]! + this.#entries![at + 1]! + this.#entries![at + 2]!;
  }

  /** Adds an entry. One that does not fit empties the table (§4.4). */
  add(bytes: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const nameLength = nameEnd - nameStart;
    const valueLength = valueEnd - valueStart;
    const length = nameLength + valueLength;
    this.version++;
    this.#evict(length + ENTRY_OVERHEAD_BYTES);
    if (length + ENTRY_OVERHEAD_BYTES > this.#bytesMax) return;
    const buffer = this.#bufferFor(length);
    const entries = this.#entriesFor(this.#count + 1);
    this.#newest = (this.#newest + 1) % (entries.length / ENTRY_WORDS);
    this.#count++;
    this.#size += length + ENTRY_OVERHEAD_BYTES;
    const at = this.#newest * ENTRY_WORDS;
    entries[at] = this.#end;
    entries[at + 1] = nameLength;
    entries[at + 2] = valueLength;
    copyBytes(bytes, nameStart, nameEnd, buffer, this.#end);
    copyBytes(bytes, valueStart, valueEnd, buffer, this.#end + nameLength);
    this.#end += length;
  }

  /** Removes all entries, because one was added that does not fit. */
  clear(): void {
    this.version++;
    this.#size = this.#count = this.#end = 0;
  }

  /** Removes the oldest entries until there is room for `needed`. */
  #evict(needed: number): void {
    while (this.#count > 0 && this.#size + needed > this.#bytesMax) {
      const at = this.#at(this.#count - 1);
      this.#size -= this.#entries![at + 1]! + this.#entries![at + 2]! + ENTRY_OVERHEAD_BYTES;
      this.#count--;
    }
    if (this.#count === 0) this.#end = 0;
  }

  /** Returns the buffer, with room for `length` bytes at its end. It is at most half full when entries have moved. */
  #bufferFor(length: number): Uint8Array<ArrayBuffer> {
    const buffer = this.#buffer ??= new Uint8Array(FIRST_BUFFER_BYTES);
    if (this.#end + length <= buffer.length) return buffer;
    const first = this.#count === 0 ? this.#end : this.#entries![this.#at(this.#count - 1)]!;
    const needed = (this.#end - first + length) * 2;
    let size = buffer.length;
    while (size < needed) size *= 2;
    const moved = size === buffer.length ? buffer : new Uint8Array(size);
    moved.set(buffer.subarray(first, this.#end));
    for (let i = 0; i < this.#count; i++) this.#entries![this.#at(i)]! -= first;
    this.#end -= first;
    return this.#buffer = moved;
  }

  /** Returns the entries, with places for `count`. */
  #entriesFor(count: number): Int32Array {
    const entries = this.#entries ??= new Int32Array(FIRST_PLACES * ENTRY_WORDS);
    const places = entries.length / ENTRY_WORDS;
    if (count <= places) return entries;
    const more = new Int32Array(places * 2 * ENTRY_WORDS);
    for (let i = 0; i < this.#count; i++) {
      const at = this.#at(i);
      more.set(entries.subarray(at, at + ENTRY_WORDS), (this.#count - 1 - i) * ENTRY_WORDS);
    }
    this.#newest = this.#count - 1;
    return this.#entries = more;
  }

  #at(index: number): number {
    const places = this.#entries!.length / ENTRY_WORDS;
    return ((this.#newest - index + places) % places) * ENTRY_WORDS;
  }
}
