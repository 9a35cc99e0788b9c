/**
 * Bodies of several pieces, as multipart/byteranges has them: sources of streams that go as fast as the client does.
 * @module
 */
import { readAt } from "../../ffi/file.ts";
import { close } from "../../ffi/socket.ts";
import type { ByteRange } from "../../server/http/range.ts";
import { STREAM_READ_BYTES } from "../../server/limits.ts";

/** Bytes that are there, and ranges of a file. */
export type Pieces = readonly (Uint8Array<ArrayBuffer> | ByteRange)[];

/** Of a file in memory. What is on its way to a client is copied: no more than that at a time. */
export class MemoryPieces implements UnderlyingDefaultSource<Uint8Array> {
  readonly #content: Uint8Array;
  readonly #pieces: Pieces;
  #index = 0;
  /** In the piece at hand. */
  #offset = 0;

  constructor(content: Uint8Array, pieces: Pieces) {
    this.#content = content;
    this.#pieces = pieces;
  }

  pull(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (this.#index === this.#pieces.length) return controller.close();
    const piece = this.#pieces[this.#index];
    const bytes = piece instanceof Uint8Array ? piece : this.#content.subarray(piece.start, piece.end);
    const start = this.#offset;
    this.#offset += STREAM_READ_BYTES;
    if (this.#offset >= bytes.length) {
      this.#index++;
      this.#offset = 0;
    }
    controller.enqueue(bytes.subarray(start, start + STREAM_READ_BYTES));
  }
}

/** Of an open file, whose descriptor is closed at the end. */
export class DiskPieces implements UnderlyingDefaultSource<Uint8Array> {
  readonly #fd: number;
  readonly #pieces: Pieces;
  #index = 0;
  /** In the piece at hand. */
  #offset = 0;

  constructor(fd: number, pieces: Pieces) {
    this.#fd = fd;
    this.#pieces = pieces;
  }

  /** A file that has become shorter ends the connection: the length was promised. */
  pull(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (this.#index === this.#pieces.length) {
      close(this.#fd);
      return controller.close();
    }
    const piece = this.#pieces[this.#index];
    if (piece instanceof Uint8Array) {
      this.#index++;
      return controller.enqueue(piece);
    }
    const start = piece.start + this.#offset;
    const bytes = new Uint8Array(Math.min(STREAM_READ_BYTES, piece.end - start));
    const count = readAt(this.#fd, bytes, start);
    if (count !== bytes.length) {
      close(this.#fd);
      return controller.error(new Error(`The file ended at byte ${start + Math.max(count, 0)}`));
    }
    this.#offset += count;
    if (start + count === piece.end) {
      this.#index++;
      this.#offset = 0;
    }
    controller.enqueue(bytes);
  }

  cancel(): void {
    close(this.#fd);
  }
}
