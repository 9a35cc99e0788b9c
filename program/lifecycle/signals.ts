/**
 * Signals, as the program understands them.
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

const RUNTIMES = /^(DENO_[A-Z0-9_]*|HOME|XDG_CACHE_HOME|NPM_CONFIG_REGISTRY|NO_COLOR)=/;

/** What is done at a signal. */
export interface SignalTasks {
  /** SIGTERM, SIGINT: finish what has begun, and end. */
  drain(): void;
  /** The second of these: end at once; the process ends afterwards. */
  abort?(): void;
  /** SIGHUP, unless it is to end already. */
  reload(): void;
  /** SIGUSR1: log files were renamed. In the loop. */
  reopenLogs(): void;
  /** SIGUSR2, with the same exception. */
  succeed(): void;
}

/**
 * SIGUSR1 is not for the runtime, which would open a debugger's port on it (see `ffi/process/signals.ts`). Where there are log files
 * to open anew, or may be, this program starts once more in its own place, with the signal blocked from the beginning, and
 * it is read from a descriptor; everywhere else it does nothing. Before anything else is opened, and before a channel is read.
 */
export function guardSignals(command: CommandLine, kind: Kind): void {
  const mayHaveLogs = logPathsOf(command).length > 0 || command.workers !== 0; // workers may get some by a reload
  if (kind === "worker" || !mayHaveLogs) {
    // The runtime tells the kernel of its handler once, when somebody listens first: after that it can be taken away.
    Deno.addSignalListener("SIGUSR1", () => {});
    return ignore(SIGUSR1);
  }
  if (isBlocked(SIGUSR1)) return;
  block(SIGUSR1);
  const environment = environmentWithout([]);
  replaceProcess(SELF, commandLine(), isSecureExecution() ? environment.filter(isRuntimes) : environment);
}

/**
 * True for a variable of the runtime, which has read it at the first start already: without DENO_DIR, or HOME, the second
 * one would look for this program's modules elsewhere. All others are the starter's, and are not believed.
 */
function isRuntimes(word: Uint8Array): boolean {
  return RUNTIMES.test(new TextDecoder().decode(word));
}

/** SIGUSR1, read from a descriptor. */
class SignalSource extends Source {
  readonly #obey: () => void;

  constructor(fd: number, obey: () => void) {
    super(fd);
    this.#obey = obey;
  }

  override onReady(): void {
    while (takeSignal(this.fd)) this.#obey();
  }
}

/** From now on signals are obeyed; in `reactor`'s loop, or when the runtime has its turn. */
export function handleSignals(tasks: SignalTasks, reactor: Reactor): void {
  if (isBlocked(SIGUSR1)) {
    const source = new SignalSource(signalDescriptor(SIGUSR1), () => tasks.reopenLogs());
    orThrow(reactor.register(source, Interest.READABLE), "hear of signals", "register");
  }
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
  Deno.addSignalListener("SIGHUP", () => {
    if (terminals.some(isHungUp)) end();
    else if (count === 0) tasks.reload();
  });
  Deno.addSignalListener("SIGUSR2", () => {
    if (count === 0) tasks.succeed(); // who ends has closed the sockets that a successor would get
  });
}

/** What a terminal, or somebody who means the whole group of processes, sends to workers is for their supervisor. */
export function leaveSignalsToSupervisor(drain: () => void): void {
  for (const signal of ["SIGINT", "SIGHUP", "SIGUSR2"] as const) {
    Deno.addSignalListener(signal, () => {});
  }
  Deno.addSignalListener("SIGTERM", drain);
}
