/**
 * Serving, in one of three ways: alone, as a worker, or as the supervisor of workers.
 * @module
 */
import { isIpAddress } from "../ffi/socket.ts";
import type { Arguments, CommandLine } from "../server/config/settings.ts";
import { UsageError } from "../server/config/usage_error.ts";
import { EXPECTED_ADDRESS } from "../server/config/values.ts";
import { serveAlone } from "./alone.ts";
import type { Origin } from "./origin.ts";
import { supervise } from "./supervise.ts";
import { serveAsWorker } from "./worker.ts";

/** Serves until a signal ends it. @throws {UsageError | SystemError} when that cannot begin */
export async function serveProgram(
  said: Arguments,
  command: CommandLine,
  origin: Origin | null,
): Promise<void> {
  checkHost(command);
  if (origin?.message.kind === "birth") {
    await serveAsWorker(command, origin.channel, origin.message);
  } else if (command.workers === 0) await serveAlone(said, command, origin);
  else await supervise(said, command, origin);
}

/** An address has the digits that it should have: the kernel says so. @throws {UsageError} */
export function checkHost({ host }: CommandLine): void {
  if (!isIpAddress(host)) throw new UsageError(`Bad host "${host}": expected ${EXPECTED_ADDRESS}`);
}
