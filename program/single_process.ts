/**
 * One process that serves by itself.
 *
 * What it cannot do once it is in the sandbox, it says so: then a supervisor is needed, which is not (see `supervise.ts`).
 * @module
 */
import { keepMountTable } from "../ffi/file/mount_table.ts";
import { giveUpLowPorts } from "../ffi/process/privileges.ts";
import { isSecureExecution } from "../ffi/process/process.ts";
import type { Arguments, CommandLine } from "./config/settings/settings.ts";
import { adminService, adminToInherit, listenForAdmin } from "./setup/admin.ts";
import { announce } from "./setup/announce.ts";
import { sayReady, ServiceManager } from "./lifecycle/service_manager.ts";
import { inheritedBy, type LaunchContext, Launcher } from "./lifecycle/launch.ts";
import { Logs } from "./setup/logs.ts";
import { warn } from "./terminal/output.ts";
import { accountOf, dropRoot, listeningOf, prepare, sandboxOf } from "./setup/prepare.ts";
import { endWith, npxDescriptor } from "./lifecycle/npx.ts";
import { Reload } from "./lifecycle/reload.ts";
import { handleSignals } from "./lifecycle/signals.ts";
import { openSites } from "./setup/sites.ts";
import { Sockets } from "./listening/sockets.ts";
import { UpgradeAttempts } from "./lifecycle/upgrade.ts";

const NO_UPGRADE_SECURE =
  "SIGUSR2: a program whose file has capabilities or a set-ID bit starts no other one: start it anew";
const NO_UPGRADE =
  "SIGUSR2: this process has given up the right to start programs (see SECURITY.md); one that was started with --workers 1 or --no-sandbox can be replaced";

/** Serves until a signal ends it, or a successor has taken its place. @throws {UsageError | SystemError} */
export async function serveSingleProcess(
  args: Arguments,
  command: CommandLine,
  launchContext: LaunchContext | null,
): Promise<void> {
  const account = accountOf(command);
  const listening = () => sockets.listening.map(({ address }) => address);
  keepMountTable(); // which the sandbox would not let it open when it reads its settings again
  const opened = await openSites(command, listening); // before anything is bound that a mistake would leave behind
  const inherited = inheritedBy(launchContext);
  const [addresses, settings] = listeningOf(command, account);
  const manager = ServiceManager.connect();
  const npx = launchContext === null ? npxDescriptor() : -1; // a successor outlives it
  const sockets = Sockets.open(addresses, settings, 1, inherited);
  const logs = new Logs(command);
  const adminSockets = listenForAdmin(command, inherited);
  const { server, site } = prepare(command, opened, sockets.serving, logs);
  if (adminSockets.length > 0) {
    server.listenAlso(adminService(adminSockets, {
      snapshots: () => [server.snapshot()],
      isReady: () => !server.isDraining,
    }));
  }
  const sandbox = sandboxOf(command);
  const isConfined = sandbox?.isEnforced ?? false;
  const isSecure = isSecureExecution(); // one that it started could not believe what it is told
  const launcher = isConfined || isSecure ? null : new Launcher();
  const who = dropRoot(account, command, launchContext !== null); // who cannot be looked up any more in a moment
  logs.open();
  const reload = new Reload(args, command, { server, site }, isConfined);
  if (launcher === null) giveUpLowPorts(); // a successor may have to listen on other ones
  sandbox?.enter();
  let hasSuccessor = false;
  const upgrade = launcher === null ? null : new UpgradeAttempts({
    reactor: server.reactor,
    launch: launcher.successor,
    sockets: () => [...sockets.all, ...adminToInherit(command, adminSockets)],
    succeeded: (pid) => {
      hasSuccessor = true;
      manager.succeeded(pid);
      server.leave("beside");
      server.shutdown();
    },
    warn,
  });
  const drain = () => {
    upgrade?.cancel();
    manager.stopping();
    server.shutdown();
  };
  endWith(npx, server.reactor, drain);
  handleSignals({
    drain,
    reload: () => {
      const read = () => void manager.reloading(() => reload.run());
      if (upgrade === null) read();
      else upgrade.reload(read);
    },
    abort: () => server.flushLog(),
    reopenLogs: () => {
      server.reopenLog();
      logs.reopenErrors();
    },
    succeed: () => upgrade === null ? warn(isSecure ? NO_UPGRADE_SECURE : NO_UPGRADE) : upgrade.begin(),
  }, server.reactor);
  announce(command, { sockets, adminSockets, site: site?.site ?? null, account: who, sandbox });
  sayReady(launchContext, manager, server.reactor);
  await server.run();
  if (!hasSuccessor) sockets.removeFiles();
}
