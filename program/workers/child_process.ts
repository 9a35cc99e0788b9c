/**
 * A process of this program that another one has started, as that sees it: a worker of a supervisor, or the successor of
 * a running program.
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
import type { Reactor } from "../../server/loop/reactor.ts";
import type { Snapshot } from "../../server/metrics/statistics.ts";
import { Channel, type ChannelListener } from "./channel.ts";
import type { Command, Report, Upgrade, WorkerConfiguration } from "./messages.ts";
import type { Watched } from "./heartbeat.ts";
import { readSnapshot } from "./read_snapshot.ts";

/** Starts a program that finds its channel at descriptor `channel`, and gets those of `inherited`, too: its process id. */
export type Launch = (channel: number, inherited: readonly number[]) => number;

/** Who hears of it, in the loop. */
export interface ChildListener<First extends WorkerConfiguration | Upgrade> {
  /** It accepts clients from now on. */
  ready(child: ChildProcess<First>): void;
  /** It ends since somebody else has told it to, and accepts nobody any more. */
  leaving?(child: ChildProcess<First>): void;
  /** It says something in one line that others may say, too. */
  warned?(child: ChildProcess<First>, line: string): void;
  /** Its process is no more. */
  ended(child: ChildProcess<First>, how: Ended): void;
}

/** "starting": not ready yet; "leaving": told to end. */
type State = "starting" | "ready" | "leaving" | "ended";

/** Another process of this program, with the channel to it. */
export class ChildProcess<First extends WorkerConfiguration | Upgrade>
  implements ChannelListener<Report>, Watched {
  /** What it was told first. */
  readonly configuration: First;
  readonly pid: number;
  /** By the reactor's clock. */
  readonly startedMs: number;
  /** It has accepted clients. */
  wasReady = false;
  /** What it told last of itself. */
  snapshot: Snapshot | null = null;
  /** It was told to end at once. */
  isKilled = false;
  /** See {@linkcode Watched}. */
  askedMs: number | null = null;
  readonly #reactor: Reactor;
  readonly #listener: ChildListener<First>;
  readonly #channel: Channel<Report, Command>;
  #state: State = "starting";
  readonly #startTimer: ReturnType<typeof setTimeout>;
  #killTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  readonly #stoppedAccepting = Promise.withResolvers<void>();
  /** Fulfilled by its next report; null: it was not asked for one. */
  #report: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  /** Starts it, and tells it what it is; if it is not ready in time, it is killed. In the loop only. @throws {SystemError} when it cannot be started */
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

  /** Fulfilled once it accepts nobody any more. */
  get stoppedAccepting(): Promise<void> {
    return this.#stoppedAccepting.promise;
  }

  get state(): State {
    return this.#state;
  }

  /** Lets it finish what it has begun; after `patienceMs` it is killed. */
  drain(patienceMs: number): void {
    if (this.#state === "ended" || this.#state === "leaving") return;
    clearTimeout(this.#startTimer);
    if (this.#state === "starting") terminate(this.pid); // it does not listen yet
    this.#state = "leaving";
    this.#channel.send({ kind: "drain" });
    this.#killTimer = setTimeout(() => this.kill(), patienceMs);
  }

  /** Ends it at once. A process in a call that nothing interrupts ends when that returns. */
  kill(): void {
    this.isKilled = true;
    if (this.#state !== "ended") kill(this.pid);
  }

  /** Asks whether its loop turns. In the loop only. */
  ask(): void {
    this.askedMs = this.#reactor.now;
    this.#channel.send({ kind: "ping" });
  }

  /** See {@linkcode Watched}. */
  forgive(): void {
    if (this.askedMs !== null) this.askedMs = this.#reactor.now;
  }

  reopenLogs(): void {
    this.#channel.send({ kind: "reopen" });
  }

  /** Fulfilled once it has told of itself again, or cannot any more. */
  report(): Promise<void> {
    if (!this.wasReady || this.#state === "ended") return Promise.resolve();
    if (this.#report === null) {
      this.#report = Promise.withResolvers<void>();
      this.#reactor.post(() => this.#channel.send({ kind: "snapshot" }));
    }
    return this.#report.promise; // one for all who ask, or who asks one that hangs would leave something behind each time
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

  /** The end of the channel is the end of the process, or soon will be; but for a successor that serves. */
  ended(): void {
    clearTimeout(this.#startTimer);
    clearTimeout(this.#killTimer);
    this.#stoppedAccepting.resolve();
    this.#answer();
    if (this.wasReady && this.configuration.kind === "succession") return; // it has said all there was, and outlives this process
    const endedMs = this.#reactor.now;
    const look = () => {
      const how = reap(this.pid);
      if (how === null) {
        if (this.#reactor.now - endedMs > REAP_PATIENCE_MS) this.kill(); // it closed its channel, and goes on
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
