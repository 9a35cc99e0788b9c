/**
 * A response body that is produced while it is sent, piece by piece. The next piece is requested once the client has
 * taken the one before.
 *
 * The head waits for the first piece, so a failure before that can be answered with 500. It waits for a second at most,
 * because the client may need the head alone. The head of an event stream does not wait.
 * @module
 */
import { bytesOf } from "../../ffi/libc/bytes.ts";
import { type Fields, toTrailers } from "../http/field_lines.ts";
import type { HttpResponse } from "../http/response.ts";
import type { StreamBody } from "../http/stream_body.ts";
import { STREAM_HEAD_HELD_MS } from "../limits.ts";

/** Reads a stream piece by piece, and compares its length with what was announced. */
export class ResponseStream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #pauseMs: number;
  /** The bytes that are still to come; Infinity if the length is not known. */
  #remaining: number;
  /** The response, while its head waits for the first piece; null once the head is sent. */
  held: HttpResponse | null;
  /** The instant at which the head is sent even without a piece. */
  readonly heldUntilMs: number;
  /** True for server-sent events, which have no end of their own. */
  readonly isEventStream: boolean;
  /** True from {@linkcode read} until {@linkcode take}. */
  isReading = false;
  /** The instant of the reactor's clock before which no piece is requested. */
  dueMs: number = -Infinity;
  /** The error of a stream with more bytes than announced; null otherwise. The stream is cancelled then. */
  excess: TypeError | null = null;
  /** The trailers, once the stream has ended; null for none. */
  trailers: Fields | null = null;
  readonly #makeTrailers: (() => Fields | Promise<Fields>) | null;
  #isCancelled = false;

  /** `body` is that of `response`. @throws {TypeError} when the stream already has a reader */
  constructor(response: HttpResponse, body: StreamBody, nowMs: number) {
    this.held = response;
    this.heldUntilMs = nowMs + STREAM_HEAD_HELD_MS;
    this.isEventStream = response.isEventStream;
    this.#reader = body.stream.getReader();
    this.#pauseMs = body.pauseMs ?? 0;
    this.#remaining = body.length ?? Infinity;
    this.#makeTrailers = body.trailers ?? null;
  }

  /** Requests the next piece, and at the end the trailers. It must be taken before the next call. */
  read(nowMs: number): Promise<ReadableStreamReadResult<Uint8Array>> {
    this.isReading = true;
    this.dueMs = nowMs + this.#pauseMs;
    const read = this.#reader.read();
    const makeTrailers = this.#makeTrailers;
    if (makeTrailers === null) return read;
    return read.then(async (result) => {
      if (result.done && !this.#isCancelled) {
        const trailers = toTrailers(await makeTrailers());
        if (trailers.length > 0) this.trailers = trailers;
      }
      return result;
    });
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
    this.#isCancelled = true;
    this.#reader.cancel(reason).catch(() => {}); // the outcome is the source's concern
  }
}
