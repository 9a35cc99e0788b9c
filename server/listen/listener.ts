/**
 * Accepts clients.
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

/** accept(2): what befell one client's connection; another may wait. EPERM is a firewall's. */
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

/** Who gets those that were accepted. */
export interface Acceptor {
  /** How many are accepted in one turn. */
  readonly acceptsPerTurnMax: number;
  /** A client was accepted as `fd`. */
  accept(fd: number): void;
  /** A client was accepted as `fd` only to be told that there is no room, and closed. */
  refuse(fd: number): void;
  /** No descriptor is left: true when some will be, after this turn. */
  makeRoom(): boolean;
  /** An accept failed for our own sake: no descriptor or memory is left. */
  exhausted(errno: number): void;
  /** After {@linkcode Listener.drain}: its socket is closed. */
  closed(): void;
}

/** A listening socket. */
export class Listener extends Source {
  readonly #reactor: Reactor;
  readonly #acceptor: Acceptor;
  /** Given up when there is no other, so that who waits can be told; < 0: there is none. */
  #reserve = reserveDescriptor();
  #isPaused = false;
  /** How many turns it goes on accepting, once it is to end; Infinity: it is not. */
  #turnsLeft = Infinity;

  constructor(fd: number, reactor: Reactor, acceptor: Acceptor) {
    super(fd);
    this.isHeldElsewhere = true; // by the one who handed it over
    this.#reactor = reactor;
    this.#acceptor = acceptor;
  }

  override onReady(): void {
    if (this.#isPaused) return; // an edge tells of each client that comes
    if (this.#turnsLeft-- <= 0) return this.#reactor.retire(this);
    let exhausted = 0; // the errno, once somebody was refused
    for (let budget = this.#acceptor.acceptsPerTurnMax; budget > 0; budget--) {
      const fd = accept(this.fd);
      if (fd >= 0) {
        this.#acceptor.accept(fd);
      } else if (fd === -EMFILE || fd === -ENFILE) {
        if (this.#acceptor.makeRoom()) return this.#reactor.again(this);
        const refused = this.#refuseOne();
        if (refused === -EAGAIN && exhausted === 0) return this.#emptied(); // accept(2) fails also when nobody waits
        exhausted = -fd;
        if (refused < 0) break;
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
   * Accepts those who wait, and ends: closing the socket would reset them, though their requests may have arrived. Who comes
   * meanwhile may be lost, unless another process accepts from the same socket.
   */
  drain(): void {
    if (this.#isPaused) return this.#reactor.retire(this);
    this.#turnsLeft = Math.ceil(LISTEN_BACKLOG / this.#acceptor.acceptsPerTurnMax);
    this.#reactor.again(this);
  }

  /** Nobody waits. */
  #emptied(): void {
    if (this.#turnsLeft < Infinity) this.#reactor.retire(this);
  }

  /** No descriptor is left, and nobody gives way: who waits longest is told so by means of the reserve. ≥ 0 or −errno. */
  #refuseOne(): number {
    if (this.#reserve < 0) return this.#reserve;
    close(this.#reserve);
    const fd = accept(this.fd);
    if (fd >= 0) this.#acceptor.refuse(fd);
    this.#reserve = reserveDescriptor();
    return fd;
  }

  /** Those who wait stay in the backlog, and the loop, which is for those who are in, does not spin on them. */
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
