/**
 * Keeps account of every response: which there were, how long they took, and how much of them was sent.
 *
 * A response that the socket took whole, as nearly all, is one call ({@linkcode Ledger.sent}). One that waits for the
 * socket, for others in front of it, or for whoever makes it, is a {@linkcode Transfer} until its last byte is sent.
 * @module
 */
import { monotonicMs } from "../ffi/clock.ts";
import { Counters } from "./counters.ts";

/** A response on its way. The numbers of bytes are places in all that its connection sends. */
export class Transfer {
  status = 0;
  /** The turn in which the request was whole. */
  startMs = 0;
  /** Where it begins, */
  from = 0;
  /** where its body begins, */
  bodyFrom = 0;
  /** and where it ends; Infinity while that is not known. */
  until = 0;
  /** The one behind it on the same connection. */
  next: Transfer | null = null;
}

/** See the module's comment. */
export class Ledger {
  readonly counters: Counters = new Counters();
  /** It is measured how long responses take. */
  readonly isTimed: boolean;
  #spare: Transfer | null = null;
  /** From this module's clock to the reactor's. */
  readonly #offsetMs: number;

  constructor(isTimed: boolean) {
    this.isTimed = isTimed;
    this.#offsetMs = isTimed ? performance.now() - monotonicMs() : 0;
  }

  /** A response was sent whole. `startMs` by the reactor's clock. */
  sent(status: number, bytes: number, startMs: number): void {
    this.counters.respond(status);
    this.counters.send(bytes);
    if (this.isTimed) this.#seconds(startMs);
  }

  /** A response begins that is not sent at once. */
  begin(status: number, from: number, startMs: number): Transfer {
    this.counters.respond(status);
    const transfer = this.#spare ?? new Transfer();
    this.#spare = transfer.next;
    transfer.next = null;
    transfer.status = status;
    transfer.startMs = startMs;
    transfer.from = transfer.bodyFrom = from;
    transfer.until = Infinity;
    return transfer;
  }

  /** It has ended, or was cut off when so many bytes of its connection had been sent. Its object is used again. */
  end(transfer: Transfer, _sentBytes: number): void {
    if (this.isTimed) this.#seconds(transfer.startMs);
    transfer.next = this.#spare;
    this.#spare = transfer;
  }

  /** A client left, and its request was not answered. */
  leaveUnanswered(_startMs: number): void {
    this.counters.leaveUnanswered();
  }

  #seconds(startMs: number): number {
    const seconds = Math.max(monotonicMs() + this.#offsetMs - startMs, 0) / 1000;
    this.counters.take(seconds);
    return seconds;
  }
}
