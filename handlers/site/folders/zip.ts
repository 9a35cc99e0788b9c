/**
 * The format ZIP. Text is compressed, everything else is stored: most of it is compressed already.
 * @module
 */
import { concat } from "../../../server/http/bytes.ts";
import { FOLDER_PIECE_BYTES } from "../limits.ts";
import { crc32, Deflater, LAST_BLOCK } from "./deflater.ts";
import type { FolderFormat, Member } from "./member.ts";
import {
  centralRecord,
  DEFLATED,
  descriptor,
  endRecords,
  localHeader,
  STORED,
  type ZipEntry,
} from "./zip_records.ts";

/** Bytes of a page of the central directory. */
const PAGE_BYTES = 64 * 1024;

/** Writes a ZIP archive. */
export class Zip implements FolderFormat {
  readonly #deflater = new Deflater();
  /** The bytes of the archive so far. */
  #offset = 0;
  /** The central directory in pages, so that each record costs no more than its bytes. */
  readonly #pages: Uint8Array[] = [];
  /** The bytes of the last page that are used. */
  #pageFilled = PAGE_BYTES;
  #count = 0;
  #entry: ZipEntry | null = null;

  *start(): Generator<Uint8Array> {}

  *directory(member: Member): Generator<Uint8Array> {
    const entry = this.#newEntry(member, STORED, false);
    yield* this.#write(localHeader(entry));
    this.#record(entry);
  }

  *file(member: Member, content: Uint8Array): Generator<Uint8Array> {
    if (member.isText && content.length > FOLDER_PIECE_BYTES) {
      yield* this.open(member);
      for (let at = 0; at < content.length; at += FOLDER_PIECE_BYTES) {
        yield* this.piece(content.subarray(at, at + FOLDER_PIECE_BYTES));
      }
      return yield* this.close();
    }
    const packed = member.isText ? this.#pack(content) : null; // in one piece, so its size is known
    const isSmaller = packed !== null && packed.length < content.length;
    const entry = this.#newEntry(member, isSmaller ? DEFLATED : STORED, false);
    const body = isSmaller ? packed : content;
    entry.crc = crc32(content, 0);
    entry.packedBytes = body.length;
    yield* this.#write(localHeader(entry));
    yield* this.#write(body);
    this.#record(entry);
  }

  *open(member: Member): Generator<Uint8Array> {
    const entry = this.#entry = this.#newEntry(member, member.isText ? DEFLATED : STORED, true);
    this.#deflater.restart();
    yield* this.#write(localHeader(entry));
  }

  *piece(bytes: Uint8Array): Generator<Uint8Array> {
    const entry = this.#entry!;
    entry.crc = crc32(bytes, entry.crc);
    if (entry.method === STORED) return yield* this.#content(bytes);
    for (const block of this.#deflater.piece(bytes)) yield* this.#content(block);
  }

  *close(): Generator<Uint8Array> {
    const entry = this.#entry!;
    if (entry.method === DEFLATED) yield* this.#content(LAST_BLOCK);
    yield* this.#write(descriptor(entry));
    this.#record(entry);
  }

  /** Leaves the file out of the central directory: what was sent of it belongs to no file then. */
  *abandon(): Generator<Uint8Array> {}

  *end(): Generator<Uint8Array> {
    const start = this.#offset;
    for (const [index, page] of this.#pages.entries()) {
      const isLast = index === this.#pages.length - 1;
      yield* this.#write(isLast ? page.subarray(0, this.#pageFilled) : page);
    }
    yield endRecords(this.#count, start, this.#offset);
  }

  #newEntry(member: Member, method: number, isStreamed: boolean): ZipEntry {
    return { member, method, isStreamed, offset: this.#offset, crc: 0, packedBytes: 0 };
  }

  #pack(content: Uint8Array): Uint8Array {
    this.#deflater.restart();
    const blocks: Uint8Array[] = [];
    for (const block of this.#deflater.piece(content)) blocks.push(block.slice());
    return concat([...blocks, LAST_BLOCK]);
  }

  *#content(bytes: Uint8Array): Generator<Uint8Array> {
    this.#entry!.packedBytes += bytes.length;
    yield* this.#write(bytes);
  }

  *#write(bytes: Uint8Array): Generator<Uint8Array> {
    this.#offset += bytes.length;
    yield bytes;
  }

  #record(entry: ZipEntry): void {
    this.#count++;
    const record = centralRecord(entry);
    for (let at = 0; at < record.length;) {
      if (this.#pageFilled === PAGE_BYTES) {
        this.#pages.push(new Uint8Array(PAGE_BYTES));
        this.#pageFilled = 0;
      }
      const count = Math.min(record.length - at, PAGE_BYTES - this.#pageFilled);
      this.#pages.at(-1)!.set(record.subarray(at, at + count), this.#pageFilled);
      this.#pageFilled += count;
      at += count;
    }
  }
}
