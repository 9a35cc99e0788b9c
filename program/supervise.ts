/**
 * The supervisor: it opens the sockets, starts workers that serve on them, and does for them what they gave up the right
 * to do: it reads the configuration again, starts programs, and writes to nobody but who started it.
 * @module
 */
import { processors } from "../ffi/child.ts";
import { type ConfigText, loadSettings, readConfig } from "../server/config/load_settings.ts";
import type { Arguments, CommandLine } from "../server/config/settings.ts";
import { createPoller } from "../server/pollers/mod.ts";
import { describeAccount, resolveAccount } from "../server/privileges.ts";
import { Reactor } from "../server/reactor.ts";
import { Server } from "../server/server.ts";
import type { Birth } from "../server/workers/messages.ts";
import { type Outcome, Supervisor } from "../server/workers/supervisor.ts";
import { adminService, adminToInherit, listenForAdmin } from "./admin.ts";
import { announce } from "./announce.ts";
import { EXIT_FAILURE, EXIT_USAGE } from "./exit.ts";
import { checkAddresses } from "./listen.ts";
import { inheritedBy, Launcher, type Origin } from "./origin.ts";
import { Logs } from "./logs.ts";
import { print, readAgain, staysUntilStart, warn } from "./output.ts";
import { dropRoot, listeningOf, sandboxOf } from "./prepare.ts";
import { sayReady, ServiceManager } from "./service_manager.ts";
import { obeySignals } from "./signals.ts";
import { openSites } from "./sites.ts";
import { Sockets } from "./sockets.ts";
import { SuccessionAttempts } from "./succession.ts";

/** What is the supervisor's own, and decided when it starts. */
const FIXED = ["user", "admin", "errorLog", "backlog", "socketMode"] as const;

/** Looks after workers until a signal ends them, or a successor has taken its place. @throws {UsageError | SystemError} */
export async function supervise(said: Arguments, command: CommandLine, origin: Origin | null): Promise<void> {
  const account = command.user === null ? null : resolveAccount(command.user);
  const manager = ServiceManager.connect();
  const launcher = new Launcher();
  const count = workersOf(command);
  const site = await openSites(command); // a mistake is told once, and not by each worker
  site?.close();
  const inherited = inheritedBy(origin);
  const sockets = Sockets.open(...listeningOf(command, account), count, inherited);
  const adminSockets = listenForAdmin(command, inherited);
  const sandbox = sandboxOf(command); // as the workers will be in one
  sandbox?.discard();
  const who = dropRoot(account, command, origin !== null);
  const logs = new Logs(command);
  logs.openErrors();
  const admin = adminSockets.length === 0 ? null : new Server({
    ...adminService(adminSockets, {
      snapshots: () => supervisor.snapshots(),
      isReady: () => !supervisor.isDraining && supervisor.pids.length > 0,
    }),
    onError: warn,
  });
  const reactor = admin?.reactor ?? new Reactor(createPoller("epoll-level"), (error) => warn(String(error)));
  const running = admin?.run() ?? reactor.run();
  const supervisor: Supervisor = new Supervisor(
    { reactor, launch: launcher.worker, warn },
    command.gracePeriodMs,
  );
  const company = new Company(said, supervisor, sockets, count);
  let hasEnded = false;
  let hasSuccessor = false;
  const end = async () => {
    if (hasEnded) return;
    hasEnded = true;
    succession.cancel();
    const drained = supervisor.drain();
    company.close();
    await drained;
    reactor.stop();
  };
  const succession = new SuccessionAttempts({
    reactor,
    launch: launcher.successor,
    sockets: () => [...company.sockets.all, ...adminToInherit(command, adminSockets)],
    succeeded: (pid) => {
      hasSuccessor = true;
      manager.succeeded(pid);
      admin?.leave("all");
      void end();
    },
    warn,
  });
  obeySignals({
    drain: () => {
      manager.stopping();
      void end();
    },
    abort: () => supervisor.kill(),
    reload: () => succession.reload(() => void manager.reloading(() => company.reload())),
    reopenLogs: () => {
      logs.reopenErrors();
      reactor.post(() => supervisor.reopenLogs());
    },
    succeed: () => void company.settled.then(() => succession.begin()), // on the sockets that it has then
  }, reactor);
  const outcome = await company.begin(command, readConfig(said));
  if (outcome !== null && !hasEnded) { // who ended has said why
    await end();
    await running;
    if (account !== null && outcome.code !== EXIT_USAGE) warn(cannotStartAs(describeAccount(who)));
    company.sockets.removeFiles();
    Deno.exit(outcome.code ?? EXIT_FAILURE);
  }
  if (!hasEnded) {
    announce(command, {
      sockets,
      adminSockets,
      site,
      account: who,
      sandbox,
      workers: supervisor.pids,
    });
    sayReady(origin, manager);
  }
  await running;
  if (!hasSuccessor) company.sockets.removeFiles();
}

/** What may be missing where workers did not begin, which are started by a user that the supervisor has become. */
function cannotStartAs(user: string): string {
  const needs = Deno.build.standalone ? "this program" : "Deno, this program and Deno's cache (DENO_DIR)";
  return `No worker began as ${user}: that user has to be able to read ${needs}`;
}

function workersOf({ workers }: CommandLine): number {
  return workers === "auto" ? processors() : workers;
}

/** The workers, as the settings want them at present. */
class Company {
  readonly #said: Arguments;
  readonly #supervisor: Supervisor;
  #sockets: Sockets;
  #count: number;
  #first: CommandLine | null = null;
  /** Workers are replaced one time after the other: what is being done, and what waits for that. */
  #atWork: Promise<unknown> = Promise.resolve();
  #waiting: Promise<void> | null = null;
  #isClosed = false;

  constructor(said: Arguments, supervisor: Supervisor, sockets: Sockets, count: number) {
    this.#said = said;
    this.#supervisor = supervisor;
    this.#sockets = sockets;
    this.#count = count;
  }

  get sockets(): Sockets {
    return this.#sockets;
  }

  /** Fulfilled when no workers are being replaced. */
  get settled(): Promise<unknown> {
    return this.#waiting ?? this.#atWork;
  }

  /** Starts the first workers. */
  begin(command: CommandLine, config: ConfigText | null): Promise<Outcome> {
    this.#first = command;
    const outcome = this.#replace(command, config, this.#sockets, this.#count);
    this.#atWork = outcome.catch(() => {});
    return outcome;
  }

  /** Closes the sockets in this process: the workers have them, for who waits in their queues. They are not replaced any more. */
  close(): void {
    this.#isClosed = true;
    this.#sockets.close();
  }

  /** SIGHUP: other workers, by what the configuration says now; the old ones stay where that cannot be. */
  reload(): Promise<void> {
    // Who waits already will read what there is to read now, too.
    this.#waiting ??= this.#atWork.then(() => {
      this.#waiting = null;
      return this.#atWork = this.#reload();
    });
    return this.#waiting;
  }

  async #reload(): Promise<void> {
    if (this.#isClosed) return;
    const before = this.#sockets;
    let after = before;
    try {
      const config = readConfig(this.#said);
      const command = await loadSettings(this.#said, config);
      checkAddresses(command);
      (await openSites(command))?.close();
      const count = Math.max(workersOf(command), 1);
      after = before.reopen(...listeningOf(command, null), count);
      const outcome = await this.#replace(command, config, after, count);
      if (this.#isClosed) return after.closeAllBut(before); // which are closed
      if (outcome !== null) throw new Error("the new workers could not begin to serve");
      this.#sockets = after;
      this.#count = count;
      before.closeAllBut(after);
      for (const key of FIXED) {
        if (JSON.stringify(command[key]) !== JSON.stringify(this.#first![key])) warn(staysUntilStart(key));
      }
      if (command.verbosity !== "quiet") print(readAgain(command.config));
    } catch (error) {
      after.closeAllBut(before);
      warn(`Reload refused, the old settings stay: ${(error as Error).message}`);
    }
  }

  #replace(
    command: CommandLine,
    config: ConfigText | null,
    sockets: Sockets,
    count: number,
  ): Promise<Outcome> {
    const births = Array.from({ length: count }, (_, index): Birth => ({
      kind: "birth",
      index,
      sockets: sockets.ofWorker(index, count),
      config,
    }));
    return this.#supervisor.replace(births, command.gracePeriodMs);
  }
}
