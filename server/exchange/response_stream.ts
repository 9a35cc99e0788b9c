/**
 * A response body that is produced while it is sent.
 * @module
 */
import { bytesOf } from "../../ffi/libc/bytes.ts";
import type { StreamBody } from "../http/stream_body.ts";

/** Reads a stream piece by piece, and compares its length with what was announced. */
export class ResponseStream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #pauseMs: number;
  /** The bytes that are still to come; Infinity if the length is not known. */
  #remaining: number;
  /** True from {@linkcode read} until {@linkcode take}. */
  isReading = false;
  /** The instant of the reactor's clock before which no piece is requested. */
  dueMs: number = -Infinity;
  /** The error of a stream with more bytes than announced; null otherwise. The stream is cancelled then. */
  excess: TypeError | null = null;

  /** @throws {TypeError} when the stream already has a reader */
  constructor(body: StreamBody) {
    this.#reader = body.stream.getReader();
    this.#pauseMs = body.pauseMs ?? 0;
    this.#remaining = body.length ?? Infinity;
  }

  /** Requests the next piece. It must be taken before the next call. */
  read(nowMs: number): Promise<ReadableStreamReadResult<Uint8Array>> {
    this.isReading = true;
    this.dueMs = nowMs + this.#pauseMs;
    return this.#reader.read();
  }

  /**
   * Returns a piece, cut at the announced length; null at the end of the stream.
   * @throws {TypeError} when the piece is not a Uint8Array, or the stream ends before its announced length
   */
  take(result: ReadableStreamReadResult<Uint8Array>): Uint8Array<ArrayBuffer> | null {
    this.isReading = false;
    if (result.done) {
      if (this.#remaining > 0 && this.#remaining < Infinity) {
        throw new TypeError(`A response's stream ended ${this.#remaining} bytes too early`);
      }
      return null;
    }
    const value = bytesOf(result.value, "A piece of a response's stream");
    if (value.length <= this.#remaining) {
      this.#remaining -= value.length;
      return value;
    }
    this.excess = new TypeError("A response's stream gave more bytes than were announced: it is cut there");
    this.cancel(this.excess);
    return value.subarray(0, this.#remaining);
  }

  /** Cancels the stream, because the rest is not needed. */
  cancel(reason: Error): void {
    this.#reader.cancel(reason).catch(() => {}); // the outcome is the source's concern
  }
}
