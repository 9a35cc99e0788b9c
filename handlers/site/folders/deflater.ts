/**
 * Compression in pieces (RFC 1951), each by one short call: other requests are answered between two of them.
 *
 * Each piece becomes deflate blocks that end at a byte, as pigz makes them, so what does not become smaller can be
 * stored in between. Pieces refer to the bytes before them, so they are hardly larger than in one stream.
 * @module
 */
import zlib from "node:zlib";
import { bodyMemory } from "../../../server/http/body_memory.ts";

const { Z_SYNC_FLUSH } = zlib.constants;
/** The bytes that a piece can refer to (RFC 1951 §2). */
const WINDOW_BYTES = 32 * 1024;
/** Pieces that are stored after one that did not become smaller, before another one is tried. */
const STORED_AFTER_FAILURE = 15;
/** Bytes from which on a buffer is freed by hand: smaller ones may be part of Node's pool. */
const FREED_BYTES_MIN = 16 * 1024;

/** The end of a deflate stream: an empty block with the final bit. */
export const LAST_BLOCK: Uint8Array<ArrayBuffer> = Uint8Array.of(3, 0);

/** Compresses one stream at a time. */
export class Deflater {
  readonly #window = new Uint8Array(WINDOW_BYTES);
  #windowBytes = 0;
  #storedPieces = 0;

  /** Begins a new stream. */
  restart(): void {
    this.#windowBytes = 0;
    this.#storedPieces = 0;
  }

  /** Tries to compress again, since other content follows. */
  retry(): void {
    this.#storedPieces = 0;
  }

  /** Gives the blocks for `piece`, of at most FOLDER_PIECE_BYTES. */
  *piece(piece: Uint8Array): Generator<Uint8Array> {
    if (piece.length === 0) return;
    if (this.#storedPieces > 0) {
      this.#storedPieces--;
      this.#windowBytes = 0;
      return yield* store(piece);
    }
    const packed = this.#deflate(piece);
    this.#remember(piece);
    if (packed.length > piece.length * 31 / 32) this.#storedPieces = STORED_AFTER_FAILURE;
    if (packed.length < piece.length) yield packed;
    else yield* store(piece);
    if (packed.buffer.byteLength >= FREED_BYTES_MIN) bodyMemory.reclaimer.free(packed.buffer);
  }

  #deflate(piece: Uint8Array): Uint8Array {
    const windowBits = Math.min(Math.max(Math.ceil(Math.log2(piece.length)), 9), 15);
    const options = {
      finishFlush: Z_SYNC_FLUSH,
      // A small piece needs little of the 256 KiB that zlib allocates by default, and clears, for each call.
      windowBits: this.#windowBytes === 0 ? windowBits : 15,
      memLevel: windowBits - 7,
      chunkSize: piece.length + (piece.length >> 8) + 64, // one buffer for all of the output
    };
    const dictionary = this.#window.subarray(0, this.#windowBytes);
    const packed = zlib.deflateRawSync(piece, this.#windowBytes === 0 ? options : { ...options, dictionary });
    return new Uint8Array(packed.buffer, packed.byteOffset, packed.length); // a Buffer's `slice` copies nothing
  }

  #remember(piece: Uint8Array): void {
    const last = piece.subarray(-WINDOW_BYTES);
    this.#window.set(last);
    this.#windowBytes = last.length;
  }
}

/** Gives `piece` as a stored block (RFC 1951 §3.2.4). */
function* store(piece: Uint8Array): Generator<Uint8Array> {
  const { length } = piece;
  yield Uint8Array.of(0, length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff);
  yield piece;
}

/** Returns the CRC-32 of `bytes` behind those with the CRC `before`. */
export function crc32(bytes: Uint8Array, before: number): number {
  return zlib.crc32(bytes, before);
}
