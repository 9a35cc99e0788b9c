/**
 * Keeps workers running: starts them, replaces workers that end by themselves, and replaces all of them by workers with
 * another configuration. At every moment some worker accepts clients.
 *
 * The supervisor holds the workers' listening sockets open, so the clients in the queue of a worker that ended are
 * accepted by its replacement.
 * @module
 */
import type { Ended } from "../../ffi/process/child.ts";
import { SystemError } from "../../ffi/libc/errno.ts";
import {
  GRACE_MARGIN_MS,
  LEAVING_PATIENCE_MS,
  SNAPSHOT_PATIENCE_MS,
  STOP_ACCEPTING_PATIENCE_MS,
} from "../../server/limits.ts";
import { addCounters } from "../../server/metrics/merge_snapshots.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import type { Challenges } from "../../server/challenges.ts";
import type { NamedCertificate } from "../../server/tls_options.ts";
import type { Snapshot } from "../../server/metrics/statistics.ts";
import { type ChildListener, ChildProcess, type Launch } from "./child_process.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { WorkerConfiguration } from "./messages.ts";
import { RestartBackoff } from "./restart_backoff.ts";

type Worker = ChildProcess<WorkerConfiguration>;

/** The options of a supervisor. */
export interface SupervisorOptions {
  readonly reactor: Reactor;
  readonly launch: Launch;
  /** A worker whose loop does not answer for this time is killed and replaced. */
  readonly hangPatienceMs: number;
  /** Logs in one line what happened to a worker. */
  warn(message: string): void;
  /** Logs a warning of `worker`, which other workers may send, too. */
  warned(worker: object, line: string): void;
}

/** How the first worker ended that ended before all were ready; null when all got ready. */
export type Outcome = Ended | null;

/** The place of a worker and of its replacements. */
interface WorkerSlot {
  configuration: WorkerConfiguration;
  readonly backoff: RestartBackoff;
  /** Null while a replacement is delayed. */
  worker: Worker | null;
}

/** Workers that will replace the others once all of them are ready. */
interface Newcomers {
  readonly workers: Set<Worker>;
  readonly settled: (outcome: Outcome) => void;
}

/** Starts, replaces and ends workers. Call its methods in the loop, unless they say otherwise. */
export class Supervisor implements ChildListener<WorkerConfiguration> {
  readonly #options: SupervisorOptions;
  #gracePeriodMs: number;
  #slots: WorkerSlot[] = [];
  #newcomers: Newcomers | null = null;
  readonly #leaving = new Set<Worker>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #isDraining = false;
  /** The certificates of the last renewal; null before the first. */
  #certificates: readonly NamedCertificate[] | null = null;
  /** The challenges that are answered; null before the first. */
  #challenges: Challenges | null = null;
  #whenEmpty: (() => void) | null = null;
  /** The counters of ended workers, by index. */
  readonly #departed = new Map<number, Snapshot>();

  constructor(options: SupervisorOptions, gracePeriodMs: number) {
    this.#options = options;
    this.#gracePeriodMs = gracePeriodMs;
    const { reactor, hangPatienceMs } = options;
    new Heartbeat(reactor, hangPatienceMs, () => this.#serving(), (worker) => this.#hangs(worker)).start();
  }

  /** True once all workers were told to end. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** The process ids of the workers that accept clients. */
  get pids(): number[] {
    return this.#ready().map(({ pid }) => pid);
  }

  /**
   * Starts a worker for each configuration. When all are ready, they replace the present workers, which are told to
   * drain; the promise is fulfilled when these accept no clients any more. If a new worker ends before that, all new
   * workers end, and the present ones stay. May be called from anywhere, after the last call is done.
   */
  replace(configurations: readonly WorkerConfiguration[], gracePeriodMs: number): Promise<Outcome> {
    const { reactor, launch } = this.#options;
    return new Promise((resolve, reject) =>
      reactor.post(() => {
        if (this.isDraining) return resolve({ code: null, signal: null });
        const workers = new Set<Worker>();
        const settled = (outcome: Outcome) => {
          this.#newcomers = null;
          if (outcome === null) return resolve(this.#install([...workers], gracePeriodMs));
          for (const worker of workers) this.#dismiss(worker);
          resolve(outcome);
        };
        this.#newcomers = { workers, settled };
        try {
          for (const configuration of configurations) {
            workers.add(new ChildProcess(configuration, launch, reactor, this));
          }
        } catch (error) {
          for (const worker of workers) this.#dismiss(worker);
          this.#newcomers = null;
          reject(error);
        }
      })
    );
  }

  /** Tells all workers to drain. Fulfilled when none is left. May be called from anywhere. */
  drain(): Promise<void> {
    this.#isDraining = true; // no worker is started from now on, so the caller may close the sockets
    return new Promise((resolve) =>
      this.#options.reactor.post(() => {
        this.#whenEmpty = resolve;
        for (const timer of this.#timers) clearTimeout(timer);
        this.#timers.clear();
        const { workers } = this.#newcomers ?? { workers: [] };
        for (const worker of workers) this.#dismiss(worker);
        for (const { worker } of this.#slots) if (worker !== null) this.#dismiss(worker);
        this.#slots = [];
        this.#look();
      })
    );
  }

  /** Kills all workers. May be called from anywhere. */
  kill(): void {
    for (const worker of this.#all()) worker.kill();
  }

  /** Has all workers, and those that replace them, serve `certificates` from now on. */
  renew(certificates: readonly NamedCertificate[]): void {
    for (const slot of this.#slots) {
      const { tls } = slot.configuration;
      if (tls !== null) slot.configuration = { ...slot.configuration, tls: { ...tls, certificates } };
    }
    this.#certificates = certificates;
    for (const worker of this.#all()) if (worker.wasReady) worker.renew(certificates);
  }

  /** Has all workers, and those that replace them, answer `challenges`. Fulfilled when those that serve do so. Call it in the loop. */
  async answer(challenges: Challenges): Promise<void> {
    this.#challenges = challenges;
    for (const worker of this.#all()) if (worker.wasReady) worker.answer(challenges);
    for (let i = 0; i < 2; i++) await this.snapshots(); // one that was asked for before may come first
  }

  /** Has all workers open their logs again, after these were renamed. */
  reopenLogs(): void {
    for (const worker of this.#all()) worker.reopenLogs();
  }

  /**
   * Returns a snapshot of each worker; its counters include those of the workers that it replaced. A worker that does not
   * answer within SNAPSHOT_PATIENCE_MS has its last one. May be called from anywhere.
   */
  async snapshots(): Promise<Snapshot[]> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, SNAPSHOT_PATIENCE_MS));
    const workers = this.#ready();
    const leaving = [...this.#leaving];
    await Promise.race([Promise.all([...workers, ...leaving].map((worker) => worker.report())), patience]);
    clearTimeout(timer);
    const before = new Map<number, Snapshot>();
    const add = (index: number, snapshot: Snapshot | null) => addAt(before, index % workers.length, snapshot);
    for (const [index, snapshot] of this.#departed) add(index, snapshot);
    for (const { configuration: { index }, snapshot, state } of leaving) {
      if (state !== "ended") add(index, snapshot);
    }
    return workers.flatMap(({ snapshot, configuration: { index } }) => {
      if (snapshot === null) return [];
      const counted = before.get(index % workers.length);
      return [counted === undefined ? snapshot : addCounters(snapshot, counted)];
    });
  }

  ready(worker: Worker): void {
    const { tls } = worker.configuration;
    if (this.#certificates !== null && tls !== null && tls.certificates !== this.#certificates) {
      worker.renew(this.#certificates); // they were renewed while it started
    }
    if (this.#challenges !== null) worker.answer(this.#challenges);
    const newcomers = this.#newcomers;
    if (newcomers === null || !newcomers.workers.has(worker)) return;
    if ([...newcomers.workers].every(({ state }) => state === "ready")) newcomers.settled(null);
  }

  /** Replaces `worker` while it drains: clients in the queue of its socket would otherwise wait until it ends. */
  leaving(worker: Worker): void {
    const slot = this.#slots.find((slot) => slot.worker === worker);
    this.#dismiss(worker);
    if (slot !== undefined) this.#restart(slot, worker, "was told to end", LEAVING_PATIENCE_MS);
  }

  warned(worker: Worker, line: string): void {
    this.#options.warned(worker, line);
  }

  ended(worker: Worker, how: Ended): void {
    addAt(this.#departed, worker.configuration.index, worker.snapshot);
    this.#leaving.delete(worker);
    const slot = this.#slots.find((slot) => slot.worker === worker);
    if (this.#newcomers?.workers.delete(worker) === true) this.#newcomers.settled(how);
    else if (slot !== undefined) {
      this.#restart(slot, worker, describeEnd(how), how.code === 0 ? LEAVING_PATIENCE_MS : 0);
    }
    this.#look();
  }

  /** Kills a worker whose loop does not answer. Its replacement accepts the clients in its queue. */
  #hangs(worker: Worker): void {
    worker.kill();
    const { hangPatienceMs, warn } = this.#options;
    const what = `has not answered for ${hangPatienceMs / 1000} s and is killed`;
    const slot = this.#slots.find((slot) => slot.worker === worker);
    if (slot === undefined) {
      return warn(`Worker ${worker.configuration.index} (process ${worker.pid}) ${what}`);
    }
    this.#leaving.add(worker);
    this.#restart(slot, worker, what, 0);
  }

  #ready(): Worker[] {
    return this.#slots.flatMap(({ worker }) => worker?.state === "ready" ? [worker] : []);
  }

  /** Returns the workers that were ready and have not ended, also those that drain. */
  *#serving(): Generator<Worker> {
    for (const worker of this.#all()) {
      if (worker.wasReady && !worker.isKilled && worker.state !== "ended") yield worker;
    }
  }

  *#all(): Generator<Worker> {
    yield* this.#leaving;
    yield* this.#newcomers?.workers ?? [];
    for (const { worker } of this.#slots) if (worker !== null) yield worker;
  }

  /** Puts `workers` in place of the present ones. Fulfilled when these stopped accepting, or after STOP_ACCEPTING_PATIENCE_MS. */
  async #install(workers: readonly Worker[], gracePeriodMs: number): Promise<null> {
    const old = this.#slots.flatMap(({ worker }) => worker ?? []);
    this.#slots = workers.map((worker) => ({
      configuration: worker.configuration,
      backoff: new RestartBackoff(),
      worker,
    }));
    for (const worker of old) this.#dismiss(worker);
    this.#gracePeriodMs = gracePeriodMs;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, STOP_ACCEPTING_PATIENCE_MS));
    await Promise.race([Promise.all(old.map(({ stoppedAccepting }) => stoppedAccepting)), patience]);
    clearTimeout(timer);
    return null;
  }

  #dismiss(worker: Worker): void {
    if (worker.state === "ended") return;
    this.#leaving.add(worker);
    worker.drain(this.#gracePeriodMs + GRACE_MARGIN_MS);
  }

  /** Replaces a worker that ends without being told to, after `patienceMs` and the delay of its slot. */
  #restart(slot: WorkerSlot, worker: Worker, what: string, patienceMs: number): void {
    const { reactor, launch, warn } = this.#options;
    slot.worker = null;
    this.#later(patienceMs, slot, () => {
      const delayMs = slot.backoff.delayMs(reactor.now - worker.startedMs);
      const when = delayMs === 0 ? "now" : `in ${delayMs / 1000} s`;
      warn(`Worker ${worker.configuration.index} (process ${worker.pid}) ${what}; it is replaced ${when}`);
      this.#later(delayMs, slot, () => {
        try {
          slot.worker = new ChildProcess(slot.configuration, launch, reactor, this);
        } catch (error) {
          if (!(error instanceof SystemError)) throw error;
          warn(error.message);
          this.#restart(slot, worker, what, 0);
        }
      });
    });
  }

  /** Does `task` in the loop after `delayMs`, unless all workers were told to end, or replaced, meanwhile. */
  #later(delayMs: number, slot: WorkerSlot, task: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#options.reactor.post(() => {
        if (!this.#isDraining && this.#slots.includes(slot)) task();
      });
    }, delayMs);
    this.#timers.add(timer);
  }

  #look(): void {
    if (this.#whenEmpty === null) return;
    for (const worker of this.#all()) if (worker.state !== "ended") return;
    this.#whenEmpty();
  }
}

/** Adds the counters of `snapshot` to those under `index`; null adds nothing. */
function addAt(counted: Map<number, Snapshot>, index: number, snapshot: Snapshot | null): void {
  if (snapshot === null) return;
  const before = counted.get(index);
  counted.set(index, before === undefined ? snapshot : addCounters(snapshot, before));
}

/** Describes how a worker ended, as the end of a sentence about it. */
export function describeEnd({ code, signal }: Ended): string {
  if (signal !== null) return `was killed by signal ${signal}`;
  return code === null ? "ended" : `ended with status ${code}`;
}
