/**
 * Whether a client opens its windows for what they hold back: all together, and that of each stream.
 * @module
 */
import type { Connection } from "../../../connection/connection.ts";
import { MinimumRate } from "../../../connection/minimum_rate.ts";
import type { Stream } from "./stream.ts";
import type { Streams } from "./streams.ts";

/** The windows of one connection. */
export class Stall {
  readonly #connection: Connection;
  readonly #streams: Streams;
  /**
   * The rate at which the client takes what its windows hold back; null while they hold back nothing. Only data counts:
   * answers without any, which need no window, are no progress.
   */
  #rate: MinimumRate | null = null;
  /** The last stream when the windows began to hold something back. */
  #last = 0;

  constructor(connection: Connection, streams: Streams) {
    this.#connection = connection;
    this.#streams = streams;
  }

  /** Returns when to check next; Infinity if the windows hold back nothing. */
  untilMs(): number {
    const { reactor, limits } = this.#connection.context;
    if (!this.#streams.isStalled) {
      this.#rate = null;
      return Infinity;
    }
    if (this.#rate === null) {
      this.#rate = new MinimumRate();
      this.#last = this.#streams.last;
      this.#rate.begin(reactor.now, this.#streams.dataBytes);
    }
    let untilMs = this.#rate.nextMs(reactor.now, limits.sendTimeoutMs);
    for (const stream of this.#streams.all()) {
      untilMs = Math.min(untilMs, stream.stallUntilMs(reactor.now, limits.sendTimeoutMs));
    }
    return untilMs;
  }

  /**
   * Returns the streams of which the client takes too little: of each by itself, or of all together. Null if it does not open the
   * window of the connection for them, or has asked for nothing else meanwhile: then the connection is of no use.
   */
  tooSlow(): readonly Stream[] | null {
    const { reactor: { now }, limits: { sendTimeoutMs, sendRateMin } } = this.#connection.context;
    const { dataBytes, window } = this.#streams;
    const areAll = this.#rate?.isTooSlow(now, dataBytes, sendTimeoutMs, sendRateMin) === true;
    if (areAll && window.bytes <= 0) return null;
    const slow = Array.from(this.#streams.all()).filter((stream) =>
      stream.isTooSlow(now, sendTimeoutMs, sendRateMin) || (areAll && stream.isBlocked)
    );
    const isUnused = slow.length > 0 && slow.length === this.#streams.count &&
      this.#streams.last === this.#last;
    return isUnused ? null : slow;
  }
}
