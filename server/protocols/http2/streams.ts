/**
 * The streams of a connection that outlive a turn, and the windows of the connection.
 *
 * Source: RFC 9113 §5.1, §5.2 and §6.9.
 * @module
 */
import { ClosedStreams } from "./closed_streams.ts";
import { DEFAULT_WINDOW_BYTES } from "./frame.ts";
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
  readonly closed: ClosedStreams = new ClosedStreams();
  readonly #open = new Map<number, Stream>();

  get count(): number {
    return this.#open.size;
  }

  /** Takes the number of a new stream, larger than all before. */
  begin(id: number): void {
    if (id > this.last + 2) this.closed.noteGap(this.last + 1, id - 2);
    this.last = id;
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
    stream.discard();
    this.#open.delete(stream.id);
  }

  /** Ends all streams, because the client is gone. */
  end(): void {
    const all = [...this.#open.values()];
    this.#open.clear();
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

  /** Returns by how much the window of the connection is to be widened for the client; 0 to wait. */
  takeReturned(): number {
    const used = CONNECTION_WINDOW_BYTES - this.receiveWindow;
    if (used < CONNECTION_WINDOW_BYTES / 2) return 0;
    this.receiveWindow = CONNECTION_WINDOW_BYTES;
    return used;
  }
}
