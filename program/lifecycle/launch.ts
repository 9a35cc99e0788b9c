/**
 * Who started this process. Mostly a user; a worker was started by its supervisor, and the successor of a running
 * program by that: both find a channel, on which they are told the rest.
 * @module
 */
import {
  commandLine,
  environmentWithout,
  executablePath,
  keepFromChildren,
  SELF,
  spawn,
} from "../../ffi/process/child.ts";
import { withoutLowPorts } from "../../ffi/process/privileges.ts";
import { environmentVariable, hideEnvironmentVariable } from "../../ffi/process/process.ts";
import { UsageError } from "../../server/usage_error.ts";
import { handedOver } from "../listening/activation.ts";
import type { Upgrade, WorkerConfiguration } from "../workers/messages.ts";
import type { InheritedSocket } from "../listening/inherited_socket.ts";
import type { Launch } from "../workers/child_process.ts";
import { receiveConfiguration } from "../workers/supervisor_link.ts";
import { watchdogVariables } from "./watchdog.ts";

/** Who it was, and the number of the descriptor that leads there: `worker 5` has a supervisor. */
const CHANNEL = "EPOLLET_CHANNEL";
/** What is not for programs that this one starts, beside what its watchdog is told by. */
const OURS = [CHANNEL, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/** How this process came about. */
export type Kind = "user" | "worker" | "successor";

/** What this process was told by the program that started it. */
export interface LaunchContext {
  readonly channel: number;
  readonly message: WorkerConfiguration | Upgrade;
}

/** What the variable says; null: it is not there. @throws {UsageError} where somebody else has set it */
function readVariable(): { kind: Exclude<Kind, "user">; channel: number } | null {
  const text = environmentVariable(CHANNEL);
  if (text === undefined || text === "") return null;
  const [, kind, channel] = /^(worker|successor) (\d{1,9})$/.exec(text) ?? [];
  if (kind !== "worker" && kind !== "successor") {
    throw new UsageError(`${CHANNEL} is for processes that this program starts: unset it`);
  }
  return { kind, channel: Number(channel) };
}

/**
 * How this process came about; nothing is read from the channel yet. A service manager counts as a user.
 * @throws {UsageError} when that cannot be understood
 */
export function kindOfLaunch(): Kind {
  return readVariable()?.kind ?? "user";
}

/** Null: a user, or a service manager, started it. @throws {SystemError} when nothing comes through the channel */
export function readLaunchContext(): LaunchContext | null {
  const variable = readVariable();
  if (variable === null) return null;
  const { channel } = variable;
  hideEnvironmentVariable(CHANNEL);
  keepFromChildren(channel);
  return { channel, message: receiveConfiguration(channel) };
}

/** The descriptors that this process has on purpose, of those that its starter left open. @throws {UsageError} */
export function namedDescriptors(launchContext: LaunchContext | null): readonly number[] {
  return launchContext === null
    ? handedOver()
    : [launchContext.channel, ...launchContext.message.sockets.map(({ fd }) => fd)];
}

/** The sockets of a predecessor; none where there is none. */
export function inheritedBy(launchContext: LaunchContext | null): readonly InheritedSocket[] {
  return launchContext?.message.kind === "succession" ? launchContext.message.sockets : [];
}

/**
 * Starts other processes with this one's command line and environment. To be made before root is given up: who has done
 * that may not read its own environment any more (proc_pid_environ(5)).
 */
export class Launcher {
  readonly #words = commandLine();
  readonly #environment = environmentWithout([...OURS, ...watchdogVariables()]);

  /** The same program, even if another file has its name by now. It only accepts from sockets that listen already. */
  readonly worker: Launch = (channel, inherited) =>
    withoutLowPorts(() => this.#launch(SELF, "worker", channel, inherited));

  /** The program that has the name now. */
  readonly successor: Launch = (channel, inherited) =>
    this.#launch(executablePath(), "successor", channel, inherited);

  #launch(program: string, kind: Kind, channel: number, inherited: readonly number[]): number {
    const variable = new TextEncoder().encode(`${CHANNEL}=${kind} ${channel}`) as Uint8Array<ArrayBuffer>;
    return spawn(program, this.#words, [...this.#environment, variable], [channel, ...inherited]);
  }
}
