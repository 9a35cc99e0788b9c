/**
 * The workers of a supervisor, as the settings want them at present: on which sockets, how many, told what.
 * @module
 */
import { processors } from "../../ffi/process/child.ts";
import { loadSettings, type ReadConfig, readConfig } from "../config/load_settings.ts";
import type { Arguments, CommandLine } from "../config/settings/settings.ts";
import { restartSettings } from "../config/settings/table.ts";
import type { WorkerConfiguration } from "./messages.ts";
import type { Outcome, Supervisor } from "./supervisor.ts";
import { checkAddresses } from "../listening/listen.ts";
import { print, readAgain, staysUntilStart, warn } from "../terminal/output.ts";
import { listeningOf } from "../setup/prepare.ts";
import { openSites } from "../setup/sites.ts";
import type { Sockets } from "../listening/sockets.ts";

/** What is the supervisor's own, and decided when it starts. */
const FIXED = restartSettings(true);

/** How many workers the settings want. */
export function workersOf({ workers }: CommandLine): number {
  return workers === "auto" ? processors() : workers;
}

/** The workers that the current settings ask for. */
export class WorkerPool {
  readonly #args: Arguments;
  readonly #supervisor: Supervisor;
  #sockets: Sockets;
  #count: number;
  #first: CommandLine | null = null;
  /** Workers are replaced one time after the other: what is being done, and what waits for that. */
  #atWork: Promise<unknown> = Promise.resolve();
  #waiting: Promise<void> | null = null;
  #isClosed = false;

  constructor(args: Arguments, supervisor: Supervisor, sockets: Sockets, count: number) {
    this.#args = args;
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
  begin(command: CommandLine, config: ReadConfig | null): Promise<Outcome> {
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
      const config = readConfig(this.#args);
      const command = await loadSettings(this.#args, config, warn);
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
    config: ReadConfig | null,
    sockets: Sockets,
    count: number,
  ): Promise<Outcome> {
    const configurations = Array.from({ length: count }, (_, index): WorkerConfiguration => ({
      kind: "configuration",
      index,
      sockets: sockets.ofWorker(index, count),
      config,
    }));
    return this.#supervisor.replace(configurations, command.gracePeriodMs);
  }
}
