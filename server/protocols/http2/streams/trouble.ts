/**
 * A budget for what costs the server more than the client: resets, acknowledgements, frames without effect. Normal
 * clients stay far below it.
 * @module
 */

import { TROUBLE_AT_ONCE_MAX, TROUBLE_PER_SECOND } from "../../../http2_limits.ts";

/** The budget of one connection. */
export class Trouble {
  readonly #atOnceMax: number;
  #spent = 0;
  #sinceMs = 0;

  /** `streamsMax` is free: a browser that leaves a page resets all that it has not got yet. */
  constructor(streamsMax: number) {
    this.#atOnceMax = TROUBLE_AT_ONCE_MAX + streamsMax;
  }

  /** Counts one more. Returns false once the budget is used up. */
  charge(nowMs: number): boolean {
    const refilled = (nowMs - this.#sinceMs) * TROUBLE_PER_SECOND / 1000;
    this.#spent = Math.max(this.#spent - refilled, 0) + 1;
    this.#sinceMs = nowMs;
    return this.#spent <= this.#atOnceMax;
  }
}
