/**
 * How long to wait before a worker that ended by itself is replaced: never a spin, and hardly ever a wait.
 * @module
 */
import { RESTART_DELAY_MS, RESTART_DELAY_MS_MAX, RESTART_FORGIVEN_AFTER_MS } from "../../server/limits.ts";

/** Of one place among the workers. */
export class Restarts {
  #delayMs = 0;

  /** One ended that had lived for `livedMs`: its successor waits for so long. The first one does not. */
  delayMs(livedMs: number): number {
    if (livedMs >= RESTART_FORGIVEN_AFTER_MS) this.#delayMs = 0;
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(Math.max(2 * delayMs, RESTART_DELAY_MS), RESTART_DELAY_MS_MAX);
    return delayMs;
  }
}
