/**
 * The streams of a connection that outlive a turn, and the windows of the connection.
 *
 * Source: RFC 9113 §5.1, §5.2 and §6.9.
 * @module
 */
import {
  CONNECTION_WINDOW_BYTES,
  DATA_CREDIT_BYTES,
  KEPT_HEAD_BYTES_MEAN,
  PRIORITIES_PER_STREAM,
  WINDOW_CREDIT_BYTES_MAX,
  WINDOW_UPDATE_COST_BYTES,
} from "../../../http2_limits.ts";
import { ClosedStreams } from "./closed_streams.ts";
import { INT31_MAX } from "../frames/frame.ts";
import type { Priority } from "./priority.ts";
import type { Stream } from "./stream.ts";
import { Window } from "../frames/window.ts";

/** What a connection without streams has. Many are idle, and share it. */
const NO_STREAMS: ReadonlyMap<number, Stream> = new Map();
const NONE: readonly Stream[] = [];

/** Streams by number. */
export class Streams {
  /** The number of streams that the client may have open at the same time. */
  readonly countMax: number;
  /** The largest number that the client has used. */
  last = 0;
  /** The last stream that is served, as GOAWAY has told the client. Later ones are ignored. */
  lastServed: number = INT31_MAX;
  /** How much the client accepts on all streams together. */
  readonly window: Window = new Window();
  /** How much it may still send on all of them. */
  receiveWindow: number = CONNECTION_WINDOW_BYTES;
  #closed: ClosedStreams | null = null;
  #open = NO_STREAMS;
  /** Those whose request or response is not complete, and some that {@linkcode update} has not looked at since. */
  #waiting = NONE;
  /** The priorities of streams that the client has not opened yet; null before the first. */
  #early: Map<number, Priority> | null = null;
  /** The bytes of the heads that the streams' requests keep. */
  #headBytes = 0;
  /** The total of the data that was written on all streams. */
  dataBytes = 0;
  /** What WINDOW_UPDATE frames may cost without trouble, in bytes of data. */
  #credit = 0;
  /** The streams that have begun since a priority was counted, and how many may come without trouble, for those before. */
  #begun = 0;
  #priorities = 0;

  constructor(countMax: number) {
    this.countMax = countMax;
  }

  get count(): number {
    return this.#open.size;
  }

  get closed(): ClosedStreams {
    return this.#closed ??= new ClosedStreams();
  }

  /** Takes the number of a new stream, larger than all before. */
  begin(id: number): void {
    if (id > this.last + 2) this.closed.noteGap(this.last + 1, id - 2);
    this.last = id;
    this.#begun++;
  }

  get(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  all(): IterableIterator<Stream> {
    return this.#open.values();
  }

  /** Returns what can go on only if the client sends more: what the windows hold back, and requests without their end. */
  stuck(): Stream[] {
    return Array.from(this.#open.values()).filter((stream) => stream.isBlocked || !stream.hasClientEnded);
  }

  add(stream: Stream): void {
    if (this.#open === NO_STREAMS) {
      this.#open = new Map();
      this.#waiting = [];
    }
    (this.#open as Map<number, Stream>).set(stream.id, stream);
    (this.#waiting as Stream[]).push(stream);
    const early = this.#early?.get(stream.id);
    if (early !== undefined) stream.priority.update(early);
  }

  /**
   * Holds the priority of a stream until the client opens it. Returns false if there are more of these and of open streams
   * than may be open at once (RFC 9218 §7.1).
   */
  holdPriority(id: number, priority: Priority): boolean {
    const early = this.#early ??= new Map();
    for (const other of early.keys()) if (!this.isIdle(other)) early.delete(other);
    early.set(id, priority);
    return early.size + this.#open.size <= this.countMax;
  }

  /** True if no request may keep its head. */
  get areHeadsFull(): boolean {
    return this.#headBytes >= this.countMax * KEPT_HEAD_BYTES_MEAN;
  }

  /** Counts the head that the request of `stream` keeps. */
  keepHead(stream: Stream, bytes: number): void {
    stream.headBytes = bytes;
    this.#headBytes += bytes;
  }

  /** Lets the client answer what it is sent with WINDOW_UPDATE: DATA of `bytes`, which its window may have cut short. */
  earn(bytes: number, isCut: boolean): void {
    this.dataBytes += bytes;
    this.#credit += isCut ? bytes : bytes + DATA_CREDIT_BYTES;
  }

  /** Counts a WINDOW_UPDATE. Returns false for one that the client was given no cause for. */
  spend(): boolean {
    this.#credit = Math.min(this.#credit, WINDOW_CREDIT_BYTES_MAX) - WINDOW_UPDATE_COST_BYTES;
    if (this.#credit >= 0) return true;
    this.#credit = 0;
    return false;
  }

  /** Counts a new priority. Returns false for one more than browsers send for the streams of the connection. */
  takesPriority(): boolean {
    const most = this.countMax * PRIORITIES_PER_STREAM;
    this.#priorities = Math.min(this.#priorities + this.#begun * PRIORITIES_PER_STREAM, most);
    this.#begun = 0;
    return this.#priorities > 0 && this.#priorities-- > 0;
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
    if (this.#open.get(stream.id) !== stream) return;
    (this.#open as Map<number, Stream>).delete(stream.id);
    this.#headBytes -= stream.headBytes;
    stream.discard();
  }

  /** Drops a stream before its response is written: it was reset, or the connection ends. */
  abandon(stream: Stream): void {
    if (stream.isOver) return;
    const { connection: { fd, context: { accounting } }, exchange, status, sentBytes } = stream;
    const { request, startMs } = exchange;
    this.drop(stream);
    if (request !== null && status === 0) accounting.leaveUnanswered(fd, request, startMs);
    else if (request !== null) accounting.answered(fd, request, status, sentBytes, startMs);
    exchange.onClosed();
  }

  /** Frees the memory for streams. To be called when there are none, and the connection becomes idle. */
  rest(): void {
    this.#open = NO_STREAMS;
    this.#waiting = NONE;
  }

  /** Drops all streams. */
  abandonAll(): void {
    for (const stream of [...this.#open.values()]) this.abandon(stream);
  }

  /** Lets exchanges go on after a turn's work. Returns when to check next whether bodies arrive; Infinity if none does. */
  update(): number {
    const waiting = this.#waiting as Stream[];
    let untilMs = Infinity;
    let count = 0;
    for (let i = 0; i < waiting.length; i++) {
      const stream = waiting[i]!;
      if (stream.isOver || (stream.exchange.isOver && stream.bodyUntilMs === Infinity)) continue;
      waiting[count++] = stream;
      stream.exchange.update();
      untilMs = Math.min(untilMs, stream.bodyUntilMs);
    }
    waiting.length = count;
    return untilMs;
  }

  /** Answers the requests whose bodies arrive too slowly. */
  dismissLate(nowMs: number): void {
    for (const stream of this.#open.values()) if (!stream.isBodyInTime(nowMs)) stream.exchange.dismiss(408);
  }

  /** Returns how many streams are in each state. */
  countStates(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { activity } of this.#open.values()) counts[activity] = (counts[activity] ?? 0) + 1;
    return counts;
  }

  /**
   * Widens the windows of all streams (§6.9.2), in between by `mostBytes`. Returns false if one would be wider than 2³¹−1.
   */
  widenAll(bytes: number, mostBytes: number): boolean {
    for (const { window } of this.#open.values()) {
      if (!window.widen(mostBytes)) return false;
      window.bytes += bytes - mostBytes;
    }
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
