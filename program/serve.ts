/**
 * Serving, in one of three ways: alone, as a worker, or as the supervisor of workers.
 * @module
 */
import type { ReadConfig } from "../server/config/load_settings.ts";
import type { Arguments, CommandLine } from "../server/config/settings.ts";
import { serveAlone } from "./alone.ts";
import { checkAdmin } from "./admin.ts";
import { checkAddresses } from "./listen.ts";
import { type Kind, type Origin, readOrigin } from "./origin.ts";
import { warn } from "./output.ts";
import { guardSignals } from "./signals.ts";
import { supervise } from "./supervise.ts";
import { serveAsWorker } from "./worker.ts";

/** Serves until a signal ends it; `birth` is what a worker was told, `config` the file as it was read, `warnings` what is to be said of the settings. @throws {UsageError | SystemError} when that cannot begin */
export async function serveProgram(
  said: Arguments,
  command: CommandLine,
  kind: Kind,
  birth: Origin | null,
  config: ReadConfig | null,
  warnings: readonly string[],
): Promise<void> {
  checkAddresses(command);
  checkAdmin(command);
  guardSignals(command, kind);
  if (birth === null) warnings.forEach(warn); // once: not before it has begun anew, and not by each worker
  const origin = birth ?? readOrigin();
  if (origin?.message.kind === "birth") {
    await serveAsWorker(command, origin.channel, origin.message);
  } else if (command.workers === 0) await serveAlone(said, command, origin);
  else await supervise(said, command, config, origin);
}
