/**
 * HTTP/2 on a connection: its frames, in the order in which they come, and its end.
 *
 * Source: RFC 9113.
 * @module
 */
import type { Connection } from "../../connection/connection.ts";
import type { Activity, Protocol } from "../../connection/protocol.ts";
import { Interest } from "../../loop/poller.ts";
import { ErrorCode } from "./errors.ts";
import { Flag, FRAME_BYTES_MAX, FRAME_HEAD_BYTES, FrameType, PREFACE, readUint31, Setting } from "./frame.ts";
import { FrameWriter } from "./frame_writer.ts";
import { HEAD_BYTES_MAX, HeadReader } from "./head_reader.ts";
import { MALFORMED } from "./request_head.ts";
import { Responder, type Session } from "./responder.ts";
import { PeerSettings, SETTING_BYTES, settingsPayload } from "./settings.ts";
import type { Stream } from "./stream.ts";
import { CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES, Streams, STREAMS_MAX } from "./streams.ts";
import { Trouble } from "./trouble.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Frames of one connection in a turn. */
const FRAMES_PER_TURN_MAX = 32;
const PING_BYTES = 8;
const PRIORITY_BYTES = 5;
const PREFACE_BYTES = new TextEncoder().encode(PREFACE);
const OWN_SETTINGS = settingsPayload([
  [Setting.MAX_CONCURRENT_STREAMS, STREAMS_MAX],
  [Setting.INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES],
  [Setting.MAX_HEADER_LIST_SIZE, HEAD_BYTES_MAX],
  [Setting.NO_RFC7540_PRIORITIES, 1],
]);
const NOTHING: Bytes = new Uint8Array(0);
const { NO_ERROR, PROTOCOL_ERROR, FRAME_SIZE_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED } = ErrorCode;

/** HTTP/2 on one connection. */
export class Http2 implements Protocol, Session {
  readonly isDuplex = true;
  readonly wantsInput: Interest = Interest.READABLE;
  readonly connection: Connection;
  readonly writer: FrameWriter;
  readonly settings: PeerSettings = new PeerSettings();
  readonly streams: Streams = new Streams();
  readonly heads: HeadReader = new HeadReader();
  readonly #responder: Responder;
  readonly #trouble = new Trouble();
  #hasPreface = false;
  #hasSettings = false;
  #isDraining = false;
  /** GOAWAY with an error was sent, or the client was silent for too long. */
  #hasEnded = false;

  constructor(connection: Connection) {
    this.connection = connection;
    this.writer = new FrameWriter(connection);
    this.#responder = new Responder(this);
  }

  /** Makes the connection speak HTTP/2, and sends the settings of this side. */
  begin(): void {
    const { connection, connection: { context: { reactor, limits } } } = this;
    connection.speak(this);
    this.writer.frame(FrameType.SETTINGS, 0, 0, OWN_SETTINGS);
    this.writer.number(FrameType.WINDOW_UPDATE, 0, CONNECTION_WINDOW_BYTES - STREAM_WINDOW_BYTES);
    this.writer.send();
    connection.expireAt(reactor.now + limits.headTimeoutMs);
  }

  get activity(): Activity {
    return this.streams.count > 0 ? "handling" : "reading";
  }

  charge(): boolean {
    const isWithin = this.#trouble.charge(this.connection.context.reactor.now);
    if (!isWithin) this.#fail(ErrorCode.ENHANCE_YOUR_CALM);
    return isWithin && !this.#hasEnded;
  }

  // Protocol

  onInput(): void {
    const { connection, connection: { input, context: { reactor } } } = this;
    let frames = 0;
    if (this.#hasPreface || this.#readPreface()) {
      while (!this.#hasEnded && !connection.retired && this.#isFrameWhole()) {
        if (frames++ === FRAMES_PER_TURN_MAX) { // the rest comes after other connections
          this.#pull();
          input.scanned = 0;
          return reactor.again(connection);
        }
        const { bytes, start } = input;
        const end = start + FRAME_HEAD_BYTES + lengthAt(bytes, start);
        input.start = end;
        const code = this.#frame(
          bytes[start + 3]!,
          bytes[start + 4]!,
          readUint31(bytes, start + 5),
          bytes,
          start + FRAME_HEAD_BYTES,
          end,
        );
        if (code !== NO_ERROR) this.#fail(code);
      }
    }
    if (this.#hasEnded) input.clear();
    input.scanned = input.end - input.start;
    this.#pull();
  }

  onEnd(): void {
    if (this.streams.count === 0) this.connection.close();
  }

  onDrained(): void {
    this.#pull();
  }

  onSettled(): void {
    const { connection, connection: { context: { reactor, limits } } } = this;
    for (const { exchange } of this.streams.all()) exchange.update();
    if (connection.retired || connection.isBlocked || this.streams.count > 0) return;
    if (this.#hasEnded || this.#isDraining) return connection.finish(true);
    if (!this.#hasSettings || this.heads.incompleteStream !== 0) return; // under the deadline of a head
    connection.expireAt(reactor.now + limits.keepAliveTimeoutMs);
  }

  onDeadline(): void {
    this.#fail(NO_ERROR);
    this.connection.settle();
  }

  onClosed(): void {
    this.streams.end();
  }

  drain(): void {
    this.#isDraining = true;
    this.writer.goAway(this.streams.last, NO_ERROR);
    this.writer.send();
    for (const { exchange } of this.streams.all()) exchange.drain();
    this.connection.settle();
  }

  /** Sends what is written, and what may be. */
  #pull(): void {
    const { connection } = this;
    if (connection.retired) return;
    const hasMore = !this.#hasEnded && this.#responder.pull();
    this.writer.send();
    if (hasMore && !connection.isBlocked) connection.context.reactor.again(connection);
  }

  /** Ends the connection (§5.4.1). */
  #fail(code: ErrorCode): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.writer.goAway(this.streams.last, code);
    this.writer.send();
    this.streams.end();
  }

  // Frames

  #readPreface(): boolean {
    const { input } = this.connection;
    const length = Math.min(input.end - input.start, PREFACE_BYTES.length);
    for (let i = 0; i < length; i++) {
      if (input.bytes[input.start + i] === PREFACE_BYTES[i]) continue;
      this.#fail(PROTOCOL_ERROR);
      return false;
    }
    if (length < PREFACE_BYTES.length) return false;
    input.start += length;
    return this.#hasPreface = true;
  }

  /** True if a whole frame is there. One that is too large ends the connection. */
  #isFrameWhole(): boolean {
    const { bytes, start, end } = this.connection.input;
    if (end - start < FRAME_HEAD_BYTES) return false;
    const length = lengthAt(bytes, start);
    if (length <= FRAME_BYTES_MAX) return end - start >= FRAME_HEAD_BYTES + length;
    this.#fail(FRAME_SIZE_ERROR);
    return false;
  }

  /** Takes a frame. Returns an error of the connection. */
  #frame(type: number, flags: number, id: number, bytes: Bytes, start: number, end: number): ErrorCode {
    const isAck = (flags & Flag.ACK) !== 0;
    if (!this.#hasSettings && (type !== FrameType.SETTINGS || isAck)) return PROTOCOL_ERROR; // §3.4
    const { incompleteStream } = this.heads;
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
        if (end - start !== PRIORITY_BYTES) this.#streamError(id, FRAME_SIZE_ERROR);
        else this.charge();
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
        if (!isAck && this.charge()) {
          this.writer.frame(FrameType.PING, Flag.ACK, 0, bytes.subarray(start, end));
        }
        return NO_ERROR;
      case FrameType.GOAWAY:
        if (id !== 0) return PROTOCOL_ERROR;
        if (end - start < 8) return FRAME_SIZE_ERROR;
        this.#isDraining = true;
        return NO_ERROR;
      case FrameType.WINDOW_UPDATE:
        return this.#widen(id, bytes, start, end);
      case FrameType.PRIORITY_UPDATE:
        if (id !== 0) return PROTOCOL_ERROR;
        if (end - start < 4) return FRAME_SIZE_ERROR;
        this.charge();
        return NO_ERROR;
      default: // §5.5: unknown ones are ignored
        this.charge();
        return NO_ERROR;
    }
  }

  /** Ends a stream by an error (§5.4.2). */
  #streamError(id: number, code: ErrorCode): void {
    const stream = this.streams.get(id);
    if (stream !== undefined) this.#responder.resetStream(stream, code);
    else this.#responder.refuse(id, code);
  }

  #takeSettings(isAck: boolean, id: number, bytes: Bytes, start: number, end: number): ErrorCode {
    if (id !== 0) return PROTOCOL_ERROR;
    if (isAck) return end > start ? FRAME_SIZE_ERROR : NO_ERROR;
    if ((end - start) % SETTING_BYTES !== 0) return FRAME_SIZE_ERROR;
    if (this.#hasSettings && !this.charge()) return NO_ERROR;
    this.#hasSettings = true;
    const before = this.settings.initialWindowBytes;
    const code = this.settings.take(bytes, start, end);
    if (code !== NO_ERROR) return code;
    if (!this.streams.widenAll(this.settings.initialWindowBytes - before)) return FLOW_CONTROL_ERROR;
    this.writer.frame(FrameType.SETTINGS, Flag.ACK, 0, NOTHING);
    return NO_ERROR;
  }

  #widen(id: number, bytes: Bytes, start: number, end: number): ErrorCode {
    if (end - start !== 4) return FRAME_SIZE_ERROR;
    const by = readUint31(bytes, start);
    if (id === 0) {
      if (by === 0) return PROTOCOL_ERROR;
      return this.streams.window.widen(by) ? NO_ERROR : FLOW_CONTROL_ERROR;
    }
    if (this.streams.isIdle(id)) return PROTOCOL_ERROR;
    const stream = this.streams.get(id);
    if (by === 0) this.#streamError(id, PROTOCOL_ERROR);
    else if (stream === undefined) this.charge(); // it has ended meanwhile
    else if (!stream.window.widen(by)) this.#responder.resetStream(stream, FLOW_CONTROL_ERROR);
    return NO_ERROR;
  }

  #reset(id: number, length: number): ErrorCode {
    if (id === 0 || this.streams.isIdle(id)) return PROTOCOL_ERROR;
    if (length !== 4) return FRAME_SIZE_ERROR;
    const stream = this.streams.get(id);
    if (!this.charge() || stream === undefined) return NO_ERROR;
    this.streams.drop(stream);
    stream.exchange.onClosed();
    return NO_ERROR;
  }

  #headers(flags: number, id: number, bytes: Bytes, start: number, end: number): ErrorCode {
    const { streams, heads } = this;
    if (id % 2 === 0) return PROTOCOL_ERROR;
    if (id <= streams.last) {
      const stream = streams.get(id);
      if (stream === undefined || stream.hasClientEnded) return STREAM_CLOSED;
    }
    const code = heads.begin(flags, id, bytes, start, end);
    if (code !== NO_ERROR) return code;
    if (heads.incompleteStream === 0) return this.#head(id);
    const { reactor, limits } = this.connection.context;
    this.connection.expireAt(reactor.now + limits.headTimeoutMs);
    return NO_ERROR;
  }

  #continuation(flags: number, id: number, bytes: Bytes, start: number, end: number): ErrorCode {
    if (start === end && !this.charge()) return NO_ERROR;
    const code = this.heads.continue(flags, bytes, start, end);
    return code === NO_ERROR && this.heads.incompleteStream === 0 ? this.#head(id) : code;
  }

  /** Takes a whole head. */
  #head(id: number): ErrorCode {
    const { streams, heads, connection: { context: { buffers, limits } } } = this;
    const hasEnded = (heads.flags & Flag.END_STREAM) !== 0;
    if (id <= streams.last) return this.#trailers(streams.get(id), hasEnded);
    streams.last = id;
    const status = heads.readRequest(buffers, limits);
    if (status === null) return ErrorCode.COMPRESSION_ERROR;
    if (status === MALFORMED) this.#streamError(id, PROTOCOL_ERROR);
    else if (this.#isDraining) this.#responder.refuse(id, ErrorCode.REFUSED_STREAM);
    else this.#responder.admit(id, heads.request!, status, hasEnded);
    return NO_ERROR;
  }

  #trailers(stream: Stream | undefined, hasEnded: boolean): ErrorCode {
    const { connection, stream: ofStream } = this.heads.readTrailers(this.connection.context.limits);
    if (connection !== NO_ERROR || stream === undefined) return connection;
    const code = hasEnded ? ofStream : PROTOCOL_ERROR;
    if (code !== NO_ERROR) this.#responder.resetStream(stream, code);
    else this.#responder.endBody(stream);
    return NO_ERROR;
  }

  #data(flags: number, id: number, bytes: Bytes, start: number, end: number): ErrorCode {
    const { streams } = this;
    const length = end - start;
    if (id === 0 || streams.isIdle(id)) return PROTOCOL_ERROR;
    streams.receiveWindow -= length;
    if (streams.receiveWindow < 0) return FLOW_CONTROL_ERROR;
    if (flags & Flag.PADDED) {
      const padding = bytes[start] ?? 0;
      if (length === 0 || padding >= length) return PROTOCOL_ERROR;
      start++;
      end -= padding;
    }
    const returned = streams.takeReturned();
    if (returned > 0) this.writer.number(FrameType.WINDOW_UPDATE, 0, returned);
    const stream = streams.get(id);
    const hasEnded = (flags & Flag.END_STREAM) !== 0;
    if (stream === undefined) this.charge(); // it was reset or answered meanwhile
    else if (stream.hasClientEnded) this.#responder.resetStream(stream, STREAM_CLOSED);
    else if (start < end || hasEnded || this.charge()) {
      this.#responder.receive(stream, bytes.subarray(start, end), length, hasEnded);
    }
    return NO_ERROR;
  }
}

/** Returns the length of the payload of the frame at `bytes[at]`. */
function lengthAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}
