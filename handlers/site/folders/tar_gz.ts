/**
 * The format tar.gz: a tar archive in one gzip stream (RFC 1952).
 * @module
 */
import { FOLDER_PIECE_BYTES } from "../limits.ts";
import { crc32, Deflater, LAST_BLOCK } from "./deflater.ts";
import type { FolderFormat, Member } from "./member.ts";
import { paddingOf, TAR_END, tarHeader } from "./tar_headers.ts";

/** The header of gzip: deflate, without a time and a name, made on a UNIX system. */
const GZIP_HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3);
const ZEROS = new Uint8Array(FOLDER_PIECE_BYTES);

/** Writes a tar.gz. */
export class TarGz implements FolderFormat {
  readonly #deflater = new Deflater();
  /** Bytes of the tar archive that are not compressed yet: small files are compressed together. */
  readonly #pending = new Uint8Array(FOLDER_PIECE_BYTES);
  #filled = 0;
  #crc = 0;
  /** The length of the tar archive so far. */
  #length = 0;
  #member: Member | null = null;
  /** The bytes of the open member that were written. */
  #written = 0;

  *start(): Generator<Uint8Array> {
    yield GZIP_HEADER;
  }

  directory(member: Member): Generator<Uint8Array> {
    return this.#write(tarHeader(member));
  }

  *file(member: Member, content: Uint8Array): Generator<Uint8Array> {
    yield* this.open(member);
    for (let at = 0; at < content.length; at += FOLDER_PIECE_BYTES) {
      yield* this.piece(content.subarray(at, at + FOLDER_PIECE_BYTES));
    }
    yield* this.close();
  }

  *open(member: Member): Generator<Uint8Array> {
    if (member.isText) this.#deflater.retry();
    this.#member = member;
    this.#written = 0;
    yield* this.#write(tarHeader(member));
  }

  *piece(bytes: Uint8Array): Generator<Uint8Array> {
    this.#written += bytes.length;
    yield* this.#write(bytes);
  }

  close(): Generator<Uint8Array> {
    return this.#write(paddingOf(this.#member!.size));
  }

  /**
   * Fills the file up to the announced size. Nothing can take it back; but of two members with one path, the last one
   * remains when the archive is unpacked. So the next attempt replaces it, or an empty file if there is none.
   */
  *abandon(isLast: boolean): Generator<Uint8Array> {
    const member = this.#member!;
    while (this.#written < member.size) {
      yield* this.piece(ZEROS.subarray(0, Math.min(member.size - this.#written, ZEROS.length)));
    }
    yield* this.close();
    if (isLast) yield* this.#write(tarHeader({ ...member, size: 0 }));
  }

  *end(): Generator<Uint8Array> {
    yield* this.#write(TAR_END);
    yield* this.#flush();
    yield LAST_BLOCK;
    const tail = new DataView(new ArrayBuffer(8));
    tail.setUint32(0, this.#crc, true);
    tail.setUint32(4, this.#length % 2 ** 32, true);
    yield new Uint8Array(tail.buffer);
  }

  *#write(bytes: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(bytes.length - at, FOLDER_PIECE_BYTES - this.#filled);
      this.#pending.set(bytes.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === FOLDER_PIECE_BYTES) yield* this.#flush();
    }
  }

  *#flush(): Generator<Uint8Array> {
    const piece = this.#pending.subarray(0, this.#filled);
    this.#crc = crc32(piece, this.#crc);
    this.#length += piece.length;
    this.#filled = 0;
    yield* this.#deflater.piece(piece);
  }
}
