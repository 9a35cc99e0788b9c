/**
 * The data of a response that waits to be written: pieces in memory, or a part of a file.
 * @module
 */
import { readAt } from "../../../../ffi/file/file.ts";
import type { ConnectionContext } from "../../../connection/context.ts";
import { BODY_GONE } from "../../../connection/output.ts";
import { bodyMemory } from "../../../http/body_memory.ts";
import type { FileBody } from "../../../http/file_body.ts";
import { framedBodies, type FramedBody } from "../frames/framed_body.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The data of one stream. */
export class StreamData {
  /** The frames of the piece that is the whole body; null if they were not made. */
  framed: FramedBody | null = null;
  readonly #context: ConnectionContext;
  #pieces: Bytes[] = [];
  /** How much of the first piece is written. */
  #at = 0;
  #file: FileBody | null = null;
  #fileOffset = 0;
  #fileLeft = 0;
  #hasFileChanged = false;

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0 && this.#fileLeft === 0;
  }

  hasMoreThan(bytes: number): boolean {
    let left = bytes - this.#fileLeft;
    for (let i = 0; i < this.#pieces.length && left >= 0; i++) left -= this.#pieces[i]!.length;
    return left < 0;
  }

  /** Holds a piece until it is written: a cache that drops it must not free it. */
  append(piece: Bytes): void {
    bodyMemory.hold(piece);
    this.#pieces.push(piece);
  }

  /**
   * Appends a part of a file, which is closed when it is written. The first check of the file is now, because the first part
   * may wait for a window: a change before the first check is not told from a rename, or from growth.
   */
  appendFile(file: FileBody): void {
    this.#file = file;
    this.#fileOffset = file.offset;
    this.#fileLeft = file.length;
    this.#hasFileChanged = !this.#isIntact(file);
  }

  /** How much of the first piece is written. */
  get at(): number {
    return this.#at;
  }

  /** True if what waits can be sent from {@linkcode StreamData.framed}, from {@linkcode StreamData.at} on. */
  isFramedAt(nowMs: number): boolean {
    return this.framed !== null && this.#pieces.length === 1 &&
      this.#pieces[0]!.length === this.framed.length &&
      this.framed.hasFrameAt(this.#at) && framedBodies.uses(this.framed, nowMs);
  }

  /**
   * Writes up to `count` bytes of the next data to `out` at `at`. Returns how many, or −errno for a file that cannot be
   * read or has changed, and for memory that is gone.
   */
  take(out: Bytes, at: number, count: number): number {
    if (this.#fileLeft > 0) return this.#read(out, at, count);
    let written = 0;
    while (written < count && this.#pieces.length > 0) {
      const piece = this.#pieces[0]!;
      const start = this.#at;
      if (piece.length <= start) { // its buffer was transferred, or became smaller
        this.#context.onHandlerError(new TypeError(BODY_GONE));
        return -1;
      }
      const part = Math.min(piece.length - start, count - written);
      out.set(part === piece.length ? piece : piece.subarray(start, start + part), at + written);
      this.pass(part);
      written += part;
    }
    return written;
  }

  #read(out: Bytes, at: number, room: number): number {
    const file = this.#file!;
    if (this.#hasFileChanged || !this.#isIntact(file)) return -1;
    const count = readAt(file.fd, out.subarray(at, at + Math.min(room, this.#fileLeft)), this.#fileOffset);
    if (count <= 0) return -1;
    this.#fileOffset += count;
    this.#fileLeft -= count;
    if (this.#fileLeft === 0) this.#closeFile();
    return count;
  }

  /** Passes over data of the first piece. */
  pass(bytes: number): void {
    this.#at += bytes;
    if (this.#at < this.#pieces[0]!.length) return;
    this.#at = 0;
    bodyMemory.release(this.#pieces.shift()!);
  }

  /** An exception of an embedder's callback costs this stream, not the others. */
  #isIntact(file: FileBody): boolean {
    try {
      return file.isIntact;
    } catch (error) {
      this.#context.onHandlerError(error);
      return false;
    }
  }

  #closeFile(): void {
    const file = this.#file;
    this.#file = null;
    try {
      file?.close();
    } catch (error) {
      this.#context.onHandlerError(error);
    }
  }

  /** Drops what waits. */
  discard(): void {
    for (const piece of this.#pieces) bodyMemory.release(piece);
    if (this.#pieces.length > 0) this.#pieces = [];
    this.#fileLeft = 0;
    if (this.#file !== null) this.#closeFile();
  }
}
