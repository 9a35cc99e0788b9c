/**
 * The rate at which the body of a request arrives.
 * @module
 */
import type { ConnectionContext } from "../connection/context.ts";
import { MinimumRate } from "../connection/minimum_rate.ts";
import { LINGER_TIMEOUT_MS } from "../limits.ts";

/**
 * The minimum rate of one client's bodies. `receivedBytes` is a running total from any start. The rest of a body whose
 * request is answered (`isAnswered`) is waited for no longer than LINGER_TIMEOUT_MS at a time.
 */
export class BodyRate {
  readonly #context: ConnectionContext;
  readonly #rate = new MinimumRate();
  #hasBegun = false;

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  /** Waits for a body from now on. Returns the instant of the first {@linkcode check}. */
  begin(receivedBytes: number, isAnswered: boolean): number {
    this.#hasBegun = true;
    this.#rate.begin(this.#context.reactor.now, receivedBytes);
    return this.#nextMs(isAnswered);
  }

  /** Stops the clock until {@linkcode resume}. */
  pause(receivedBytes: number): void {
    this.#rate.pause(this.#context.reactor.now, receivedBytes);
  }

  /** Continues, or begins. Returns the instant of the next check. */
  resume(receivedBytes: number, isAnswered: boolean): number {
    if (!this.#hasBegun) return this.begin(receivedBytes, isAnswered);
    this.#rate.resume(this.#context.reactor.now);
    return this.#nextMs(isAnswered);
  }

  /** Returns the instant of the next check; null if the body arrives too slowly. */
  check(receivedBytes: number, isAnswered: boolean): number | null {
    const { reactor, limits: { receiveRateMin } } = this.#context;
    const timeoutMs = this.#timeoutMs(isAnswered);
    return this.#rate.isTooSlow(reactor.now, receivedBytes, timeoutMs, receiveRateMin)
      ? null
      : this.#nextMs(isAnswered);
  }

  #nextMs(isAnswered: boolean): number {
    return this.#rate.nextMs(this.#context.reactor.now, this.#timeoutMs(isAnswered));
  }

  #timeoutMs(isAnswered: boolean): number {
    const { bodyTimeoutMs } = this.#context.limits;
    return isAnswered ? Math.min(bodyTimeoutMs, LINGER_TIMEOUT_MS) : bodyTimeoutMs;
  }
}
