/**
 * The counters of a server.
 * @module
 */
import { Http2Counters } from "./http2_counters.ts";
import { LATENCY_BOUNDS } from "./statistics.ts";

const STATUSES = 600;

// Counters are elements of typed arrays, because V8 allocates an object for each new value of a large number property.
const ACCEPTED = 0;
const REFUSED = 1;
const UNANSWERED = 2;
const RECEIVED_BYTES = 3;
const SENT_BYTES = 4;
const LATENCY_SECONDS = 5;

/** The counters of a server since its start. */
export class Counters {
  readonly http2: Http2Counters = new Http2Counters();
  readonly #totals = new Float64Array(6);
  readonly #responses = new Float64Array(STATUSES);
  readonly #latencies = new Float64Array(LATENCY_BOUNDS.length + 1);

  /** Counts an accepted client. */
  accept(): void {
    this.#totals[ACCEPTED]!++;
  }

  /** Counts a client that was rejected for lack of room, or that the poller failed to watch. */
  refuse(): void {
    this.#totals[REFUSED]!++;
  }

  /** Counts a request whose client left before it was answered. */
  leaveUnanswered(): void {
    this.#totals[UNANSWERED]!++;
  }

  /** Counts a response when it starts. */
  respond(status: number): void {
    this.#responses[status]!++;
  }

  receive(bytes: number): void {
    this.#totals[RECEIVED_BYTES]! += bytes;
  }

  send(bytes: number): void {
    this.#totals[SENT_BYTES]! += bytes;
  }

  /** Counts the duration of a response in seconds. */
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

  /** The number of requests, including those whose clients left before they were answered. */
  get requests(): number {
    return this.#responses.reduce((sum, count) => sum + count, this.#totals[UNANSWERED]!);
  }

  /** The number of responses of each status. */
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

  /** The number of responses in each bucket of {@linkcode LATENCY_BOUNDS}, and of slower ones. */
  get latencyCounts(): number[] {
    return [...this.#latencies];
  }

  get latencySeconds(): number {
    return this.#totals[LATENCY_SECONDS]!;
  }
}
