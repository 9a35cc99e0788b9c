/**
 * A response body that is produced while it is sent.
 * @module
 */
import { describeKind } from "../../ffi/libc/bytes.ts";

/** A body that is produced while it is sent. Without a `length` it is sent in chunks (RFC 9112 §7.1). */
export interface StreamBody {
  /** The source of the body: a stream of `Uint8Array`. */
  readonly stream: ReadableStream<Uint8Array>;
  /** Length in bytes, or null when it is not known. */
  readonly length: number | null;
  /** Shortest time between two reads of `stream`, in milliseconds. Default 0. */
  readonly pauseMs?: number;
}

/**
 * Returns a checked, frozen copy of a stream body.
 * @throws {TypeError} when `stream` is not a ReadableStream, or is being read
 * @throws {RangeError} when `pauseMs` is not a number ≥ 0
 */
export function toStreamBody({ stream, length, pauseMs = 0 }: StreamBody): StreamBody {
  if (!(stream instanceof ReadableStream)) {
    throw new TypeError(`The stream of a response must be a ReadableStream, not ${describeKind(stream)}`);
  }
  if (stream.locked) throw new TypeError("This stream is being read already");
  if (!(typeof pauseMs === "number" && pauseMs >= 0)) {
    throw new RangeError(`The pauseMs of a stream must be a number from 0 on, not ${describeKind(pauseMs)}`);
  }
  return Object.freeze({ stream, length, pauseMs });
}
