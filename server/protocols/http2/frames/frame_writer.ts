/**
 * Frames on their way out. They are put together in one buffer that all connections share, and sent by one call.
 * @module
 */
import type { Connection } from "../../../connection/connection.ts";
import {
  ANSWERS_BYTES_MAX,
  ANSWERS_BYTES_MIN,
  FAST_BYTES_PER_MS,
  FRAME_GATHER_BYTES_MAX,
  FRAME_WRITE_BYTES_MAX,
  TAKEN_BYTES_PER_MS,
  UNTAKEN_BYTES_MAX,
} from "../../../http2_limits.ts";
import { Interest } from "../../../loop/poller.ts";
import { type FramedBody, LEAD_BYTES } from "./framed_body.ts";
import { FRAME_BYTES_MAX, FRAME_HEAD_BYTES, FrameType, writeFrameHead, writeUint32 } from "./frame.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const shared: Bytes = new Uint8Array(FRAME_GATHER_BYTES_MAX);

/** Collects the frames of one connection during a turn. */
export class FrameWriter {
  readonly #connection: Connection;
  #length = 0;
  /** Bytes that the socket has taken without a pause since it was full, up to twice {@linkcode FRAME_WRITE_BYTES_MAX}. */
  #takenBytes = 0;
  /** When it has taken the last of them. */
  #takenMs = 0;
  /** What it has taken since it was full last, and when that was. */
  #takenSinceFull = 0;
  #fullMs = 0;
  /** True if it has taken much since it was full last, or much for the time in which it was full twice. */
  #isFast = false;
  /** True if the socket has taken all of what it was given last. */
  isTaking = true;
  /** What was written since the socket takes nothing. */
  #untakenBytes = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The buffer of all connections. */
  get bytes(): Bytes {
    return shared;
  }

  /** Where the next frame is written. A caller that writes there calls {@linkcode FrameWriter.advance}. */
  get length(): number {
    return this.#length;
  }

  /** True if there is room for one more frame of the largest size. */
  get hasRoom(): boolean {
    return this.#length + FRAME_HEAD_BYTES + FRAME_BYTES_MAX <= FRAME_GATHER_BYTES_MAX;
  }

  /**
   * True if more may be written before it is sent. Nothing more urgent can overtake what is written, so it is little for a socket
   * that was full lately.
   */
  get isLow(): boolean {
    return this.#length < this.#room;
  }

  get #room(): number {
    return Math.min(Math.max(this.#takenLately / 2, FRAME_BYTES_MAX), FRAME_WRITE_BYTES_MAX);
  }

  /** How much of frames that are there already may be sent at a time. A socket that is full again and again may be fast. */
  get framedRoom(): number {
    return this.#isFast ? FRAME_WRITE_BYTES_MAX : this.#room;
  }

  get #takenLately(): number {
    const passedMs = this.#connection.context.reactor.now - this.#takenMs;
    return Math.max(this.#takenBytes - passedMs * TAKEN_BYTES_PER_MS, 0);
  }

  /** True while so much waits for the socket that no frame should be handled that may cause another one. */
  get isFull(): boolean {
    return this.#untakenBytes + this.#length >= UNTAKEN_BYTES_MAX && this.#connection.isBlocked;
  }

  /**
   * Returns true if a short answer may be written at once: while little is written, and else if no stream waits and the socket
   * takes what is written.
   */
  takesMore(hasStreams: boolean): boolean {
    if (hasStreams) return this.isLow && this.#length < ANSWERS_BYTES_MAX; // they may be more urgent
    return this.#length < ANSWERS_BYTES_MIN || this.isLow || this.send();
  }

  advance(bytes: number): void {
    this.#length += bytes;
  }

  /** Writes a frame. */
  frame(type: number, flags: number, stream: number, payload: Uint8Array): void {
    this.#reserve(FRAME_HEAD_BYTES + payload.length);
    writeFrameHead(shared, this.#length, payload.length, type, flags, stream);
    shared.set(payload, this.#length + FRAME_HEAD_BYTES);
    this.#length += FRAME_HEAD_BYTES + payload.length;
  }

  /** Writes a frame with one number of 32 bits: RST_STREAM, WINDOW_UPDATE. */
  number(type: number, stream: number, value: number): void {
    this.#reserve(FRAME_HEAD_BYTES + 4);
    writeFrameHead(shared, this.#length, 4, type, 0, stream);
    writeUint32(shared, this.#length + FRAME_HEAD_BYTES, value);
    this.#length += FRAME_HEAD_BYTES + 4;
  }

  /** Writes whole frames that are there already, also more than there is room for. */
  whole(frames: Uint8Array): void {
    if (frames.length > FRAME_GATHER_BYTES_MAX) {
      this.whole(frames.subarray(0, FRAME_GATHER_BYTES_MAX));
      return this.whole(frames.subarray(FRAME_GATHER_BYTES_MAX));
    }
    this.#reserve(frames.length);
    shared.set(frames, this.#length);
    this.#length += frames.length;
  }

  /** Writes GOAWAY (RFC 9113 §6.8). */
  goAway(lastStream: number, code: number): void {
    const payload = new Uint8Array(8);
    writeUint32(payload, 0, lastStream);
    writeUint32(payload, 4, code);
    this.frame(FrameType.GOAWAY, 0, 0, payload);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes > FRAME_GATHER_BYTES_MAX) this.send();
  }

  /**
   * Sends what was collected; what the socket does not take waits in the connection's output. Returns true if the socket has
   * taken all of it.
   */
  send(): boolean {
    const length = this.#length;
    if (length === 0) return true;
    this.#length = 0;
    const sent = this.#send(shared, length);
    if (sent < length) this.hold(shared, sent, length);
    return this.isTaking;
  }

  /**
   * Sends whole frames from where they are, behind what was collected, which is copied before it: `body.bytes[start, end)`. Returns how many
   * bytes of the frames the socket has taken; a negative number if it has not taken all before them. What it has not taken of
   * this, and the frame that is begun, or the first one, has to wait by {@linkcode FrameWriter.hold} then.
   */
  sendFrames({ bytes, whole }: FramedBody, start: number, end: number): number {
    const length = this.#length;
    this.#length = 0;
    if (length === 0 && start === LEAD_BYTES) return this.#send(whole, end - start);
    if (length > 0) bytes.set(shared.subarray(0, length), start - length);
    return this.#send(bytes.subarray(start - length, end), end - start + length) - length;
  }

  /** Lets `bytes[start, end)` wait for the socket. */
  hold(bytes: Bytes, start: number, end: number): void {
    this.#connection.output.append(this.#connection.context.buffers, bytes, start, end);
  }

  #noteFull(nowMs: number): void {
    this.#isFast = this.#takenSinceFull >= Math.max(nowMs - this.#fullMs, 1) * FAST_BYTES_PER_MS;
    this.#takenSinceFull = 0;
    this.#fullMs = nowMs;
  }

  /** Sends bytes. Returns how many the socket has taken. */
  #send(bytes: Bytes, length: number): number {
    this.#untakenBytes = this.#connection.isBlocked ? this.#untakenBytes + length : 0;
    const { output, transport, fd, context: { buffers, accounting, reactor } } = this.#connection;
    const sent = Math.max(output.sendAlone(transport, fd, buffers, bytes, length), 0); // the next attempt shows an error
    if (sent > 0) accounting.counters.send(sent);
    this.isTaking = sent === length && transport.wants(fd) === Interest.NONE;
    this.#takenBytes = this.isTaking ? Math.min(this.#takenLately + length, 2 * FRAME_WRITE_BYTES_MAX) : 0;
    this.#takenMs = reactor.now;
    this.#takenSinceFull += sent;
    if (!this.isTaking) this.#noteFull(reactor.now);
    else if (this.#takenSinceFull >= 2 * FRAME_WRITE_BYTES_MAX) this.#isFast = true;
    return sent;
  }
}
