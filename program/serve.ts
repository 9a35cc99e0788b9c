/**
 * Serves in one of three ways: as a single process, as the supervisor of workers, or as a worker.
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
import { answersChallenges, checkAcme } from "./setup/acme.ts";
import { runCompanion } from "./companion.ts";
import { supervise } from "./supervise.ts";
import { serveAsWorker } from "./worker.ts";

/** Workers find their channel by the environment, which such a program must not believe. */
const NO_WORKERS =
  "Bad --workers: a program whose file has capabilities or a set-ID bit believes no environment, so it starts no workers: take these from the file, and let systemd give the right (AmbientCapabilities=), or root (--user)";

/**
 * Serves until a signal ends the process. `workerLaunch` is the launch of a worker, null for other processes; `config` is
 * the configuration file as it was read, null without one; `warnings` are the lines to log about the settings.
 * @throws {UsageError | SystemError} when the program cannot begin to serve
 */
export async function serveProgram(
  args: Arguments,
  given: CommandLine,
  kind: Kind,
  workerLaunch: LaunchContext | null,
  config: ReadConfig | null,
  warnings: readonly string[],
): Promise<void> {
  // In the sandbox, a process cannot start the one that gets certificates, nor read what that one writes.
  const command = given.workers === 0 && answersChallenges(given) ? { ...given, workers: 1 } : given;
  checkAddresses(command);
  checkAdmin(command);
  checkAcme(command);
  if (command.workers !== 0 && isSecureExecution()) throw new UsageError(NO_WORKERS);
  guardSignals(command, kind);
  if (workerLaunch === null) warnings.forEach(warn); // after `guardSignals`, which may start the program anew; and not by each worker
  const launchContext = workerLaunch ?? readLaunchContext();
  closeInherited(namedDescriptors(launchContext));
  if (command.user !== null || command.sandbox) {
    await new Promise((resolve) => setTimeout(resolve, 0)); // the runtime is still writing compiled code to its cache
    giveUpWritableFiles();
  }
  if (launchContext?.message.kind === "configuration") {
    await serveAsWorker(command, launchContext.channel, launchContext.message);
  } else if (launchContext?.message.kind === "companion") {
    await runCompanion(command, launchContext.channel);
  } else if (command.workers === 0) await serveSingleProcess(args, command, launchContext);
  else await supervise(args, command, config, launchContext);
}
