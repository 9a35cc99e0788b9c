/**
 * Finds workers that hang: stopped by a signal, in an endless loop, or in a call that does not return. The supervisor
 * asks each worker in turn, and the worker's loop answers.
 * @module
 */
import { HEARTBEATS_PER_PATIENCE } from "../../server/limits.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { Source } from "../../server/loop/source.ts";

/** What a heartbeat needs of a worker. */
export interface Watched {
  /** Since when a question waits for its answer, by the reactor's clock; null when none does. */
  readonly askedMs: number | null;
  /** Asks whether it is alive. */
  ask(): void;
  /** The time that a question has waited counts from now. */
  forgive(): void;
}

/** Asks at regular times, for as long as the reactor runs. */
export class Heartbeat<Worker extends Watched> extends Source {
  readonly #reactor: Reactor;
  readonly #patienceMs: number;
  readonly #intervalMs: number;
  readonly #workers: () => Iterable<Worker>;
  readonly #hangs: (worker: Worker) => void;
  #dueMs = Infinity;

  /** `workers` are those to ask; `hangs` is called in the loop for one that has not answered for `patienceMs`. */
  constructor(
    reactor: Reactor,
    patienceMs: number,
    workers: () => Iterable<Worker>,
    hangs: (worker: Worker) => void,
  ) {
    super(-1);
    this.#reactor = reactor;
    this.#patienceMs = patienceMs;
    this.#intervalMs = patienceMs / HEARTBEATS_PER_PATIENCE;
    this.#workers = workers;
    this.#hangs = hangs;
  }

  /** Begins to ask; from anywhere. */
  start(): void {
    this.#reactor.post(() => this.#expireLater());
  }

  onReady(): void {}

  override onDeadline(): void {
    const { now } = this.#reactor;
    // This process was stopped itself, or the machine was: that says nothing of the workers, which may have been, too.
    const hasSlept = now - this.#dueMs > this.#intervalMs;
    for (const worker of [...this.#workers()]) {
      if (hasSlept) worker.forgive();
      if (worker.askedMs === null) worker.ask();
      else if (now - worker.askedMs >= this.#patienceMs) this.#hangs(worker);
    }
    this.#expireLater();
  }

  #expireLater(): void {
    this.#dueMs = this.#reactor.now + this.#intervalMs;
    this.#reactor.expireAt(this, this.#dueMs);
  }
}
