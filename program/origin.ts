/**
 * Who started this process. Mostly a user; a worker was started by its supervisor, and the successor of a running
 * program by that: both find a channel, on which they are told the rest.
 * @module
 */
import { commandLine, environmentWith, executablePath, SELF, spawn } from "../ffi/child.ts";
import { environmentVariable, unsetEnvironmentVariable } from "../ffi/process.ts";
import type { Birth, Succession } from "../server/workers/messages.ts";
import type { Launch } from "../server/workers/child_process.ts";
import { receiveBirth } from "../server/workers/worker.ts";

/** The number of the descriptor that leads to who started this process. */
const CHANNEL = "EPOLLET_CHANNEL";
/** What is not for programs that this one starts. */
const OURS = [CHANNEL, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/** What this process was told by the program that started it. */
export interface Origin {
  readonly channel: number;
  readonly message: Birth | Succession;
}

/** Null: a user, or a service manager, started it. @throws {Error} when nothing comes through the channel */
export function readOrigin(): Origin | null {
  const text = environmentVariable(CHANNEL);
  if (text === undefined) return null;
  unsetEnvironmentVariable(CHANNEL);
  const channel = Number(text);
  return { channel, message: receiveBirth(channel) };
}

/** Starts another process with this one's command line and environment: `program` is its file. */
function launch(program: string): Launch {
  return (channel, inherited) =>
    spawn(program, commandLine(), environmentWith([`${CHANNEL}=${channel}`], OURS), [channel, ...inherited]);
}

/** The same program, even if another file has its name by now. */
export const launchWorker: Launch = launch(SELF);

/** The program that has the name now. @throws {SystemError} */
export function launchSuccessor(channel: number, inherited: readonly number[]): number {
  return launch(executablePath())(channel, inherited);
}
