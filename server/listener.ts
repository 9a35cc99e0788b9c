/**
 * Accepts clients.
 * @module
 */
import { EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM } from "../ffi/errno.ts";
import { accept } from "../ffi/socket.ts";
import { ACCEPT_PAUSE_MS, ACCEPTS_PER_TURN_MAX } from "./limits.ts";
import { Interest } from "./poller.ts";
import { type Reactor, Source } from "./reactor.ts";

/** A listening socket. */
export class Listener extends Source {
  readonly #reactor: Reactor;
  readonly #onAccept: (fd: number) => void;
  readonly #onExhausted: (errno: number) => void;

  /** `onExhausted` hears of an accept that failed for lack of descriptors or memory. */
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
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
          return this.#pause(-fd);
        default:
          // EINTR, ECONNABORTED, EPERM of a firewall, and the new socket's pending network errors (accept(2)):
          // they concern one client, and another may wait.
          continue;
      }
    }
    this.#reactor.again(this);
  }

  /** Out of descriptors: those who wait stay in the backlog, and the loop does not spin on them. */
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
