/**
 * The supervisor: opens the sockets, starts workers that serve on them, and does for the workers what they gave up the
 * right to do: read the configuration again, and start programs. It serves no clients, but for the admin port's.
 * @module
 */
import { forbidCoreDumps } from "../ffi/process/privileges.ts";
import type { ReadConfig } from "./config/load_settings.ts";
import type { Arguments, CommandLine } from "./config/settings/settings.ts";
import { HANG_PATIENCE_MS, HANG_PATIENCE_MS_MIN } from "../server/limits.ts";
import { createPoller } from "../server/loop/pollers/mod.ts";
import { describeAccount } from "./security/privileges.ts";
import { Reactor } from "../server/loop/reactor.ts";
import { Server } from "../server/server.ts";
import { Supervisor } from "./workers/supervisor.ts";
import { escapeControls } from "../handlers/print_text.ts";
import { adminService, adminToInherit, listenForAdmin } from "./setup/admin.ts";
import { answersChallenges, checkAcme, checkWritable, prepareDirectory } from "./setup/acme.ts";
import { loadCertificates, namesWithoutCertificate } from "./setup/certificates.ts";
import { ChallengeWatch } from "./setup/challenge_watch.ts";
import { renewalOf, type Renewing } from "./setup/local_renewal.ts";
import { ticketSecretOf } from "./lifecycle/ticket_secret.ts";
import { announce, loadCode } from "./greeting/announce.ts";
import { openBrowser } from "./greeting/browser.ts";
import { Companion } from "./workers/companion_process.ts";
import { RootHistory } from "./workers/root_history.ts";
import { WorkerPool, workersOf } from "./workers/worker_pool.ts";
import { EXIT_FAILURE, EXIT_USAGE } from "./terminal/exit.ts";
import {
  certificatesOf,
  earlierRootsOf,
  inheritedBy,
  type LaunchContext,
  Launcher,
} from "./lifecycle/launch.ts";
import { Logs } from "./setup/logs.ts";
import { warn } from "./terminal/output.ts";
import { accountOf, dropRoot, listeningOf, sandboxOf } from "./setup/prepare.ts";
import { endWith, starterDescriptor } from "./lifecycle/npx.ts";
import { sharedLines } from "./terminal/shared_lines.ts";
import { sayReady, ServiceManager } from "./lifecycle/service_manager.ts";
import { Reload } from "./lifecycle/reload.ts";
import { handleSignals } from "./lifecycle/signals.ts";
import { openSites } from "./setup/sites.ts";
import { Sockets } from "./listening/sockets.ts";
import { UpgradeAttempts } from "./lifecycle/upgrade.ts";
import { watchdogTimeMs } from "./lifecycle/watchdog.ts";

/**
 * Supervises workers until a signal ends them, or a successor has taken over. `config` is the configuration file as it
 * was read; null: there is none. `launchContext` is null unless another process of this program started this one.
 * @throws {UsageError | SystemError}
 */
export async function supervise(
  args: Arguments,
  command: CommandLine,
  config: ReadConfig | null,
  launchContext: LaunchContext | null,
): Promise<void> {
  const account = accountOf(command);
  const manager = ServiceManager.connect();
  const starter = launchContext === null ? starterDescriptor() : -1; // a successor outlives its predecessor's
  const launcher = new Launcher();
  const count = workersOf(command);
  createPoller(command.poller).close(); // so that a refusal is reported once, not by each worker
  const site = await openSites(command); // so that a mistake is reported once, not by each worker
  site?.close();
  const acme = checkAcme(command);
  if (acme !== null) prepareDirectory(command, acme, account);
  const certificates = loadCertificates(command, certificatesOf(launchContext));
  const ticketSecret = ticketSecretOf(launchContext);
  const inherited = inheritedBy(launchContext);
  const sockets = Sockets.open(...listeningOf(command, account, certificates !== null), count, inherited);
  const adminSockets = listenForAdmin(command, inherited);
  const sandbox = sandboxOf(command); // only described here: the workers enter theirs
  sandbox?.discard();
  const current = dropRoot(account, command, launchContext !== null);
  if (acme !== null) checkWritable(command, acme);
  if (certificates !== null) forbidCoreDumps();
  const logs = new Logs(command);
  logs.openErrors();
  const missing = () => renewal === null ? [] : namesWithoutCertificate(renewal.current);
  const isWaiting = () => renewal !== null && missing().length === renewal.current.facts.length;
  const admin = adminSockets.length === 0 ? null : new Server({
    ...adminService(adminSockets, {
      snapshots: () => supervisor.snapshots(),
      isReady: () => !supervisor.isDraining && supervisor.pids.length > 0 && !isWaiting(),
      missingCertificates: missing,
      certificateStatuses: () => companion?.statuses ?? [],
    }),
    onError: warn,
  });
  const reactor = admin?.reactor ?? new Reactor(createPoller("epoll-level"), (error) => warn(String(error)));
  const running = admin?.run() ?? reactor.run();
  const supervisor: Supervisor = new Supervisor(
    {
      reactor,
      launch: launcher.worker,
      hangPatienceMs: hangPatienceMs(),
      warn,
      warned: (worker, line) => sharedLines.say(worker, escapeControls(line).replaceAll("\n", " ")),
    },
    command.gracePeriodMs,
  );
  const renewal: Renewing | null = certificates && renewalOf(command, certificates, reactor, {
    apply: (next) => supervisor.renew(next),
    warn,
  });
  const history = new RootHistory(earlierRootsOf(launchContext));
  const workerPool = new WorkerPool(
    supervisor,
    sockets,
    () => renewal && { certificates: renewal.current.certificates, ticketSecret },
    history,
  );
  let answered = Promise.resolve();
  const challenges = !answersChallenges(command) ? null : new ChallengeWatch(
    acme?.dir ?? null,
    command.acmeTlsAlpn,
    reactor,
    (answers) => answered = supervisor.answer(answers),
  );
  const companion: Companion | null = acme && new Companion(launcher.companion, config, reactor, {
    publish: () => {
      challenges?.look();
      return answered;
    },
    renewed: () => renewal?.check(true),
    warn,
  });
  let hasEnded = false;
  let hasSuccessor = false;
  const end = async () => {
    if (hasEnded) return;
    hasEnded = true;
    upgrade.cancel();
    companion?.end();
    const drained = supervisor.drain();
    workerPool.close();
    await drained;
    reactor.stop();
  };
  const upgrade = new UpgradeAttempts({
    reactor,
    launch: launcher.successor,
    sockets: () => [...workerPool.sockets.all, ...adminToInherit(command, adminSockets)],
    ticketSecret: () => certificates === null ? undefined : ticketSecret,
    earlierRoots: () => history.look(),
    certificates: () => command.https ? renewal?.current.certificates : undefined,
    succeeded: (pid) => {
      hasSuccessor = true;
      manager.succeeded(pid);
      admin?.leave("all");
      void end();
    },
    warn,
  });
  const drain = () => {
    manager.stopping();
    void end();
  };
  endWith(starter, reactor, drain);
  const begun = workerPool.begin(command, config, count);
  const reload = new Reload(args, command, workerPool, manager, begun);
  handleSignals({
    drain,
    abort: () => supervisor.kill(),
    reload: () => {
      renewal?.check(true);
      upgrade.reload(() => void reload.run());
    },
    reopenLogs: () => {
      logs.reopenErrors();
      reactor.post(() => supervisor.reopenLogs());
    },
    succeed: () => void reload.settled.then(() => upgrade.begin()), // with the sockets that the reload opened
  }, reactor);
  const outcome = await begun;
  if (outcome !== null && !hasEnded) { // the worker that ended has said why
    await end();
    await running;
    if (account !== null && outcome.code !== EXIT_USAGE) warn(cannotStartAs(describeAccount(current)));
    workerPool.sockets.removeFiles();
    Deno.exit(outcome.code ?? EXIT_FAILURE);
  }
  if (launchContext === null) await openBrowser(command, sockets);
  const drawCode = await loadCode(command);
  if (!hasEnded) {
    announce(command, {
      sockets,
      adminSockets,
      site,
      account: current,
      sandbox,
      certificates,
      workers: supervisor.pids,
      drawCode,
    });
    renewal?.start();
    reactor.post(() => {
      challenges?.start();
      if (!hasEnded) companion?.start();
    });
    sayReady(launchContext, manager, reactor);
  }
  await running;
  if (!hasSuccessor) workerPool.sockets.removeFiles();
}

/** Returns after how long a worker counts as hanging: as long as systemd's watchdog gives this process, where there is one. */
function hangPatienceMs(): number {
  return Math.max(watchdogTimeMs() ?? HANG_PATIENCE_MS, HANG_PATIENCE_MS_MIN);
}

/** Describes what may be missing when workers did not begin: `--user` became a user that cannot read the program. */
function cannotStartAs(user: string): string {
  const needs = Deno.build.standalone ? "this program" : "Deno, this program and Deno's cache (DENO_DIR)";
  return `No worker began as ${user}: that user has to be able to read ${needs}`;
}
