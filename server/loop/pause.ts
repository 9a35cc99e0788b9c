/**
 * What comes late because the process was paused: it had no processor, or a handler computed.
 * @module
 */
import { CATCH_UP_MS_MIN, CATCH_UP_ROUNDS, PAUSE_MS_MIN } from "../limits.ts";

/**
 * The time after a pause for which deadlines wait. What a deadline waits for may be ready, but behind promises and timers
 * of Deno, whose loop has had no round since.
 */
export class Pause {
  /** False while deadlines wait. The loop has to yield to Deno's loop then. */
  isCaughtUp = true;
  #untilRound = 0;
  #untilMs = 0;

  /**
   * Returns true if deadlines have to wait, since the first of them is over since `dueMs`. `rounds` is the number of rounds
   * that Deno's loop has had.
   */
  holds(dueMs: number, nowMs: number, rounds: number): boolean {
    if (this.isCaughtUp) {
      if (nowMs - dueMs <= PAUSE_MS_MIN) return false;
      this.isCaughtUp = false;
      this.#untilRound = rounds + CATCH_UP_ROUNDS;
      this.#untilMs = nowMs + CATCH_UP_MS_MIN;
    }
    // Rounds alone may be short, and time alone may pass in another pause.
    this.isCaughtUp = rounds >= this.#untilRound && nowMs >= this.#untilMs;
    return !this.isCaughtUp;
  }
}
