/**
 * Who is connected from where, and how often it asks: what limits for each address need to know. Kept only where there
 * are such limits, since it costs a system call for each client.
 * @module
 */
import { peerNetwork } from "../../ffi/socket/socket.ts";
import { ADDRESSES_MAX } from "../limits.ts";
import type { Rate, ServerLimits } from "../server_limits.ts";

/** One address, or one network of IPv6. */
interface Client {
  readonly network: string;
  connections: number;
  /** Requests that it may make at once: a bucket that fills while it is silent. */
  tokens: number;
  /** When that was so. */
  filledMs: number;
}

/** Counts connections and requests for each client address. */
export class AddressLimits {
  readonly #connectionsMax: number;
  readonly #rate: Rate | null;
  /** What a bucket holds. */
  readonly #burst: number;
  readonly #networkOf: (fd: number) => string | null;
  readonly #byNetwork = new Map<string, Client>();
  readonly #byDescriptor: (Client | null)[] = [];
  /** How many addresses are too many to remember. */
  #forgetsAt = ADDRESSES_MAX;

  /** `networkOf` names the network at the other end of a descriptor. */
  constructor(limits: ServerLimits, networkOf: (fd: number) => string | null = peerNetwork) {
    this.#connectionsMax = limits.connectionsPerAddressMax;
    this.#rate = limits.requestRateMax;
    this.#burst = limits.requestBurstMax ?? this.#rate?.requests ?? 0;
    this.#networkOf = networkOf;
  }

  /** Null where no limit is for each address. */
  static for(limits: ServerLimits, networkOf?: (fd: number) => string | null): AddressLimits | null {
    return limits.connectionsPerAddressMax === Infinity && limits.requestRateMax === null
      ? null
      : new AddressLimits(limits, networkOf);
  }

  /** Requests are counted. */
  get countsRequests(): boolean {
    return this.#rate !== null;
  }

  /** Counts the client that was just accepted as `fd`; the network that has too many already, or null: it may come in. */
  enter(fd: number, nowMs: number): string | null {
    const network = this.#networkOf(fd);
    if (network === null) return null; // gone: its first recv will tell
    const client = this.#clientOf(network, nowMs);
    if (client.connections >= this.#connectionsMax) return network;
    client.connections++;
    while (this.#byDescriptor.length <= fd) this.#byDescriptor.push(null);
    this.#byDescriptor[fd] = client;
    return null;
  }

  /** The client of `fd` is gone. */
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
   * The client of `fd` makes a request, or one of another `network` for which it speaks: 0 when it may, else the seconds
   * after which it may.
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

  /** How many addresses are remembered. */
  get size(): number {
    return this.#byNetwork.size;
  }

  #fill(client: Client, { requests, periodMs }: Rate, nowMs: number): void {
    const earned = (nowMs - client.filledMs) * requests / periodMs;
    client.tokens = Math.min(client.tokens + earned, this.#burst);
    client.filledMs = nowMs;
  }

  /**
   * Makes room: those without a connection whose bucket is full again are as good as new, the others have luck. So much
   * room that to look at all of them is rare, even if most are connected.
   */
  #forget(nowMs: number): void {
    for (const keepsPoor of [true, false]) {
      for (const client of this.#byNetwork.values()) {
        if (client.connections > 0) continue;
        if (this.#rate !== null) this.#fill(client, this.#rate, nowMs);
        const isPoor = this.#rate !== null && client.tokens < this.#burst;
        if (!isPoor || !keepsPoor) this.#byNetwork.delete(client.network);
      }
      if (this.#byNetwork.size <= ADDRESSES_MAX / 2) break;
    }
    this.#forgetsAt = Math.max(ADDRESSES_MAX, 2 * this.#byNetwork.size);
  }
}
