/**
 * The rate at which a client takes what waits for it.
 * @module
 */
import type { Transport } from "../transport/transport.ts";
import type { ConnectionContext } from "./context.ts";
import { MinimumRate } from "./minimum_rate.ts";

/** What is needed of a connection. */
interface Sender {
  readonly fd: number;
  readonly transport: Transport;
  readonly output: { readonly sentBytes: number };
  readonly context: ConnectionContext;
}

/**
 * Returns the bytes that the client has acknowledged. Bytes that are still in the socket do not count: there may be
 * megabytes of them, which a slow client takes minutes to read, and meanwhile the socket accepts nothing.
 */
function takenBytes({ fd, transport, output }: Sender): number {
  return output.sentBytes - Math.max(transport.unacknowledged(fd), 0);
}

/** The minimum rate of one client, from the first time on that output has to wait for it. */
export class SendRate {
  readonly #rate = new MinimumRate();

  /** Starts the time in which the client has to take what waits. Returns the instant of the first {@linkcode check}. */
  begin(sender: Sender): number {
    const { reactor, limits } = sender.context;
    this.#rate.begin(reactor.now, takenBytes(sender));
    return this.#rate.nextMs(reactor.now, limits.sendTimeoutMs);
  }

  /** Returns the instant of the next check; null if the client is too slow. */
  check(sender: Sender): number | null {
    const { reactor, limits: { sendTimeoutMs, sendRateMin } } = sender.context;
    return this.#rate.isTooSlow(reactor.now, takenBytes(sender), sendTimeoutMs, sendRateMin)
      ? null
      : this.#rate.nextMs(reactor.now, sendTimeoutMs);
  }
}
