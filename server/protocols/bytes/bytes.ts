/**
 * A connection with a byte protocol: reading → writing → reading or closed.
 * @module
 */
import { EAGAIN, EINTR } from "../../../ffi/libc/errno.ts";
import type { SocketAddress } from "../../../ffi/socket/socket.ts";
import { Backlog } from "../../connection/pending_bytes.ts";
import { bytesOf, describeKind } from "../../../ffi/libc/bytes.ts";
import { Connection, type ConnectionKeeper } from "../../connection/connection.ts";
import type { ConnectionContext } from "../../connection/context.ts";
import { bodyMemory } from "../../http/body_memory.ts";
import { HELD_BODY_SMALL_BYTES_MAX, PEER_QUEUE_BYTES_MAX, SESSION_IDLE_TIMEOUT_MS } from "../../limits.ts";
import { Interest, Readiness } from "../../loop/poller.ts";
import type { Peer, Protocol, Session } from "./session.ts";
import { Input } from "../../connection/input.ts";
import { reportRejection } from "../../embedder/rejections.ts";
import type { Slot } from "../../connection/buffers.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const UNKNOWN: SocketAddress = { address: "0.0.0.0", port: 0 };

/**
 * Checks the result of a protocol.
 * @throws {TypeError} when it is not a session, or one of its timeouts is not a number ≥ 0
 */
function toSession(session: Session): Session {
  if (typeof session?.received !== "function") {
    throw new TypeError("A protocol must return a session: { received }");
  }
  for (const name of ["timeoutMs", "idleTimeoutMs"] as const) {
    const value: unknown = session[name];
    if (value !== undefined && !(typeof value === "number" && value >= 0)) {
      throw new TypeError(`A session's ${name} must be a number of milliseconds, not ${describeKind(value)}`);
    }
  }
  return session;
}

/** A connection with a byte protocol. */
export class ByteConnection extends Connection implements Peer {
  address: SocketAddress = UNKNOWN;
  readonly #protocol: Protocol;
  #session: Session | null = null;
  /** True during the connection's own turn. What is written then is gathered. */
  #isInTurn = false;
  /** True once `ended` of the session was called. */
  #hasReportedEnd = false;
  /** True once the session has written something after that. */
  #hasWrittenAfterEnd = false;
  #isPaused = false;
  readonly #backlog = new Backlog();
  /** The instant at which the connection is closed in any case; Infinity without `timeoutMs`. */
  #endMs = Infinity;

  constructor(context: ConnectionContext, keeper: ConnectionKeeper, protocol: Protocol) {
    super(context, keeper, new Input(context.reactor.trigger === "level"));
    this.isReusable = false; // sessions keep references to their peers
    this.#protocol = protocol;
  }

  override attach(fd: number, interest: Interest): void {
    super.attach(fd, interest);
    this.address = this.context.clientAddresses.address(fd) ?? UNKNOWN;
    if (!this.watch()) return;
    const { reactor } = this.context;
    try {
      this.#session = toSession(this.#protocol(this));
    } catch (error) { // the exception concerns this client only, not the listener
      this.context.onHandlerError(error);
      return reactor.retire(this);
    }
    this.#endMs = reactor.now + (this.#session.timeoutMs ?? Infinity);
    this.#expire();
    this.input.isReadable = true; // the client may have sent something before it was watched
    reactor.again(this);
  }

  // Peer

  write(given: Uint8Array): boolean {
    const bytes = bytesOf(given, "What is written to a client");
    const { reactor, buffers } = this.context;
    if (this.retired || this.closeAfter) return false;
    this.#hasWrittenAfterEnd ||= this.#hasReportedEnd;
    if (this.#isInTurn) {
      this.output.append(buffers, bytes, 0, bytes.length);
      return true;
    }
    // What a session writes at its very beginning waits for its first turn.
    if (this.#session !== null && !reactor.isParked && !this.isBlocked) {
      this.output.append(buffers, bytes, 0, bytes.length);
      if (this.flush()) this.#expire();
      return !this.retired;
    }
    const waiting = this.output.queuedBytes + this.#backlog.length;
    if (waiting > PEER_QUEUE_BYTES_MAX || (waiting > HELD_BODY_SMALL_BYTES_MAX && bodyMemory.isFull)) {
      this.close();
      return false;
    }
    this.#backlog.add(bytes);
    if (this.output.isEmpty) this.#soon(); // otherwise readiness of the socket will wake it
    return true;
  }

  end(bytes?: Uint8Array): void {
    if (bytes !== undefined) this.write(bytes);
    if (this.retired) return;
    this.closeAfter = true;
    // A client that was sent nothing since the server is stopping need not be waited for.
    this.lingerAfter = !this.#hasReportedEnd || this.#hasWrittenAfterEnd;
    if (!this.#isInTurn) this.#soon();
  }

  close(): void {
    const { reactor } = this.context;
    this.closeAfter = true;
    if (reactor.isParked) reactor.post(() => reactor.retire(this));
    else reactor.retire(this);
  }

  /** True while written bytes wait for the socket. */
  get isBlocked(): boolean {
    return !this.output.isEmpty || this.#backlog.length > 0;
  }

  /** True once the client has closed its writing half. */
  get hasClientEnded(): boolean {
    return this.input.isEnded;
  }

  /** Starts the idle timeout, because code now waits for the client. */
  awaitClient(): void {
    const { reactor } = this.context;
    if (reactor.isParked) reactor.post(() => this.awaitClient());
    else if (this.current === "reading") this.#expire();
  }

  /** Receives nothing until {@linkcode resume}. A client that leaves meanwhile is noticed late. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.input.isReadable = true;
    this.#soon();
  }

  /** Receives outside of the connection's turn. Returns a copy of the bytes, or null if there are none. */
  receiveNow(): Bytes | null {
    const { input, context: { reactor, buffers } } = this;
    if (reactor.isParked || this.retired || this.current !== "reading" || !input.isReadable) return null;
    const slot = buffers.takeSlot(reactor.turnNumber);
    if (slot === null) return null;
    const count = this.take(slot, this.recv(slot));
    if (count <= 0) {
      if (count < 0 && count !== -EAGAIN && count !== -EINTR) reactor.retire(this);
      else if (count === 0) reactor.again(this); // its turn calls `ended` of the session
      return null;
    }
    this.context.accounting.counters.receive(count);
    const bytes = slot.bytes.slice(0, count);
    input.clear();
    buffers.returnSlot();
    return bytes;
  }

  /**
   * Handles the result of a session's callback. If an `async` callback rejects, the client is closed, as if it had
   * thrown.
   */
  #called(returned: unknown): void {
    if (returned === undefined) return;
    reportRejection(returned, (error) => {
      this.context.onHandlerError(error);
      this.close();
    });
  }

  #soon(): void {
    const { reactor } = this.context;
    if (reactor.isParked) reactor.post(() => reactor.again(this));
    else reactor.again(this);
  }

  /** Sets the deadline. Without `idleTimeoutMs`, a session that sets `timeoutMs` has no idle timeout. */
  #expire(): void {
    const { reactor } = this.context;
    const { timeoutMs, idleTimeoutMs } = this.#session!;
    const silenceMs = idleTimeoutMs ?? (timeoutMs === undefined ? SESSION_IDLE_TIMEOUT_MS : Infinity);
    reactor.expireAt(this, Math.min(this.#endMs, reactor.now + silenceMs));
  }

  /** Closes the connection if the session has `closesOnUrgent` and there is an urgent byte. Returns true if it did. */
  #endsByUrgent(): boolean {
    const { transport, reactor } = this.context;
    if (!this.#session!.closesOnUrgent || transport.recvUrgent(this.fd) < 0) return false;
    reactor.retire(this);
    return true;
  }

  // Connection

  /** Works on what has arrived, and then does not wait for the client any more. */
  override drain(): void {
    this.input.isReadable = true;
    this.#soon();
  }

  override onReady(readiness: Readiness): void {
    if (readiness & Readiness.EXCEPTIONAL && this.#endsByUrgent()) return;
    if (readiness === Readiness.EXCEPTIONAL) return;
    if (this.#isPaused && this.current === "reading") {
      this.input.note(readiness);
      this.context.reactor.defer(this);
    } else super.onReady(readiness & ~Readiness.EXCEPTIONAL);
  }

  /**
   * Receives, but not past an urgent byte if the session has `closesOnUrgent`. recv skips and discards an urgent byte,
   * and the poller may report it too late. So the bytes are first peeked, and received only if there was no urgent byte
   * afterwards.
   */
  protected override recv(slot: Slot): number {
    if (!this.#session!.closesOnUrgent) return super.recv(slot);
    const { transport } = this.context;
    const count = transport.peek(this.fd, slot.bytes);
    if (this.#endsByUrgent()) return -EAGAIN;
    return count <= 0 ? count : transport.recv(this.fd, slot.bytes.subarray(0, count));
  }

  override onTurn(): void {
    this.#isInTurn = true;
    try {
      if (this.#backlog.length > 0) this.output.enqueue(this.#backlog.take());
      super.onTurn();
    } finally {
      this.#isInTurn = false;
      this.input.keep(); // input that arrived while another session wrote to this client, and has to wait now
    }
  }

  override onDeadline(): void {
    const { reactor } = this.context;
    if (this.current !== "writing" || reactor.now >= this.#endMs) return reactor.retire(this);
    this.checkSending();
    this.#capDeadline();
  }

  override onClosed(): void {
    const session = this.#session;
    super.onClosed();
    this.#called(session?.closed?.());
  }

  protected override flush(): boolean {
    const isAll = super.flush();
    if (!isAll) this.#capDeadline();
    return isAll;
  }

  #capDeadline(): void {
    if (!this.retired && this.deadlineMs > this.#endMs) this.context.reactor.expireAt(this, this.#endMs);
  }

  protected override written(): void {
    this.current = "reading";
    this.#called(this.#session!.drained?.());
  }

  protected override proceed(): void {
    const { input } = this;
    const session = this.#session!;
    if (this.closeAfter) input.clear();
    if (!input.isEmpty) {
      const arrived = input.bytes.subarray(input.start, input.end);
      input.clear(); // before the call, which may throw
      this.#called(session.received(arrived));
    }
    const isOver = this.input.isEnded || (this.context.isDraining && !this.input.isReadable);
    if (isOver && !this.#hasReportedEnd && !this.retired) {
      this.#hasReportedEnd = true;
      if (session.ended === undefined) this.closeAfter = true;
      else this.#called(session.ended());
    }
    this.settle();
  }

  protected override settle(): void {
    const wasBlocked = !this.output.isEmpty;
    super.settle();
    if (!wasBlocked || !this.output.isEmpty || this.retired) return;
    this.#isInTurn = false; // nothing flushes after this, so what is written now is sent at once
    this.#called(this.#session!.drained?.());
  }

  protected override settled(): void {
    this.#expire();
    if (this.watch() && this.#isListening && this.input.isReadable) this.context.reactor.again(this);
  }

  get #isListening(): boolean {
    return !this.input.isEnded && !this.#isPaused;
  }

  protected override get wantsInput(): Interest {
    return (this.#isListening ? Interest.READABLE : Interest.NONE) |
      (this.#session?.closesOnUrgent ? Interest.EXCEPTIONAL : Interest.NONE);
  }

  // There is no state "handling".

  protected override attend(): void {}

  protected override get isAttentive(): boolean {
    return false;
  }
}
