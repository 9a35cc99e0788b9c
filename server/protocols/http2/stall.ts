/**
 * Whether a client opens its windows for what they hold back: all together, and that of each stream.
 * @module
 */
import type { Connection } from "../../connection/connection.ts";
import { MinimumRate } from "../../connection/minimum_rate.ts";
import type { FrameWriter } from "./frame_writer.ts";
import type { Streams } from "./streams.ts";

/** The windows of one connection. */
export class Stall {
  readonly #connection: Connection;
  readonly #writer: FrameWriter;
  readonly #streams: Streams;
  /** The rate at which the client takes what its windows hold back; null while they hold back nothing. */
  #rate: MinimumRate | null = null;

  constructor(connection: Connection, writer: FrameWriter, streams: Streams) {
    this.#connection = connection;
    this.#writer = writer;
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
      this.#rate.begin(reactor.now, this.#writer.writtenBytes);
    }
    let untilMs = this.#rate.nextMs(reactor.now, limits.sendTimeoutMs);
    for (const stream of this.#streams.all()) {
      untilMs = Math.min(untilMs, stream.stallUntilMs(reactor.now, limits.sendTimeoutMs));
    }
    return untilMs;
  }

  /** True if the client takes too little. */
  get isTooLong(): boolean {
    const { reactor: { now }, limits: { sendTimeoutMs, sendRateMin } } = this.#connection.context;
    return this.#rate?.isTooSlow(now, this.#writer.writtenBytes, sendTimeoutMs, sendRateMin) === true;
  }
}
