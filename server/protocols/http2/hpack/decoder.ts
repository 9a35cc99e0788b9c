/**
 * The decoder of HPACK. Source: RFC 7541 §3, §5 and §6.
 *
 * Every block is decoded to its end, because each may change the dynamic table. A field that its receiver has no room
 * for costs no copy, unless it is added to the table.
 * @module
 */
import { DROPPED_NAMES_BYTES_MAX } from "../../../http2_limits.ts";
import {
  copyBytes,
  DEFAULT_TABLE_BYTES,
  DynamicTable,
  ENTRY_OVERHEAD_BYTES,
  writeText,
} from "./dynamic_table.ts";
import { decodeHuffman, HUFFMAN_INVALID, HUFFMAN_TOO_LONG } from "./huffman.ts";
import { STATIC_COUNT, STATIC_NAMES, STATIC_VALUES } from "./static_table.ts";

/** Receives the fields of a block. */
export interface FieldReceiver {
  /** Where names and values are written. */
  readonly bytes: Uint8Array;
  /** Where the next name is written. */
  end: number;
  /** How far it may be written. */
  readonly limit: number;
  /** The number of bytes to leave free between name and value. */
  readonly gap: number;
  /** Takes the field that was just written. It sets `end` to where the next one begins. */
  take(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void;
  /** Called for a field that does not fit. Its name is `bytes[nameStart, nameEnd)` if that is known. */
  overflow(nameStart?: number, nameEnd?: number): void;
}

/** A larger number is an error: no index, length or table size is. */
const INTEGER_MAX = 0x0fff_ffff;
/** Room for a name and a value that are added to the table, but are too long for their receiver. */
const SPARE_BYTES = DEFAULT_TABLE_BYTES - ENTRY_OVERHEAD_BYTES;
const spare = new Uint8Array(SPARE_BYTES);

/** A string that is longer than its room. */
const TOO_LONG = -2;
const INVALID = -1;

/** Decodes the blocks of one connection. */
export class HpackDecoder {
  readonly table: DynamicTable;
  #block: Uint8Array = spare;
  #at = 0;
  #end = 0;
  /** What names of the dynamic table may still take in fields of this block that have no room. */
  #namesLeft = 0;
  /** The largest table size that the next block has to acknowledge; Infinity if there is none. */
  #mustShrinkTo = Infinity;

  /** `tableBytesMax` is SETTINGS_HEADER_TABLE_SIZE of this side. */
  constructor(tableBytesMax: number = DEFAULT_TABLE_BYTES) {
    this.table = new DynamicTable(tableBytesMax);
  }

  /** Demands a size update of the next block, since the client has acknowledged a smaller table. */
  demandSize(bytesMax: number): void {
    if (bytesMax < this.table.bytesMax) this.#mustShrinkTo = bytesMax;
  }

  /** Decodes `block[start, end)`. Returns false for an error of compression. */
  decode(block: Uint8Array, start: number, end: number, receiver: FieldReceiver): boolean {
    this.#block = block;
    this.#at = start;
    this.#end = end;
    this.#namesLeft = DROPPED_NAMES_BYTES_MAX;
    while (this.#at < this.#end && (block[this.#at]! & 0xe0) === 0x20) { // §4.2: at the beginning only
      const size = this.#integer(5);
      if (size < 0 || !this.table.resize(size)) return false;
      if (size <= this.#mustShrinkTo) this.#mustShrinkTo = Infinity;
    }
    if (this.#mustShrinkTo !== Infinity) return false;
    while (this.#at < this.#end) {
      const first = block[this.#at]!;
      const isRight = first & 0x80
        ? this.#indexed(receiver)
        : first & 0x40
        ? this.#literal(6, true, receiver)
        : (first & 0x20) === 0 && this.#literal(4, false, receiver);
      if (!isRight) return false;
    }
    return true;
  }

  /** §6.1 */
  #indexed(receiver: FieldReceiver): boolean {
    const index = this.#integer(7);
    if (index <= 0 || index > STATIC_COUNT + this.table.count) return false;
    const { bytes, end, limit, gap } = receiver;
    if (limit === 0) { // it takes nothing more
      receiver.overflow();
      return true;
    }
    if (index <= STATIC_COUNT) {
      const name = STATIC_NAMES[index]!;
      const value = STATIC_VALUES[index]!;
      const nameEnd = end + name.length;
      const valueEnd = nameEnd + gap + value.length;
      if (valueEnd > limit) receiver.overflow();
      else {
        bytes.set(name, end);
        bytes.set(value, nameEnd + gap);
        receiver.take(end, nameEnd, nameEnd + gap, valueEnd);
      }
      return true;
    }
    const { text, nameLength } = this.table.entry(index - STATIC_COUNT - 1);
    const nameEnd = end + nameLength;
    const valueEnd = end + text.length + gap;
    if (valueEnd > limit) receiver.overflow();
    else {
      writeText(text, 0, nameLength, bytes, end);
      writeText(text, nameLength, text.length, bytes, nameEnd + gap);
      receiver.take(end, nameEnd, nameEnd + gap, valueEnd);
    }
    return true;
  }

  /** §6.2 */
  #literal(prefix: number, isAdded: boolean, receiver: FieldReceiver): boolean {
    const from = this.#at;
    const { bytes, end, limit, gap } = receiver;
    const nameEnd = this.#name(prefix, bytes, end, limit);
    if (nameEnd === INVALID) return false;
    const valueStart = nameEnd + gap;
    const valueEnd = nameEnd === TOO_LONG || valueStart > limit
      ? TOO_LONG
      : this.#string(bytes, valueStart, limit);
    if (valueEnd === INVALID) return false;
    if (valueEnd !== TOO_LONG) {
      if (isAdded) this.table.add(bytes, end, nameEnd, valueStart, valueEnd);
      receiver.take(end, nameEnd, valueStart, valueEnd);
      return true;
    }
    this.#at = from;
    receiver.overflow(end, Math.max(nameEnd, end));
    return this.#skipLiteral(prefix, isAdded);
  }

  /** Reads a field that has no room, and adds it to the table if that is asked for. */
  #skipLiteral(prefix: number, isAdded: boolean): boolean {
    const nameEnd = this.#name(prefix, spare, 0, isAdded ? SPARE_BYTES : 0);
    if (nameEnd === INVALID) return false;
    const room = nameEnd === TOO_LONG || !isAdded ? 0 : SPARE_BYTES;
    const valueEnd = this.#string(spare, Math.max(nameEnd, 0), room);
    if (valueEnd === INVALID) return false;
    if (!isAdded) return true;
    if (nameEnd === TOO_LONG || valueEnd === TOO_LONG) this.table.clear();
    else this.table.add(spare, 0, nameEnd, nameEnd, valueEnd);
    return true;
  }

  /** Writes the name of a literal to `out[at, limit)`. Returns its end, {@linkcode TOO_LONG} or {@linkcode INVALID}. */
  #name(prefix: number, out: Uint8Array, at: number, limit: number): number {
    const index = this.#integer(prefix);
    if (index < 0) return INVALID;
    if (index === 0) return this.#string(out, at, limit);
    if (index <= STATIC_COUNT) {
      const name = STATIC_NAMES[index]!;
      if (at + name.length > limit) return TOO_LONG;
      out.set(name, at);
      return at + name.length;
    }
    const entry = index - STATIC_COUNT - 1;
    if (entry >= this.table.count) return INVALID;
    const { text, nameLength } = this.table.entry(entry);
    if (at + nameLength > limit) return TOO_LONG;
    if (out === spare && (this.#namesLeft -= nameLength) < 0) return INVALID;
    writeText(text, 0, nameLength, out, at);
    return at + nameLength;
  }

  /**
   * Writes a string (§5.2) to `out[at, limit)`. Returns its end, {@linkcode TOO_LONG} or {@linkcode INVALID}. In any case
   * but the last one the block is read to the end of the string.
   */
  #string(out: Uint8Array, at: number, limit: number): number {
    if (this.#at >= this.#end) return INVALID;
    const isHuffman = (this.#block[this.#at]! & 0x80) !== 0;
    const length = this.#integer(7);
    const start = this.#at;
    if (length < 0 || length > this.#end - start) return INVALID;
    this.#at += length;
    if (isHuffman) {
      const end = decodeHuffman(this.#block, start, this.#at, out, at, limit);
      return end === HUFFMAN_INVALID ? INVALID : end === HUFFMAN_TOO_LONG ? TOO_LONG : end;
    }
    if (at + length > limit) return TOO_LONG;
    copyBytes(this.#block, start, this.#at, out, at);
    return at + length;
  }

  /** Reads an integer (§5.1) whose first byte has `prefix` bits of it. Returns −1 if it is incomplete or too large. */
  #integer(prefix: number): number {
    const block = this.#block;
    if (this.#at >= this.#end) return -1;
    const mask = (1 << prefix) - 1;
    let value = block[this.#at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; this.#at < this.#end && shift <= 28; shift += 7) {
      const byte = block[this.#at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (value > INTEGER_MAX) return -1;
      if (byte < 0x80) return value;
    }
    return -1;
  }
}
