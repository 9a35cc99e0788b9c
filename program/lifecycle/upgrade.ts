/**
 * A running program is replaced by a new one: that is started beside it, gets its listening sockets, and says when it is
 * ready. There is no moment in which nobody accepts clients; and if the new one does not get that far, the old one stays.
 * @module
 */
import { hangUp } from "../../ffi/process/child.ts";
import { processId } from "../../ffi/process/process.ts";
import { describeEnd } from "../workers/supervisor.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import type { Upgrade } from "../workers/messages.ts";
import type { InheritedSocket } from "../listening/inherited_socket.ts";
import { ChildProcess, type Launch } from "../workers/child_process.ts";

/** What is said in a container: when its first process ends, the kernel ends all others with it (pid_namespaces(7)). */
const FIRST_PROCESS =
  "SIGUSR2: this is the first process of its container, which would end with it, and the new program, too: start a new container beside this one";

/** What a program needs to be succeeded. */
export interface Predecessor {
  readonly reactor: Reactor;
  readonly launch: Launch;
  sockets(): readonly InheritedSocket[];
  /** The successor, whose process id that is, serves: this one may end. */
  succeeded(pid: number): void;
  warn(message: string): void;
}

/** Attempts to replace this process by a new one, one attempt at a time. */
export class UpgradeAttempts {
  readonly #predecessor: Predecessor;
  #isTrying = false;
  #isCancelled = false;
  #successor: ChildProcess<Upgrade> | null = null;
  /** What waits for the end of the attempt. */
  #reload: (() => void) | null = null;

  constructor(predecessor: Predecessor) {
    this.#predecessor = predecessor;
  }

  /**
   * The settings are to be read again: at once, by `reload`; or, since nobody knows whether a successor that is being
   * started has read what there is to read now, by that once it serves, or here when it does not get so far. From anywhere.
   */
  reload(reload: () => void): void {
    if (this.#isTrying) this.#reload = reload;
    else reload();
  }

  /** Starts a successor. From anywhere. */
  begin(): void {
    if (processId() === 1) return this.#predecessor.warn(FIRST_PROCESS);
    this.#predecessor.reactor.post(() => this.#begin());
  }

  /** This program is told to end: so does a successor that does not serve yet. From anywhere. */
  cancel(): void {
    this.#isCancelled = true;
    if (this.#successor?.state === "starting") this.#successor.kill();
  }

  #begin(): void {
    const { reactor, launch, warn } = this.#predecessor;
    if (this.#isTrying || this.#isCancelled) return;
    const failed = (why: string) => {
      this.#isTrying = false;
      this.#reload?.();
      this.#reload = null;
      if (!this.#isCancelled) warn(`The new program ${why}: this one goes on`);
    };
    const message: Upgrade = { kind: "succession", sockets: this.#predecessor.sockets() };
    try {
      this.#isTrying = true;
      const successor = this.#successor = new ChildProcess(message, launch, reactor, {
        ready: () => {
          if (this.#reload !== null) hangUp(successor.pid);
          this.#predecessor.succeeded(successor.pid);
        },
        ended: (child, how) => {
          if (!child.wasReady) failed(describeEnd(how));
        },
      });
    } catch (error) {
      failed(`cannot be started (${(error as Error).message})`);
    }
  }
}
