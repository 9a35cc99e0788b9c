/**
 * The signals that the program handles.
 * @module
 */
import { commandLine, environmentWithout, SELF } from "../../ffi/process/child.ts";
import { SIGUSR1 } from "../../ffi/libc/constants.ts";
import { orThrow } from "../../ffi/libc/errno.ts";
import { isHungUp, isSecureExecution, isTerminal } from "../../ffi/process/process.ts";
import {
  block,
  ignore,
  isBlocked,
  replaceProcess,
  signalDescriptor,
  takeSignal,
} from "../../ffi/process/signals.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { Interest } from "../../server/loop/poller.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { Source } from "../../server/loop/source.ts";
import { EXIT_FAILURE } from "../terminal/exit.ts";
import { logPathsOf } from "../setup/logs.ts";
import type { Kind } from "./launch.ts";
import { isSignalRepeated } from "./npx.ts";

const RUNTIMES = /^(DENO_[A-Z0-9_]*|HOME|XDG_CACHE_HOME|NPM_CONFIG_REGISTRY|NO_COLOR)=/;

/** A process above this one passes a signal on within this time; see {@linkcode isSignalRepeated}. */
const REPEATED_MS = 500;

/** What the program does at each signal. */
export interface SignalTasks {
  /** SIGTERM, SIGINT: finishes the requests in progress and ends. */
  drain(): void;
  /** The second SIGTERM or SIGINT: called just before the process exits. */
  abort?(): void;
  /** SIGHUP, unless the program is ending. */
  reload(): void;
  /** SIGUSR1: log files were renamed. Called in the loop. */
  reopenLogs(): void;
  /** SIGUSR2, unless the program is ending. */
  succeed(): void;
}

/**
 * Keeps SIGUSR1 from the runtime, which would open a debugger's port at it (see `ffi/process/signals.ts`). A process
 * that may have log files executes itself again with the signal blocked from the start, so that it can be read from a
 * descriptor. Other processes ignore the signal. To be called before anything is opened or read from a channel.
 */
export function guardSignals(command: CommandLine, kind: Kind): void {
  const mayHaveLogs = logPathsOf(command).length > 0 || command.workers !== 0; // a reload may give workers a log
  if (kind === "worker" || kind === "companion" || !mayHaveLogs) {
    // The runtime installs its handler in the kernel once, when the first listener is added. After that the handler
    // can be replaced.
    Deno.addSignalListener("SIGUSR1", () => {});
    return ignore(SIGUSR1);
  }
  if (isBlocked(SIGUSR1)) return;
  block(SIGUSR1);
  const environment = environmentWithout([]);
  replaceProcess(SELF, commandLine(), isSecureExecution() ? environment.filter(isRuntimes) : environment);
}

/**
 * Returns true for a variable of the runtime. The runtime has used it at the first start already. Without DENO_DIR or
 * HOME the second start would look for this program's modules elsewhere. A program with raised privileges must not
 * trust any other variable.
 */
function isRuntimes(word: Uint8Array): boolean {
  return RUNTIMES.test(new TextDecoder().decode(word));
}

/** A descriptor from which SIGUSR1 is read. */
class SignalSource extends Source {
  readonly #onSignal: () => void;

  constructor(fd: number, onSignal: () => void) {
    super(fd);
    this.#onSignal = onSignal;
  }

  override onReady(): void {
    while (takeSignal(this.fd)) this.#onSignal();
  }
}

/** Handles signals from now on: SIGUSR1 in the loop of `reactor`, the others when the runtime has its turn. */
export function handleSignals(tasks: SignalTasks, reactor: Reactor): void {
  if (isBlocked(SIGUSR1)) {
    const source = new SignalSource(signalDescriptor(SIGUSR1), () => tasks.reopenLogs());
    orThrow(reactor.register(source, Interest.READABLE), "hear of signals", "register");
  }
  const terminals = [0, 1, 2].filter(isTerminal);
  let count = 0;
  let ignoredUntilMs = 0;
  const repeatedMs = isSignalRepeated() ? REPEATED_MS : 0;
  const end = () => {
    const nowMs = performance.now();
    if (nowMs < ignoredUntilMs) return;
    ignoredUntilMs = nowMs + repeatedMs;
    if (++count === 1) return tasks.drain();
    tasks.abort?.();
    Deno.exit(EXIT_FAILURE);
  };
  Deno.addSignalListener("SIGINT", end);
  Deno.addSignalListener("SIGTERM", end);
  // A closed terminal sends SIGHUP, too. Then the program ends instead of reloading.
  Deno.addSignalListener("SIGHUP", () => {
    if (terminals.some(isHungUp)) end();
    else if (count === 0) tasks.reload();
  });
  Deno.addSignalListener("SIGUSR2", () => {
    // A program that is ending has closed the sockets that a successor would inherit.
    if (count === 0) tasks.succeed();
  });
}

/** Leaves signals to the supervisor that a terminal sends to the whole process group, and drains at SIGTERM. */
export function leaveSignalsToSupervisor(drain: () => void): void {
  for (const signal of ["SIGINT", "SIGHUP", "SIGUSR2"] as const) {
    Deno.addSignalListener(signal, () => {});
  }
  Deno.addSignalListener("SIGTERM", drain);
}
