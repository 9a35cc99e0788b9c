/**
 * What each frame of a client does, or why it is an error.
 *
 * Source: RFC 9113 §5.1 and §6, RFC 9218 §7.1.
 * @module
 */
import { latin1 } from "../../http/characters.ts";
import { PRIORITY_BYTES_MAX } from "../../http2_limits.ts";
import { ErrorCode } from "./frames/errors.ts";
import { Flag, FrameType, readUint31 } from "./frames/frame.ts";
import { parsePriority } from "./streams/priority.ts";
import { MALFORMED } from "./requests/request_head.ts";
import type { Responder } from "./responder.ts";
import type { Session } from "./session.ts";
import { SETTING_BYTES } from "./frames/settings.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const PING_BYTES = 8;
const PRIORITY_BYTES = 5;
const GOAWAY_BYTES_MIN = 8;
const NOTHING: Bytes = new Uint8Array(0);
const { NO_ERROR, PROTOCOL_ERROR, FRAME_SIZE_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED } = ErrorCode;

/** Takes the frames of one connection. */
export class FrameHandler {
  /** True once the client has sent its settings, which come first (§3.4). */
  hasSettings = false;
  readonly #session: Session;
  readonly #responder: Responder;

  constructor(session: Session, responder: Responder) {
    this.#session = session;
    this.#responder = responder;
  }

  /** Takes a frame. Returns an error of the connection. */
  take(type: number, flags: number, id: number, bytes: Bytes, start: number, end: number): ErrorCode {
    const isAck = (flags & Flag.ACK) !== 0;
    if (!this.hasSettings && (type !== FrameType.SETTINGS || isAck)) return PROTOCOL_ERROR; // §3.4
    const { incompleteStream } = this.#session.heads;
    if (incompleteStream !== 0 && (type !== FrameType.CONTINUATION || id !== incompleteStream)) {
      return PROTOCOL_ERROR;
    }
    switch (type) {
      case FrameType.DATA:
        return this.#data(flags, id, bytes, start, end);
      case FrameType.HEADERS:
        return this.#headers(flags, id, bytes, start, end);
      case FrameType.CONTINUATION:
        return this.#continuation(flags, id, bytes, start, end);
      case FrameType.PRIORITY:
        if (id === 0) return PROTOCOL_ERROR;
        if (end - start !== PRIORITY_BYTES) return this.#streamError(id, FRAME_SIZE_ERROR);
        if (readUint31(bytes, start) === id) return this.#streamError(id, PROTOCOL_ERROR); // RFC 7540 §5.3.1
        if (!this.#session.streams.takesPriority()) this.#session.charge();
        return NO_ERROR;
      case FrameType.RST_STREAM:
        return this.#reset(id, end - start);
      case FrameType.SETTINGS:
        return this.#takeSettings(isAck, id, bytes, start, end);
      case FrameType.PUSH_PROMISE:
        return PROTOCOL_ERROR;
      case FrameType.PING:
        if (id !== 0) return PROTOCOL_ERROR;
        if (end - start !== PING_BYTES) return FRAME_SIZE_ERROR;
        if (isAck) this.#session.pong(bytes.subarray(start, end));
        else if (this.#session.charge()) {
          this.#session.writer.frame(FrameType.PING, Flag.ACK, 0, bytes.subarray(start, end));
        }
        return NO_ERROR;
      case FrameType.GOAWAY:
        if (id !== 0) return PROTOCOL_ERROR;
        if (end - start < GOAWAY_BYTES_MIN) return FRAME_SIZE_ERROR;
        if (this.#session.isClientLeaving) this.#session.charge();
        this.#session.isClientLeaving = true;
        return NO_ERROR;
      case FrameType.WINDOW_UPDATE:
        return this.#widen(id, bytes, start, end);
      case FrameType.PRIORITY_UPDATE:
        return id === 0 ? this.#reprioritize(bytes, start, end) : PROTOCOL_ERROR;
      default: // §5.5: unknown ones are ignored
        this.#session.charge();
        return NO_ERROR;
    }
  }

  /**
   * Ends a stream by an error (§5.4.2), once. RST_STREAM is not sent on idle streams (§6.4): there it is an error of the
   * connection, which is returned.
   */
  #streamError(id: number, code: ErrorCode): ErrorCode {
    const { streams } = this.#session;
    if (streams.isIdle(id)) return code;
    const stream = streams.get(id);
    if (stream !== undefined) this.#responder.resetStream(stream, code);
    else if (streams.closed.closingOf(id) === "reset-here") this.#session.charge();
    else this.#responder.refuse(id, code);
    return NO_ERROR;
  }

  #takeSettings(isAck: boolean, id: number, bytes: Bytes, start: number, end: number): ErrorCode {
    if (id !== 0) return PROTOCOL_ERROR;
    if (isAck) {
      if (end > start) return FRAME_SIZE_ERROR;
      this.#session.charge();
      return NO_ERROR;
    }
    if ((end - start) % SETTING_BYTES !== 0) return FRAME_SIZE_ERROR;
    if (this.hasSettings && !this.#session.charge()) return NO_ERROR;
    if (!this.hasSettings) this.#session.headUntilMs = Infinity;
    this.hasSettings = true;
    const code = this.#session.settings.take(bytes, start, end, this.#session.streams);
    if (code !== NO_ERROR) return code;
    this.#session.writer.frame(FrameType.SETTINGS, Flag.ACK, 0, NOTHING);
    return NO_ERROR;
  }

  #widen(id: number, bytes: Bytes, start: number, end: number): ErrorCode {
    if (end - start !== 4) return FRAME_SIZE_ERROR;
    const by = readUint31(bytes, start);
    if (!this.#session.streams.spend() && !this.#session.charge()) return NO_ERROR;
    if (id === 0) {
      if (by === 0) return PROTOCOL_ERROR;
      return this.#session.streams.window.widen(by) ? NO_ERROR : FLOW_CONTROL_ERROR;
    }
    if (this.#session.streams.isIdle(id)) return PROTOCOL_ERROR;
    const stream = this.#session.streams.get(id);
    if (by === 0) return this.#streamError(id, PROTOCOL_ERROR);
    if (stream !== undefined && !stream.window.widen(by)) { // otherwise it has ended meanwhile
      this.#responder.resetStream(stream, FLOW_CONTROL_ERROR);
    }
    return NO_ERROR;
  }

  /** Takes PRIORITY_UPDATE, whose value is ignored if it is too long, or no dictionary. */
  #reprioritize(bytes: Bytes, start: number, end: number): ErrorCode {
    if (end - start < 4) return FRAME_SIZE_ERROR;
    const { streams } = this.#session;
    const id = readUint31(bytes, start);
    if (id % 2 === 0) return PROTOCOL_ERROR; // 0, or a stream of this side, which opens none
    const stream = streams.get(id);
    const isLong = end - start - 4 > PRIORITY_BYTES_MAX;
    const priority = isLong ? null : parsePriority(latin1(bytes, start + 4, end));
    const isUsual = priority !== null && streams.takesPriority();
    if ((!isUsual && !this.#session.charge()) || priority === null) return NO_ERROR;
    if (stream !== undefined) stream.priority.update(priority);
    else if (streams.isIdle(id) && !streams.holdPriority(id, priority)) return PROTOCOL_ERROR;
    return NO_ERROR;
  }

  #reset(id: number, length: number): ErrorCode {
    if (id === 0 || this.#session.streams.isIdle(id)) return PROTOCOL_ERROR;
    if (length !== 4) return FRAME_SIZE_ERROR;
    const stream = this.#session.streams.get(id);
    if (!this.#session.charge() || stream === undefined) return NO_ERROR;
    const { streams, connection: { context: { accounting } } } = this.#session;
    accounting.counters.http2.takeReset();
    streams.closed.noteReset(id, true);
    streams.abandon(stream);
    return NO_ERROR;
  }

  #headers(flags: number, id: number, bytes: Bytes, start: number, end: number): ErrorCode {
    const { streams, heads } = this.#session;
    if (id % 2 === 0) return PROTOCOL_ERROR;
    if (id <= streams.last && id <= streams.lastServed && streams.get(id) === undefined) {
      const closing = streams.closed.closingOf(id);
      if (closing === "never-opened") return PROTOCOL_ERROR; // §5.1.1
      if (closing === "ended") return STREAM_CLOSED; // §5.1
    }
    const code = heads.begin(flags, id, bytes, start, end);
    if (code !== NO_ERROR) return code;
    if (heads.incompleteStream === 0) return this.#head(id);
    const { reactor, limits } = this.#session.connection.context;
    this.#session.headUntilMs = reactor.now + limits.headTimeoutMs;
    return NO_ERROR;
  }

  #continuation(flags: number, id: number, bytes: Bytes, start: number, end: number): ErrorCode {
    if (start === end && !this.#session.charge()) return NO_ERROR;
    const code = this.#session.heads.continue(
      flags,
      bytes,
      start,
      end,
      this.#session.connection.context.limits,
    );
    return code === NO_ERROR && this.#session.heads.incompleteStream === 0 ? this.#head(id) : code;
  }

  /** Takes a whole head. */
  #head(id: number): ErrorCode {
    this.#session.headUntilMs = Infinity;
    const { streams, heads, connection: { context: { buffers, limits } } } = this.#session;
    const hasEnded = (heads.flags & Flag.END_STREAM) !== 0;
    if (id <= streams.last) return this.#trailers(id, hasEnded);
    streams.begin(id);
    streams.earn(0, false); // clients may widen the window of each stream that they open
    const status = heads.readRequest(buffers, limits);
    heads.release();
    if (status === null) return ErrorCode.COMPRESSION_ERROR;
    if (id > streams.lastServed) return NO_ERROR; // the client sends it again, elsewhere
    if (status === MALFORMED || heads.isOwnParent) return this.#streamError(id, PROTOCOL_ERROR);
    this.#responder.admit(id, heads.request!, status, hasEnded);
    return NO_ERROR;
  }

  /** Takes a head on a stream that has one, which is decoded in any case: it may change the table. */
  #trailers(id: number, hasEnded: boolean): ErrorCode {
    const { heads, streams, connection: { context: { limits } } } = this.#session;
    const { connection, stream: ofStream } = heads.readTrailers(limits);
    heads.release();
    if (connection !== NO_ERROR) return connection;
    const stream = streams.get(id);
    if (stream === undefined && id > streams.lastServed) return NO_ERROR; // it is not served
    if (stream === undefined || stream.hasClientEnded) return this.#streamError(id, STREAM_CLOSED);
    if (!hasEnded || heads.isOwnParent) return this.#streamError(id, PROTOCOL_ERROR); // §8.1
    if (ofStream !== NO_ERROR) return this.#streamError(id, ofStream);
    this.#responder.endBody(stream);
    return NO_ERROR;
  }

  #data(flags: number, id: number, bytes: Bytes, start: number, end: number): ErrorCode {
    const { streams } = this.#session;
    const length = end - start;
    if (id === 0 || streams.isIdle(id)) return PROTOCOL_ERROR;
    streams.receiveWindow -= length;
    if (streams.receiveWindow < 0) return FLOW_CONTROL_ERROR;
    if (flags & Flag.PADDED) {
      if (length === 0) return FRAME_SIZE_ERROR;
      const padding = bytes[start]!;
      if (padding >= length) return PROTOCOL_ERROR;
      start++;
      end -= padding;
    }
    const stream = streams.get(id);
    const hasEnded = (flags & Flag.END_STREAM) !== 0;
    if (stream === undefined && id > streams.lastServed) return NO_ERROR; // it is not served
    if (stream === undefined || stream.hasClientEnded) return this.#streamError(id, STREAM_CLOSED);
    if (start < end || hasEnded || this.#session.charge()) {
      this.#responder.receive(stream, bytes.subarray(start, end), length, hasEnded);
    }
    return NO_ERROR;
  }
}
