/**
 * HTTP/2 on a connection: its beginning, its turns and its end.
 *
 * A server that stops sends GOAWAY twice (RFC 9113 §6.8): first with the largest number, since requests may be on their way.
 * These are served. Once the client has answered a PING, it knows, and the second GOAWAY has the number of the last stream.
 *
 * Source: RFC 9113.
 * @module
 */
import type { Connection } from "../../connection/connection.ts";
import type { Activity, Protocol } from "../../connection/protocol.ts";
import type { RequestTaker } from "../../exchange/request_taker.ts";
import { Interest } from "../../loop/poller.ts";
import {
  CONNECTION_WINDOW_BYTES,
  FRAME_SHORT_BYTES_MAX,
  FRAMES_PER_LOOK,
  FRAMES_PER_TURN_MAX,
  STREAM_WINDOW_BYTES,
  UNSENT_BYTES_MAX,
} from "../../http2_limits.ts";
import { Departure } from "./departure.ts";
import { ErrorCode } from "./frames/errors.ts";
import { FRAME_BYTES_MAX, FRAME_HEAD_BYTES, FrameType, payloadLength, readUint31 } from "./frames/frame.ts";
import { FrameInput } from "./frames/frame_input.ts";
import { FrameHandler } from "./frame_handler.ts";
import { FrameWriter } from "./frames/frame_writer.ts";
import { HeadReader } from "./requests/head_reader.ts";
import { Responder } from "./responder.ts";
import type { Session } from "./session.ts";
import { PeerSettings, settingsFor } from "./frames/settings.ts";
import { Stall } from "./streams/stall.ts";
import { Streams } from "./streams/streams.ts";
import { Trouble } from "./streams/trouble.ts";

const PROBE = new Uint8Array(8);

/** HTTP/2 on one connection. */
export class Http2 implements Protocol, Session {
  readonly isDuplex = true;
  readonly connection: Connection;
  readonly writer: FrameWriter;
  readonly settings: PeerSettings = new PeerSettings();
  readonly streams: Streams;
  readonly heads: HeadReader = new HeadReader();
  readonly #taker: RequestTaker | null;
  readonly #responder: Responder;
  readonly #frames: FrameHandler;
  readonly #arrived: FrameInput;
  /** Null before the first. */
  #trouble: Trouble | null = null;
  /** Null while the connection is idle. */
  #stall: Stall | null = null;
  /** Null before the end. */
  #departure: Departure | null = null;
  #hasGreeted = false;
  isClientLeaving = false;
  /** There may be more to send as soon as the socket takes it. */
  #hasMore = false;
  /** The last stream when the connection became idle; −1 while it is not idle. */
  #idleAfter = -1;
  /** The instant by which the head that has begun must be complete: at first, the client's settings. */
  headUntilMs: number = Infinity;
  /** The PING for a client that has ended its half was sent. */
  #hasProbed = false;
  /** Event streams know that the server stops. */
  #isDraining = false;
  /** GOAWAY with an error was sent, or the client was silent for too long. */
  #hasEnded = false;

  /** `taker` is null if requests are answered by the handler of the connection's context. */
  constructor(connection: Connection, taker: RequestTaker | null = null) {
    this.connection = connection;
    this.streams = new Streams(connection.context.limits.streamsMax);
    this.#arrived = new FrameInput(connection);
    this.#taker = taker;
    this.writer = new FrameWriter(connection);
    this.#responder = new Responder(this, taker);
    this.#frames = new FrameHandler(this, this.#responder);
  }

  /** Makes the connection speak HTTP/2. The settings of this side are sent in phase two, as everything is. */
  begin(): void {
    const { connection, connection: { context: { reactor, limits, accounting } } } = this;
    connection.speak(this);
    connection.input.isReusable = true;
    accounting.counters.http2.begin();
    this.headUntilMs = reactor.now + limits.headTimeoutMs;
    connection.expireAt(this.headUntilMs);
    reactor.defer(connection);
  }

  /** Sends the settings of this side, which come first (§3.4). */
  #greet(): void {
    const { limits, isDraining } = this.connection.context;
    this.#hasGreeted = true;
    this.writer.frame(FrameType.SETTINGS, 0, 0, settingsFor(limits));
    this.writer.number(FrameType.WINDOW_UPDATE, 0, CONNECTION_WINDOW_BYTES - STREAM_WINDOW_BYTES);
    if (isDraining) this.#leaving.announce();
  }

  /** A client that does not take what it causes is not heard. */
  get wantsInput(): Interest {
    return this.writer.isFull ? Interest.NONE : Interest.READABLE;
  }

  get activity(): Activity {
    return this.streams.count > 0 ? "handling" : "reading";
  }

  limitUnsent(): void {
    this.connection.sending.limitUnsent(UNSENT_BYTES_MAX);
  }

  countStreams(): Record<string, number> {
    return this.streams.countStates();
  }

  charge(): boolean {
    const { reactor, limits } = this.connection.context;
    const isWithin = (this.#trouble ??= new Trouble(limits.streamsMax)).charge(reactor.now);
    if (!isWithin) this.#fail(ErrorCode.ENHANCE_YOUR_CALM);
    return isWithin && !this.#hasEnded;
  }

  onInput(): void {
    const { connection, connection: { input, context: { reactor } } } = this;
    if (!this.#hasGreeted) this.#greet();
    let frames = 0;
    let isLong = false; // the last frame
    if (this.#hasPreface()) {
      while (!this.#hasEnded && !connection.retired && !this.writer.isFull && this.#isFrameWhole()) {
        const mayBeLate = frames % FRAMES_PER_LOOK === FRAMES_PER_LOOK - 1 || (frames > 0 && isLong);
        const isLate = mayBeLate && reactor.isLate;
        if (frames++ === FRAMES_PER_TURN_MAX || isLate) { // the rest comes after other connections
          this.#pull();
          input.scanned = 0;
          return reactor.again(connection);
        }
        const { bytes, start } = input;
        const length = payloadLength(bytes, start);
        isLong = length > FRAME_SHORT_BYTES_MAX;
        const end = input.start = start + FRAME_HEAD_BYTES + length;
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
    if (frames > 0) this.#arrived.untilMs = Infinity;
    if (!this.writer.isFull) this.#arrived.await();
    input.scanned = this.writer.isFull ? 0 : input.end - input.start; // the rest is read once there is room
    this.#pull();
  }

  onDrained(): void {
    // What has arrived may be more urgent than what waits. `onInput` follows for that.
    if (!this.#arrived.hasPreface || !this.#isFrameWhole()) this.#pull();
  }

  onSettled(): void {
    const { connection, streams, connection: { keeper, context: { keepAlive } } } = this;
    this.#taker?.sent();
    let untilMs = Math.min(this.headUntilMs, this.#arrived.untilMs, this.#departure?.untilMs ?? Infinity);
    if (streams.count > 0) untilMs = Math.min(untilMs, streams.update());
    if (connection.retired || connection.isBlocked) return;
    if (this.#hasMore) connection.context.reactor.again(connection); // other connections come first
    const hasInputEnded = connection.input.isEnded && !connection.input.isUnread;
    if (hasInputEnded && !this.#hasMore && !this.#dropStalled()) return;
    if (streams.count > 0) {
      this.#noteBusy();
      this.#stall ??= new Stall(connection, streams);
      return connection.expireAt(Math.min(untilMs, this.#stall.untilMs()));
    }
    if (hasInputEnded) return connection.finish(true);
    const isLast = this.isClientLeaving
      ? !connection.input.isUnread // what has come behind its GOAWAY is handled
      : !keepAlive && streams.last > 0 && this.headUntilMs === Infinity;
    if (isLast && !this.#hasToldLast) {
      this.#leaving.tellLast();
      this.writer.send();
      if (!connection.flush()) return;
    }
    if (this.#isEnding || untilMs !== Infinity) this.#noteBusy();
    if (this.#hasToldLast) return connection.finish(true);
    connection.expireAt(untilMs);
    if (untilMs === Infinity && this.#idleAfter !== streams.last) { // of what else comes, such as PING, no time begins anew
      this.#idleAfter = streams.last;
      this.#stall = null;
      streams.rest();
      this.#responder.rest();
      keeper.noteIdle(connection);
    }
  }

  /**
   * Drops what can not go on since the client has ended its half. A PING finds out whether the client is there at all: otherwise its
   * kernel answers with a reset. Returns false if the connection has to wait, or is gone.
   */
  #dropStalled(): boolean {
    for (const stream of this.streams.stuck()) this.#responder.resetStream(stream, ErrorCode.CANCEL);
    if (this.streams.count > 0 && !this.#hasProbed) {
      this.#hasProbed = true;
      this.writer.frame(FrameType.PING, 0, 0, PROBE);
    }
    this.writer.send();
    return this.connection.flush();
  }

  #noteBusy(): void {
    if (this.#idleAfter >= 0) this.connection.keeper.noteBusy(this.connection);
    this.#idleAfter = -1;
  }

  onDeadline(): void {
    const { reactor: { now } } = this.connection.context;
    const slow = this.#stall === null ? [] : this.#stall.tooSlow();
    if (slow === null || now >= this.headUntilMs || now >= this.#arrived.untilMs) {
      this.#fail(ErrorCode.NO_ERROR);
    } else {
      if (this.#departure !== null && now >= this.#departure.untilMs) this.#departure.tellLast();
      this.streams.dismissLate(now);
      for (const stream of slow) this.#responder.resetStream(stream, ErrorCode.CANCEL); // while others go on
    }
    this.#pull();
    this.connection.settle();
  }

  endIdle(): void {
    this.#fail(ErrorCode.NO_ERROR);
    this.connection.settle();
  }

  onClosed(): void {
    try {
      this.streams.abandonAll();
    } finally {
      this.#taker?.closed();
    }
  }

  drain(): void {
    if (!this.#hasGreeted) this.#greet();
    this.leave();
    this.writer.send();
    if (!this.#isDraining) { for (const { exchange } of this.streams.all()) exchange.drain(); }
    this.#isDraining = true;
    this.connection.settle();
  }

  leave(): void {
    if (!this.#isEnding) this.#leaving.announce();
  }

  /** Takes no further request, and ends the connection once what has started is sent. */
  close(): void {
    if (this.connection.retired || this.#hasEnded) return;
    this.drain();
    if (!this.connection.retired) this.connection.proceed();
  }

  get #leaving(): Departure {
    return this.#departure ??= new Departure(this.connection, this.writer, this.streams);
  }

  /** True if the connection ends with its last stream. */
  get #isEnding(): boolean {
    return this.isClientLeaving || this.#hasToldLast;
  }

  /** True if the last GOAWAY was sent. */
  get #hasToldLast(): boolean {
    return this.#hasEnded || this.#departure?.hasToldLast === true;
  }

  pong(payload: Uint8Array): void {
    if (this.#departure?.pong(payload) !== true) this.charge();
  }

  /** Ends the connection (§5.4.1). */
  #fail(code: ErrorCode): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#leaving.goAway(code);
    this.writer.send();
    this.streams.abandonAll();
  }

  /** Sends what is written, and what may be. */
  #pull(): void {
    const { connection, writer } = this;
    if (connection.retired) return;
    const returned = this.#hasEnded ? 0 : this.streams.takeReturned();
    if (returned > 0) writer.number(FrameType.WINDOW_UPDATE, 0, returned);
    this.#hasMore = !this.#hasEnded && this.#responder.pull();
    writer.send();
  }

  /** True if the preface has come. Another one ends the connection. */
  #hasPreface(): boolean {
    if (this.#arrived.hasPreface) return true;
    const code = this.#arrived.takePreface();
    if (code !== ErrorCode.NO_ERROR) this.#fail(code);
    return this.#arrived.hasPreface;
  }

  /** True if a whole frame is there. One that is too large ends the connection. */
  #isFrameWhole(): boolean {
    const length = this.#arrived.next(FRAME_BYTES_MAX);
    if (length <= FRAME_BYTES_MAX) return length >= 0;
    this.#fail(ErrorCode.FRAME_SIZE_ERROR);
    return false;
  }
}
