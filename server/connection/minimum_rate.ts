/**
 * Whether a client keeps pace: some bytes within each timeout, and as many a second as is asked for.
 *
 * It is looked at in steps rather than told of each byte, so that nobody pays for it who keeps pace: what is noticed at
 * most a step late is cut off at most a step late.
 * @module
 */
import { RATE_STEP_MS_MAX, SLEPT_MS_MIN } from "../limits.ts";

/** The minimum rate of one client, and its timeout. What it is given as `bytes` counts from wherever the caller likes. */
export class MinimumRate {
  /** When it was last seen to move, and how far it had come. */
  #movedMs = 0;
  #moved = 0;
  /** Since when the average is taken, and how far it had come then. */
  #sinceMs = 0;
  #since = 0;
  /** When it was to be looked at. */
  #dueMs = 0;
  /** Since when it is not waited for. */
  #pausedMs = 0;

  /** Begins to wait for a client that has come to `bytes`. */
  begin(nowMs: number, bytes: number): void {
    this.#movedMs = this.#sinceMs = nowMs;
    this.#moved = this.#since = bytes;
  }

  /** It is not waited for at present: what time goes by is not its own. */
  pause(nowMs: number, bytes: number): void {
    if (bytes > this.#moved) this.#movedMs = nowMs;
    this.#moved = Math.max(bytes, this.#moved);
    this.#pausedMs = nowMs;
  }

  /** Goes on after {@linkcode pause}. */
  resume(nowMs: number): void {
    const pausedMs = nowMs - this.#pausedMs;
    this.#movedMs += pausedMs;
    this.#sinceMs += pausedMs;
  }

  /**
   * True when it has stood still for `timeoutMs`, or went slower than `rateMin` bytes a second on their average. Who
   * looks much later than it was to has slept itself (a process that was stopped, a machine that was suspended), and
   * begins anew.
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

  /** The instant at which to look again: now, when that is overdue. `timeoutMs` may be Infinity. */
  nextMs(nowMs: number, timeoutMs: number): number {
    const dueMs = Math.min(this.#movedMs, this.#sinceMs) + timeoutMs;
    const stepMs = Math.min(RATE_STEP_MS_MAX, Math.ceil(timeoutMs / 4));
    return this.#dueMs = Math.min(dueMs, nowMs + stepMs);
  }
}
