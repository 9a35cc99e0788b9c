/**
 * A process of this program as the process that started it sees it: a supervisor's worker, or the successor of a running
 * program.
 * @module
 */
import { type Ended, kill, reap, terminate } from "../../ffi/process/child.ts";
import { socketPair } from "../../ffi/socket/local_socket.ts";
import { close } from "../../ffi/socket/socket.ts";
import {
  REAP_INTERVAL_MS,
  REAP_PATIENCE_MS,
  START_PATIENCE_MS,
  WORKER_LINE_CHARACTERS_MAX,
} from "../../server/limits.ts";
import type { Challenges } from "../../server/challenges.ts";
import type { NamedCertificate } from "../../server/tls_options.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import type { Snapshot } from "../../server/metrics/statistics.ts";
import { Channel, type ChannelListener } from "./channel.ts";
import type { Command, Report, Upgrade, WorkerConfiguration } from "./messages.ts";
import type { Watched } from "./heartbeat.ts";
import { readSnapshot } from "./read_snapshot.ts";

/** Starts this program with the descriptors `channel` and `inherited`; returns the process id. */
export type Launch = (channel: number, inherited: readonly number[]) => number;

/** Receives the events of a child process. All methods are called in the loop. */
export interface ChildListener<First extends WorkerConfiguration | Upgrade> {
  /** The child accepts clients from now on. */
  ready(child: ChildProcess<First>): void;
  /** The child stopped accepting and ends, because another process sent it a signal. */
  leaving?(child: ChildProcess<First>): void;
  /** The child logs a warning of one line, which other children may log, too. */
  warned?(child: ChildProcess<First>, line: string): void;
  /** The process ended. */
  ended(child: ChildProcess<First>, how: Ended): void;
}

/** "leaving" begins when the child is told to drain. */
type State = "starting" | "ready" | "leaving" | "ended";

/** A child process with its channel. */
export class ChildProcess<First extends WorkerConfiguration | Upgrade>
  implements ChannelListener<Report>, Watched {
  /** The first message to the child. */
  readonly configuration: First;
  readonly pid: number;
  /** When the child was started, by the reactor's clock. */
  readonly startedMs: number;
  /** True once the child accepted clients. */
  wasReady = false;
  /** The last snapshot that the child sent; null before the first. */
  snapshot: Snapshot | null = null;
  isKilled = false;
  askedMs: number | null = null;
  readonly #reactor: Reactor;
  readonly #listener: ChildListener<First>;
  readonly #channel: Channel<Report, Command>;
  #state: State = "starting";
  readonly #startTimer: ReturnType<typeof setTimeout>;
  #killTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  readonly #stoppedAccepting = Promise.withResolvers<void>();
  /** Fulfilled by the next snapshot; null when none was asked for. */
  #report: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  /**
   * Starts the child and sends it `configuration`. A child that is not ready after START_PATIENCE_MS is killed. Call it
   * in the loop only.
   * @throws {SystemError} when it cannot be started
   */
  constructor(configuration: First, launch: Launch, reactor: Reactor, listener: ChildListener<First>) {
    this.configuration = configuration;
    this.startedMs = reactor.now;
    this.#reactor = reactor;
    this.#listener = listener;
    const [ours, theirs] = socketPair();
    try {
      this.pid = launch(theirs, configuration.sockets.map(({ fd }) => fd));
    } catch (error) {
      close(ours);
      throw error;
    } finally {
      close(theirs);
    }
    this.#startTimer = setTimeout(() => this.kill(), START_PATIENCE_MS);
    this.#channel = new Channel<Report, Command>(ours, reactor, this);
    this.#channel.open();
    this.#channel.send(configuration);
  }

  /** Fulfilled once the child accepts no clients any more. */
  get stoppedAccepting(): Promise<void> {
    return this.#stoppedAccepting.promise;
  }

  get state(): State {
    return this.#state;
  }

  /** Tells the child to finish the requests in progress and end; it is killed after `patienceMs`. */
  drain(patienceMs: number): void {
    if (this.#state === "ended" || this.#state === "leaving") return;
    clearTimeout(this.#startTimer);
    if (this.#state === "starting") terminate(this.pid); // it does not read the channel yet
    this.#state = "leaving";
    this.#channel.send({ kind: "drain" });
    this.#killTimer = setTimeout(() => this.kill(), patienceMs);
  }

  /** Sends SIGKILL. A process in an uninterruptible system call ends when that returns. */
  kill(): void {
    this.isKilled = true;
    if (this.#state !== "ended") kill(this.pid);
  }

  /** Call it in the loop only. */
  ask(): void {
    this.askedMs = this.#reactor.now;
    this.#channel.send({ kind: "ping" });
  }

  forgive(): void {
    if (this.askedMs !== null) this.askedMs = this.#reactor.now;
  }

  reopenLogs(): void {
    this.#channel.send({ kind: "reopen" });
  }

  renew(certificates: readonly NamedCertificate[]): void {
    this.#channel.send({ kind: "certificates", certificates });
  }

  /** Asks for a snapshot. Fulfilled when it arrived, or when the child ended. */
  report(): Promise<void> {
    if (!this.wasReady || this.#state === "ended") return Promise.resolve();
    if (this.#report === null) {
      this.#report = Promise.withResolvers<void>();
      this.#reactor.post(() => this.#channel.send({ kind: "snapshot" }));
    }
    return this.#report.promise; // one for all callers: with a child that hangs, a promise for each would pile up
  }

  answer(challenges: Challenges): void {
    this.#channel.send({ kind: "challenges", challenges });
  }

  received(report: Report): void {
    if (report.kind === "snapshot") {
      this.snapshot = readSnapshot(report.snapshot);
      this.#answer();
    } else if (report.kind === "pong") {
      this.askedMs = null;
    } else if (report.kind === "stopped-accepting") {
      this.#stoppedAccepting.resolve();
    } else if (report.kind === "leaving") {
      this.#listener.leaving?.(this);
    } else if (report.kind === "warning") {
      this.#listener.warned?.(this, String(report.line).slice(0, WORKER_LINE_CHARACTERS_MAX));
    } else if (report.kind === "ready" && this.#state === "starting") {
      clearTimeout(this.#startTimer);
      this.#state = "ready";
      this.wasReady = true;
      this.#listener.ready(this);
    }
  }

  /** The channel is closed, so the process has ended or is about to; but a successor that serves closes it and goes on. */
  ended(): void {
    clearTimeout(this.#startTimer);
    clearTimeout(this.#killTimer);
    this.#stoppedAccepting.resolve();
    this.#answer();
    if (this.wasReady && this.configuration.kind === "succession") return; // it outlives this process
    const endedMs = this.#reactor.now;
    const look = () => {
      const how = reap(this.pid);
      if (how === null) {
        if (this.#reactor.now - endedMs > REAP_PATIENCE_MS) this.kill(); // it closed its channel without ending
        return void setTimeout(() => this.#reactor.post(look), REAP_INTERVAL_MS);
      }
      this.#state = "ended";
      this.#listener.ended(this, typeof how === "number" ? { code: null, signal: null } : how);
    };
    look();
  }

  #answer(): void {
    this.#report?.resolve();
    this.#report = null;
  }
}
