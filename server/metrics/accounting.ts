/**
 * Keeps account of every response: which there were, how long they took, and how much of them was sent. The access log
 * is written from here.
 *
 * A response that the socket took whole, as nearly all, is one call ({@linkcode Accounting.sent}). One that waits for the
 * socket, for responses before it, or for its handler, is a {@linkcode ResponseRecord} until its last byte is sent.
 * @module
 */
import { monotonicMs } from "../../ffi/libc/clock.ts";
import type { AccessLog, LoggedRequest } from "../access_log/access_log.ts";
import { Counters } from "./counters.ts";
import type { HttpRequest } from "../http/request.ts";

/** What the log shows in the place of a status where no response was begun: nginx has made it known. */
const CLIENT_CLOSED_REQUEST = 499;

/** A response on its way. The numbers of bytes are places in all that its connection sends. */
export class ResponseRecord {
  fd = -1;
  status = 0;
  /** What the log shows of its request. */
  logged: LoggedRequest | null = null;
  /** The turn in which the request was whole. */
  startMs = 0;
  /** Where it begins, */
  from = 0;
  /** where its body begins, */
  bodyFrom = 0;
  /** and where it ends; Infinity while that is not known. */
  until = 0;
  /** The one behind it on the same connection. */
  next: ResponseRecord | null = null;
}

/** Counts each response, and hands it to the access log. */
export class Accounting {
  readonly counters: Counters = new Counters();
  /** It is measured how long responses take. */
  readonly isTimed: boolean;
  readonly #log: AccessLog | null;
  #spare: ResponseRecord | null = null;
  /** From this module's clock to the reactor's. */
  readonly #offsetMs: number;

  /** `log`: null where none is written. */
  constructor(isTimed: boolean, log: AccessLog | null = null) {
    this.isTimed = isTimed || log !== null;
    this.#log = log;
    this.#offsetMs = this.isTimed ? performance.now() - monotonicMs() : 0;
  }

  /** A response to the client at `fd` was sent whole, `headBytes` of it as its head. `startMs` by the reactor's clock. */
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

  /** There is to be a response to the client at `fd`, which may have left by then. */
  lookUpClient(fd: number): void {
    this.#log?.lookUpClient(fd);
  }

  /** The descriptor is, or will be, another's. */
  forget(fd: number): void {
    this.#log?.forget(fd);
  }

  /** A response begins that is not sent at once. */
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

  /** It has ended, or was cut off when so many bytes of its connection had been sent. Its object is used again. */
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

  /** The client at `fd` left, and its request was not answered. */
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
