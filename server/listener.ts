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
} from "../ffi/errno.ts";
import { reserveDescriptor } from "../ffi/process.ts";
import { accept, close } from "../ffi/socket.ts";
import { ACCEPT_PAUSE_MS, ACCEPTS_PER_TURN_MAX } from "./limits.ts";
import { Interest } from "./poller.ts";
import { type Reactor } from "./reactor.ts";
import { Source } from "./source.ts";

/** Who gets those that were accepted. */
export interface Host {
  /** A client was accepted as `fd`. */
  accept(fd: number): void;
  /** A client was accepted as `fd` only to be told that there is no room, and closed. */
  refuse(fd: number): void;
  /** No descriptor is left: true when some will be, after this turn. */
  makeRoom(): boolean;
  /** An accept failed for our own sake: no descriptor or memory is left. */
  exhausted(errno: number): void;
}

/** A listening socket. */
export class Listener extends Source {
  readonly #reactor: Reactor;
  readonly #host: Host;
  /** Given up when there is no other, so that who waits can be told; < 0: there is none. */
  #reserve = reserveDescriptor();
  #isPaused = false;

  constructor(fd: number, reactor: Reactor, host: Host) {
    super(fd);
    this.#reactor = reactor;
    this.#host = host;
  }

  override onReady(): void {
    if (this.#isPaused) return; // an edge tells of each client that comes
    for (let budget = ACCEPTS_PER_TURN_MAX; budget > 0; budget--) {
      const fd = accept(this.fd);
      if (fd >= 0) {
        this.#host.accept(fd);
        continue;
      }
      switch (-fd) {
        case EAGAIN:
          return;
        case EINTR:
        case ECONNABORTED:
        case EPERM: // a firewall's
        case EPROTO:
        case ENOPROTOOPT:
        case EOPNOTSUPP:
        case ENONET:
        case ENETDOWN:
        case ENETUNREACH:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ETIMEDOUT:
          continue; // accept(2): what befell one client's connection; another may wait
        case EMFILE:
        case ENFILE:
          return this.#exhausted(-fd);
        default:
          this.#host.exhausted(-fd);
          return this.#pause();
      }
    }
    this.#reactor.again(this);
  }

  /**
   * No descriptor is left. Clients that rest give way. Where there are none, who waits is told so by means of the
   * reserve, and accepting pauses: the loop is for those who are in.
   */
  #exhausted(errno: number): void {
    if (this.#host.makeRoom()) return this.#reactor.again(this);
    for (let refused = 0; refused < ACCEPTS_PER_TURN_MAX && this.#reserve >= 0; refused++) {
      close(this.#reserve);
      const fd = accept(this.fd);
      if (fd >= 0) this.#host.refuse(fd);
      this.#reserve = reserveDescriptor();
      if (fd === -EAGAIN && refused === 0) return; // accept(2) fails also when nobody waits
      if (fd < 0) break;
    }
    this.#host.exhausted(errno);
    this.#pause();
  }

  /** Those who wait stay in the backlog, and the loop does not spin on them. */
  #pause(): void {
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
  }
}
