/**
 * The records of a ZIP archive, with ZIP64 where a number needs it.
 *
 * Source: PKWARE's APPNOTE.TXT 6.3.10, §4.3 to §4.5; the time of Info-ZIP (extra field 0x5455).
 * @module
 */
import { bytesOf } from "../listing/natural_order.ts";
import { isAscii, isUtf8, type Member, permissionsOf } from "./member.ts";

/** Methods of compression. */
export const STORED = 0;
export const DEFLATED = 8;

/** A file or a directory in the archive, as far as it is known. */
export interface ZipEntry {
  readonly member: Member;
  readonly method: number;
  /** The offset of its local header. */
  readonly offset: number;
  /** True when CRC and sizes are in a descriptor behind the content. */
  readonly isStreamed: boolean;
  crc: number;
  /** Bytes of the content as it is in the archive. */
  packedBytes: number;
}

const MAX_32 = 0xffff_ffff;
const MAX_16 = 0xffff;
const VERSION = 20;
const VERSION_64 = 45;
const UNIX = 3 << 8;
const IS_STREAMED = 1 << 3;
const IS_UTF8 = 1 << 11;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
/** The bit that marks a directory for MS-DOS. */
const DOS_DIRECTORY = 0x10;
/** The size from which on a streamed file gets ZIP64: compression may make it larger. */
const LARGE_BYTES = 0xff00_0000;

/** Appends numbers, little-endian, and bytes. */
class RecordBytes {
  readonly #parts: number[] = [];

  add(bytes: 2 | 4 | 8, ...values: number[]): this {
    for (let value of values) {
      for (let i = 0; i < bytes; i++) {
        this.#parts.push(value % 256);
        value = Math.floor(value / 256);
      }
    }
    return this;
  }

  append(bytes: ArrayLike<number>): this {
    for (let i = 0; i < bytes.length; i++) this.#parts.push(bytes[i]!);
    return this;
  }

  get length(): number {
    return this.#parts.length;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#parts);
  }
}

/** Returns true when the sizes of a streamed entry may need ZIP64. */
function isLarge({ member }: ZipEntry): boolean {
  return member.size >= LARGE_BYTES;
}

/** Returns the local header, which comes before the content. */
export function localHeader(entry: ZipEntry): Uint8Array {
  const { member, isStreamed, crc, packedBytes } = entry;
  const name = bytesOf(member.path);
  const extra = timeExtra(member);
  let sizes = [packedBytes, member.size];
  if (isStreamed) sizes = [0, 0];
  if (isStreamed && isLarge(entry)) {
    extra.add(2, 1, 16).add(8, 0, 0);
    sizes = [MAX_32, MAX_32];
  }
  return new RecordBytes()
    .add(4, 0x0403_4b50)
    .add(2, isLarge(entry) ? VERSION_64 : VERSION, ...commonOf(entry, name))
    .add(4, isStreamed ? 0 : crc, ...sizes)
    .add(2, name.length, extra.length)
    .append(name)
    .append(extra.bytes)
    .bytes;
}

/** Returns the descriptor behind the content of a streamed entry. */
export function descriptor(entry: ZipEntry): Uint8Array {
  const bytes = isLarge(entry) ? 8 : 4;
  return new RecordBytes().add(4, 0x0807_4b50, entry.crc).add(bytes, entry.packedBytes, entry.member.size)
    .bytes;
}

/** Returns the record of the central directory. */
export function centralRecord(entry: ZipEntry): Uint8Array {
  const { member, crc, packedBytes, offset } = entry;
  const name = bytesOf(member.path);
  const extra = timeExtra(member);
  const large = [member.size, packedBytes, offset].filter((value) => value >= MAX_32);
  if (large.length > 0) extra.add(2, 1, 8 * large.length).add(8, ...large);
  const needed = large.length > 0 || isLarge(entry) ? VERSION_64 : VERSION;
  const mode = (member.isDirectory ? S_IFDIR : S_IFREG) | permissionsOf(member);
  return new RecordBytes()
    .add(4, 0x0201_4b50)
    .add(2, UNIX | VERSION_64, needed, ...commonOf(entry, name))
    .add(4, crc, Math.min(packedBytes, MAX_32), Math.min(member.size, MAX_32))
    .add(2, name.length, extra.length, 0, 0, 0)
    .add(4, mode * 0x10000 + (member.isDirectory ? DOS_DIRECTORY : 0), Math.min(offset, MAX_32))
    .append(name)
    .append(extra.bytes)
    .bytes;
}

/** Returns the records behind a central directory of `count` records, which is `[start, end)` of the archive. */
export function endRecords(count: number, start: number, end: number): Uint8Array {
  const records = new RecordBytes();
  if (count >= MAX_16 || end - start >= MAX_32 || start >= MAX_32) {
    records
      .add(4, 0x0606_4b50).add(8, 44)
      .add(2, UNIX | VERSION_64, VERSION_64).add(4, 0, 0)
      .add(8, count, count, end - start, start)
      .add(4, 0x0706_4b50, 0).add(8, end).add(4, 1);
  }
  const counted = Math.min(count, MAX_16);
  return records
    .add(4, 0x0605_4b50)
    .add(2, 0, 0, counted, counted)
    .add(4, Math.min(end - start, MAX_32), Math.min(start, MAX_32))
    .add(2, 0)
    .bytes;
}

/** Returns the flags, the method and the time, which both headers have. */
function commonOf({ member, method, isStreamed }: ZipEntry, name: Uint8Array): number[] {
  // A name that is not UTF-8 has no flag; unpackers on UNIX systems then take its bytes as they are.
  const isNamedInUtf8 = !isAscii(member.path) && isUtf8(name);
  const flags = (isStreamed ? IS_STREAMED : 0) | (isNamedInUtf8 ? IS_UTF8 : 0);
  return [flags, method, ...dosTime(member.modifiedSeconds)];
}

/** Returns time and date as MS-DOS has them, here in UTC. */
function dosTime(seconds: number): number[] {
  const earliest = Date.UTC(1980, 0, 1);
  const latest = Date.UTC(2107, 11, 31, 23, 59, 58);
  const time = new Date(Math.min(Math.max(seconds * 1000, earliest), latest));
  return [
    time.getUTCHours() << 11 | time.getUTCMinutes() << 5 | time.getUTCSeconds() >> 1,
    (time.getUTCFullYear() - 1980) << 9 | (time.getUTCMonth() + 1) << 5 | time.getUTCDate(),
  ];
}

/** Returns the extra field with the time in seconds since the epoch, if it fits into 32 bits. */
function timeExtra({ modifiedSeconds }: Member): RecordBytes {
  const extra = new RecordBytes();
  if (Math.abs(modifiedSeconds) >= 2 ** 31) return extra;
  return extra.add(2, 0x5455, 5).append([1]).add(
    4,
    modifiedSeconds < 0 ? modifiedSeconds + 2 ** 32 : modifiedSeconds,
  );
}
