/**
 * Serving, from the settings to the end: everything that needs rights comes before they are given up.
 * @module
 */
import { isIpAddress } from "../ffi/socket.ts";
import { served } from "../handlers/mod.ts";
import type { CommandLine } from "../server/config/settings.ts";
import { UsageError } from "../server/config/usage_error.ts";
import { EXPECTED_ADDRESS } from "../server/config/values.ts";
import { becomeUser, currentAccount, resolveAccount, unreachable } from "../server/privileges.ts";
import { Sandbox } from "../server/sandbox.ts";
import { Server } from "../server/server.ts";
import { limitsOf } from "../server/server_limits.ts";
import { announce } from "./announce.ts";
import { EXIT_FAILURE } from "./exit.ts";
import { printer, warn } from "./output.ts";
import { openSites, rootsOf } from "./sites.ts";

/** Serves until a signal ends it. @throws {UsageError | SystemError} when that cannot begin */
export async function serveProgram(command: CommandLine): Promise<void> {
  checkHost(command);
  const account = command.user === null ? null : resolveAccount(command.user);
  const { host: hostname, port, poller, keepAlive, handler, coroutine } = command;
  const site = await openSites(command);
  const server = new Server({
    ...served(handler, coroutine, site, printer()),
    ...limitsOf(command),
    hostname,
    port,
    poller,
    keepAlive,
    onError: warn,
  });
  stopOnSignals(server);
  const roots = rootsOf(command);
  const sandbox = command.sandbox ? new Sandbox(roots) : null;
  if (account !== null) {
    becomeUser(account);
    unreachable(account, roots).forEach(warn);
  }
  const who = account ?? currentAccount(); // which cannot be looked up any more in a moment
  sandbox?.enter();
  announce(command, { address: server.address, site, account: who, sandbox });
  await server.run();
}

/** @throws {UsageError} for an address that is none */
export function checkHost({ host }: CommandLine): void {
  if (!isIpAddress(host)) throw new UsageError(`Bad host "${host}": expected ${EXPECTED_ADDRESS}`);
}

/** The first SIGINT or SIGTERM lets responses be finished; a second one does not wait. */
function stopOnSignals(server: Server): void {
  let count = 0;
  const onSignal = () => {
    if (++count > 1) Deno.exit(EXIT_FAILURE);
    server.shutdown();
  };
  Deno.addSignalListener("SIGINT", onSignal);
  Deno.addSignalListener("SIGTERM", onSignal);
}
