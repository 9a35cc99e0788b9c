/**
 * Serving, in one of three ways: alone, as a worker, or as the supervisor of workers.
 * @module
 */
import { closeInherited, giveUpWritableFiles } from "../ffi/process/descriptors.ts";
import { isSecureExecution } from "../ffi/process/process.ts";
import type { ReadConfig } from "./config/load_settings.ts";
import type { Arguments, CommandLine } from "./config/settings/settings.ts";
import { UsageError } from "../server/usage_error.ts";
import { serveSingleProcess } from "./single_process.ts";
import { checkAdmin } from "./setup/admin.ts";
import { checkAddresses } from "./listening/listen.ts";
import { type Kind, type LaunchContext, namedDescriptors, readLaunchContext } from "./lifecycle/launch.ts";
import { warn } from "./terminal/output.ts";
import { guardSignals } from "./lifecycle/signals.ts";
import { supervise } from "./supervise.ts";
import { serveAsWorker } from "./worker.ts";

/** A worker is told by its environment that it is one. */
const NO_WORKERS =
  "Bad --workers: a program whose file has capabilities or a set-ID bit believes no environment, so it starts no workers: take these from the file, and let systemd give the right (AmbientCapabilities=), or root (--user)";

/** Serves until a signal ends it; `workerLaunch` is what a worker was told, `config` the file as it was read, `warnings` what is to be said of the settings. @throws {UsageError | SystemError} when that cannot begin */
export async function serveProgram(
  args: Arguments,
  command: CommandLine,
  kind: Kind,
  workerLaunch: LaunchContext | null,
  config: ReadConfig | null,
  warnings: readonly string[],
): Promise<void> {
  checkAddresses(command);
  checkAdmin(command);
  if (command.workers !== 0 && isSecureExecution()) throw new UsageError(NO_WORKERS);
  guardSignals(command, kind);
  if (workerLaunch === null) warnings.forEach(warn); // once: not before it has begun anew, and not by each worker
  const launchContext = workerLaunch ?? readLaunchContext();
  closeInherited(namedDescriptors(launchContext));
  if (command.user !== null || command.sandbox) {
    await new Promise((resolve) => setTimeout(resolve, 0)); // the runtime still puts what it compiled into its cache
    giveUpWritableFiles();
  }
  if (launchContext?.message.kind === "configuration") {
    await serveAsWorker(command, launchContext.channel, launchContext.message);
  } else if (command.workers === 0) await serveSingleProcess(args, command, launchContext);
  else await supervise(args, command, config, launchContext);
}
