/**
 * HTTP/2 on a connection: its beginning, its turns and its end.
 *
 * Source: RFC 9113.
 * @module
 */
import type { Connection } from "../../connection/connection.ts";
import type { Activity, Protocol } from "../../connection/protocol.ts";
import { MinimumRate } from "../../connection/minimum_rate.ts";
import { Interest } from "../../loop/poller.ts";
import { ErrorCode } from "./errors.ts";
import { FRAME_BYTES_MAX, FRAME_HEAD_BYTES, FrameType, PREFACE, readUint31, Setting } from "./frame.ts";
import { FrameHandler } from "./frame_handler.ts";
import { FrameWriter } from "./frame_writer.ts";
import { HEAD_BYTES_MAX, HeadReader } from "./head_reader.ts";
import { Responder, type Session } from "./responder.ts";
import { PeerSettings, settingsPayload } from "./settings.ts";
import { CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES, Streams, STREAMS_MAX } from "./streams.ts";
import { Trouble } from "./trouble.ts";

/** What one connection sends of its streams in a turn. */
const PULLED_BYTES_PER_TURN_MAX = 256 * 1024;
/** What may wait in the socket of a connection with several streams, or with one that the socket does not take at once. */
const UNSENT_BYTES_MAX = 16 * 1024;
/** Frames of one connection in a turn. */
const FRAMES_PER_TURN_MAX = 32;
const PREFACE_BYTES = new TextEncoder().encode(PREFACE);
const OWN_SETTINGS = settingsPayload([
  [Setting.MAX_CONCURRENT_STREAMS, STREAMS_MAX],
  [Setting.INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES],
  [Setting.MAX_HEADER_LIST_SIZE, HEAD_BYTES_MAX],
  [Setting.NO_RFC7540_PRIORITIES, 1],
]);

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
  readonly #frames: FrameHandler;
  readonly #trouble = new Trouble();
  #hasPreface = false;
  /** There may be more to send as soon as the socket takes it. */
  #hasMore = false;
  isDraining = false;
  /** The instant by which the head that has begun must be complete: at first, the client's settings. */
  headUntilMs: number = Infinity;
  /** The rate at which a client takes what its windows hold back; null while they hold back nothing. */
  #stall: MinimumRate | null = null;
  /** GOAWAY with an error was sent, or the client was silent for too long. */
  #hasEnded = false;

  constructor(connection: Connection) {
    this.connection = connection;
    this.writer = new FrameWriter(connection);
    this.#responder = new Responder(this);
    this.#frames = new FrameHandler(this, this.#responder);
  }

  /** Makes the connection speak HTTP/2, and sends the settings of this side. */
  begin(): void {
    const { connection, connection: { context: { reactor, limits } } } = this;
    connection.speak(this);
    this.writer.frame(FrameType.SETTINGS, 0, 0, OWN_SETTINGS);
    this.writer.number(FrameType.WINDOW_UPDATE, 0, CONNECTION_WINDOW_BYTES - STREAM_WINDOW_BYTES);
    this.writer.send();
    this.headUntilMs = reactor.now + limits.headTimeoutMs;
    connection.expireAt(this.headUntilMs);
  }

  get activity(): Activity {
    return this.streams.count > 0 ? "handling" : "reading";
  }

  limitUnsent(): void {
    this.connection.sending.limitUnsent(UNSENT_BYTES_MAX);
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
        const code = this.#frames.take(
          bytes[start + 3]!,
          bytes[start + 4]!,
          readUint31(bytes, start + 5),
          bytes,
          start + FRAME_HEAD_BYTES,
          end,
        );
        if (code !== ErrorCode.NO_ERROR) this.#fail(code);
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
    // What has arrived may be more urgent than what waits. `onInput` follows for that.
    if (!this.#hasPreface || !this.#isFrameWhole()) this.#pull();
  }

  onSettled(): void {
    const { connection, connection: { context: { reactor, limits } } } = this;
    for (const { exchange } of this.streams.all()) exchange.update();
    if (connection.retired || connection.isBlocked) return;
    if (this.#hasMore) reactor.again(connection); // other connections come first
    const { count } = this.streams;
    if (count === 0 && (this.#hasEnded || this.isDraining)) return connection.finish(true);
    const isIdle = count === 0 && this.headUntilMs === Infinity;
    const untilMs = isIdle ? reactor.now + limits.keepAliveTimeoutMs : this.#stallUntilMs();
    connection.expireAt(Math.min(untilMs, this.headUntilMs));
  }

  /** Returns when to check next whether the client takes what its windows hold back; Infinity if they hold back nothing. */
  #stallUntilMs(): number {
    const { reactor, limits } = this.connection.context;
    if (!this.streams.isStalled) {
      this.#stall = null;
      return Infinity;
    }
    if (this.#stall === null) {
      this.#stall = new MinimumRate();
      this.#stall.begin(reactor.now, this.writer.writtenBytes);
    }
    return this.#stall.nextMs(reactor.now, limits.sendTimeoutMs);
  }

  onDeadline(): void {
    const {
      connection,
      connection: { context: { reactor: { now }, limits: { sendTimeoutMs, sendRateMin } } },
    } = this;
    const stall = this.#stall;
    const isInTime = now < this.headUntilMs && stall !== null &&
      !stall.isTooSlow(now, this.writer.writtenBytes, sendTimeoutMs, sendRateMin);
    if (!isInTime) this.#fail(ErrorCode.NO_ERROR);
    connection.settle();
  }

  onClosed(): void {
    this.streams.end();
  }

  drain(): void {
    this.isDraining = true;
    this.writer.goAway(this.streams.last, ErrorCode.NO_ERROR);
    this.writer.send();
    for (const { exchange } of this.streams.all()) exchange.drain();
    this.connection.settle();
  }

  /** Sends what is written, and what may be. */
  #pull(): void {
    const { connection } = this;
    if (connection.retired) return;
    const { writer } = this;
    for (let left = PULLED_BYTES_PER_TURN_MAX; left > 0;) {
      this.#hasMore = !this.#hasEnded && this.#responder.pull();
      left -= writer.length;
      const isTaken = writer.send();
      if (this.#hasMore && !isTaken) this.limitUnsent();
      if (!this.#hasMore || !isTaken) break;
    }
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
      this.#fail(ErrorCode.PROTOCOL_ERROR);
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
    this.#fail(ErrorCode.FRAME_SIZE_ERROR);
    return false;
  }
}

/** Returns the length of the payload of the frame at `bytes[at]`. */
function lengthAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}
