/**
 * Keeps as many workers as there shall be: starts them, replaces those that end by themselves, and replaces all of them
 * by others that were told other things, without a moment in which nobody accepts clients.
 *
 * It holds the listening sockets open that it hands out. So what waits in the queue of a socket whose worker has ended
 * is accepted by the next one.
 * @module
 */
import type { Ended } from "../../ffi/process/child.ts";
import { SystemError } from "../../ffi/libc/errno.ts";
import {
  DEAF_PATIENCE_MS,
  GRACE_MARGIN_MS,
  LEAVING_PATIENCE_MS,
  SNAPSHOT_PATIENCE_MS,
} from "../../server/limits.ts";
import { addCounters } from "../../server/metrics/merge_snapshots.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import type { Snapshot } from "../../server/metrics/statistics.ts";
import { type ChildListener, ChildProcess, type Launch } from "./child_process.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { WorkerConfiguration } from "./messages.ts";
import { Restarts } from "./restarts.ts";

/** One that serves. */
type Worker = ChildProcess<WorkerConfiguration>;

/** What a supervisor needs to know. */
export interface SupervisorOptions {
  readonly reactor: Reactor;
  readonly launch: Launch;
  /** A worker whose loop gives no answer for so long is killed and replaced. */
  readonly hangPatienceMs: number;
  /** Hears, in one line, of what happened to a worker. */
  warn(message: string): void;
  /** Hears what `worker` says, and the others may say, too. */
  warned(worker: object, line: string): void;
}

/** How an attempt to start workers went: null, or how the first of them ended that did not get as far. */
export type Outcome = Ended | null;

/** One place among the workers. */
interface WorkerSlot {
  readonly configuration: WorkerConfiguration;
  readonly restarts: Restarts;
  worker: Worker | null;
}

/** Those that are to take the place of the others, once all of them are ready. */
interface Newcomers {
  readonly workers: Set<Worker>;
  readonly settled: (outcome: Outcome) => void;
}

/** Starts, replaces and ends workers. Methods are for the loop, unless they say otherwise. */
export class Supervisor implements ChildListener<WorkerConfiguration> {
  readonly #options: SupervisorOptions;
  #gracePeriodMs: number;
  #slots: WorkerSlot[] = [];
  #newcomers: Newcomers | null = null;
  readonly #leaving = new Set<Worker>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #isDraining = false;
  #whenEmpty: (() => void) | null = null;
  /** What workers of each index had counted that are no more. */
  readonly #departed = new Map<number, Snapshot>();

  constructor(options: SupervisorOptions, gracePeriodMs: number) {
    this.#options = options;
    this.#gracePeriodMs = gracePeriodMs;
    const { reactor, hangPatienceMs } = options;
    new Heartbeat(reactor, hangPatienceMs, () => this.#serving(), (worker) => this.#hangs(worker)).start();
  }

  /** Everything was told to end. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** The process ids of those that accept clients. */
  get pids(): number[] {
    return this.#ready().map(({ pid }) => pid);
  }

  /**
   * Starts a worker for each birth. Once all of them are ready they take the place of those that are there, which are
   * told to drain; it is done when those accept nobody any more. When one of them ends before, all of them do, and those
   * that are there stay. From anywhere; one after the other.
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

  /** Tells all of them to finish what they have begun. Fulfilled when none is left. From anywhere. */
  drain(): Promise<void> {
    this.#isDraining = true; // from now on nobody is started: the caller may close the sockets
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

  /** Ends all of them at once. From anywhere. */
  kill(): void {
    for (const worker of this.#all()) worker.kill();
  }

  /** Their logs were renamed. */
  reopenLogs(): void {
    for (const worker of this.#all()) worker.reopenLogs();
  }

  /**
   * What each of them tells of itself, with all that those had counted whose place it has. Who does not answer in time is
   * shown as it was. From anywhere.
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
    const newcomers = this.#newcomers;
    if (newcomers === null || !newcomers.workers.has(worker)) return;
    if ([...newcomers.workers].every(({ state }) => state === "ready")) newcomers.settled(null);
  }

  /** It finishes what it has begun. Who connects to its socket meanwhile would wait for the end of that. */
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

  /** Its loop does not turn, so it can be told nothing. Clients that wait in its queue are its successor's. */
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

  /** Those that have begun to serve, and go on. */
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

  /** Fulfilled when those that were there before accept nobody any more, which they are not waited for too long. */
  async #install(workers: readonly Worker[], gracePeriodMs: number): Promise<null> {
    const old = this.#slots.flatMap(({ worker }) => worker ?? []);
    this.#slots = workers.map((worker) => ({
      configuration: worker.configuration,
      restarts: new Restarts(),
      worker,
    }));
    for (const worker of old) this.#dismiss(worker);
    this.#gracePeriodMs = gracePeriodMs;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, DEAF_PATIENCE_MS));
    await Promise.race([Promise.all(old.map(({ stoppedAccepting }) => stoppedAccepting)), patience]);
    clearTimeout(timer);
    return null;
  }

  #dismiss(worker: Worker): void {
    if (worker.state === "ended") return;
    this.#leaving.add(worker);
    worker.drain(this.#gracePeriodMs + GRACE_MARGIN_MS);
  }

  /** A worker ended, or ends, as nobody here has told it to: another takes its place, at once or after a while. */
  #restart(slot: WorkerSlot, worker: Worker, what: string, patienceMs: number): void {
    const { reactor, launch, warn } = this.#options;
    slot.worker = null;
    this.#later(patienceMs, slot, () => {
      const delayMs = slot.restarts.delayMs(reactor.now - worker.startedMs);
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

  /** Does `task` for a place after a while, in the loop; unless all are told to end, or were replaced meanwhile. */
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

/** Adds what was counted to what had been counted under the same index. */
function addAt(counted: Map<number, Snapshot>, index: number, snapshot: Snapshot | null): void {
  if (snapshot === null) return;
  const before = counted.get(index);
  counted.set(index, before === undefined ? snapshot : addCounters(snapshot, before));
}

/** As it is said of a worker. */
export function describeEnd({ code, signal }: Ended): string {
  if (signal !== null) return `was killed by signal ${signal}`;
  return code === null ? "ended" : `ended with status ${code}`;
}
