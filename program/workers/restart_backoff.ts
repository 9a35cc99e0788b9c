/**
 * The delay before a worker that ended by itself is replaced. The first replacement starts at once; the delay doubles
 * while workers end early, so a worker that cannot run does not keep a processor busy.
 * @module
 */
import { RESTART_DELAY_MS, RESTART_DELAY_MS_MAX, RESTART_FORGIVEN_AFTER_MS } from "../../server/limits.ts";

/** The delays of one worker slot. */
export class RestartBackoff {
  readonly #mostMs: number;
  #delayMs = 0;

  /** `mostMs` is the longest delay. */
  constructor(mostMs: number = RESTART_DELAY_MS_MAX) {
    this.#mostMs = mostMs;
  }

  /** Returns the delay before the replacement of a worker that lived for `livedMs`. */
  delayMs(livedMs: number): number {
    if (livedMs >= RESTART_FORGIVEN_AFTER_MS) this.#delayMs = 0;
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(Math.max(2 * delayMs, RESTART_DELAY_MS), this.#mostMs);
    return delayMs;
  }
}
