/**
 * A running program is replaced by a new one: that is started beside it, gets its listening sockets, and says when it is
 * ready. There is no moment in which nobody accepts clients; and if the new one does not get that far, the old one stays.
 * @module
 */
import { describeEnd } from "../server/workers/supervisor.ts";
import { START_PATIENCE_MS } from "../server/limits.ts";
import type { Reactor } from "../server/reactor.ts";
import type { InheritedSocket, Succession } from "../server/workers/messages.ts";
import { ChildProcess, type Launch } from "../server/workers/child_process.ts";

/** What a program needs to be succeeded. */
export interface Predecessor {
  readonly reactor: Reactor;
  readonly launch: Launch;
  sockets(): readonly InheritedSocket[];
  /** The successor, whose process id that is, serves: this one may end. */
  succeeded(pid: number): void;
  warn(message: string): void;
}

/** See the module's comment. One attempt at a time. */
export class SuccessionAttempts {
  readonly #predecessor: Predecessor;
  #isTrying = false;

  constructor(predecessor: Predecessor) {
    this.#predecessor = predecessor;
  }

  /** Starts a successor. From anywhere. */
  begin(): void {
    this.#predecessor.reactor.post(() => this.#begin());
  }

  #begin(): void {
    const { reactor, launch, warn } = this.#predecessor;
    if (this.#isTrying) return;
    const failed = (why: string) => {
      this.#isTrying = false;
      warn(`The new program ${why}: this one goes on`);
    };
    const message: Succession = { kind: "succession", sockets: this.#predecessor.sockets() };
    try {
      this.#isTrying = true;
      const successor = new ChildProcess(message, launch, reactor, {
        ready: () => {
          clearTimeout(timer);
          this.#predecessor.succeeded(successor.pid);
        },
        ended: (child, how) => {
          clearTimeout(timer);
          if (!child.wasReady) failed(describeEnd(how));
        },
      });
      const timer = setTimeout(() => successor.kill(), START_PATIENCE_MS);
    } catch (error) {
      failed(`cannot be started (${(error as Error).message})`);
    }
  }
}
