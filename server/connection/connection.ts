/**
 * The part of a connection that all protocols share: receiving, sending, waiting for the socket, and closing.
 *
 * Three rules keep it correct on every poller. A state first tries its call, and waits only after EAGAIN. Readiness is
 * a hint; recv and send tell the truth. Work that a budget interrupts calls `again`, because an edge-triggered event is
 * not reported twice.
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
import type { Input } from "./input.ts";
import { Flushed, Output } from "./output.ts";
import { MinimumRate } from "./minimum_rate.ts";
import { Interest, Readiness } from "../loop/poller.ts";
import { Source } from "../loop/source.ts";
import type { Slot } from "./buffers.ts";

/**
 * The state of a connection. "handling": a promise or a stream is producing the response. "lingering": everything is
 * sent, and the client's end is awaited. "closed": the reactor has retired the connection.
 */
export type State = (typeof STATES)[number] | "closed";
/** All states except for "closed". */
export const STATES = ["reading", "reading-body", "handling", "writing", "lingering"] as const;

const BODY_GONE =
  "A body's buffer was transferred, or became smaller, while it was sent: the connection ends";

/** The owner of the idle connections. */
export interface ConnectionKeeper {
  /** Takes a connection that waits for its client's next request. Its object may serve another client. */
  idle(connection: Connection): void;
  /** Handles the failure of the poller to watch a connection (−errno). The connection must end. */
  refused(connection: Connection, status: number): void;
  /** Called after the descriptor of a connection was closed. */
  closed(connection: Connection): void;
}

/** The part of a connection that all protocols share. An object can serve many descriptors, one after the other. */
export abstract class Connection extends Source {
  /** False once other code may keep a reference to this object. It is then never reused for another client. */
  isReusable = true;
  protected readonly context: ConnectionContext;
  protected readonly keeper: ConnectionKeeper;
  protected readonly input: Input;
  protected readonly output: Output = new Output();
  protected current: State = "reading";
  protected closeAfter = false;
  /** The client may still send. So the connection waits for the client's end before it closes. */
  protected lingerAfter = false;
  /** The rate at which the client takes waiting data; null if the connection never had to wait. */
  #sendRate: MinimumRate | null = null;
  /** The client has taken so much that the limit of unsent bytes is removed. */
  #isFast = false;

  constructor(context: ConnectionContext, keeper: ConnectionKeeper, input: Input) {
    super(-1);
    this.context = context;
    this.keeper = keeper;
    this.input = input;
  }

  /** The bytes in memory that wait to be sent. */
  get queuedBytes(): number {
    return this.output.queuedBytes;
  }

  get state(): State {
    return this.retired ? "closed" : this.current;
  }

  /** Returns true if `keeper` owns this connection. */
  isKeptBy(keeper: ConnectionKeeper): boolean {
    return this.keeper === keeper;
  }

  /**
   * Starts serving `fd`. `interest` is what the poller watches it for; NONE if the poller does not know the descriptor
   * yet.
   */
  attach(fd: number, interest: Interest): void {
    this.fd = fd;
    this.interest = interest;
    this.retired = false;
    this.deferredInTurn = -1;
    this.input.reset();
    this.current = "reading";
    this.closeAfter = this.lingerAfter = this.#isFast = false;
    this.output.appendedBytes = this.output.sentBytes = 0;
  }

  /**
   * Receives the first bytes of an idle connection, in phase one: `count` bytes in `slot`, 0 at the client's end, or
   * −errno.
   */
  begin(readiness: Readiness, slot: Slot, count: number): void {
    this.input.note(readiness);
    this.received(this.take(slot, count));
  }

  /**
   * Prepares for the stop of the server: finishes what has started, and waits for nothing else. `sinceMs` is the
   * instant since which the connection is idle.
   */
  abstract drain(sinceMs?: number): void;

  /** Called when everything is sent: continues what waiting for the socket has interrupted. */
  protected abstract written(): void;
  /** Works on what has been received, then calls `settle`. */
  protected abstract proceed(): void;
  /** Prepares for the next request. Nothing waits to be sent, and the connection does not end. */
  protected abstract settled(): void;
  /** Does the work of a turn in the state "handling". */
  protected abstract attend(): void;
  /** True if more may be received in the state "handling". */
  protected abstract get isAttentive(): boolean;

  override onReady(readiness: Readiness): void {
    const { input, context } = this;
    input.note(readiness);
    if (context.transport.wants(this.fd) !== Interest.NONE) input.isReadable = true; // it may have waited for the other one
    switch (this.current) {
      case "writing":
        context.reactor.defer(this);
        break;
      case "handling":
        if (input.isReadable && this.isAttentive) this.receive();
        else if (input.isReadable) this.watch(); // otherwise a level-triggered poller would report it for ever
        if (readiness === Readiness.NONE || !this.output.isEmpty) context.reactor.defer(this);
        break;
      default:
        if (input.isReadable && !input.isUnread) this.receive(); // else pipelined requests would accumulate
        if (readiness === Readiness.NONE) context.reactor.defer(this);
    }
  }

  /** Receives once, in phase one. */
  protected receive(): void {
    const { reactor, buffers } = this.context;
    const slot = buffers.takeSlot(reactor.turnNumber);
    if (slot === null) return reactor.again(this);
    this.received(this.take(slot, this.recv(slot)));
  }

  /** Receives into `slot`: bytes, 0 at the client's end, or −errno. */
  protected recv(slot: Slot): number {
    return this.context.transport.recv(this.fd, slot.bytes);
  }

  /** Passes the result of recv for `slot` to the input. Returns `count`. */
  protected take(slot: Slot, count: number): number {
    const { transport, buffers } = this.context;
    return this.input.take(buffers, slot, count, transport.isDrained(this.fd, count, slot.bytes.length));
  }

  protected received(status: number): void {
    const { reactor, accounting } = this.context;
    if (status === -EINTR) return reactor.again(this);
    if (status === -EAGAIN) {
      if (this.current === "reading" && this.input.isEmpty) reactor.defer(this); // to become idle again
    } else if (status < 0) {
      reactor.retire(this);
    } else {
      accounting.counters.receive(status);
      reactor.defer(this);
    }
  }

  override onTurn(): void {
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
      this.output.discard(this.context.buffers);
    } finally { // even if the `close` of a body throws
      this.input.reset();
      this.keeper.closed(this);
    }
  }

  /** Sends what is waiting. Returns false if the connection must wait for the socket, or is gone. */
  protected flush(): boolean {
    const { reactor, transport, buffers, accounting } = this.context;
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
      if (flushed === Flushed.GONE) this.context.onHandlerError(new TypeError(BODY_GONE));
      reactor.retire(this);
      return false;
    }
    if (this.current === "handling") { // the deadline belongs to the exchange
      if (this.watch() && flushed === Flushed.BUDGET) reactor.again(this);
      return false;
    }
    this.input.isReadable = true; // a level-triggered poller does not watch for input meanwhile
    this.current = "writing";
    if (isFirst) this.beginSending();
    if (this.watch() && flushed === Flushed.BUDGET) reactor.again(this);
    return false;
  }

  /** Starts the time in which the client has to take the waiting data. */
  protected beginSending(): void {
    const { reactor, limits } = this.context;
    const rate = this.#sendRate ??= new MinimumRate();
    rate.begin(reactor.now, this.#takenBytes);
    reactor.expireAt(this, rate.nextMs(reactor.now, limits.sendTimeoutMs));
  }

  /** Closes the connection if the client takes the waiting data too slowly. */
  protected checkSending(): void {
    const { reactor, transport, limits: { sendTimeoutMs, sendRateMin } } = this.context;
    const rate = this.#sendRate!;
    if (rate.isTooSlow(reactor.now, this.#takenBytes, sendTimeoutMs, sendRateMin)) {
      transport.resetOnClose(this.fd); // unsent data would stay in the kernel's memory for minutes
      reactor.retire(this);
    } else reactor.expireAt(this, rate.nextMs(reactor.now, sendTimeoutMs));
  }

  /**
   * The bytes that the client has acknowledged. The bytes that the socket has accepted are not counted: these may be
   * megabytes, which a slow client takes minutes for, and meanwhile the socket accepts nothing.
   */
  get #takenBytes(): number {
    return this.output.sentBytes - Math.max(this.context.transport.unacknowledged(this.fd), 0);
  }

  /** The readiness for which a connection in the state "reading" waits. */
  protected get wantsInput(): Interest {
    return Interest.READABLE;
  }

  /** The readiness that is waited for: what the state, the protocol and the transport want. */
  get #wanted(): Interest {
    return this.#ownInterest | this.context.transport.wants(this.fd);
  }

  get #ownInterest(): Interest {
    switch (this.current) {
      case "writing":
        return Interest.WRITABLE;
      case "handling":
        return (this.isAttentive ? Interest.READABLE : Interest.NONE) |
          (this.output.isEmpty ? Interest.NONE : Interest.WRITABLE);
      case "lingering":
        return Interest.READABLE;
      default:
        return this.wantsInput;
    }
  }

  /** Asks the poller for what is waited for. Returns false if that has failed; the connection ends then. */
  protected watch(): boolean {
    const status = this.context.reactor.rearm(this, this.#wanted);
    if (status < 0) this.keeper.refused(this, status);
    return status >= 0;
  }

  /** Ends the work of a turn: sends what was gathered, and prepares for the next request. */
  protected settle(): void {
    if (this.retired) return;
    const { output, context: { buffers } } = this;
    const isBlocked = (output.hasGathered(buffers) || !output.isEmpty) && !this.flush();
    if (this.retired) return;
    this.input.keep();
    if (isBlocked || this.current === "handling") return;
    if (this.closeAfter) return this.finish();
    this.settled();
  }

  /**
   * Ends the connection after everything is sent. If the client's bytes are unread on closing, the kernel sends a
   * reset, which can destroy the response on its way (RFC 9112 §9.6). In that case only the writing half is closed.
   * Further input is dropped until the client's end, or the deadline.
   */
  protected finish(): void {
    const { reactor, transport } = this.context;
    if (!this.input.isEmpty) this.lingerAfter = true;
    const mayHaveUnread = this.lingerAfter || this.input.isReadable;
    if (this.input.isEnded || !mayHaveUnread || transport.shutdownWrite(this.fd) < 0) {
      return reactor.retire(this);
    }
    this.current = "lingering";
    this.input.clear();
    reactor.expireAt(this, reactor.now + LINGER_TIMEOUT_MS);
    if (!this.watch()) return;
    reactor.again(this);
    this.input.isReadable = true;
  }

  #linger(): void {
    const { input, context } = this;
    input.clear();
    if (input.isEnded || (!input.isReadable && !this.lingerAfter)) context.reactor.retire(this);
    else if (input.isReadable) context.reactor.again(this);
  }
}
