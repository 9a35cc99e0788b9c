/**
 * The sending of the data of streams, in the order of the scheduler.
 *
 * Source: RFC 9113 §6.1 and §6.9.
 * @module
 */
import { FRAMED_WRITE_BYTES_MIN, PULLED_BYTES_PER_TURN_MAX } from "../../http2_limits.ts";
import { ErrorCode } from "./frames/errors.ts";
import { Flag, FRAME_BYTES_MAX, FRAME_HEAD_BYTES, FrameType, writeFrameHead } from "./frames/frame.ts";
import type { ResponseWriter } from "./responses/response_writer.ts";
import { LEAD_BYTES } from "./frames/framed_body.ts";
import { Scheduler } from "./streams/scheduler.ts";
import type { Session } from "./session.ts";
import type { Stream, StreamOwner } from "./streams/stream.ts";

/** Sends what the streams of one connection have. */
export class StreamSender {
  readonly #session: Session;
  readonly #responses: ResponseWriter;
  readonly #owner: StreamOwner;
  readonly #scheduler = new Scheduler<Stream>();
  /** The stream that sends next, from frames that are there already; null for others. */
  #framed: Stream | null = null;

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
    const { writer, streams } = this.#session;
    const untilBytes = streams.dataBytes + PULLED_BYTES_PER_TURN_MAX;
    while (streams.dataBytes < untilBytes) {
      const hasMore = this.#write();
      const framed = this.#framed;
      this.#framed = null;
      const isTaken = framed === null ? writer.send() : this.#sendFrames(framed);
      if (!hasMore || !isTaken) return hasMore;
    }
    return true;
  }

  /**
   * Writes the most urgent data while the windows and the socket allow it, and little is written. Returns true if there may be
   * more for another write, or for {@linkcode StreamSender.#framed}, whose frames are there already.
   */
  #write(): boolean {
    const { connection, streams, writer } = this.#session;
    const scheduler = this.#scheduler;
    if (streams.count === 0 || connection.isBlocked) return false;
    while (writer.isLow) {
      const hasWindow = streams.window.bytes > 0;
      const stream = scheduler.following(hasWindow) ?? scheduler.next(streams.all(), hasWindow);
      if (stream === null) return false;
      if (!scheduler.takesTurns && this.#framedEnd(stream) > 0) {
        this.#framed = stream;
        return true;
      }
      do this.#writeData(stream); while (
        !scheduler.takesTurns && writer.isLow && stream.isReady && streams.window.bytes > 0
      );
    }
    return true;
  }

  /** Returns the end of what may be sent of the frames that `stream` has; 0 if it has none, or may send little of them. */
  #framedEnd({ data, window }: Stream): number {
    const { connection: { context: { reactor } }, streams, writer } = this.#session;
    if (data.framed === null || !data.isFramedAt(reactor.now)) return 0;
    const windowBytes = Math.min(window.bytes, streams.window.bytes);
    const end = data.framed.endFrom(data.at, windowBytes, writer.framedRoom);
    return end - data.at >= FRAMED_WRITE_BYTES_MIN ? end : 0;
  }

  /** Sends frames of `stream`, which has some. Returns true if the socket has taken them. */
  #sendFrames(stream: Stream): boolean {
    const { streams, writer } = this.#session;
    const { data, data: { at } } = stream;
    if (writer.length > (at === 0 ? LEAD_BYTES : 0) && !writer.send()) return false;
    const framed = data.framed!;
    const from = framed.offsetOf(at);
    const end = this.#framedEnd(stream);
    if (end === 0) return true;
    const until = framed.offsetOf(end);
    framed.stamp(from, until, stream.id);
    const sent = writer.sendFrames(framed, from, until);
    const isTaken = sent === until - from;
    // Of what the socket has not taken, the frame that it has begun, or the first one, waits in the output.
    const passedTo = isTaken ? end : framed.endAt(from + Math.max(sent, 0));
    if (!isTaken) writer.hold(framed.bytes, from + sent, framed.offsetOf(passedTo));
    stream.pass(passedTo - at);
    streams.window.bytes -= passedTo - at;
    streams.earn(passedTo - at, false);
    if (stream.isWritten) this.#owner.complete(stream);
    return isTaken && writer.isTaking;
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
