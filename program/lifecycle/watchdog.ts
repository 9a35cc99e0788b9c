/**
 * systemd's watchdog (`WatchdogSec=`). The loop itself answers it. When the loop hangs, the answers stop, and systemd
 * restarts the service. Source: sd_watchdog_enabled(3), sd_notify(3).
 * @module
 */
import { environmentVariable, processId } from "../../ffi/process/process.ts";
import { WATCHDOG_RETRY_MS } from "../../server/limits.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { Timer } from "../../server/loop/timer.ts";

/** The time within which systemd expects an answer, in microseconds. */
const TIME_VARIABLE = "WATCHDOG_USEC";
/** The id of the process that has to answer. */
const PROCESS_VARIABLE = "WATCHDOG_PID";

/**
 * Returns the time in milliseconds within which systemd expects an answer of this process, or null when it expects
 * none.
 */
export function watchdogTimeMs(): number | null {
  const microseconds = environmentVariable(TIME_VARIABLE) ?? "";
  if (!/^[0-9]{1,20}$/.test(microseconds) || Number(microseconds) === 0) return null;
  const pid = environmentVariable(PROCESS_VARIABLE) ?? "";
  return pid === "" || pid === String(processId()) ? Number(microseconds) / 1000 : null;
}

/**
 * Returns the variables that a successor does not get. It has another process id, but takes over the answers of this
 * process. When another process has to answer, the time is hidden as well.
 */
export function watchdogVariables(): readonly string[] {
  return watchdogTimeMs() === null ? [TIME_VARIABLE, PROCESS_VARIABLE] : [PROCESS_VARIABLE];
}

/** Answers the watchdog from the loop, twice within systemd's time. */
export class Watchdog {
  readonly #reactor: Reactor;
  readonly #answer: () => boolean;
  readonly #intervalMs: number;
  readonly #timer = new Timer(() => this.#run());
  #isStopped = false;

  /**
   * Takes the time in milliseconds within which systemd expects an answer. `answer` sends one, and returns false when
   * the socket's buffer is full.
   */
  constructor(reactor: Reactor, timeMs: number, answer: () => boolean) {
    this.#reactor = reactor;
    this.#answer = answer;
    this.#intervalMs = Math.max(timeMs / 2, 1);
  }

  /** Answers at once and from then on. May be called from outside of the loop. */
  start(): void {
    this.#reactor.post(() => this.#run());
  }

  /** Stops answering. To be called in the loop. */
  stop(): void {
    this.#isStopped = true;
    this.#reactor.expireAt(this.#timer, Infinity);
  }

  #run(): void {
    if (this.#isStopped) return;
    const wasSent = this.#answer();
    const afterMs = wasSent ? this.#intervalMs : Math.min(this.#intervalMs, WATCHDOG_RETRY_MS);
    this.#reactor.expireAt(this.#timer, this.#reactor.now + afterMs);
  }
}
