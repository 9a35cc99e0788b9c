/**
 * Wakes the loop of the server for events of changed files, so that pages learn of them without a request.
 * @module
 */
import { epollCreate } from "../../ffi/libc/multiplexers.ts";
import { Interest } from "../../server/loop/poller.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { Source } from "../../server/loop/source.ts";
import { Timer } from "../../server/loop/timer.ts";
import { watches } from "../site/watch/watches.ts";

/**
 * The source of these events in a loop. Its descriptor is one of epoll, which watches the inotify instance: that may be
 * replaced at any time, also while the loop is parked and its poller must not be touched.
 */
export class Bell extends Source {
  readonly #reactor: Reactor;
  readonly #settle: () => number;
  readonly #timer: Timer;
  #isPosted = false;

  /**
   * `settle` is called after events were read. It returns after how many milliseconds it is to be called again even
   * without an event.
   */
  constructor(reactor: Reactor, settle: () => number) {
    super(epollCreate());
    this.#reactor = reactor;
    this.#settle = settle;
    this.#timer = new Timer(() => this.#ring());
    watches.addBell(this.fd);
    reactor.register(this, Interest.READABLE);
  }

  /** Has `settle` called at the end of this turn. May be called from anywhere. */
  ring(): void {
    if (this.#isPosted || this.retired) return;
    this.#isPosted = true;
    this.#reactor.post(() => this.#ring());
  }

  #ring(): void {
    this.#isPosted = false;
    if (this.retired) return;
    this.#reactor.expireAt(this.#timer, this.#reactor.now + this.#settle());
  }

  /** Reads the events. Their handlers call {@linkcode ring} when they concern a page. */
  onReady(): void {
    watches.drain(NaN);
  }

  /** Ends the source. */
  close(): void {
    watches.removeBell(this.fd);
    this.#reactor.cancel(this.#timer);
    this.#reactor.retire(this);
  }

  /** The loop has ended before the handler: the number of the descriptor may soon be another file's. */
  override onClosed(): void {
    watches.removeBell(this.fd);
  }
}
