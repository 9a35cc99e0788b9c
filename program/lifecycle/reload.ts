/**
 * SIGHUP for a process that serves by itself: it reads its configuration again, and goes on with that if there is nothing
 * wrong with it. Connections stay.
 * @module
 */
import { loadSettings } from "../config/load_settings.ts";
import type { Arguments, CommandLine } from "../config/settings/settings.ts";
import { restartSettings } from "../config/settings/table.ts";
import { UsageError } from "../../server/usage_error.ts";
import type { Server } from "../../server/server.ts";
import { limitsOf } from "../../server/server_limits.ts";
import { print, readAgain, staysUntilStart, warn } from "../terminal/output.ts";
import type { Prepared } from "../setup/prepare.ts";
import { type CurrentSite, openSites } from "../setup/sites.ts";

/** What is decided when the process starts. */
const FIXED = restartSettings(false);

/** What is said of something that the sandbox does not let happen any more. */
const CONFINED = "what the sandbox does not let it read needs a new start, or workers (see SECURITY.md)";

const NOTHING_TO_READ =
  "Reload: no configuration file was read at the start, so there is none to read again; one that has come since needs a new start";

/** Reloads the configuration of a single process. */
export class Reload {
  readonly #args: Arguments;
  readonly #server: Server;
  readonly #isConfined: boolean;
  #command: CommandLine;
  readonly #site: CurrentSite | null;
  #isRunning = false;
  #isWanted = false;

  constructor(
    args: Arguments,
    command: CommandLine,
    { server, site }: Prepared,
    isConfined: boolean,
  ) {
    this.#args = args;
    this.#command = command;
    this.#server = server;
    this.#site = site;
    this.#isConfined = isConfined;
  }

  /** Once more, from anywhere; one after the other. */
  async run(): Promise<void> {
    this.#isWanted = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#isWanted) {
      this.#isWanted = false;
      await this.#reload();
    }
    this.#isRunning = false;
  }

  async #reload(): Promise<void> {
    try {
      if (this.#isConfined && this.#command.config === null) return warn(NOTHING_TO_READ);
      const next = await loadSettings(this.#args, undefined, warn);
      for (const key of FIXED) {
        if (JSON.stringify(next[key]) === JSON.stringify(this.#command[key])) continue;
        warn(staysUntilStart(key));
      }
      const command = { ...next, ...fixedOf(this.#command) };
      await this.#install(command);
      this.#command = command;
      if (command.verbosity !== "quiet") {
        print(readAgain(command.config));
      }
    } catch (error) {
      const hint = this.#isConfined ? ` (${CONFINED})` : "";
      const { message } = error as Error;
      warn(`Reload refused, the old settings stay: ${message}${error instanceof UsageError ? "" : hint}`);
    }
  }

  async #install(command: CommandLine): Promise<void> {
    const site = await openSites(command, () => this.#server.addresses);
    const settings = { ...limitsOf(command), keepAlive: command.keepAlive };
    if (site === null) return this.#server.reconfigure(settings);
    this.#server.reconfigure({ ...settings, handler: site });
    const old = this.#site!.replace(site);
    await new Promise<void>((resolve) =>
      this.#server.reactor.post(() => {
        old.close(); // what has begun is finished there
        resolve();
      })
    );
  }
}

function fixedOf(command: CommandLine): Partial<CommandLine> {
  return Object.fromEntries(FIXED.map((key) => [key, command[key]]));
}
