/**
 * The sending of the data of streams, in the order of the scheduler.
 *
 * Source: RFC 9113 §6.1 and §6.9.
 * @module
 */
import { PULLED_BYTES_PER_TURN_MAX } from "../../http2_limits.ts";
import { ErrorCode } from "./frames/errors.ts";
import { Flag, FRAME_BYTES_MAX, FRAME_HEAD_BYTES, FrameType, writeFrameHead } from "./frames/frame.ts";
import type { ResponseWriter } from "./responses/response_writer.ts";
import { Scheduler } from "./streams/scheduler.ts";
import type { Session } from "./session.ts";
import type { Stream, StreamOwner } from "./streams/stream.ts";

/** Sends what the streams of one connection have. */
export class StreamSender {
  readonly #session: Session;
  readonly #responses: ResponseWriter;
  readonly #owner: StreamOwner;
  readonly #scheduler = new Scheduler<Stream>();

  constructor(session: Session, responses: ResponseWriter, owner: StreamOwner) {
    this.#session = session;
    this.#responses = responses;
    this.#owner = owner;
  }

  /** Sends what the windows and the socket allow, up to the budget of a turn. Returns true if there may be more. */
  pull(): boolean {
    const hasMore = this.#send();
    this.#scheduler.forget();
    return hasMore;
  }

  #send(): boolean {
    const { writer } = this.#session;
    for (let left = PULLED_BYTES_PER_TURN_MAX; left > 0;) {
      const hasMore = this.#write();
      left -= writer.length;
      const isTaken = writer.send();
      if (!hasMore || !isTaken) return hasMore;
    }
    return true;
  }

  /**
   * Writes the most urgent data while the windows and the socket allow it, and little is written. Returns true if there may be
   * more for another write.
   */
  #write(): boolean {
    const { connection, streams, writer } = this.#session;
    const scheduler = this.#scheduler;
    if (streams.count === 0 || connection.isBlocked) return false;
    while (writer.isLow) {
      const hasWindow = streams.window.bytes > 0;
      const stream = scheduler.following(hasWindow) ?? scheduler.next(streams.all(), hasWindow);
      if (stream === null) return false;
      do this.#writeData(stream); while (
        !scheduler.takesTurns && writer.isLow && stream.isReady && streams.window.bytes > 0
      );
    }
    return true;
  }

  #writeData(stream: Stream): void {
    const { streams, writer } = this.#session;
    const at = writer.length + FRAME_HEAD_BYTES;
    const count = stream.take(writer.bytes, at, Math.min(FRAME_BYTES_MAX, streams.window.bytes));
    if (count < 0) return this.#owner.resetStream(stream, ErrorCode.INTERNAL_ERROR);
    streams.window.bytes -= count;
    const isEnd = stream.isWritten;
    streams.earn(count, stream.isBlocked && count < FRAME_BYTES_MAX);
    const flags = isEnd && stream.trailers === null ? Flag.END_STREAM : 0;
    writeFrameHead(writer.bytes, writer.length, count, FrameType.DATA, flags, stream.id);
    writer.advance(FRAME_HEAD_BYTES + count);
    if (isEnd && stream.trailers !== null) this.#responses.end(stream.trailers, stream.id);
    if (isEnd) this.#owner.complete(stream);
  }
}
