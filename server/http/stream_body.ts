/**
 * A response body that is produced while it is sent.
 * @module
 */
import { describeKind } from "../../ffi/libc/bytes.ts";
import type { Fields } from "./field_lines.ts";

/** A body that is produced while it is sent. Without a `length` it is sent in chunks (RFC 9112 §7.1). */
export interface StreamBody {
  /** The source of the body: a stream of `Uint8Array`. */
  readonly stream: ReadableStream<Uint8Array>;
  /** Length in bytes, or null when it is not known. */
  readonly length: number | null;
  /** Shortest time between two reads of `stream`, in milliseconds. Default 0. */
  readonly pauseMs?: number;
  /**
   * Returns the trailers (RFC 9110 §6.5). Called once, when `stream` has ended. An HTTP/2 client gets them, and an HTTP/1.1
   * client that has sent `TE: trailers`, if `length` is null. Others get the body alone. If it fails, or returns a field
   * that may not be a trailer, the response fails as if `stream` had.
   */
  readonly trailers?: () => Fields | Promise<Fields>;
}

/**
 * The error of a stream whose file was written to while it was sent. Its response is cut, so that the client knows, and
 * nothing is reported: it is no error of a handler.
 */
export class ContentChanged extends Error {}

/**
 * Returns a checked, frozen copy of a stream body.
 * @throws {TypeError} when `stream` is not a ReadableStream, or is being read, and when `trailers` is not a function
 * @throws {RangeError} when `pauseMs` is not a number ≥ 0
 */
export function toStreamBody({ stream, length, pauseMs = 0, trailers }: StreamBody): StreamBody {
  if (!(stream instanceof ReadableStream)) {
    throw new TypeError(`The stream of a response must be a ReadableStream, not ${describeKind(stream)}`);
  }
  if (stream.locked) throw new TypeError("This stream is being read already");
  if (!(typeof pauseMs === "number" && pauseMs >= 0)) {
    throw new RangeError(`The pauseMs of a stream must be a number from 0 on, not ${describeKind(pauseMs)}`);
  }
  if (trailers === undefined) return Object.freeze({ stream, length, pauseMs });
  if (typeof trailers !== "function") {
    throw new TypeError(`The trailers of a response must be a function, not ${describeKind(trailers)}`);
  }
  return Object.freeze({ stream, length, pauseMs, trailers });
}
