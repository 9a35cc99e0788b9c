/**
 * Bodies of several parts (multipart/byteranges, RFC 9110 §14.6), as sources of streams that read as fast as the client.
 * @module
 */
import { readAt } from "../../../ffi/file/file.ts";
import { bodyMemory } from "../../../server/http/body_memory.ts";
import type { ByteRange } from "../../../server/http/fields/range.ts";
import { ContentChanged } from "../../../server/http/stream_body.ts";
import { STREAM_READ_BYTES } from "../limits.ts";

/** The parts of a body: bytes, and ranges of a file. */
export type MultipartBody = readonly (Uint8Array<ArrayBuffer> | ByteRange)[];

/** Joins parts into chunks of STREAM_READ_BYTES, so many short parts cost no more than a long one. */
abstract class MultipartBodySource implements UnderlyingDefaultSource<Uint8Array> {
  readonly #parts: MultipartBody;
  #index = 0;
  /** The offset in the current part. */
  #offset = 0;
  /** The memory of all chunks: the reader of the stream copies a chunk before it asks for the next. */
  #bytes: Uint8Array<ArrayBuffer> | null = null;

  constructor(parts: MultipartBody) {
    this.#parts = parts;
  }

  /** Fills `bytes` with the file from `start` on. @throws {Error} when that is impossible */
  protected abstract read(bytes: Uint8Array<ArrayBuffer>, start: number): void;

  pull(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const bytes = this.#bytes ??= new Uint8Array(Math.min(STREAM_READ_BYTES, this.#left()));
    const chunk = bytes.subarray(0, this.#left());
    let filled = 0;
    while (filled < chunk.length) {
      const part = this.#parts[this.#index]!;
      const length = lengthOf(part);
      const count = Math.min(length - this.#offset, chunk.length - filled);
      if (part instanceof Uint8Array) {
        chunk.set(part.subarray(this.#offset, this.#offset + count), filled);
      } else {
        this.read(chunk.subarray(filled, filled + count), part.start + this.#offset);
      }
      filled += count;
      this.#offset += count;
      if (this.#offset < length) continue;
      this.#index++;
      this.#offset = 0;
    }
    if (chunk.length > 0) controller.enqueue(chunk);
    if (this.#index < this.#parts.length) return;
    this.cancel();
    controller.close();
  }

  /** Releases the file. May be called more than once. */
  cancel(): void {}

  /** Returns the bytes that are left, at most those of a chunk. */
  #left(): number {
    let left = -this.#offset;
    for (let i = this.#index; i < this.#parts.length && left < STREAM_READ_BYTES; i++) {
      left += lengthOf(this.#parts[i]!);
    }
    return left;
  }
}

function lengthOf(part: MultipartBody[number]): number {
  return part instanceof Uint8Array ? part.length : part.end - part.start;
}

/** The body of a file in memory. It copies a chunk at a time, while the client receives. */
export class MemoryMultipartBody extends MultipartBodySource {
  readonly #content: Uint8Array;
  #isHeld = true;

  constructor(content: Uint8Array, parts: MultipartBody) {
    super(parts);
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

/** The body of an open file, which is released at the end. */
export class DiskMultipartBody extends MultipartBodySource {
  readonly #fd: number;
  readonly #first: number;
  readonly #isIntact: () => boolean;
  readonly #close: () => void;

  /** The file begins at the offset `first` of `fd`; `close` may be called more than once. */
  constructor(fd: number, first: number, parts: MultipartBody, isIntact: () => boolean, close: () => void) {
    super(parts);
    this.#fd = fd;
    this.#first = first;
    this.#isIntact = isIntact;
    this.#close = close;
  }

  /** A file that became shorter, or was written to, ends the connection, since Content-Length was sent. */
  protected override read(bytes: Uint8Array<ArrayBuffer>, start: number): void {
    const count = readAt(this.#fd, bytes, this.#first + start);
    if (count === bytes.length && this.#isIntact()) return;
    this.cancel();
    throw new ContentChanged(
      count === bytes.length
        ? "The file was written to while it was sent"
        : `The file ended at byte ${start + Math.max(count, 0)}`,
    );
  }

  override cancel(): void {
    this.#close();
  }
}
