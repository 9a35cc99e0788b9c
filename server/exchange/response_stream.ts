/**
 * A response body that is produced while it is sent. Source: RFC 9112 §6.3 and §7.1.
 * @module
 */
import { bytesOf } from "../../ffi/libc/bytes.ts";
import { encodeUtf8 } from "../http/characters.ts";
import type { HttpRequest } from "../http/request.ts";
import type { StreamBody } from "../http/response.ts";
import type { Output } from "../connection/output.ts";
import type { Buffers } from "../connection/buffers.ts";

const CRLF = encodeUtf8("\r\n");
const LAST_CHUNK = encodeUtf8("0\r\n\r\n");

/**
 * Returns true if the body is sent in chunks: its length is not known, and the client (HTTP/1.1) supports chunks. For
 * an HTTP/1.0 client the end of the connection ends the body.
 */
export function isChunked({ length }: StreamBody, { minorVersion }: HttpRequest): boolean {
  return length === null && minorVersion === 1;
}

/** Reads a stream piece by piece, and frames the pieces. */
export class ResponseStream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #isChunked: boolean;
  readonly #pauseMs: number;
  /** The bytes that are still to come; Infinity if the length is not known. */
  #remaining: number;
  /** True from {@linkcode read} until {@linkcode append}. */
  isReading = false;
  /** The instant of the reactor's clock before which no piece is requested. */
  dueMs: number = -Infinity;

  /** @throws {TypeError} when the stream already has a reader */
  constructor(body: StreamBody, isChunked: boolean) {
    this.#reader = body.stream.getReader();
    this.#isChunked = isChunked;
    this.#pauseMs = body.pauseMs ?? 0;
    this.#remaining = body.length ?? Infinity;
  }

  /** Requests the next piece. It must be appended before the next call. */
  read(nowMs: number): Promise<ReadableStreamReadResult<Uint8Array>> {
    this.isReading = true;
    this.dueMs = nowMs + this.#pauseMs;
    return this.#reader.read();
  }

  /** The error of a stream with more bytes than announced; null otherwise. The stream is cancelled then. */
  excess: TypeError | null = null;

  /**
   * Appends a piece with its framing. `begin` is called before anything is appended.
   * @throws {TypeError} when the piece is not a Uint8Array, or the stream ends before its announced length
   */
  append(
    output: Output,
    buffers: Buffers,
    result: ReadableStreamReadResult<Uint8Array>,
    begin: () => void = () => {},
  ): void {
    this.isReading = false;
    if (result.done) {
      if (this.#remaining > 0 && this.#remaining < Infinity) {
        throw new TypeError(`A response's stream ended ${this.#remaining} bytes too early`);
      }
      begin();
      if (this.#isChunked) output.append(buffers, LAST_CHUNK, 0, LAST_CHUNK.length);
      return;
    }
    const value = bytesOf(result.value, "A piece of a response's stream");
    const length = Math.min(value.length, this.#remaining);
    if (length < value.length) {
      this.excess = new TypeError("A response's stream gave more bytes than were announced: it is cut there");
      this.cancel(this.excess);
    }
    this.#remaining -= length;
    if (length > 0 || this.excess !== null) begin();
    if (length === 0) return; // a chunk of size 0 would be the last one
    if (this.#isChunked) {
      const size = encodeUtf8(`${length.toString(16)}\r\n`);
      output.append(buffers, size, 0, size.length);
    }
    output.append(buffers, value, 0, length);
    if (this.#isChunked) output.append(buffers, CRLF, 0, CRLF.length);
  }

  /** Cancels the stream, because the rest is not needed. */
  cancel(reason: Error): void {
    this.#reader.cancel(reason).catch(() => {}); // the outcome is the source's concern
  }
}
