/**
 * The wait for the next request of a connection: for its first byte, and then for the rest of its head.
 * @module
 */
import type { Connection } from "../../connection/connection.ts";

/** The deadlines of one connection between its requests. */
export class NextRequest {
  /** True once the first bytes of a request have arrived. The deadline is then that of the head. */
  inHead = false;
  readonly #connection: Connection;
  /** True if the connection keeps its object, and so its deadline, while it is idle. */
  readonly #isKept: boolean;
  /** When the server is stopping: the instant until which the next request is waited for. */
  #untilMs = 0;

  constructor(connection: Connection, isKept: boolean) {
    this.#connection = connection;
    this.#isKept = isKept;
  }

  /** Sets the deadline. Returns false if no request is waited for any more. */
  wait(): boolean {
    const connection = this.#connection;
    const { input, context: { reactor, limits, isDraining } } = connection;
    if (connection.isQueued && !this.inHead) { // received requests wait for their turn
      connection.expireAt(reactor.now + limits.keepAliveTimeoutMs);
    } else if (!input.isEmpty) {
      if (this.inHead) return true;
      this.inHead = true;
      connection.expireAt(reactor.now + (isDraining ? limits.keepAliveMinTimeoutMs : limits.headTimeoutMs));
    } else {
      this.inHead = false;
      if (!isDraining || input.isReadable) {
        connection.expireAt(this.#isKept ? reactor.now + limits.keepAliveTimeoutMs : Infinity);
      } else if (reactor.now < this.#untilMs) connection.expireAt(this.#untilMs);
      else return false;
    }
    return true;
  }

  /**
   * Prepares for the stop of the server. The next request of a connection that has been idle since `sinceMs` may be on
   * its way.
   */
  drain(sinceMs: number): void {
    this.#untilMs = sinceMs + this.#connection.context.limits.keepAliveMinTimeoutMs;
  }

  /** While the server is stopping, waits for the rest of a head no longer than for a new request. */
  hasten(): void {
    if (this.inHead) this.#connection.expireAt(Math.min(this.#connection.deadlineMs, this.#untilMs));
  }
}
