/**
 * Accepts clients.
 * @module
 */
import {
  EAGAIN,
  ECONNABORTED,
  EHOSTUNREACH,
  EINTR,
  ENETDOWN,
  ENETUNREACH,
  EPERM,
  EPROTO,
  ETIMEDOUT,
} from "../ffi/errno.ts";
import { accept } from "../ffi/socket.ts";
import { ACCEPT_PAUSE_MS, ACCEPTS_PER_TURN_MAX } from "./limits.ts";
import { Interest } from "./poller.ts";
import { type Reactor } from "./reactor.ts";
import { Source } from "./source.ts";

/** A listening socket. */
export class Listener extends Source {
  readonly #reactor: Reactor;
  readonly #onAccept: (fd: number) => void;
  readonly #onExhausted: (errno: number) => void;

  /** `onExhausted` hears of an accept that failed for our own sake: no descriptor or memory is left. */
  constructor(
    fd: number,
    reactor: Reactor,
    onAccept: (fd: number) => void,
    onExhausted: (errno: number) => void,
  ) {
    super(fd);
    this.#reactor = reactor;
    this.#onAccept = onAccept;
    this.#onExhausted = onExhausted;
  }

  override onReady(): void {
    for (let budget = ACCEPTS_PER_TURN_MAX; budget > 0; budget--) {
      const fd = accept(this.fd);
      if (fd >= 0) {
        this.#onAccept(fd);
        continue;
      }
      switch (-fd) {
        case EAGAIN:
          return;
        case EINTR:
        case ECONNABORTED:
        case EPERM: // a firewall's
        case EPROTO:
        case ENETDOWN:
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ETIMEDOUT:
          continue; // accept(2): what befell one client's connection; another may wait
        default:
          return this.#pause(-fd);
      }
    }
    this.#reactor.again(this);
  }

  /** Out of descriptors or memory: those who wait stay in the backlog, and the loop does not spin on them. */
  #pause(errno: number): void {
    this.#onExhausted(errno);
    this.#reactor.rearm(this, Interest.NONE);
    this.#reactor.expireAt(this, this.#reactor.now + ACCEPT_PAUSE_MS);
  }

  override onDeadline(): void {
    this.#reactor.rearm(this, Interest.READABLE);
    this.#reactor.again(this);
  }
}
