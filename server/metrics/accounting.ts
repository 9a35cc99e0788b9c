/**
 * The accounting of responses: their number, duration and sent bytes. It also calls the access log.
 *
 * A response that the socket takes as a whole, as almost all, is one call of {@linkcode Accounting.sent}. A response
 * that waits for the socket, for earlier responses, or for its handler has a {@linkcode ResponseRecord} until its last
 * byte is sent.
 * @module
 */
import { monotonicMs } from "../../ffi/libc/clock.ts";
import type { AccessLog, LoggedRequest } from "../access_log/access_log.ts";
import { Counters } from "./counters.ts";
import type { HttpRequest } from "../http/request.ts";

/** How often two clocks are compared. */
const CLOCK_COMPARISONS = 10;

/** The status in the log of a request without a response, introduced by nginx. */
const CLIENT_CLOSED_REQUEST = 499;

/** A response on its way. Byte positions count everything that the connection sends. */
export class ResponseRecord {
  fd = -1;
  status = 0;
  /** The data of the request for the log; null without a log. */
  logged: LoggedRequest | null = null;
  /** The turn in which the request was complete, in milliseconds of the reactor's clock. */
  startMs = 0;
  /** The position of the response's first byte. */
  from = 0;
  /** The position of the body's first byte. */
  bodyFrom = 0;
  /** The position after the last byte; Infinity while it is not known. */
  until = 0;
  /** The next record of the same connection, or of the free list; null if there is none. */
  next: ResponseRecord | null = null;
}

/**
 * Returns the difference between `performance.now()` and {@linkcode monotonicMs}. Of several attempts the one counts in which
 * the process was not interrupted: otherwise all durations would be wrong by the interruption.
 */
function clockOffsetMs(): number {
  let [offsetMs, leastMs] = [0, Infinity];
  for (let attempt = 0; attempt < CLOCK_COMPARISONS; attempt++) {
    const beforeMs = performance.now();
    const monotonic = monotonicMs();
    const tookMs = performance.now() - beforeMs;
    if (tookMs < leastMs) [offsetMs, leastMs] = [beforeMs + tookMs / 2 - monotonic, tookMs];
  }
  return offsetMs;
}

/** Counts responses, and passes them to the access log. */
export class Accounting {
  readonly counters: Counters = new Counters();
  /** Whether the duration of responses is measured. */
  readonly isTimed: boolean;
  readonly #log: AccessLog | null;
  #spare: ResponseRecord | null = null;
  /** The difference between the reactor's clock and the clock of this module, in milliseconds. */
  readonly #offsetMs: number;

  /** `log` is null if there is no access log. */
  constructor(isTimed: boolean, log: AccessLog | null = null) {
    this.isTimed = isTimed || log !== null;
    this.#log = log;
    this.#offsetMs = this.isTimed ? clockOffsetMs() : 0;
  }

  /**
   * Counts a response to the client at `fd` that was sent completely. `headBytes` of its `bytes` are the head.
   * `startMs` is an instant of the reactor's clock.
   */
  sent(
    fd: number,
    request: HttpRequest,
    status: number,
    bytes: number,
    headBytes: number,
    startMs: number,
  ): void {
    this.counters.respond(status);
    this.counters.send(bytes);
    if (!this.isTimed) return;
    const seconds = this.#seconds(startMs);
    if (this.#log !== null) {
      this.#log.write(fd, request, status, bytes - headBytes, seconds);
    }
  }

  /**
   * Counts a response over HTTP/2 of which `bytes` bytes of the body were sent; frames are counted where they are sent.
   * `startMs` is an instant of the reactor's clock.
   */
  answered(fd: number, request: HttpRequest, status: number, bytes: number, startMs: number): void {
    this.counters.respond(status);
    this.counters.http2.respond(status);
    if (!this.isTimed) return;
    const seconds = this.#seconds(startMs);
    this.#log?.write(fd, request, status, bytes, seconds);
  }

  /** Looks up the client at `fd` for the log, because it may be gone when its response is logged. */
  lookUpClient(fd: number): void {
    this.#log?.lookUpClient(fd);
  }

  /** Forgets the client of `fd`, because the descriptor will be reused. */
  forget(fd: number): void {
    this.#log?.forget(fd);
  }

  /** Starts a response that is not sent at once. `from` is the position of its first byte. */
  begin(fd: number, request: HttpRequest, status: number, from: number, startMs: number): ResponseRecord {
    this.counters.respond(status);
    const record = this.#spare ?? new ResponseRecord();
    this.#spare = record.next;
    record.next = null;
    record.fd = fd;
    record.status = status;
    if (this.#log !== null) {
      this.#log.lookUpClient(fd);
      record.logged = this.#log.remember(fd, request);
    }
    record.startMs = startMs;
    record.from = record.bodyFrom = from;
    record.until = Infinity;
    return record;
  }

  /**
   * Ends `record`, complete or cut off after `sentBytes` bytes of the connection. The object returns to the free list.
   */
  end(record: ResponseRecord, sentBytes: number): void {
    if (this.isTimed) {
      const { fd, logged, status, bodyFrom, until } = record;
      const seconds = this.#seconds(record.startMs);
      const bytes = Math.max(Math.min(sentBytes, until) - bodyFrom, 0);
      if (logged !== null) this.#log!.writeLater(fd, logged, status, bytes, seconds);
      record.logged = null;
    }
    record.next = this.#spare;
    this.#spare = record;
  }

  /** Counts a request whose client left before it was answered. */
  leaveUnanswered(fd: number, request: HttpRequest, startMs: number): void {
    this.counters.leaveUnanswered();
    if (this.#log === null) return;
    const seconds = (this.#nowMs() - startMs) / 1000;
    this.#log.write(fd, request, CLIENT_CLOSED_REQUEST, 0, Math.max(seconds, 0));
  }

  #seconds(startMs: number): number {
    const seconds = Math.max(this.#nowMs() - startMs, 0) / 1000;
    this.counters.take(seconds);
    return seconds;
  }

  #nowMs(): number {
    return monotonicMs() + this.#offsetMs;
  }
}
