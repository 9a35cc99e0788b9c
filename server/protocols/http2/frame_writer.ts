/**
 * Frames on their way out. They are put together in one buffer that all connections share, and sent by one call.
 * @module
 */
import type { Connection } from "../../connection/connection.ts";
import { FRAME_BYTES_MAX, FRAME_HEAD_BYTES, FrameType, writeFrameHead, writeUint32 } from "./frame.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Room for the frames of one turn. */
const ROOM_BYTES = 256 * 1024;
const shared: Bytes = new Uint8Array(ROOM_BYTES);

/** Collects the frames of one connection during a turn. */
export class FrameWriter {
  readonly #connection: Connection;
  #length = 0;
  /** The total of what was sent, or waits for the socket. */
  writtenBytes = 0;

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
    return this.#length + FRAME_HEAD_BYTES + FRAME_BYTES_MAX <= ROOM_BYTES;
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

  /** Writes a whole frame that is there already. */
  whole(frame: Uint8Array): void {
    this.#reserve(frame.length);
    shared.set(frame, this.#length);
    this.#length += frame.length;
  }

  /** Writes GOAWAY (RFC 9113 §6.8). */
  goAway(lastStream: number, code: number): void {
    const payload = new Uint8Array(8);
    writeUint32(payload, 0, lastStream);
    writeUint32(payload, 4, code);
    this.frame(FrameType.GOAWAY, 0, 0, payload);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes > ROOM_BYTES) this.send();
  }

  /** Sends what was collected; what the socket does not take waits in the connection's output. */
  send(): void {
    const length = this.#length;
    if (length === 0) return;
    this.#length = 0;
    this.writtenBytes += length;
    const { output, transport, fd, context: { buffers, accounting } } = this.#connection;
    let sent = output.sendAlone(transport, fd, buffers, shared.subarray(0, length));
    if (sent < 0) sent = 0; // the next attempt shows the error
    if (sent > 0) accounting.counters.send(sent);
    output.append(buffers, shared, sent, length);
  }
}
