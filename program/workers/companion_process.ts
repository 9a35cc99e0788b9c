/**
 * The companion as the supervisor sees it: a process of this program that gets certificates, and ends with the server.
 * @module
 */
import { kill, reap } from "../../ffi/process/child.ts";
import { SystemError } from "../../ffi/libc/errno.ts";
import { socketPair } from "../../ffi/socket/local_socket.ts";
import { close } from "../../ffi/socket/socket.ts";
import {
  COMPANION_RESTART_MS_MAX,
  REAP_INTERVAL_MS,
  WORKER_LINE_CHARACTERS_MAX,
} from "../../server/limits.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import type { CertificateStatus } from "../../server/metrics/statistics.ts";
import { Channel, type ChannelListener } from "./channel.ts";
import type { Launch } from "./child_process.ts";
import type { CompanionConfiguration, CompanionReport, CompanionTask } from "./messages.ts";
import { RestartBackoff } from "./restart_backoff.ts";
import { describeEnd } from "./supervisor.ts";

/** The shortest delay before the process is started again. */
const ENDING_MS = 300;

/** What the supervisor does for its companion. */
export interface CompanionTasks {
  /** Has all workers answer the challenges that are in the directory now. Fulfilled when they do. */
  publish(): Promise<void>;
  /** Certificates were written. */
  renewed(): void;
  /** Logs a line. */
  warn(line: string): void;
}

/** The companion, and those that replace it. Call its methods in the loop. */
export class Companion implements ChannelListener<CompanionReport> {
  readonly #launch: Launch;
  readonly #config: CompanionConfiguration["config"];
  readonly #reactor: Reactor;
  readonly #tasks: CompanionTasks;
  readonly #backoff = new RestartBackoff(COMPANION_RESTART_MS_MAX);
  #channel: Channel<CompanionReport, CompanionTask> | null = null;
  #pid = 0;
  #startedMs = 0;
  #isOver = false;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  /** What the companion has reported last of each name. */
  statuses: readonly CertificateStatus[] = [];

  /** `config` is the configuration file as it was read; null without one. */
  constructor(
    launch: Launch,
    config: CompanionConfiguration["config"],
    reactor: Reactor,
    tasks: CompanionTasks,
  ) {
    this.#launch = launch;
    this.#config = config;
    this.#reactor = reactor;
    this.#tasks = tasks;
  }

  /** Starts the process. @throws {SystemError} */
  start(): void {
    const [ours, theirs] = socketPair();
    try {
      this.#pid = this.#launch(theirs, []);
    } catch (error) {
      close(ours);
      throw error;
    } finally {
      close(theirs);
    }
    this.#startedMs = this.#reactor.now;
    this.#channel = new Channel<CompanionReport, CompanionTask>(ours, this.#reactor, this);
    this.#channel.open();
    this.#channel.send({ kind: "companion", config: this.#config, sockets: [] });
  }

  /** Ends the process for good. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    if (this.#pid > 0) kill(this.#pid); // what it writes is whole or not there
    this.#channel?.close();
  }

  received(report: CompanionReport): void {
    if (report.kind === "publish") {
      void this.#tasks.publish().then(() =>
        this.#reactor.post(() => this.#channel?.send({ kind: "published", id: report.id }))
      );
    } else if (report.kind === "renewed") this.#tasks.renewed();
    else if (report.kind === "statuses") this.statuses = report.statuses;
    else if (report.kind === "line") {
      this.#tasks.warn(String(report.line).slice(0, WORKER_LINE_CHARACTERS_MAX));
    }
  }

  /** The process has ended, or closed its channel. */
  ended(): void {
    const pid = this.#pid;
    kill(pid);
    const look = () => {
      const how = reap(pid);
      if (how === null) return void setTimeout(() => this.#reactor.post(look), REAP_INTERVAL_MS);
      if (this.#isOver) return;
      this.#pid = 0;
      const delayMs = this.#backoff.delayMs(this.#reactor.now - this.#startedMs);
      const what = typeof how === "number" ? "ended" : describeEnd(how);
      const line = `The process for certificates (${pid}) ${what}; it is started again`;
      // A service manager tells all processes at once to end: this one is then told, too.
      this.#timer = setTimeout(
        () => this.#reactor.post(() => this.#restart(line)),
        Math.max(delayMs, ENDING_MS),
      );
    };
    look();
  }

  #restart(line: string): void {
    if (this.#isOver) return;
    this.#tasks.warn(line);
    try {
      this.start();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.#timer = setTimeout(
        () => this.#reactor.post(() => this.#restart(error.message)),
        COMPANION_RESTART_MS_MAX,
      );
    }
  }
}
