/**
 * One client, whatever is spoken with it: receiving, sending, waiting for the socket, and the end.
 *
 * Three rules keep it right on every poller. On entering a state it tries the call at once, and waits only after
 * EAGAIN. Readiness is a hint; the truth comes from recv and send. Work that a budget cut short calls `again`,
 * because an edge will not remind us.
 * @module
 */
import { EAGAIN, EINTR } from "../../ffi/libc/errno.ts";
import type { ConnectionContext } from "./context.ts";
import {
  FAST_AFTER_BYTES,
  LINGER_TIMEOUT_MS,
  SEND_BYTES_PER_LATE_TURN_MAX,
  SEND_BYTES_PER_TURN_MAX,
} from "../limits.ts";
import { Flushed, Output } from "./output.ts";
import { MinimumRate } from "./minimum_rate.ts";
import { Interest, Readiness } from "../loop/poller.ts";
import type { Receiver } from "./receiver.ts";
import { Source } from "../loop/source.ts";
import type { Slot } from "./buffers.ts";

/**
 * Where a connection stands. "handling": its answer is being made elsewhere, by a promise or a stream; "lingering":
 * all is sent, and the client's end is awaited. "closed" is one that the reactor has retired.
 */
export type State = (typeof STATES)[number] | "closed";
/** See {@linkcode State}. */
export const STATES = ["reading", "reading-body", "handling", "writing", "lingering"] as const;

const BODY_GONE =
  "A body's buffer was transferred, or became smaller, while it was sent: the connection ends";

/** Who keeps the connections that have nothing to do. */
export interface ConnectionKeeper {
  /** It has nothing to do until its client says something: the object may serve another. */
  rest(connection: Connection): void;
  /** The poller does not take its descriptor (−errno): it has to end. */
  refused(connection: Connection, status: number): void;
  /** Its descriptor is closed. */
  closed(connection: Connection): void;
}

/** The part of a connection that all protocols share. One object may serve many descriptors, one after the other. */
export abstract class Connection extends Source {
  /** False once something else may hold on to it: that must not find another client here. */
  isReusable = true;
  protected readonly host: ConnectionContext;
  protected readonly keeper: ConnectionKeeper;
  protected readonly receiver: Receiver;
  protected readonly output: Output = new Output();
  protected current: State = "reading";
  protected closeAfter = false;
  /** More is to come from the client, whatever we do: its end is waited for. */
  protected lingerAfter = false;
  /** How fast the client takes what waits to be sent; null: it never had to wait. */
  #sendRate: MinimumRate | null = null;
  /** It has taken so much that it will take more. */
  #isFast = false;

  constructor(host: ConnectionContext, keeper: ConnectionKeeper, receiver: Receiver) {
    super(-1);
    this.host = host;
    this.keeper = keeper;
    this.receiver = receiver;
  }

  /** Bytes in memory that wait to be sent. */
  get queuedBytes(): number {
    return this.output.queuedBytes;
  }

  get state(): State {
    return this.retired ? "closed" : this.current;
  }

  /** Whether it is one of `keeper`'s. */
  isKeptBy(keeper: ConnectionKeeper): boolean {
    return this.keeper === keeper;
  }

  /** Begins to serve `fd`, of which the poller was asked `interest`; NONE: it does not know it yet. */
  attach(fd: number, interest: Interest): void {
    this.fd = fd;
    this.interest = interest;
    this.retired = false;
    this.deferredInTurn = -1;
    this.receiver.clear();
    this.current = "reading";
    this.closeAfter = this.lingerAfter = this.#isFast = false;
    this.output.appendedBytes = this.output.sentBytes = 0;
  }

  /** Phase one: `count` bytes arrived in `slot` while it had nothing to do (0: the client's end, < 0: −errno). */
  begin(readiness: Readiness, slot: Slot, count: number): void {
    this.receiver.note(readiness);
    this.received(this.receiver.take(this.host.buffers, slot, count));
  }

  /** The server is to stop: what has begun is finished, and nothing else waited for. `sinceMs`: since when it is idle. */
  abstract drain(sinceMs?: number): void;

  /** Everything is sent: what was interrupted by waiting for the socket goes on. */
  protected abstract written(): void;
  /** Works on what has arrived, and then settles. */
  protected abstract proceed(): void;
  /** Gets ready for what comes next: nothing waits to be sent, and the connection is not to end. */
  protected abstract settled(): void;
  /** A turn in "handling". */
  protected abstract attend(): void;
  /** May more be received in "handling"? */
  protected abstract get isAttentive(): boolean;

  override onReady(readiness: Readiness): void {
    const { receiver, host } = this;
    receiver.note(readiness);
    switch (this.current) {
      case "writing":
        host.reactor.defer(this);
        break;
      case "handling":
        if (receiver.isReadable && this.isAttentive) this.receive();
        else if (receiver.isReadable) this.listen(); // or a level tells of it for ever
        if (readiness === Readiness.NONE || !this.output.isEmpty) host.reactor.defer(this);
        break;
      default:
        if (receiver.isReadable && !receiver.input.isUnread) this.receive(); // else what it pipelines would pile up
        if (readiness === Readiness.NONE) host.reactor.defer(this);
    }
  }

  /** Phase one: receives once. */
  protected receive(): void {
    const { reactor, buffers } = this.host;
    const slot = buffers.takeSlot(reactor.turnNumber);
    if (slot === null) return reactor.again(this);
    this.received(this.receiver.take(buffers, slot, this.recv(slot)));
  }

  /** Bytes received into `slot`, 0 at the client's end, −errno. */
  protected recv(slot: Slot): number {
    return this.host.transport.recv(this.fd, slot.bytes);
  }

  protected received(status: number): void {
    const { reactor, accounting } = this.host;
    if (status === -EINTR) return reactor.again(this);
    if (status === -EAGAIN) {
      if (this.current === "reading" && this.receiver.input.isEmpty) reactor.defer(this); // to its rest
    } else if (status < 0) {
      reactor.retire(this);
    } else {
      accounting.counters.receive(status);
      reactor.defer(this);
    }
  }

  override onTurn(): void {
    this.host.buffers.gatherLength = 0; // a connection that threw may have left bytes, which no other connection may send
    if (this.current === "lingering") return this.#linger();
    if (this.current === "handling") return this.attend();
    if (this.current === "writing") {
      if (!this.flush()) return;
      this.written();
    }
    this.proceed();
  }

  override onClosed(): void {
    try {
      this.output.discard();
    } finally { // whatever a body thinks of being closed
      this.receiver.clear();
      this.keeper.closed(this);
    }
  }

  /** Sends what is waiting; false when the connection must wait for the socket, or is gone. */
  protected flush(): boolean {
    const { reactor, transport, buffers, accounting } = this.host;
    const isFirst = this.current !== "writing";
    const bytesMax = !this.output.isEmpty && reactor.isLate
      ? SEND_BYTES_PER_LATE_TURN_MAX
      : SEND_BYTES_PER_TURN_MAX;
    const before = this.output.sentBytes;
    const flushed = this.output.flush(transport, this.fd, buffers, bytesMax);
    accounting.counters.send(this.output.sentBytes - before);
    if (flushed === Flushed.ALL) return true;
    if (!this.#isFast && this.output.sentBytes >= FAST_AFTER_BYTES) {
      this.#isFast = true;
      transport.liftUnsentLimit(this.fd);
    }
    if (flushed < 0) {
      if (flushed === Flushed.GONE) this.host.onHandlerError(new TypeError(BODY_GONE));
      reactor.retire(this);
      return false;
    }
    if (this.current === "handling") { // whose deadline is another's
      if (this.listen() && flushed === Flushed.BUDGET) reactor.again(this);
      return false;
    }
    this.receiver.isReadable = true; // a level is not asked about input meanwhile
    this.current = "writing";
    if (isFirst) this.beginSending();
    if (this.watch(Interest.WRITABLE) && flushed === Flushed.BUDGET) reactor.again(this);
    return false;
  }

  /** Something waits to be sent: from now on the client has to take it. */
  protected beginSending(): void {
    const { reactor, limits } = this.host;
    const rate = this.#sendRate ??= new MinimumRate();
    rate.begin(reactor.now, this.#takenBytes);
    reactor.expireAt(this, rate.nextMs(reactor.now, limits.sendTimeoutMs));
  }

  /** What waits to be sent is looked at: the client is cut off when it takes it too slowly. */
  protected checkSending(): void {
    const { reactor, transport, limits: { sendTimeoutMs, sendRateMin } } = this.host;
    const rate = this.#sendRate!;
    if (rate.isTooSlow(reactor.now, this.#takenBytes, sendTimeoutMs, sendRateMin)) {
      transport.resetOnClose(this.fd); // what it did not take would fill the kernel's memory for minutes
      reactor.retire(this);
    } else reactor.expireAt(this, rate.nextMs(reactor.now, sendTimeoutMs));
  }

  /**
   * What has reached the client, by its own word. Not what the socket took: that may be megabytes, which a slow client
   * needs minutes for, and meanwhile the socket takes nothing.
   */
  get #takenBytes(): number {
    return this.output.sentBytes - Math.max(this.host.transport.unacknowledged(this.fd), 0);
  }

  /** Asks the poller for what matters in "handling"; false when that failed. */
  protected listen(): boolean {
    return this.watch(
      (this.isAttentive ? Interest.READABLE : Interest.NONE) |
        (this.output.isEmpty ? Interest.NONE : Interest.WRITABLE),
    );
  }

  /** Asks the poller for `interest`; false when that failed, and this is the end. */
  protected watch(interest: Interest): boolean {
    const status = this.host.reactor.rearm(this, interest);
    if (status < 0) this.keeper.refused(this, status);
    return status >= 0;
  }

  /** Ends a turn's work: sends what was gathered, and gets ready for what comes next. */
  protected settle(): void {
    if (this.retired) return;
    const isBlocked = (this.host.buffers.gatherLength > 0 || !this.output.isEmpty) && !this.flush();
    if (this.retired) return;
    this.receiver.input.keep();
    if (isBlocked || this.current === "handling") return;
    if (this.closeAfter) return this.finish();
    this.settled();
  }

  /**
   * Everything is sent and the connection is to end. Closing while the client's bytes are unread makes the kernel
   * send a reset, which can destroy the response on its way (RFC 9112 §9.6): then only our half is ended, and
   * what still comes is dropped until the client ends, too, or the deadline.
   */
  protected finish(): void {
    const { reactor, transport } = this.host;
    if (!this.receiver.input.isEmpty) this.lingerAfter = true;
    const mayHaveUnread = this.lingerAfter || this.receiver.isReadable;
    if (this.receiver.isEnded || !mayHaveUnread || transport.shutdownWrite(this.fd) < 0) {
      return reactor.retire(this);
    }
    this.current = "lingering";
    this.receiver.input.clear();
    reactor.expireAt(this, reactor.now + LINGER_TIMEOUT_MS);
    if (!this.watch(Interest.READABLE)) return;
    reactor.again(this);
    this.receiver.isReadable = true;
  }

  #linger(): void {
    const { receiver, host } = this;
    receiver.input.clear();
    if (receiver.isEnded || (!receiver.isReadable && !this.lingerAfter)) host.reactor.retire(this);
    else if (receiver.isReadable) host.reactor.again(this);
  }
}
