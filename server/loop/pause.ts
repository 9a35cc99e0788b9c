/**
 * What comes late because the process was paused: it had no processor, or a handler computed.
 * @module
 */

/** A deadline that is found to be over for longer was missed by a pause. */
const PAUSE_MS_MIN = 20;
/** After a pause, deadlines wait for as many rounds of Deno's loop, and for as many milliseconds. */
const CATCH_UP_ROUNDS = 10;
const CATCH_UP_MS_MIN = 20;
/** The longest wait in each of these rounds. */
export const CATCH_UP_WAIT_MS = 2;

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
