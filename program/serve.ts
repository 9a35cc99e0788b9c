/**
 * Serving, from the settings to the end: everything that needs rights comes before they are given up.
 * @module
 */
import { served } from "../handlers/mod.ts";
import type { CommandLine } from "../server/config/settings.ts";
import { removeSocketFiles } from "../server/listening/open.ts";
import { becomeUser, currentAccount, resolveAccount, unreachable } from "../server/privileges.ts";
import { Sandbox } from "../server/sandbox.ts";
import { Server } from "../server/server.ts";
import { limitsOf } from "../server/server_limits.ts";
import { speaksSecond } from "../server/server_options.ts";
import { announce } from "./announce.ts";
import { EXIT_FAILURE } from "./exit.ts";
import { checkAddresses, listen } from "./listen.ts";
import { printer, warn } from "./output.ts";
import { openSites, rootsOf } from "./sites.ts";

/** Serves until a signal ends it. @throws {UsageError | SystemError} when that cannot begin */
export async function serveProgram(command: CommandLine): Promise<void> {
  checkAddresses(command);
  const account = command.user === null ? null : resolveAccount(command.user);
  const { poller, keepAlive, handler, coroutine } = command;
  const site = await openSites(command);
  const service = served(handler, coroutine, site, printer());
  const listening = listen(command, { deferAccept: speaksSecond(service), owner: account });
  const server = new Server({
    ...service,
    ...limitsOf(command),
    sockets: listening.lists[0],
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
  announce(command, { listening, site, account: who, sandbox });
  await server.run();
  if (!listening.isActivated) removeSocketFiles(listening.lists.flat()); // the sandbox may refuse it: the next start does it
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
