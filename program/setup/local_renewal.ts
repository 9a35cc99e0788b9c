/**
 * The renewal of the certificate of `--https` while the program serves: before it ends, and when this machine has new
 * addresses. A process that may not read the authority any more, as in the sandbox, logs that it needs a new start.
 * @module
 */
import type { Reactor } from "../../server/loop/reactor.ts";
import { Timer } from "../../server/loop/timer.ts";
import { LOCAL_CERTIFICATE_REST_MS, LOCAL_LOOK_INTERVAL_MS } from "../../server/tls_limits.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import type { LoadedCertificates } from "./certificates.ts";
import { renewLocalCertificate } from "./local_certificate.ts";
import { localNames } from "./local_names.ts";
import { Renewal, type RenewalTasks } from "./renewal.ts";

/** What makes certificates new while the program serves. */
export type Renewing = Pick<Renewal, "current" | "start" | "check">;

/** Returns what renews `current`, which is served by the settings of `command`. */
export function renewalOf(
  command: CommandLine,
  current: LoadedCertificates,
  reactor: Reactor,
  tasks: RenewalTasks,
): Renewing {
  return command.https
    ? new LocalRenewal(command, current, reactor, tasks)
    : new Renewal(command, current, reactor, tasks);
}

class LocalRenewal implements Renewing {
  readonly #command: CommandLine;
  readonly #reactor: Reactor;
  readonly #tasks: RenewalTasks;
  #current: LoadedCertificates;
  /** The names of the present certificate, and those for which there can be none. */
  readonly #names: Set<string>;
  readonly #clock = new Timer(() => this.#look());
  /** The lines that were logged since the last renewal. */
  readonly #logged = new Set<string>();

  constructor(command: CommandLine, current: LoadedCertificates, reactor: Reactor, tasks: RenewalTasks) {
    this.#command = command;
    this.#current = current;
    this.#reactor = reactor;
    this.#tasks = tasks;
    this.#names = new Set(this.#namesNow());
  }

  get current(): LoadedCertificates {
    return this.#current;
  }

  start(): void {
    this.#reactor.expireAt(this.#clock, this.#reactor.now + LOCAL_LOOK_INTERVAL_MS);
  }

  #look(): void {
    this.check();
    this.start();
  }

  /** Makes a new certificate if the present one ends soon, or lacks a name or address of this machine. */
  check(): void {
    const lacking = this.#namesNow().filter((name) => !this.#names.has(name));
    const endMs = this.#current.facts[0]!.notAfterMs;
    if (lacking.length === 0 && endMs - Date.now() > LOCAL_CERTIFICATE_REST_MS) return;
    const cause = lacking.length > 0
      ? `is not for ${lacking.join(", ")}`
      : `ends on ${new Date(endMs).toISOString().slice(0, 10)}`;
    try {
      const next = renewLocalCertificate(this.#command);
      if (next === null) throw new Error("there is no authority any more");
      this.#tasks.apply(next.certificates);
      this.#current = next;
      this.#logged.clear();
      for (const name of lacking) this.#names.add(name);
      this.#tasks.warn(`The certificate of --https was made anew: the one before ${cause}`);
    } catch (error) {
      this.#logOnce(
        `The certificate of --https ${cause}: start the server anew for another one (${
          (error as Error).message
        })`,
      );
    }
  }

  #namesNow(): string[] {
    const { always, machine } = localNames(this.#command);
    return [...always, ...machine];
  }

  #logOnce(line: string): void {
    if (this.#logged.has(line)) return;
    this.#logged.add(line);
    this.#tasks.warn(line);
  }
}
