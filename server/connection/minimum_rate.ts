/**
 * The minimum rate of a client: some bytes within each timeout, and a number of bytes per second on average.
 *
 * The rate is checked at intervals, not for each byte, so it costs nothing for each byte. A client that is too slow is
 * closed at most one interval late.
 * @module
 */
import { RATE_STEP_MS_MAX, SLEPT_MS_MIN } from "../limits.ts";

/** The minimum rate of one client, and its timeout. The caller passes `bytes` as a running total from any start. */
export class MinimumRate {
  /** The instant of the last progress, and the total then. */
  #movedMs = 0;
  #moved = 0;
  /** The start of the current average, and the total then. */
  #sinceMs = 0;
  #since = 0;
  /** The instant of the next check. */
  #dueMs = 0;
  /** The instant of the last {@linkcode pause}. */
  #pausedMs = 0;

  /** Starts waiting for a client, with a total of `bytes`. */
  begin(nowMs: number, bytes: number): void {
    this.#movedMs = this.#sinceMs = nowMs;
    this.#moved = this.#since = bytes;
  }

  /** Stops the clock: the time until {@linkcode resume} does not count. */
  pause(nowMs: number, bytes: number): void {
    if (bytes > this.#moved) this.#movedMs = nowMs;
    this.#moved = Math.max(bytes, this.#moved);
    this.#pausedMs = nowMs;
  }

  /** Continues after {@linkcode pause}. */
  resume(nowMs: number): void {
    const pausedMs = nowMs - this.#pausedMs;
    this.#movedMs += pausedMs;
    this.#sinceMs += pausedMs;
  }

  /**
   * Returns true if the client has made no progress for `timeoutMs`, or less than `rateMin` bytes per second on
   * average. If the check is much later than planned, the process itself did not run (it was stopped, or the machine
   * suspended). Then the measurement starts again.
   */
  isTooSlow(nowMs: number, bytes: number, timeoutMs: number, rateMin: number): boolean {
    if (nowMs - this.#dueMs >= SLEPT_MS_MIN) this.begin(nowMs, bytes);
    if (bytes > this.#moved) {
      this.#moved = bytes;
      this.#movedMs = nowMs;
    }
    if (nowMs - this.#movedMs >= timeoutMs) return true;
    const windowMs = nowMs - this.#sinceMs;
    if (windowMs < timeoutMs) return false;
    if ((bytes - this.#since) * 1000 < rateMin * windowMs) return true;
    this.#sinceMs = nowMs;
    this.#since = bytes;
    return false;
  }

  /** Returns the instant of the next check, which may be now. `timeoutMs` may be Infinity. */
  nextMs(nowMs: number, timeoutMs: number): number {
    const dueMs = Math.min(this.#movedMs, this.#sinceMs) + timeoutMs;
    const stepMs = Math.min(RATE_STEP_MS_MAX, Math.ceil(timeoutMs / 4));
    return this.#dueMs = Math.min(dueMs, nowMs + stepMs);
  }
}
