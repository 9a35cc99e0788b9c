/**
 * The upgrade: a running program is replaced by a new one. The old program starts the new one, which inherits the
 * listening sockets and reports when it is ready. Clients are accepted at every moment. If the new program fails to
 * start, the old one keeps running.
 * @module
 */
import { hangUp } from "../../ffi/process/child.ts";
import { processId } from "../../ffi/process/process.ts";
import { describeEnd } from "../workers/supervisor.ts";
import type { EarlierRoot } from "../../handlers/site/kept/earlier_roots.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import type { NamedCertificate } from "../../server/tls_options.ts";
import type { Upgrade } from "../workers/messages.ts";
import type { InheritedSocket } from "../listening/inherited_socket.ts";
import { ChildProcess, type Launch } from "../workers/child_process.ts";

/** The message in a container: when its first process ends, the kernel ends all others (pid_namespaces(7)). */
const FIRST_PROCESS =
  "SIGUSR2: this is the first process of its container, which would end with it, and the new program, too: start a new container beside this one";

/** The program that is to be replaced. */
export interface Predecessor {
  readonly reactor: Reactor;
  readonly launch: Launch;
  sockets(): readonly InheritedSocket[];
  /** Returns what the keys of session tickets are made of, in base64; undefined without TLS. */
  ticketSecret(): string | undefined;
  /** Returns the certificates of `--https`; undefined without it. */
  certificates(): readonly NamedCertificate[] | undefined;
  /** Returns the directories that the roots led to before. */
  earlierRoots(): readonly EarlierRoot[];
  /** Called when the successor, process `pid`, serves. This program may end then. */
  succeeded(pid: number): void;
  warn(message: string): void;
}

/** Attempts to replace this process by a new one, one attempt at a time. */
export class UpgradeAttempts {
  readonly #predecessor: Predecessor;
  #isTrying = false;
  #isCancelled = false;
  #successor: ChildProcess<Upgrade> | null = null;
  /** The reload that waits for the end of the attempt; null when none does. */
  #reload: (() => void) | null = null;

  constructor(predecessor: Predecessor) {
    this.#predecessor = predecessor;
  }

  /**
   * Calls `reload` at once, or after the attempt in progress. A successor that is being started may have read the
   * settings before or after they changed. So once it serves, it is told to reload; if it fails, this process
   * reloads. May be called from outside of the loop.
   */
  reload(reload: () => void): void {
    if (this.#isTrying) this.#reload = reload;
    else reload();
  }

  /** Starts a successor. May be called from outside of the loop. */
  begin(): void {
    if (processId() === 1) return this.#predecessor.warn(FIRST_PROCESS);
    this.#predecessor.reactor.post(() => this.#begin());
  }

  /**
   * Ends a successor that does not serve yet, because this program is told to end. May be called from outside of the
   * loop.
   */
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
      if (!this.#isCancelled) warn(`The new program ${why}: this one keeps running`);
    };
    const ticketSecret = this.#predecessor.ticketSecret();
    const certificates = this.#predecessor.certificates();
    const earlierRoots = this.#predecessor.earlierRoots();
    const message: Upgrade = {
      kind: "succession",
      sockets: this.#predecessor.sockets(),
      ...ticketSecret === undefined ? {} : { ticketSecret },
      ...certificates === undefined ? {} : { certificates },
      ...earlierRoots.length === 0 ? {} : { earlierRoots },
    };
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
