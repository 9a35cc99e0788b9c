/**
 * Bodies of several pieces, as multipart/byteranges has them: sources of streams that go as fast as the client does.
 * @module
 */
import { readAt } from "../../../ffi/file/file.ts";
import { bodyMemory } from "../../../server/http/body_memory.ts";
import type { ByteRange } from "../../../server/http/fields/range.ts";
import { STREAM_READ_BYTES } from "../limits.ts";

/** Bytes that are there, and ranges of a file. */
export type Pieces = readonly (Uint8Array<ArrayBuffer> | ByteRange)[];

/** Puts pieces together, so that many short ones are no more work than one long one. */
abstract class PiecesSource implements UnderlyingDefaultSource<Uint8Array> {
  readonly #pieces: Pieces;
  #index = 0;
  /** In the piece at hand. */
  #offset = 0;
  /** The chunk at hand: what reads the stream has copied one before it asks for the next. */
  #bytes: Uint8Array<ArrayBuffer> | null = null;

  constructor(pieces: Pieces) {
    this.#pieces = pieces;
  }

  /** Fills `bytes` from `start` of the file. @throws {Error} when that is impossible. */
  protected abstract read(bytes: Uint8Array<ArrayBuffer>, start: number): void;

  pull(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const bytes = this.#bytes ??= new Uint8Array(Math.min(STREAM_READ_BYTES, this.#left()));
    const chunk = bytes.subarray(0, this.#left());
    let filled = 0;
    while (filled < chunk.length) {
      const piece = this.#pieces[this.#index]!;
      const length = lengthOf(piece);
      const count = Math.min(length - this.#offset, chunk.length - filled);
      if (piece instanceof Uint8Array) {
        chunk.set(piece.subarray(this.#offset, this.#offset + count), filled);
      } else {
        this.read(chunk.subarray(filled, filled + count), piece.start + this.#offset);
      }
      filled += count;
      this.#offset += count;
      if (this.#offset < length) continue;
      this.#index++;
      this.#offset = 0;
    }
    if (chunk.length > 0) controller.enqueue(chunk);
    if (this.#index < this.#pieces.length) return;
    this.cancel();
    controller.close();
  }

  /** Gives back what it holds. */
  cancel(): void {}

  /** Bytes that are still to come, as far as a chunk can hold them. */
  #left(): number {
    let left = -this.#offset;
    for (let i = this.#index; i < this.#pieces.length && left < STREAM_READ_BYTES; i++) {
      left += lengthOf(this.#pieces[i]!);
    }
    return left;
  }
}

function lengthOf(piece: Pieces[number]): number {
  return piece instanceof Uint8Array ? piece.length : piece.end - piece.start;
}

/** Of a file in memory. What is on its way to a client is copied: a chunk at a time. */
export class MemoryPieces extends PiecesSource {
  readonly #content: Uint8Array;
  #isHeld = true;

  constructor(content: Uint8Array, pieces: Pieces) {
    super(pieces);
    this.#content = content;
    bodyMemory.hold(content);
  }

  override cancel(): void {
    if (this.#isHeld) bodyMemory.release(this.#content);
    this.#isHeld = false;
  }

  protected override read(bytes: Uint8Array<ArrayBuffer>, start: number): void {
    bytes.set(this.#content.subarray(start, start + bytes.length));
  }
}

/** Of an open file, which is given back at the end. */
export class DiskPieces extends PiecesSource {
  readonly #fd: number;
  readonly #first: number;
  readonly #isIntact: () => boolean;
  readonly #close: () => void;

  /** `first` is where in `fd` the file begins; `close` may be called more than once. */
  constructor(fd: number, first: number, pieces: Pieces, isIntact: () => boolean, close: () => void) {
    super(pieces);
    this.#fd = fd;
    this.#first = first;
    this.#isIntact = isIntact;
    this.#close = close;
  }

  /** A file that has become shorter, or another one, ends the connection: the length was promised. */
  protected override read(bytes: Uint8Array<ArrayBuffer>, start: number): void {
    const count = readAt(this.#fd, bytes, this.#first + start);
    if (count === bytes.length && this.#isIntact()) return;
    this.cancel();
    throw new Error(
      count === bytes.length
        ? "The file was written to while it was sent"
        : `The file ended at byte ${start + Math.max(count, 0)}`,
    );
  }

  override cancel(): void {
    this.#close();
  }
}
