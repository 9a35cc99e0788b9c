/**
 * `--live`: open pages follow their files.
 * @module
 */
import type { StaticHandler, StaticOptions } from "../../handlers/static.ts";
import { UsageError } from "../../server/usage_error.ts";
import { withPlace } from "../config/config_place.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { print } from "../terminal/output.ts";

/**
 * Refuses settings beside which `--live` cannot work.
 * @throws {UsageError} for workers, and where changes are not noticed
 */
export function checkLive(command: CommandLine): void {
  if (!command.live) return;
  const refuse = (why: string) => new UsageError(withPlace(command, ["live"], why));
  if (command.workers !== 0) {
    throw refuse("--live is for one process: leave out --workers, or give --workers 0");
  }
  if (command.validate === "off") {
    throw refuse("--live needs to know of changes: leave out --cache-validate off");
  }
}

/** Returns the handler of `--live`. Its modules are loaded only here, and before the sandbox permits no more loading. */
export async function openLive(options: StaticOptions, { verbosity }: CommandLine): Promise<StaticHandler> {
  const { liveHandler } = await import("../../handlers/live/live_handler.ts");
  return liveHandler({ ...options, ...(verbosity === "quiet" ? {} : { onMissing: print }) });
}
