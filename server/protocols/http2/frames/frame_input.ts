/**
 * What has arrived of a client's frames.
 * @module
 */
import type { Connection } from "../../../connection/connection.ts";
import { ErrorCode } from "./errors.ts";
import { FRAME_HEAD_BYTES, FrameType, payloadLength, PREFACE, prefaceLength } from "./frame.ts";

/** Where a frame's head has its type. */
const TYPE_OFFSET = 3;

/** The input of one connection: the preface, and then frames. */
export class FrameInput {
  readonly #connection: Connection;
  hasPreface = false;
  /** The instant by which a frame that has begun must be complete; Infinity if there is none, and for DATA, which has a rate. */
  untilMs: number = Infinity;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Takes the preface, as soon as all of it is there. */
  takePreface(): ErrorCode {
    const { input } = this.#connection;
    const length = prefaceLength(input.bytes, input.start, input.end);
    if (length < 0) return ErrorCode.PROTOCOL_ERROR;
    if (length < PREFACE.length) return ErrorCode.NO_ERROR;
    input.start += length;
    this.hasPreface = true;
    return ErrorCode.NO_ERROR;
  }

  /** Returns the length of the next frame's payload if all of it is there, or if it is longer than `max`; otherwise −1. */
  next(max: number): number {
    const { bytes, start, end } = this.#connection.input;
    if (end - start < FRAME_HEAD_BYTES) return -1;
    const length = payloadLength(bytes, start);
    return length > max || end - start >= FRAME_HEAD_BYTES + length ? length : -1;
  }

  /** Sets the time for a frame that is incomplete. */
  await(): void {
    const { input: { bytes, start, end }, context: { reactor, limits } } = this.#connection;
    const isData = end - start > TYPE_OFFSET && bytes[start + TYPE_OFFSET] === FrameType.DATA;
    if (start === end || isData) this.untilMs = Infinity;
    else this.untilMs = Math.min(this.untilMs, reactor.now + limits.headTimeoutMs);
  }
}
