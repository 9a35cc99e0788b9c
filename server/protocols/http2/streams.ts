/**
 * The streams of a connection that outlive a turn, and the windows of the connection.
 *
 * Source: RFC 9113 §5.1, §5.2 and §6.9.
 * @module
 */
import { DEFAULT_WINDOW_BYTES } from "./frame.ts";
import {
  DATA_CREDIT_BYTES,
  KEPT_HEAD_BYTES_MEAN,
  WINDOW_CREDIT_BYTES_MAX,
  WINDOW_UPDATE_COST_BYTES,
} from "../../http2_limits.ts";
import type { Stream } from "./stream.ts";
import { Window } from "./window.ts";

/** Streams that a client may have open. */
export const STREAMS_MAX = 100;
/** The windows of the whole connection and of each stream, for what clients send. */
export const CONNECTION_WINDOW_BYTES: number = 1024 * 1024;
export const STREAM_WINDOW_BYTES: number = DEFAULT_WINDOW_BYTES;

/** Streams by number. */
export class Streams {
  /** The largest number that the client has used. */
  last = 0;
  /** How much the client accepts on all streams together. */
  readonly window: Window = new Window();
  /** How much it may still send on all of them. */
  receiveWindow: number = CONNECTION_WINDOW_BYTES;
  readonly #open = new Map<number, Stream>();
  /** The bytes of the heads that the streams' requests keep. */
  #headBytes = 0;
  /** What WINDOW_UPDATE frames may cost without trouble, in bytes of data. */
  #credit: number = WINDOW_CREDIT_BYTES_MAX;

  get count(): number {
    return this.#open.size;
  }

  get(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  all(): IterableIterator<Stream> {
    return this.#open.values();
  }

  add(stream: Stream): void {
    this.#open.set(stream.id, stream);
  }

  /** True if no request may keep its head. */
  get areHeadsFull(): boolean {
    return this.#headBytes >= STREAMS_MAX * KEPT_HEAD_BYTES_MEAN;
  }

  /** Counts the head that the request of `stream` keeps. */
  keepHead(stream: Stream, bytes: number): void {
    stream.headBytes = bytes;
    this.#headBytes += bytes;
  }

  /** Lets the client answer what it is sent with WINDOW_UPDATE: DATA of `bytes`, which its window may have cut short. */
  earn(bytes: number, isCut: boolean): void {
    this.#credit += isCut ? bytes : bytes + DATA_CREDIT_BYTES;
  }

  /** Counts a WINDOW_UPDATE. Returns false for one that the client was given no cause for. */
  spend(): boolean {
    this.#credit = Math.min(this.#credit, WINDOW_CREDIT_BYTES_MAX) - WINDOW_UPDATE_COST_BYTES;
    if (this.#credit >= 0) return true;
    this.#credit = 0;
    return false;
  }

  /** True if data waits that the windows hold back. To be asked when nothing else holds it back. */
  get isStalled(): boolean {
    for (const stream of this.#open.values()) if (stream.isBlocked) return true;
    return false;
  }

  /** True for a stream that the client has not opened. */
  isIdle(id: number): boolean {
    return id % 2 === 0 || id > this.last;
  }

  /** Removes a stream, and what of it waits to be sent. */
  drop(stream: Stream): void {
    if (!this.#open.delete(stream.id)) return;
    this.#headBytes -= stream.headBytes;
    stream.discard();
  }

  /** Ends all streams, because the client is gone. */
  end(): void {
    const all = [...this.#open.values()];
    this.#open.clear();
    this.#headBytes = 0;
    for (const stream of all) {
      stream.discard();
      stream.exchange.onClosed();
    }
  }

  /** Widens the windows of all streams (§6.9.2). Returns false if one would be wider than 2³¹−1. */
  widenAll(bytes: number): boolean {
    for (const { window } of this.#open.values()) if (!window.widen(bytes)) return false;
    return true;
  }

  /**
   * Returns by how much the window of the connection is to be widened for the client; 0 to wait. What handlers have not read
   * is not returned: so the window bounds what one client's bodies take.
   */
  takeReturned(): number {
    if (this.receiveWindow > CONNECTION_WINDOW_BYTES / 2) return 0;
    let returned = CONNECTION_WINDOW_BYTES - this.receiveWindow;
    for (const { exchange } of this.#open.values()) returned -= exchange.body?.queuedBytes ?? 0;
    if (returned < CONNECTION_WINDOW_BYTES / 4) return 0;
    this.receiveWindow += returned;
    return returned;
  }
}
