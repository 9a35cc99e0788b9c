/**
 * systemd's watchdog (`WatchdogSec=`): the loop itself answers it, so a loop that hangs falls silent, and systemd starts
 * the service anew. Source: sd_watchdog_enabled(3), sd_notify(3).
 * @module
 */
import { environmentVariable, processId } from "../../ffi/process/process.ts";
import { WATCHDOG_RETRY_MS } from "../../server/limits.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { Source } from "../../server/loop/source.ts";

/** Microseconds within which systemd wants an answer. */
const TIME_VARIABLE = "WATCHDOG_USEC";
/** The process whose answer that is. */
const PROCESS_VARIABLE = "WATCHDOG_PID";

/** Milliseconds within which systemd wants an answer of this process; null where it wants none. */
export function watchdogTimeMs(): number | null {
  const microseconds = environmentVariable(TIME_VARIABLE) ?? "";
  if (!/^[0-9]{1,20}$/.test(microseconds) || Number(microseconds) === 0) return null;
  const pid = environmentVariable(PROCESS_VARIABLE) ?? "";
  return pid === "" || pid === String(processId()) ? Number(microseconds) / 1000 : null;
}

/**
 * The variables that a successor must not get: it has another process id, and takes over the answers of this process.
 * Where the answers are another process's, they stay so.
 */
export function watchdogVariables(): readonly string[] {
  return watchdogTimeMs() === null ? [TIME_VARIABLE, PROCESS_VARIABLE] : [PROCESS_VARIABLE];
}

/** Answers from the loop, twice in the time that systemd gives. */
export class Watchdog extends Source {
  readonly #reactor: Reactor;
  readonly #answer: () => boolean;
  readonly #intervalMs: number;

  /** `answer` sends one answer, and returns false when there was no room for it. */
  constructor(reactor: Reactor, timeMs: number, answer: () => boolean) {
    super(-1);
    this.#reactor = reactor;
    this.#answer = answer;
    this.#intervalMs = Math.max(timeMs / 2, 1);
  }

  /** Answers at once and from then on; from anywhere. */
  start(): void {
    this.#reactor.post(() => this.onDeadline());
  }

  /** Answers no more; in the loop. */
  stop(): void {
    this.#reactor.retire(this, false);
  }

  onReady(): void {}

  override onDeadline(): void {
    const wasSent = this.#answer();
    const afterMs = wasSent ? this.#intervalMs : Math.min(this.#intervalMs, WATCHDOG_RETRY_MS);
    this.#reactor.expireAt(this, this.#reactor.now + afterMs);
  }
}
