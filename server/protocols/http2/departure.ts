/**
 * The end of a connection. The first GOAWAY announces it, and the second tells the last stream that is served.
 *
 * Source: RFC 9113 §6.8.
 * @module
 */
import type { Connection } from "../../connection/connection.ts";
import { LAST_STREAM_WAIT_MS } from "../../http2_limits.ts";
import { ErrorCode } from "./frames/errors.ts";
import { FrameType, INT31_MAX } from "./frames/frame.ts";
import type { FrameWriter } from "./frames/frame_writer.ts";
import type { Streams } from "./streams/streams.ts";

/** The payload of the PING after the first GOAWAY. */
const LAST_CALL = new TextEncoder().encode("lastcall");

/** The end of one connection. */
export class Departure {
  readonly #connection: Connection;
  readonly #writer: FrameWriter;
  readonly #streams: Streams;
  /** When the last stream is told at the latest; Infinity unless the end was announced, and that is still to come. */
  untilMs: number = Infinity;

  constructor(connection: Connection, writer: FrameWriter, streams: Streams) {
    this.#connection = connection;
    this.#writer = writer;
    this.#streams = streams;
  }

  /** True if the last stream was told. */
  get hasToldLast(): boolean {
    return this.#streams.lastServed !== INT31_MAX;
  }

  /** Announces the end, once. Until the client knows, its requests are served. */
  announce(): void {
    if (this.untilMs !== Infinity || this.hasToldLast) return;
    const { reactor, limits: { keepAliveMinTimeoutMs } } = this.#connection.context;
    const waitMs = Math.min(keepAliveMinTimeoutMs, LAST_STREAM_WAIT_MS);
    if (waitMs === 0) return this.tellLast();
    this.#writer.goAway(INT31_MAX, ErrorCode.NO_ERROR);
    this.#writer.frame(FrameType.PING, 0, 0, LAST_CALL);
    this.untilMs = reactor.now + waitMs;
  }

  /** Takes the answer to a PING. Returns false for one that was not sent. */
  pong(payload: Uint8Array): boolean {
    if (this.untilMs === Infinity || !LAST_CALL.every((byte, i) => byte === payload[i])) return false;
    this.tellLast();
    return true;
  }

  /** Tells the client which stream is the last that is served. */
  tellLast(): void {
    this.untilMs = Infinity;
    this.#streams.lastServed = this.#streams.last;
    this.goAway(ErrorCode.NO_ERROR);
  }

  /** Sends GOAWAY with `code`. */
  goAway(code: ErrorCode): void {
    const { last, lastServed } = this.#streams;
    this.#writer.goAway(Math.min(last, lastServed), code);
    this.#connection.context.accounting.counters.http2.goAway(code);
  }
}
