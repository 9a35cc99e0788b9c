/**
 * The workers of a supervisor as the settings ask for them: how many, and which sockets and which configuration each has.
 * @module
 */
import { processors } from "../../ffi/process/child.ts";
import type { StaticHandler } from "../../handlers/static.ts";
import type { ReadConfig } from "../config/load_settings.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { checkAddresses } from "../listening/listen.ts";
import type { Sockets } from "../listening/sockets.ts";
import { listeningOf } from "../setup/prepare.ts";
import type { RootHistory } from "./root_history.ts";
import type { TlsForWorkers, WorkerConfiguration } from "./messages.ts";
import type { Outcome, Supervisor } from "./supervisor.ts";

/** Returns how many workers the settings ask for; 0 for a single process. */
export function workersOf({ workers }: CommandLine): number {
  return workers === "auto" ? processors() : workers;
}

/** The workers that the current settings ask for. As the target of a reload it starts new ones by new settings. */
export class WorkerPool {
  readonly hasWorkers = true;
  /** The supervisor itself is in no sandbox. */
  readonly isConfined = false;
  readonly #supervisor: Supervisor;
  readonly #tls: () => TlsForWorkers | null;
  readonly #history: RootHistory;
  #sockets: Sockets;
  #isClosed = false;

  /** `tls` returns what workers that start now need for TLS; `history` is where the roots led before. */
  constructor(
    supervisor: Supervisor,
    sockets: Sockets,
    tls: () => TlsForWorkers | null,
    history: RootHistory,
  ) {
    this.#history = history;
    this.#supervisor = supervisor;
    this.#sockets = sockets;
    this.#tls = tls;
  }

  get sockets(): Sockets {
    return this.#sockets;
  }

  get isEnding(): boolean {
    return this.#isClosed;
  }

  /** Starts the first `count` workers. */
  begin(command: CommandLine, config: ReadConfig | null, count: number): Promise<Outcome> {
    return this.#replace(command, config, this.#sockets, count);
  }

  /**
   * Closes the sockets in this process; no workers are replaced afterwards. The workers have the sockets open, too, and
   * accept the clients in their queues.
   */
  close(): void {
    this.#isClosed = true;
    this.#sockets.close();
  }

  /**
   * Replaces the workers by others that read `config`; the old ones stay when that fails. `site` only showed that the
   * workers can open theirs. False: the pool was closed meanwhile.
   * @throws {UsageError | SystemError | Error} for an address that cannot be listened on, and for workers that do not begin
   */
  async apply(command: CommandLine, config: ReadConfig | null, site: StaticHandler | null): Promise<boolean> {
    site?.close();
    checkAddresses(command);
    const count = Math.max(workersOf(command), 1);
    const before = this.#sockets;
    const after = before.reopen(...listeningOf(command, null, this.#tls() !== null), count);
    let isDone = false;
    try {
      const outcome = await this.#replace(command, config, after, count);
      if (this.#isClosed) return false;
      if (outcome !== null) throw new Error("the new workers could not begin to serve");
      isDone = true;
    } finally {
      if (!isDone) after.closeAllBut(before);
    }
    this.#sockets = after;
    before.closeAllBut(after);
    return true;
  }

  #replace(
    command: CommandLine,
    config: ReadConfig | null,
    sockets: Sockets,
    count: number,
  ): Promise<Outcome> {
    const tls = this.#tls();
    this.#history.follow(command);
    const configurations = Array.from({ length: count }, (_, index): WorkerConfiguration => ({
      kind: "configuration",
      index,
      sockets: sockets.ofWorker(index, count),
      tls,
      config,
      earlierRoots: this.#history.earlier,
    }));
    return this.#supervisor.replace(configurations, command.gracePeriodMs);
  }
}
