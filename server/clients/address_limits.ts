/**
 * Limits for each client address: connections and request rate. They cost a system call for each client, so they exist
 * only if such a limit is set.
 * @module
 */
import { peerNetwork } from "../../ffi/socket/socket.ts";
import { ADDRESSES_MAX } from "../limits.ts";
import type { Rate, ServerLimits } from "../server_limits.ts";

/** The counters of an IPv4 address, or of an IPv6 network. */
interface Client {
  readonly network: string;
  connections: number;
  /** The requests that may be made at once: a token bucket, which fills over time. */
  tokens: number;
  /** The instant of the last update of `tokens`, in milliseconds. */
  filledMs: number;
}

/** Counts connections and requests for each client address. */
export class AddressLimits {
  readonly #connectionsMax: number;
  readonly #rate: Rate | null;
  /** The capacity of a bucket. */
  readonly #burst: number;
  readonly #networkOf: (fd: number) => string | null;
  readonly #byNetwork = new Map<string, Client>();
  readonly #byDescriptor: (Client | null)[] = [];
  /** The number of addresses from which on old ones are removed. */
  #forgetsAt = ADDRESSES_MAX;

  /** `networkOf` returns the network of the peer of a descriptor. */
  constructor(limits: ServerLimits, networkOf: (fd: number) => string | null = peerNetwork) {
    this.#connectionsMax = limits.connectionsPerAddressMax;
    this.#rate = limits.requestRateMax;
    this.#burst = limits.requestBurstMax ?? this.#rate?.requests ?? 0;
    this.#networkOf = networkOf;
  }

  /** Returns null if there is no limit for each address. */
  static for(limits: ServerLimits, networkOf?: (fd: number) => string | null): AddressLimits | null {
    return limits.connectionsPerAddressMax === Infinity && limits.requestRateMax === null
      ? null
      : new AddressLimits(limits, networkOf);
  }

  /** True if requests are counted. */
  get countsRequests(): boolean {
    return this.#rate !== null;
  }

  /**
   * Counts the client that was just accepted as `fd`. Returns null if it is admitted, otherwise its network, which has
   * too many connections already.
   */
  enter(fd: number, nowMs: number): string | null {
    const network = this.#networkOf(fd);
    if (network === null) return null; // the client is gone, which its first recv will report
    const client = this.#clientOf(network, nowMs);
    if (client.connections >= this.#connectionsMax) return network;
    client.connections++;
    while (this.#byDescriptor.length <= fd) this.#byDescriptor.push(null);
    this.#byDescriptor[fd] = client;
    return null;
  }

  /** Ends the count of the client of `fd`. */
  leave(fd: number): void {
    const client = this.#byDescriptor[fd] ?? null;
    if (client === null) return;
    this.#byDescriptor[fd] = null;
    client.connections--;
    if (client.connections === 0 && this.#rate === null) this.#byNetwork.delete(client.network);
  }

  #clientOf(network: string, nowMs: number): Client {
    const known = this.#byNetwork.get(network);
    if (known !== undefined) return known;
    if (this.#byNetwork.size >= this.#forgetsAt) this.#forget(nowMs);
    const client = { network, connections: 0, tokens: this.#burst, filledMs: nowMs };
    this.#byNetwork.set(network, client);
    return client;
  }

  /**
   * Counts a request of the client of `fd`, or of the client of a proxy in `network`. Returns 0 if it is allowed,
   * otherwise the seconds after which it is.
   */
  waitSeconds(fd: number, nowMs: number, network: string | null = null): number {
    const rate = this.#rate;
    const client = network === null ? this.#byDescriptor[fd] ?? null : this.#clientOf(network, nowMs);
    if (rate === null || client === null) return 0;
    this.#fill(client, rate, nowMs);
    if (client.tokens >= 1) {
      client.tokens--;
      return 0;
    }
    return Math.max(Math.ceil((1 - client.tokens) * rate.periodMs / rate.requests / 1000), 1);
  }

  /** The number of addresses in memory. */
  get size(): number {
    return this.#byNetwork.size;
  }

  #fill(client: Client, { requests, periodMs }: Rate, nowMs: number): void {
    const earned = (nowMs - client.filledMs) * requests / periodMs;
    client.tokens = Math.min(client.tokens + earned, this.#burst);
    client.filledMs = nowMs;
  }

  /**
   * Removes clients without a connection, first those with a full bucket, for which that changes nothing. It removes
   * others if that was not enough. The next call is then so far off that its cost does not matter, even if most clients
   * are connected.
   */
  #forget(nowMs: number): void {
    for (const keepsDepleted of [true, false]) {
      for (const client of this.#byNetwork.values()) {
        if (client.connections > 0) continue;
        if (this.#rate !== null) this.#fill(client, this.#rate, nowMs);
        const isDepleted = this.#rate !== null && client.tokens < this.#burst;
        if (!isDepleted || !keepsDepleted) this.#byNetwork.delete(client.network);
      }
      if (this.#byNetwork.size <= ADDRESSES_MAX / 2) break;
    }
    this.#forgetsAt = Math.max(ADDRESSES_MAX, 2 * this.#byNetwork.size);
  }
}
