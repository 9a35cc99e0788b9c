/**
 * Listening sockets, which accept clients.
 * @module
 */
import {
  EAGAIN,
  ECONNABORTED,
  EHOSTDOWN,
  EHOSTUNREACH,
  EINTR,
  EMFILE,
  ENETDOWN,
  ENETUNREACH,
  ENFILE,
  ENONET,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPERM,
  EPROTO,
  ETIMEDOUT,
} from "../../ffi/libc/errno.ts";
import { reserveDescriptor } from "../../ffi/process/process.ts";
import { accept, close } from "../../ffi/socket/socket.ts";
import { ACCEPT_PAUSE_MS, LISTEN_BACKLOG } from "../limits.ts";
import { Interest } from "../loop/poller.ts";
import { type Reactor } from "../loop/reactor.ts";
import { Source } from "../loop/source.ts";

/** Errors of accept(2) that concern one client. Others may wait. EPERM comes from a firewall. */
const OF_ONE_CLIENT: ReadonlySet<number> = new Set([
  EINTR,
  ECONNABORTED,
  EPERM,
  EPROTO,
  ENOPROTOOPT,
  EOPNOTSUPP,
  ENONET,
  ENETDOWN,
  ENETUNREACH,
  EHOSTDOWN,
  EHOSTUNREACH,
  ETIMEDOUT,
]);

/** The receiver of accepted clients. */
export interface Acceptor {
  /** The greatest number of clients to accept in one turn. */
  readonly acceptsPerTurnMax: number;
  /** Serves a client that was accepted as `fd`. */
  accept(fd: number): void;
  /** Rejects and closes a client that was accepted as `fd`. */
  reject(fd: number): void;
  /** Called when no descriptor is left. Returns true if some will be free after this turn. */
  makeRoom(): boolean;
  /** Reports that accept(2) failed for lack of descriptors or memory. */
  exhausted(errno: number): void;
  /** Called when the listening socket is closed, such as after {@linkcode Listener.drain}. */
  closed(): void;
}

/** A listening socket. */
export class Listener extends Source {
  readonly #reactor: Reactor;
  readonly #acceptor: Acceptor;
  /**
   * A descriptor that is closed when no other is left, so that a waiting client can be accepted and rejected; −1 or
   * −errno if there is none.
   */
  #reserve = reserveDescriptor();
  #isPaused = false;
  /** The number of turns in which it still accepts, once it is draining; otherwise Infinity. */
  #turnsLeft = Infinity;

  constructor(fd: number, reactor: Reactor, acceptor: Acceptor) {
    super(fd);
    this.isHeldElsewhere = true; // by the process that passed it on
    this.#reactor = reactor;
    this.#acceptor = acceptor;
  }

  override onReady(): void {
    if (this.#isPaused) return; // an edge-triggered poller reports each new client
    if (this.#turnsLeft-- <= 0) return this.#reactor.retire(this);
    let exhausted = 0; // the errno, once a client was rejected
    for (let budget = this.#acceptor.acceptsPerTurnMax; budget > 0; budget--) {
      const fd = accept(this.fd);
      if (fd >= 0) {
        this.#acceptor.accept(fd);
      } else if (fd === -EMFILE || fd === -ENFILE) {
        if (this.#acceptor.makeRoom()) return this.#reactor.again(this);
        const rejected = this.#rejectOne();
        if (rejected === -EAGAIN && exhausted === 0) return this.#emptied(); // EMFILE also comes if no client waits
        exhausted = -fd;
        if (rejected < 0) break;
      } else if (fd === -EAGAIN) {
        if (exhausted === 0) return this.#emptied();
        break;
      } else if (!OF_ONE_CLIENT.has(-fd)) {
        return this.#pause(-fd);
      }
    }
    if (exhausted > 0) this.#pause(exhausted);
    else this.#reactor.again(this);
  }

  /**
   * Accepts the waiting clients, and ends. Closing the socket at once would reset them, though their requests may have
   * arrived. Clients that connect meanwhile may be lost, unless another process accepts from the same socket.
   */
  drain(): void {
    if (this.#isPaused) return this.#reactor.retire(this);
    this.#turnsLeft = Math.ceil(LISTEN_BACKLOG / this.#acceptor.acceptsPerTurnMax);
    this.#reactor.again(this);
  }

  /** Handles an empty queue of clients. */
  #emptied(): void {
    if (this.#turnsLeft < Infinity) this.#reactor.retire(this);
  }

  /**
   * Accepts and rejects the oldest waiting client by means of the reserve, because no descriptor is left and no
   * connection can be evicted. Returns ≥ 0 or −errno.
   */
  #rejectOne(): number {
    if (this.#reserve < 0) return this.#reserve;
    close(this.#reserve);
    const fd = accept(this.fd);
    if (fd >= 0) this.#acceptor.reject(fd);
    this.#reserve = reserveDescriptor();
    return fd;
  }

  /** Pauses accepting. Waiting clients stay in the backlog, and the loop serves the connected ones without spinning. */
  #pause(errno: number): void {
    this.#acceptor.exhausted(errno);
    if (this.#turnsLeft < Infinity) return this.#reactor.retire(this);
    this.#isPaused = true;
    this.#reactor.rearm(this, Interest.NONE);
    this.#reactor.expireAt(this, this.#reactor.now + ACCEPT_PAUSE_MS);
  }

  override onDeadline(): void {
    this.#isPaused = false;
    if (this.#reserve < 0) this.#reserve = reserveDescriptor();
    this.#reactor.rearm(this, Interest.READABLE);
    this.#reactor.again(this);
  }

  override onClosed(): void {
    if (this.#reserve >= 0) close(this.#reserve);
    this.#reserve = -1;
    this.#acceptor.closed();
  }
}
