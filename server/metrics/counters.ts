/**
 * What a server counts while it serves: additions, since each request pays for them.
 * @module
 */
import { LATENCY_BOUNDS } from "./statistics.ts";

const STATUSES = 600;

// Numbers of an array are changed in place, however large they get; those of an object may become objects.
const ACCEPTED = 0;
const REFUSED = 1;
const UNANSWERED = 2;
const RECEIVED_BYTES = 3;
const SENT_BYTES = 4;
const LATENCY_SECONDS = 5;

/** The counters of a server. Everything counts from the start. */
export class Counters {
  readonly #totals = new Float64Array(6);
  readonly #responses = new Float64Array(STATUSES);
  readonly #latencies = new Float64Array(LATENCY_BOUNDS.length + 1);

  /** A client was accepted. */
  accept(): void {
    this.#totals[ACCEPTED]!++;
  }

  /** A client was told that there is no room, or the poller did not take it. */
  refuse(): void {
    this.#totals[REFUSED]!++;
  }

  /** A request was not answered, since its client left before. */
  leaveUnanswered(): void {
    this.#totals[UNANSWERED]!++;
  }

  /** A response has begun. */
  respond(status: number): void {
    this.#responses[status]!++;
  }

  receive(bytes: number): void {
    this.#totals[RECEIVED_BYTES]! += bytes;
  }

  send(bytes: number): void {
    this.#totals[SENT_BYTES]! += bytes;
  }

  /** A response took so long. */
  take(seconds: number): void {
    let bucket = 0;
    while (bucket < LATENCY_BOUNDS.length && seconds > LATENCY_BOUNDS[bucket]!) bucket++;
    this.#latencies[bucket]!++;
    this.#totals[LATENCY_SECONDS]! += seconds;
  }

  get accepted(): number {
    return this.#totals[ACCEPTED]!;
  }

  get refused(): number {
    return this.#totals[REFUSED]!;
  }

  /** Those that were answered, and those whose clients did not wait for that. */
  get requests(): number {
    return this.#responses.reduce((sum, count) => sum + count, this.#totals[UNANSWERED]!);
  }

  /** How many of each status there were. */
  get responses(): Record<string, number> {
    const responses: Record<string, number> = {};
    this.#responses.forEach((count, status) => {
      if (count > 0) responses[status] = count;
    });
    return responses;
  }

  get receivedBytes(): number {
    return this.#totals[RECEIVED_BYTES]!;
  }

  get sentBytes(): number {
    return this.#totals[SENT_BYTES]!;
  }

  /** Of each bucket, see {@linkcode LATENCY_BOUNDS}. */
  get latencyCounts(): number[] {
    return [...this.#latencies];
  }

  get latencySeconds(): number {
    return this.#totals[LATENCY_SECONDS]!;
  }
}
