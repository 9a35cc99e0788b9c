/**
 * The counters of HTTP/2.
 * @module
 */
import { HTTP2_ERRORS, type Http2Snapshot } from "./statistics.ts";

const STATUSES = 600;
const CONNECTIONS = 0;
const REFUSED = 1;
const RESET_BY_SERVER = 2;
const RESET_BY_CLIENT = 3;

/** The counters since the start. */
export class Http2Counters {
  readonly #totals = new Float64Array(4);
  readonly #responses = new Float64Array(STATUSES);
  readonly #goAways = new Float64Array(HTTP2_ERRORS.length);

  /** Counts a connection that begins to speak HTTP/2. */
  begin(): void {
    this.#totals[CONNECTIONS]!++;
  }

  /** Counts a response. It is among all responses, too. */
  respond(status: number): void {
    this.#responses[status]!++;
  }

  /** Counts a stream that was refused, because its connection has enough of them. */
  refuseStream(): void {
    this.#totals[REFUSED]!++;
  }

  /** Counts a stream that this side has reset. */
  resetStream(): void {
    this.#totals[RESET_BY_SERVER]!++;
  }

  /** Counts a stream that its client has reset. */
  takeReset(): void {
    this.#totals[RESET_BY_CLIENT]!++;
  }

  /** Counts a connection that this side ends with `code`. */
  goAway(code: number): void {
    this.#goAways[code]!++;
  }

  /** Returns the counters, as in a snapshot. */
  snapshot(): Omit<Http2Snapshot, "connections" | "streams"> {
    const responses: Record<string, number> = {};
    this.#responses.forEach((count, status) => {
      if (count > 0) responses[status] = count;
    });
    const goAways: Record<string, number> = {};
    this.#goAways.forEach((count, code) => goAways[HTTP2_ERRORS[code]!] = count);
    return {
      accepted: this.#totals[CONNECTIONS]!,
      refused: this.#totals[REFUSED]!,
      resetByServer: this.#totals[RESET_BY_SERVER]!,
      resetByClient: this.#totals[RESET_BY_CLIENT]!,
      responses,
      goAways,
    };
  }
}
