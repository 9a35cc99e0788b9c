/**
 * How this process was started. A worker was started by its supervisor, and the successor in an upgrade by the
 * program that it replaces. Both get a channel over which the rest of the configuration arrives. Otherwise a user or
 * a service manager started it.
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
import type { EarlierRoot } from "../../handlers/site/kept/earlier_roots.ts";
import { withoutLowPorts } from "../../ffi/process/privileges.ts";
import { environmentVariable, hideEnvironmentVariable } from "../../ffi/process/process.ts";
import type { NamedCertificate } from "../../server/tls_options.ts";
import { UsageError } from "../../server/usage_error.ts";
import { handedOver } from "../listening/activation.ts";
import type { CompanionConfiguration, Upgrade, WorkerConfiguration } from "../workers/messages.ts";
import type { InheritedSocket } from "../listening/inherited_socket.ts";
import type { Launch } from "../workers/child_process.ts";
import { receiveConfiguration } from "../workers/supervisor_link.ts";
import { LAUNCHER } from "./npx.ts";
import { watchdogVariables } from "./watchdog.ts";

/** The variable with the kind of the process and the descriptor of its channel: `worker 5`. */
const CHANNEL = "EPOLLET_CHANNEL";
/** Variables that programs started by this one do not get, besides those of the watchdog. */
const OURS = [CHANNEL, LAUNCHER, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/** How this process was started. `user` includes service managers. */
export type Kind = "user" | "worker" | "companion" | "successor";

/** The channel to the program that started this process, and the first message from it. */
export interface LaunchContext {
  readonly channel: number;
  readonly message: WorkerConfiguration | CompanionConfiguration | Upgrade;
}

/**
 * Returns the kind and the channel, or null without the variable.
 * @throws {UsageError} when another program has set the variable
 */
function readVariable(): { kind: Exclude<Kind, "user">; channel: number } | null {
  const text = environmentVariable(CHANNEL);
  if (text === undefined || text === "") return null;
  const [, kind, channel] = /^(worker|companion|successor) (\d{1,9})$/.exec(text) ?? [];
  if (kind !== "worker" && kind !== "companion" && kind !== "successor") {
    throw new UsageError(`${CHANNEL} is for processes that this program starts: unset it`);
  }
  return { kind, channel: Number(channel) };
}

/**
 * Returns how this process was started. Reads nothing from the channel yet.
 * @throws {UsageError} when another program has set the variable
 */
export function kindOfLaunch(): Kind {
  return readVariable()?.kind ?? "user";
}

/**
 * Returns null when a user or a service manager started this process.
 * @throws {SystemError} when no message comes through the channel
 */
export function readLaunchContext(): LaunchContext | null {
  const variable = readVariable();
  if (variable === null) return null;
  const { channel } = variable;
  hideEnvironmentVariable(CHANNEL);
  keepFromChildren(channel);
  return { channel, message: receiveConfiguration(channel) };
}

/**
 * Returns the descriptors that this process was started with on purpose.
 * @throws {UsageError} when LISTEN_FDS is no number
 */
export function namedDescriptors(launchContext: LaunchContext | null): readonly number[] {
  return launchContext === null
    ? handedOver()
    : [launchContext.channel, ...launchContext.message.sockets.map(({ fd }) => fd)];
}

/** Returns the sockets of the program that this one replaces, or an empty list. */
export function inheritedBy(launchContext: LaunchContext | null): readonly InheritedSocket[] {
  return launchContext?.message.kind === "succession" ? launchContext.message.sockets : [];
}

/** Returns the certificates of `--https` in the program that this one replaces; null if there are none. */
export function certificatesOf(launchContext: LaunchContext | null): readonly NamedCertificate[] | null {
  return launchContext?.message.kind === "succession" ? launchContext.message.certificates ?? null : null;
}

/** Returns the directories that the roots of the program before this one led to; empty if there are none. */
export function earlierRootsOf(launchContext: LaunchContext | null): readonly EarlierRoot[] {
  const message = launchContext?.message;
  return message === undefined || message.kind === "companion" ? [] : message.earlierRoots ?? [];
}

/**
 * Starts other processes with this one's command line and environment. To be created before root is given up:
 * afterwards the process may not read its own environment (proc_pid_environ(5)).
 */
export class Launcher {
  readonly #words = commandLine();
  readonly #environment = environmentWithout([...OURS, ...watchdogVariables()]);

  /**
   * Starts the running program again as a worker, even when its file has been replaced. Workers open no ports, only
   * inherit sockets.
   */
  readonly worker: Launch = (channel, inherited) =>
    withoutLowPorts(() => this.#launch(SELF, "worker", channel, inherited));

  /** Starts the running program again as the process that gets certificates. */
  readonly companion: Launch = (channel, inherited) =>
    withoutLowPorts(() => this.#launch(SELF, "companion", channel, inherited));

  /** Starts the program file that has the name now, as the successor. */
  readonly successor: Launch = (channel, inherited) =>
    this.#launch(executablePath(), "successor", channel, inherited);

  #launch(program: string, kind: Kind, channel: number, inherited: readonly number[]): number {
    const variable = new TextEncoder().encode(`${CHANNEL}=${kind} ${channel}`) as Uint8Array<ArrayBuffer>;
    return spawn(program, this.#words, [...this.#environment, variable], [channel, ...inherited]);
  }
}
