/**
 * Signals, as the program understands them.
 * @module
 */
import { isHungUp, isTerminal } from "../ffi/process.ts";
import { EXIT_FAILURE } from "./exit.ts";

/** What is done at a signal. */
export interface SignalTasks {
  /** SIGTERM, SIGINT: finish what has begun, and end. */
  drain(): void;
  /** The second of these: end at once; the process ends afterwards. */
  abort?(): void;
  /** SIGHUP. */
  reload(): void;
  /** SIGUSR1: log files were renamed. */
  reopenLogs(): void;
  /** SIGUSR2. */
  succeed(): void;
}

/** From now on signals are obeyed. */
export function obeySignals(tasks: SignalTasks): void {
  const terminals = [0, 1, 2].filter(isTerminal);
  let count = 0;
  const end = () => {
    if (++count === 1) return tasks.drain();
    tasks.abort?.();
    Deno.exit(EXIT_FAILURE);
  };
  Deno.addSignalListener("SIGINT", end);
  Deno.addSignalListener("SIGTERM", end);
  // A terminal that was closed sends the same signal as somebody who has edited the configuration.
  Deno.addSignalListener("SIGHUP", () => terminals.some(isHungUp) ? end() : tasks.reload());
  Deno.addSignalListener("SIGUSR1", () => tasks.reopenLogs());
  Deno.addSignalListener("SIGUSR2", () => tasks.succeed());
}

/** What a terminal, or somebody who means the whole group of processes, sends to workers is for their supervisor. */
export function leaveSignalsToSupervisor(drain: () => void): void {
  for (const signal of ["SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const) {
    Deno.addSignalListener(signal, () => {});
  }
  Deno.addSignalListener("SIGTERM", drain);
}
