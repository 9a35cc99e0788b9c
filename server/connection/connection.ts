/**
 * A connection: it receives, sends, waits for its transport, and closes. What the bytes mean is its protocol's concern.
 *
 * Three rules keep it correct on every poller. A state first tries its call, and waits only after EAGAIN. Readiness is
 * a hint; recv and send tell the truth. Work that a budget interrupts calls `again`, because an edge-triggered event is
 * not reported twice.
 * @module
 */
import { EAGAIN, EINTR } from "../../ffi/libc/errno.ts";
import type { ConnectionContext } from "./context.ts";
import { Input } from "./input.ts";
import { Lingering } from "./lingering.ts";
import { BODY_GONE, Flushed, Output } from "./output.ts";
import { NO_PROTOCOL, type Protocol } from "./protocol.ts";
import { Sending } from "./sending.ts";
import type { ConnectionKeeper, State } from "./state.ts";
import { check } from "../loop/check.ts";
import { Interest, Readiness } from "../loop/poller.ts";
import { Source } from "../loop/source.ts";
import type { Transport } from "../transport/transport.ts";
import type { Slot } from "./buffers.ts";

/** A connection. An object can serve many descriptors, one after the other. */
export class Connection extends Source {
  /** False once other code may keep a reference to this object. It is then never reused for another client. */
  isReusable = true;
  readonly context: ConnectionContext;
  readonly input: Input = new Input();
  readonly output: Output = new Output();
  /** The instant at which the connection ends in any case; usually Infinity. */
  endMs: number = Infinity;
  readonly keeper: ConnectionKeeper<Connection>;
  #protocol: Protocol = NO_PROTOCOL;
  readonly sending: Sending = new Sending(this);

  constructor(context: ConnectionContext, keeper: ConnectionKeeper<Connection>) {
    super(-1);
    this.context = context;
    this.keeper = keeper;
  }

  get transport(): Transport {
    return this.context.transport;
  }

  /** The protocol that it speaks. */
  get protocol(): Protocol {
    return this.#protocol;
  }

  get state(): State {
    return this.retired ? "closed" : this.#isWriting ? "writing" : this.#protocol.activity;
  }

  /** True while output waits: in the queue, or in the transport. */
  get isBlocked(): boolean {
    return this.sending.isWaiting || !this.output.isEmpty;
  }

  get #isWriting(): boolean {
    return this.sending.isWaiting && this.#protocol.isDuplex !== true;
  }

  /** Starts serving `fd`, which the poller watches for `interest`; NONE if it does not know the descriptor yet. */
  attach(fd: number, interest: Interest): void {
    this.fd = fd;
    this.interest = interest;
    this.retired = false;
    this.deferredInTurn = -1;
    this.input.reset();
    this.sending.reset();
    this.output.appendedBytes = this.output.sentBytes = 0;
  }

  /** Makes the connection speak `protocol`, which also gets the input that the one before has not read. */
  speak(protocol: Protocol): void {
    check(!this.retired, "A closed connection speaks no protocol");
    this.isReusable = false;
    this.#protocol = protocol;
    this.input.scanned = 0; // the new protocol has not examined the bytes
  }

  /** Makes the poller watch the descriptor, and tries to receive in the next turn. */
  start(): void {
    if (!this.watch()) return;
    this.input.isReadable = true; // the client may have sent something before it was watched
    this.context.reactor.again(this);
  }

  /** Continues with the first bytes of a connection, in phase one. `count` is the result of recv into `slot`. */
  begin(readiness: Readiness, slot: Slot, count: number): void {
    this.input.note(readiness);
    this.#received(this.#take(slot, count));
  }

  /** Calls the protocol's `drain`. `sinceMs` is the instant since which the connection has been idle. */
  drain(sinceMs: number = this.context.reactor.now): void {
    this.#protocol.drain(sinceMs);
  }

  override onReady(readiness: Readiness): void {
    const { input, transport, context: { reactor } } = this;
    const mayBeGone = (readiness & (Readiness.HANGUP | Readiness.ERROR)) !== 0;
    const knowsEnd = input.isEnded && this.deferredInTurn !== reactor.turnNumber; // else the protocol is told first
    if (mayBeGone && (knowsEnd || this.#protocol.isDuplex === true) && this.#isGone()) return;
    if (readiness & Readiness.EXCEPTIONAL) {
      this.#protocol.onUrgent?.();
      readiness &= ~Readiness.EXCEPTIONAL;
      if (this.retired || readiness === Readiness.NONE) return;
    }
    input.note(readiness);
    const wants = transport.wants(this.fd) !== Interest.NONE;
    if (wants) input.isReadable = true; // recv may have waited for the other direction
    if (this.#isWriting) return reactor.defer(this);
    if (input.isReadable) {
      if (!this.#receives) this.watch(); // otherwise a level-triggered poller would report it for ever
      else if (!input.isUnread && !this.receive()) return; // unread pipelined requests must not accumulate
    }
    if (readiness === Readiness.NONE || this.isBlocked || (wants && !this.retired)) reactor.defer(this);
  }

  /** Receives once, in phase one. Returns false if that has to wait for the next turn, because there is no slot. */
  receive(): boolean {
    const { reactor, buffers } = this.context;
    const slot = buffers.takeSlot(reactor.turnNumber);
    if (slot === null) reactor.again(this);
    else this.#received(this.receiveInto(slot));
    return slot !== null;
  }

  /** Receives into `slot`, and adds the bytes to the input. Returns their number, 0 at the client's end, or −errno. */
  receiveInto(slot: Slot): number {
    return this.#take(slot, this.recv(slot.bytes));
  }

  /** Receives into `buffer`, by the protocol's `recv` if it has one: a number of bytes, 0 at the client's end, or −errno. */
  recv(buffer: Uint8Array<ArrayBuffer>): number {
    const protocol = this.#protocol;
    return protocol.recv === undefined ? this.transport.recv(this.fd, buffer) : protocol.recv(buffer);
  }

  #take(slot: Slot, count: number): number {
    const isDrained = this.transport.isDrained(this.fd, count, slot.bytes.length);
    return this.input.take(this.context.buffers, slot, count, isDrained);
  }

  #received(status: number): void {
    const { reactor, accounting } = this.context;
    if (status === 0 && this.#protocol.isDuplex && this.#isGone()) return;
    if (status === -EINTR) return reactor.again(this);
    if (status === -EAGAIN) {
      if (this.#protocol.canIdle) reactor.defer(this); // to become idle again
      else if (this.watch() && this.input.isReadable) reactor.again(this); // the transport may wait for the other direction now
    } else if (status < 0) {
      reactor.retire(this);
    } else {
      accounting.counters.receive(status);
      reactor.defer(this);
    }
  }

  /** Retires the connection if the client has reset it. For one that may neither receive nor send, and would not notice. */
  #isGone(): boolean {
    if (!this.transport.isReset(this.fd)) return false;
    this.context.reactor.retire(this);
    return true;
  }

  override onTurn(): void {
    if (!this.isBlocked) return this.proceed();
    if (this.flush()) {
      this.#protocol.onDrained?.();
      if (!this.retired) this.proceed();
    } else if (!this.retired) {
      if (this.#protocol.isDuplex) this.proceed(true);
      else this.input.keep(); // it has to wait now
    }
  }

  /**
   * Lets the protocol work, and sends what it has appended. To be called in the loop, but not from a callback of the
   * protocol. `isBlocked` is true if this turn has already tried to send, and output still waits.
   */
  proceed(isBlocked = false): void {
    for (let protocol = NO_PROTOCOL; protocol !== this.#protocol && !this.retired;) {
      protocol = this.#protocol;
      protocol.onInput();
    }
    if (this.input.isEnded && !this.retired) this.#protocol.onEnd?.();
    this.settle(isBlocked);
  }

  /** Ends the work of a turn: sends what was gathered, and waits for what the protocol needs next. */
  settle(isBlocked = false): void {
    if (this.retired) return;
    const { input, output, context: { buffers, reactor } } = this;
    if (!isBlocked || output.hasGathered(buffers)) {
      const hasWaited = this.isBlocked;
      if (hasWaited || output.hasGathered(buffers) || this.transport.flush(this.fd) < 0) {
        isBlocked = !this.flush();
        if (hasWaited && !isBlocked) {
          this.#protocol.onDrained?.();
          if (output.hasGathered(buffers)) isBlocked = !this.flush();
          else if (!output.isEmpty) {
            isBlocked = true;
            reactor.again(this); // other connections come first
          }
        }
        if (this.retired) return;
      }
    }
    input.keep();
    if (isBlocked && !this.#protocol.isDuplex) return;
    this.#protocol.onSettled?.();
    if (this.retired || !this.watch()) return;
    if ((input.isReadable || input.isUnread) && this.#receives) reactor.again(this);
    else if (this.#protocol.canIdle && !this.isQueued) this.keeper.idle(this);
  }

  override onDeadline(): void {
    const { reactor } = this.context;
    if (reactor.now >= this.endMs) reactor.retire(this);
    else if (this.sending.isWaiting) this.#checkSending();
    else this.#protocol.onDeadline();
  }

  /** Sets the protocol's deadline. Does nothing while output waits: that has a deadline of its own, which ends with it. */
  expireAt(deadlineMs: number): void {
    if (!this.sending.isWaiting) this.context.reactor.expireAt(this, Math.min(deadlineMs, this.endMs));
  }

  override onClosed(): void {
    try {
      this.#protocol.onClosed();
    } finally { // even if code of an embedder throws
      try {
        this.output.discard(this.context.buffers);
      } finally {
        this.input.reset();
        this.keeper.closed(this);
      }
    }
  }

  /** Sends what is waiting. Returns false if output still waits, or the connection was retired. */
  flush(): boolean {
    const { reactor } = this.context;
    const sending = this.sending;
    const flushed = sending.attempt();
    this.#protocol.onSent?.();
    if (flushed === Flushed.ALL) {
      if (sending.isWaiting) {
        sending.isWaiting = false;
        this.expireAt(Infinity);
      }
      return true;
    }
    if (flushed < 0) {
      if (flushed === Flushed.GONE) this.context.onHandlerError(new TypeError(BODY_GONE));
      reactor.retire(this);
      return false;
    }
    if (!sending.isWaiting) reactor.expireAt(this, Math.min(sending.begin(), this.endMs));
    if (this.#isWriting) this.input.isReadable = true; // a level-triggered poller does not watch for input meanwhile
    if (this.watch() && flushed === Flushed.BUDGET) reactor.again(this);
    return false;
  }

  /** Closes the connection if the client takes the waiting data too slowly. */
  #checkSending(): void {
    const { reactor } = this.context;
    const nextMs = this.sending.check();
    if (nextMs !== null) return reactor.expireAt(this, Math.min(nextMs, this.endMs));
    this.transport.resetOnClose(this.fd); // unsent data would stay in the kernel's memory for minutes
    reactor.retire(this);
  }

  /** True if the protocol wants to receive. */
  get #receives(): boolean {
    return (this.#protocol.wantsInput & Interest.READABLE) !== 0;
  }

  /** The readiness that is waited for: what the state, the protocol and the transport want. */
  get #wanted(): Interest {
    const own = this.#isWriting
      ? Interest.WRITABLE
      : this.#protocol.wantsInput | (this.sending.isWaiting ? Interest.WRITABLE : Interest.NONE);
    return own | this.transport.wants(this.fd);
  }

  /** Asks the poller for what is waited for. Returns false if that has failed; the connection ends then. */
  watch(): boolean {
    const status = this.context.reactor.rearm(this, this.#wanted);
    if (status < 0) this.keeper.refused(this, status);
    return status >= 0;
  }

  /** Closes a connection that has nothing more to say. The client is told so, unless output waits. */
  close(): void {
    if (!this.isBlocked) this.transport.announceEnd(this.fd);
    this.context.reactor.retire(this);
  }

  /** Ends the connection, after everything was sent. With `awaitsEnd` the client may still send: its end is awaited. */
  finish(awaitsEnd: boolean): void {
    const { input, context: { reactor } } = this;
    check(!this.isBlocked, "Everything is sent before a connection ends");
    const lingers = awaitsEnd || !input.isEmpty;
    const mayHaveUnread = lingers || input.isReadable;
    if (input.isEnded || !mayHaveUnread) return this.close();
    if (this.transport.shutdownWrite(this.fd) < 0) return reactor.retire(this);
    new Lingering(this, this.#protocol, lingers).begin();
  }
}
