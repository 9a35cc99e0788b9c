/**
 * A response's body that is made while it is sent. Source: RFC 9112 §6.3 and §7.1.
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

/** Whether a body goes out in chunks: its end is not known, and need not be the connection's. */
export function isChunked({ length }: StreamBody, { minorVersion }: HttpRequest): boolean {
  return length === null && minorVersion === 1;
}

/** Reads a stream, one piece at a time, and frames it. */
export class ResponseStream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #isChunked: boolean;
  readonly #pauseMs: number;
  /** Bytes that are still to come, where that is known. */
  #remaining: number;
  /** True from asking for a piece until {@linkcode append} takes it. */
  isReading = false;
  /** No piece is asked for before that instant of the reactor's clock. */
  dueMs: number = -Infinity;

  /** @throws {TypeError} when somebody else reads the stream. */
  constructor(body: StreamBody, isChunked: boolean) {
    this.#reader = body.stream.getReader();
    this.#isChunked = isChunked;
    this.#pauseMs = body.pauseMs ?? 0;
    this.#remaining = body.length ?? Infinity;
  }

  /** The next piece. It has to be appended before the one after it is asked for. */
  read(nowMs: number): Promise<ReadableStreamReadResult<Uint8Array>> {
    this.isReading = true;
    this.dueMs = nowMs + this.#pauseMs;
    return this.#reader.read();
  }

  /** It gave more than was announced, of which nothing was appended: it is cancelled. */
  excess: TypeError | null = null;

  /**
   * Appends what was read, framed; `begin` is called before anything is appended.
   * @throws {TypeError} when it is no bytes, or fewer than were announced.
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
    if (length === 0) return; // as a chunk it would be the last
    if (this.#isChunked) {
      const size = encodeUtf8(`${length.toString(16)}\r\n`);
      output.append(buffers, size, 0, size.length);
    }
    output.append(buffers, value, 0, length);
    if (this.#isChunked) output.append(buffers, CRLF, 0, CRLF.length);
  }

  /** Nobody wants the rest. */
  cancel(reason: Error): void {
    this.#reader.cancel(reason).catch(() => {}); // whatever its source thinks of that
  }
}
