/**
 * The sending side of a connection.
 * @module
 */
import type { Transport } from "../transport/transport.ts";
import { FAST_AFTER_BYTES, SEND_BYTES_PER_LATE_TURN_MAX, SEND_BYTES_PER_TURN_MAX } from "../limits.ts";
import type { ConnectionContext } from "./context.ts";
import { MinimumRate } from "./minimum_rate.ts";
import { Flushed, type Output } from "./output.ts";

/** Removes the limit of unsent bytes. */
const NO_LIMIT = -1;

/** What is needed of a connection. */
interface Sender {
  readonly fd: number;
  readonly transport: Transport;
  readonly output: Output;
  readonly context: ConnectionContext;
}

/**
 * Returns the bytes that the client has acknowledged. Bytes that are still in the socket do not count: there may be
 * megabytes of them, which a slow client takes minutes to read, and meanwhile the socket accepts nothing.
 */
function takenBytes({ fd, transport, output }: Sender): number {
  return output.sentBytes - Math.max(transport.unacknowledged(fd), 0);
}

/** The attempts to send to one client, and the minimum rate at which it has to take what waits. */
export class Sending {
  /** True while output waits. The deadline of the connection is then that of the rate. */
  isWaiting = false;
  readonly #sender: Sender;
  /** Null if nothing ever had to wait. */
  #rate: MinimumRate | null = null;
  /** The limit of unsent bytes: null while it is the initial one, {@linkcode NO_LIMIT} for a client that has taken much. */
  #unsentMax: number | null = null;

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  /** Forgets the client, for another one. */
  reset(): void {
    this.isWaiting = false;
    this.#unsentMax = null;
  }

  /** Sends what is in the output, up to the budget of a turn. Returns one of `Flushed`, or −errno. */
  attempt(): number {
    const { fd, transport, output, context: { reactor, buffers, accounting } } = this.#sender;
    const isLate = !output.isEmpty && reactor.isLate;
    const before = output.sentBytes;
    const bytesMax = isLate ? SEND_BYTES_PER_LATE_TURN_MAX : SEND_BYTES_PER_TURN_MAX;
    const flushed = output.flush(transport, fd, buffers, bytesMax);
    accounting.counters.send(output.sentBytes - before);
    if (flushed !== Flushed.ALL && this.#unsentMax === null && output.sentBytes >= FAST_AFTER_BYTES) {
      this.limitUnsent(NO_LIMIT);
    }
    return flushed;
  }

  /**
   * Limits the bytes that wait in the socket for good, for a protocol whose later output may be more urgent. Costs a call the
   * first time.
   */
  limitUnsent(bytes: number): void {
    if (this.#unsentMax === bytes) return;
    const { transport, fd } = this.#sender;
    this.#unsentMax = bytes;
    transport.limitUnsent(fd, bytes);
  }

  /** Starts the time in which the client has to take what waits. Returns the instant of the first {@linkcode check}. */
  begin(): number {
    const { reactor, limits } = this.#sender.context;
    this.isWaiting = true;
    this.#rate ??= new MinimumRate();
    this.#rate.begin(reactor.now, takenBytes(this.#sender));
    return this.#rate.nextMs(reactor.now, limits.sendTimeoutMs);
  }

  /** Returns the instant of the next check; null if the client is too slow. */
  check(): number | null {
    const { reactor, limits: { sendTimeoutMs, sendRateMin } } = this.#sender.context;
    const rate = this.#rate!;
    return rate.isTooSlow(reactor.now, takenBytes(this.#sender), sendTimeoutMs, sendRateMin)
      ? null
      : rate.nextMs(reactor.now, sendTimeoutMs);
  }
}
