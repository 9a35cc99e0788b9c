/**
 * A process that serves without a supervisor. In the sandbox it can start no program, so it refuses an upgrade, and reads
 * again only what it could read at the start; `supervise.ts` has neither limit.
 * @module
 */
import { keepMountTable } from "../ffi/file/mount_table.ts";
import { forbidCoreDumps, giveUpLowPorts } from "../ffi/process/privileges.ts";
import { isSecureExecution } from "../ffi/process/process.ts";
import { inheritEarlierRoots } from "../handlers/site/kept/earlier_roots.ts";
import { earlierRoots } from "../handlers/site/kept/earlier_directories.ts";
import type { Arguments, CommandLine } from "./config/settings/settings.ts";
import { adminService, adminToInherit, listenForAdmin } from "./setup/admin.ts";
import { loadCertificates } from "./setup/certificates.ts";
import { renewalOf } from "./setup/local_renewal.ts";
import { decodeBase64, ticketSecretOf } from "./lifecycle/ticket_secret.ts";
import { announce, loadCode } from "./greeting/announce.ts";
import { openBrowser } from "./greeting/browser.ts";
import { sayReady, ServiceManager } from "./lifecycle/service_manager.ts";
import {
  certificatesOf,
  earlierRootsOf,
  inheritedBy,
  type LaunchContext,
  Launcher,
} from "./lifecycle/launch.ts";
import { Logs } from "./setup/logs.ts";
import { warn } from "./terminal/output.ts";
import { accountOf, dropRoot, listeningOf, prepare, sandboxOf } from "./setup/prepare.ts";
import { endWith, starterDescriptor } from "./lifecycle/npx.ts";
import { Reload, RunningServer } from "./lifecycle/reload.ts";
import { handleSignals } from "./lifecycle/signals.ts";
import { openSites } from "./setup/sites.ts";
import { Sockets } from "./listening/sockets.ts";
import { UpgradeAttempts } from "./lifecycle/upgrade.ts";

const NO_UPGRADE_SECURE =
  "SIGUSR2: a program whose file has capabilities or a set-ID bit starts no other one: start it anew";
const NO_UPGRADE =
  "SIGUSR2: this process has given up the right to start programs (see SECURITY.md); one that was started with --workers 1 or --no-sandbox can be replaced";

/**
 * Serves until a signal ends the process, or a successor has taken over. `launchContext` is null unless another process
 * of this program started this one.
 * @throws {UsageError | SystemError}
 */
export async function serveSingleProcess(
  args: Arguments,
  command: CommandLine,
  launchContext: LaunchContext | null,
): Promise<void> {
  const account = accountOf(command);
  const listening = () => sockets.listening.map(({ address }) => address);
  keepMountTable(); // a reload needs it, and the sandbox does not permit to open it
  inheritEarlierRoots(earlierRootsOf(launchContext));
  const opened = await openSites(command, listening); // before binding: a mistake in a site leaves no socket file behind
  const certificates = loadCertificates(command, certificatesOf(launchContext));
  const ticketSecret = ticketSecretOf(launchContext);
  const inherited = inheritedBy(launchContext);
  const [addresses, settings] = listeningOf(command, account, certificates !== null);
  const manager = ServiceManager.connect();
  const starter = launchContext === null ? starterDescriptor() : -1; // a successor outlives its predecessor's
  const sockets = Sockets.open(addresses, settings, 1, inherited);
  const logs = new Logs(command);
  const adminSockets = listenForAdmin(command, inherited);
  const tls = certificates && {
    certificates: certificates.certificates,
    ticketSecret: decodeBase64(ticketSecret),
  };
  const { server, site } = prepare(command, opened, sockets.serving, logs, tls);
  if (adminSockets.length > 0) {
    server.listenAlso(adminService(adminSockets, {
      snapshots: () => [server.snapshot()],
      isReady: () => !server.isDraining,
    }));
  }
  const sandbox = sandboxOf(command);
  const isConfined = sandbox?.isEnforced ?? false;
  const isSecure = isSecureExecution(); // a successor would ignore the environment that describes its launch
  const launcher = isConfined || isSecure ? null : new Launcher();
  const current = dropRoot(account, command, launchContext !== null); // the sandbox permits no look-up of names
  if (certificates !== null) forbidCoreDumps();
  logs.open();
  const renewal = certificates && renewalOf(command, certificates, server.reactor, {
    apply: (next) => server.updateCertificates(next),
    warn,
  });
  const reload = new Reload(args, command, new RunningServer({ server, site }, isConfined), manager);
  const drawCode = await loadCode(command);
  if (launchContext === null) await openBrowser(command, sockets); // the sandbox permits neither
  if (launcher === null) giveUpLowPorts(); // only a successor could listen on further ones
  sandbox?.enter();
  let hasSuccessor = false;
  const upgrade = launcher === null ? null : new UpgradeAttempts({
    reactor: server.reactor,
    launch: launcher.successor,
    sockets: () => [...sockets.all, ...adminToInherit(command, adminSockets)],
    ticketSecret: () => certificates === null ? undefined : ticketSecret,
    earlierRoots,
    certificates: () => command.https ? renewal?.current.certificates : undefined,
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
  endWith(starter, server.reactor, drain);
  handleSignals({
    drain,
    reload: () => {
      renewal?.check(true);
      const run = () => void reload.run();
      if (upgrade === null) run();
      else upgrade.reload(run);
    },
    abort: () => server.flushLog(),
    reopenLogs: () => {
      server.reopenLog();
      logs.reopenErrors();
    },
    succeed: () => upgrade === null ? warn(isSecure ? NO_UPGRADE_SECURE : NO_UPGRADE) : upgrade.begin(),
  }, server.reactor);
  announce(command, {
    sockets,
    adminSockets,
    site: site?.site ?? null,
    account: current,
    sandbox,
    certificates,
    drawCode,
  });
  renewal?.start();
  sayReady(launchContext, manager, server.reactor);
  await server.run();
  if (!hasSuccessor) sockets.removeFiles();
}
