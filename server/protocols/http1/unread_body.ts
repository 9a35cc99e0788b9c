/**
 * The time in which a body that no handler reads has to arrive: the handler ignores bodies, or has answered already.
 * @module
 */
import type { Connection } from "../../connection/connection.ts";
import { MinimumRate } from "../../connection/minimum_rate.ts";

/** The deadline of the unread bodies of one connection. */
export class UnreadBody {
  readonly #connection: Connection;
  readonly #rate = new MinimumRate();
  #timeoutMs = Infinity;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Waits for bytes from now on, each time for at most `timeoutMs`. */
  begin(timeoutMs: number): void {
    const { input, context: { reactor } } = this.#connection;
    this.#timeoutMs = timeoutMs;
    this.#rate.begin(reactor.now, input.receivedBytes);
    this.#connection.expireAt(this.#rate.nextMs(reactor.now, timeoutMs));
  }

  /** Returns false if the body arrives too slowly. Otherwise sets the deadline for the next check. */
  isInTime(): boolean {
    const { input, context: { reactor, limits: { receiveRateMin } } } = this.#connection;
    if (this.#rate.isTooSlow(reactor.now, input.receivedBytes, this.#timeoutMs, receiveRateMin)) return false;
    this.#connection.expireAt(this.#rate.nextMs(reactor.now, this.#timeoutMs));
    return true;
  }
}
