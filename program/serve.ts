/**
 * Serving, in one of three ways: alone, as a worker, or as the supervisor of workers.
 * @module
 */
import type { Arguments, CommandLine } from "../server/config/settings.ts";
import { serveAlone } from "./alone.ts";
import { checkAdmin } from "./admin.ts";
import { checkAddresses } from "./listen.ts";
import type { Origin } from "./origin.ts";
import { supervise } from "./supervise.ts";
import { serveAsWorker } from "./worker.ts";

/** Serves until a signal ends it. @throws {UsageError | SystemError} when that cannot begin */
export async function serveProgram(
  said: Arguments,
  command: CommandLine,
  origin: Origin | null,
): Promise<void> {
  checkAddresses(command);
  checkAdmin(command);
  if (origin?.message.kind === "birth") {
    await serveAsWorker(command, origin.channel, origin.message);
  } else if (command.workers === 0) await serveAlone(said, command, origin);
  else await supervise(said, command, origin);
}
