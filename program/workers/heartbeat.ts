/**
 * Finds workers that hang: stopped by a signal, in an endless loop, or in a call that does not return. The supervisor
 * sends each worker a ping at regular times, and the worker's loop answers.
 * @module
 */
import { HEARTBEATS_PER_PATIENCE } from "../../server/limits.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { Timer } from "../../server/loop/timer.ts";

/** The part of a worker that a heartbeat needs. */
export interface Watched {
  /** When the unanswered ping was sent, by the reactor's clock; null when none is unanswered. */
  readonly askedMs: number | null;
  /** Sends a ping. */
  ask(): void;
  /** Counts an unanswered ping from now on. */
  forgive(): void;
}

/** Pings workers for as long as the reactor runs. */
export class Heartbeat<Worker extends Watched> {
  readonly #reactor: Reactor;
  readonly #patienceMs: number;
  readonly #intervalMs: number;
  readonly #workers: () => Iterable<Worker>;
  readonly #hangs: (worker: Worker) => void;
  readonly #timer = new Timer(() => this.#ping());
  #dueMs = Infinity;

  /** `workers` returns the workers to ping; `hangs` is called in the loop for one that did not answer for `patienceMs`. */
  constructor(
    reactor: Reactor,
    patienceMs: number,
    workers: () => Iterable<Worker>,
    hangs: (worker: Worker) => void,
  ) {
    this.#reactor = reactor;
    this.#patienceMs = patienceMs;
    this.#intervalMs = patienceMs / HEARTBEATS_PER_PATIENCE;
    this.#workers = workers;
    this.#hangs = hangs;
  }

  /** Begins to ping. May be called from anywhere. */
  start(): void {
    this.#reactor.post(() => this.#expireLater());
  }

  #ping(): void {
    const { now } = this.#reactor;
    // This process was stopped, or the machine slept. The workers may have been stopped with it, so they start anew.
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
    this.#reactor.expireAt(this.#timer, this.#dueMs);
  }
}
