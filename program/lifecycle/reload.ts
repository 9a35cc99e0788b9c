/**
 * SIGHUP: reads the settings again and puts them in force. Connections stay open, and settings with a mistake change
 * nothing. The steps are the same with and without workers; only what applies the settings differs.
 * @module
 */
import type { StaticHandler } from "../../handlers/static.ts";
import type { Server } from "../../server/server.ts";
import { limitsOf } from "../../server/server_limits.ts";
import { UsageError } from "../../server/usage_error.ts";
import { loadSettings, type ReadConfig, readConfig } from "../config/load_settings.ts";
import type { Arguments, CommandLine } from "../config/settings/settings.ts";
import { restartSettings } from "../config/settings/table.ts";
import { checkAcme } from "../setup/acme.ts";
import type { Prepared } from "../setup/prepare.ts";
import { type CurrentSite, type Listening, openSites } from "../setup/sites.ts";
import { print, readAgain, staysUntilStart, warn } from "../terminal/output.ts";
import type { ServiceManager } from "./service_manager.ts";

/** Added to the error of a confined process, whose sandbox may be the cause. */
const CONFINED = "what the sandbox does not let it read needs a new start, or workers (see SECURITY.md)";

const NOTHING_TO_READ =
  "Reload: no configuration file was read at the start, so there is none to read again; one that has come since needs a new start";

/** What a reload changes: the server of this process ({@linkcode RunningServer}), or a supervisor's workers. */
export interface ReloadTarget {
  /** True where new settings start new workers, so that fewer of them need a restart. */
  readonly hasWorkers: boolean;
  /** True once the process is in the sandbox, which permits the sites and the configuration of the start, and no other. */
  readonly isConfined: boolean;
  /** True when nothing is reloaded any more, because the process ends. */
  readonly isEnding: boolean;
  /** Where clients connect; missing: where the settings say. */
  readonly listening?: () => readonly Listening[];
  /**
   * Puts `settings` in force, which were read from `config`, and takes over `site`, which was opened by them; null: no
   * files are served. False: the process ends, so nothing was changed.
   * @throws {Error} that says why the old settings stay
   */
  apply(settings: CommandLine, config: ReadConfig | null, site: StaticHandler | null): Promise<boolean>;
}

/** Reloads the settings, one time after the other. */
export class Reload {
  readonly #args: Arguments;
  readonly #target: ReloadTarget;
  readonly #manager: ServiceManager;
  /** The settings in force. */
  #command: CommandLine;
  /** Settled when the reload at work, or the start before it, is done. */
  #atWork: Promise<unknown>;
  /** The reload that begins after that; null: none is wanted. */
  #waiting: Promise<void> | null = null;

  /** `manager` is told when a reload begins and ends. None begins before `started` is settled. */
  constructor(
    args: Arguments,
    command: CommandLine,
    target: ReloadTarget,
    manager: ServiceManager,
    started: Promise<unknown> = Promise.resolve(),
  ) {
    this.#args = args;
    this.#command = command;
    this.#target = target;
    this.#manager = manager;
    this.#atWork = started.catch(() => {});
  }

  /** Fulfilled when no reload is at work. */
  get settled(): Promise<unknown> {
    return this.#waiting ?? this.#atWork;
  }

  /**
   * Reloads the settings after the reload at work. A reload that has not begun reads the newest settings anyway, so it
   * stands for later calls, too. May be called from anywhere.
   */
  run(): Promise<void> {
    return this.#manager.reloading(() =>
      this.#waiting ??= this.#atWork.then(() => {
        this.#waiting = null;
        return this.#atWork = this.#reload();
      })
    );
  }

  async #reload(): Promise<void> {
    const target = this.#target;
    if (target.isEnding) return;
    try {
      if (target.isConfined && this.#command.config === null) return warn(NOTHING_TO_READ);
      const config = readConfig(this.#args);
      const next = await loadSettings(this.#args, config, warn);
      const fixed = restartSettings(target.hasWorkers);
      const changed = fixed.filter((key) => JSON.stringify(next[key]) !== JSON.stringify(this.#command[key]));
      const kept = Object.fromEntries(fixed.map((key) => [key, this.#command[key]]));
      const settings: CommandLine = { ...next, ...kept };
      checkAcme(settings); // a new root must not contain the keys
      const site = await openSites(settings, target.listening);
      if (!await target.apply(settings, config, site)) return;
      this.#command = settings;
      for (const key of changed) warn(staysUntilStart(key));
      if (settings.verbosity !== "quiet") print(readAgain(settings.config));
    } catch (error) {
      const hint = target.isConfined && !(error instanceof UsageError) ? ` (${CONFINED})` : "";
      warn(`Reload refused, the old settings stay: ${(error as Error).message}${hint}`);
    }
  }
}

/** The server of a single process as the target of a reload: it goes on with another handler and other limits. */
export class RunningServer implements ReloadTarget {
  readonly hasWorkers = false;
  readonly isConfined: boolean;
  /** False also while the server drains: requests in progress still get new limits. */
  readonly isEnding = false;
  readonly #server: Server;
  readonly #site: CurrentSite | null;

  constructor({ server, site }: Pick<Prepared, "server" | "site">, isConfined: boolean) {
    this.#server = server;
    this.#site = site;
    this.isConfined = isConfined;
  }

  readonly listening = (): readonly Listening[] => this.#server.addresses;

  async apply(command: CommandLine, _: ReadConfig | null, site: StaticHandler | null): Promise<boolean> {
    const settings = { ...limitsOf(command), keepAlive: command.keepAlive };
    this.#server.reconfigure(site === null ? settings : { ...settings, handler: site });
    if (site === null) return true;
    const old = this.#site!.replace(site);
    await new Promise<void>((resolve) =>
      this.#server.reactor.post(() => {
        old.close(); // requests in progress are answered before its files close
        resolve();
      })
    );
    return true;
  }
}
