/**
 * The bodies of responses that were sent before, with the heads of their frames between their parts. Such a body is sent
 * from where it is: only the stream is filled in.
 * @module
 */
import {
  FRAMED_BODIES_BYTES_MAX,
  FRAMED_BODY_BYTES_MAX,
  FRAMED_BODY_BYTES_MIN,
  FRAMED_BODY_IDLE_MS,
} from "../../../http2_limits.ts";
import { Flag, FRAME_BYTES_MAX, FRAME_HEAD_BYTES, FrameType, writeFrameHead, writeUint32 } from "./frame.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The distance between two frames. */
const STRIDE = FRAME_HEAD_BYTES + FRAME_BYTES_MAX;
/** The room before the frames, for what is sent before them: heads of responses. */
export const LEAD_BYTES: number = 8 * 1024;

/** A body as DATA frames of the largest size, and a last one. */
export class FramedBody {
  /** The frames, behind {@linkcode LEAD_BYTES}. */
  readonly bytes: Bytes;
  /** The length of the body. */
  readonly length: number;
  /** The frames from their first byte on: a view is made once for many sends. */
  readonly whole: Bytes;
  /** The instant of the last use, about. */
  usedMs = 0;
  /** False once its memory was freed. */
  isKept = true;

  constructor(body: Uint8Array) {
    const { length } = body;
    const count = Math.ceil(length / FRAME_BYTES_MAX);
    const bytes = this.bytes = new Uint8Array(LEAD_BYTES + length + count * FRAME_HEAD_BYTES);
    this.whole = bytes.subarray(LEAD_BYTES);
    this.length = length;
    for (let i = 0; i < count; i++) {
      const at = LEAD_BYTES + i * STRIDE;
      const part = body.subarray(i * FRAME_BYTES_MAX, (i + 1) * FRAME_BYTES_MAX);
      writeFrameHead(
        bytes,
        at,
        part.length,
        FrameType.DATA,
        i === count - 1 ? Flag.END_STREAM : 0,
        0,
      );
      bytes.set(part, at + FRAME_HEAD_BYTES);
    }
  }

  /** True if a frame begins with the byte `at` of the body. */
  hasFrameAt(at: number): boolean {
    return at % FRAME_BYTES_MAX === 0;
  }

  /** Returns where the frames begin that have the body from `at` on, the end of the body or a multiple of a frame's data. */
  offsetOf(at: number): number {
    return at === this.length ? this.bytes.length : LEAD_BYTES + at / FRAME_BYTES_MAX * STRIDE;
  }

  /**
   * Returns the end of the part of the body from `at` on that whole frames have, of `windowBytes` of the body and
   * `bytesMax` with their heads at most.
   */
  endFrom(at: number, windowBytes: number, bytesMax: number): number {
    const left = this.length - at;
    if (left <= windowBytes && this.bytes.length - this.offsetOf(at) <= bytesMax) return this.length;
    return at +
      Math.min(Math.floor(windowBytes / FRAME_BYTES_MAX), Math.floor(bytesMax / STRIDE)) * FRAME_BYTES_MAX;
  }

  /** Returns the end of the part of the body whose frames `offset` is behind, or in. */
  endAt(offset: number): number {
    return Math.min((Math.floor((offset - LEAD_BYTES) / STRIDE) + 1) * FRAME_BYTES_MAX, this.length);
  }

  /** Fills in the stream in the frames of `bytes[start, end)`. */
  stamp(start: number, end: number, stream: number): void {
    for (let at = start; at < end; at += STRIDE) writeUint32(this.bytes, at + 5, stream);
  }
}

/** Framed bodies, the one that was not used for longest first. They take a bounded memory. */
export class FramedBodies {
  readonly #bodies = new Set<FramedBody>();
  #bytes = 0;

  /** Returns true if `body` is there. Then it is in use now. */
  uses(body: FramedBody, nowMs: number): boolean {
    if (!body.isKept) return false;
    if (nowMs - body.usedMs < FRAMED_BODY_IDLE_MS / 4) return true;
    this.#bodies.delete(body);
    this.#bodies.add(body);
    body.usedMs = nowMs;
    return true;
  }

  /** Makes the frames of `body`. Null if it is too small, too large, or if there is no room that is not in use. */
  make(body: Uint8Array, nowMs: number): FramedBody | null {
    const { length } = body;
    if (length < FRAMED_BODY_BYTES_MIN || length > FRAMED_BODY_BYTES_MAX) return null;
    for (const oldest of this.#bodies) {
      if (this.#bytes + length <= FRAMED_BODIES_BYTES_MAX) break;
      if (nowMs - oldest.usedMs < FRAMED_BODY_IDLE_MS) return null; // they would replace each other all the time
      this.#bodies.delete(oldest);
      oldest.isKept = false;
      this.#bytes -= oldest.length;
      oldest.bytes.buffer.transfer(0); // otherwise it is freed only after far more was allocated
    }
    const framed = new FramedBody(body);
    framed.usedMs = nowMs;
    this.#bodies.add(framed);
    this.#bytes += length;
    return framed;
  }
}

/** The framed bodies of this process. */
export const framedBodies: FramedBodies = new FramedBodies();
