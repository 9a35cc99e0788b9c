/**
 * A connection that speaks a byte protocol: reading → writing → reading or closed.
 * @module
 */
import { EAGAIN, EINTR } from "../ffi/errno.ts";
import { peerAddress, type SocketAddress } from "../ffi/socket.ts";
import { Connection, type ConnectionKeeper } from "./connection.ts";
import type { ConnectionHost } from "./connection_host.ts";
import { PEER_QUEUE_BYTES_MAX, SESSION_IDLE_TIMEOUT_MS } from "./limits.ts";
import { Interest, Readiness } from "./poller.ts";
import type { Peer, Protocol, Session } from "./protocol.ts";
import { Receiver } from "./receiver.ts";

const UNKNOWN: SocketAddress = { address: "0.0.0.0", port: 0 };

/** See the module's comment. */
export class ByteConnection extends Connection implements Peer {
  address: SocketAddress = UNKNOWN;
  readonly #protocol: Protocol;
  #session: Session | null = null;
  /** True while it works on its own turn: what it writes is gathered. */
  #isInTurn = false;
  /** True once the session heard of the client's end. */
  #isEndTold = false;
  #isPaused = false;

  constructor(host: ConnectionHost, keeper: ConnectionKeeper, protocol: Protocol) {
    super(host, keeper, new Receiver());
    this.isReusable = false; // sessions hold on to their peers
    this.#protocol = protocol;
  }

  override attach(fd: number, interest: Interest): void {
    super.attach(fd, interest);
    this.address = peerAddress(fd) ?? UNKNOWN;
    if (!this.watch(Interest.READABLE)) return;
    const { reactor } = this.host;
    let session: Session;
    try {
      session = this.#session = this.#protocol(this);
    } catch (error) { // this client's misfortune, and not the listener's
      this.host.onHandlerError(error);
      return reactor.retire(this);
    }
    reactor.expireAt(
      this,
      reactor.now + (session.timeoutMs ?? session.idleTimeoutMs ?? SESSION_IDLE_TIMEOUT_MS),
    );
    this.receiver.isReadable = true; // it may have spoken before it was watched
    reactor.again(this);
  }

  // Peer

  write(bytes: Uint8Array): boolean {
    const { reactor, workspace } = this.host;
    if (this.retired || this.closeAfter) return false;
    // What a session says at its very beginning waits for its first turn.
    const isOurs = this.#session !== null && !reactor.isParked && workspace.gatherLength === 0;
    const isGathering = this.#isInTurn || isOurs;
    if (isGathering) this.output.append(workspace, bytes as Uint8Array<ArrayBuffer>, 0, bytes.length);
    else if (this.output.enqueue(bytes) > PEER_QUEUE_BYTES_MAX) this.close();
    else this.#soon();
    if (isGathering && !this.#isInTurn) {
      if (this.flush()) this.#expire();
      else if (this.output.queuedBytes > PEER_QUEUE_BYTES_MAX) this.close();
    }
    return !this.retired;
  }

  end(bytes?: Uint8Array): void {
    if (bytes !== undefined) this.write(bytes);
    if (this.retired) return;
    this.closeAfter = this.lingerAfter = true;
    if (!this.#isInTurn) this.#soon();
  }

  close(): void {
    const { reactor } = this.host;
    if (reactor.isParked) reactor.post(() => reactor.retire(this));
    else reactor.retire(this);
  }

  /** True while something that was written waits for the socket. */
  get isBlocked(): boolean {
    return !this.output.isEmpty;
  }

  /** Receives no more until {@linkcode resume}. That the client left shows late, then. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.receiver.isReadable = true;
    this.#soon();
  }

  /** Receives outside of its turn: a copy of what is there, or null. */
  receiveNow(): Uint8Array<ArrayBuffer> | null {
    const { receiver, host: { reactor, transport, workspace } } = this;
    if (reactor.isParked || this.retired || this.current !== "reading" || !receiver.isReadable) return null;
    const slot = workspace.takeSlot(reactor.batch);
    if (slot === null) return null;
    const count = receiver.take(workspace, slot, transport.recv(this.fd, slot.bytes));
    if (count <= 0) {
      if (count < 0 && count !== -EAGAIN && count !== -EINTR) reactor.retire(this);
      else if (count === 0) reactor.again(this); // its turn tells the session
      return null;
    }
    const bytes = slot.bytes.slice(0, count);
    receiver.input.clear();
    workspace.returnSlot();
    return bytes;
  }

  #soon(): void {
    const { reactor } = this.host;
    if (reactor.isParked) reactor.post(() => reactor.again(this));
    else reactor.again(this);
  }

  /** A session with a deadline of its own is not prolonged by talking. */
  #expire(): void {
    const { reactor } = this.host;
    const { timeoutMs, idleTimeoutMs = SESSION_IDLE_TIMEOUT_MS } = this.#session!;
    if (timeoutMs === undefined) reactor.expireAt(this, reactor.now + idleTimeoutMs);
  }

  // Connection

  /** What has arrived is worked on; then the client is not waited for. */
  override drain(): void {
    this.receiver.isReadable = true;
    this.#soon();
  }

  override onReady(readiness: Readiness): void {
    const { transport, reactor } = this.host;
    // Before each recv, which would pass over the urgent byte and forget it; the poller's word may come too late.
    if (this.#session!.closesOnUrgent && transport.recvUrgent(this.fd) >= 0) return reactor.retire(this);
    if (readiness === Readiness.EXCEPTIONAL) return;
    if (this.#isPaused && this.current === "reading") {
      this.receiver.note(readiness);
      reactor.defer(this);
    } else super.onReady(readiness & ~Readiness.EXCEPTIONAL);
  }

  override onTurn(): void {
    this.#isInTurn = true;
    try {
      super.onTurn();
    } finally {
      this.#isInTurn = false;
    }
  }

  override onDeadline(): void {
    this.host.reactor.retire(this);
  }

  override onClosed(): void {
    const session = this.#session;
    super.onClosed();
    session?.closed?.();
  }

  protected override written(): void {
    this.current = "reading";
    this.#session!.drained?.();
  }

  protected override proceed(): void {
    const { input } = this.receiver;
    const session = this.#session!;
    if (this.closeAfter) input.clear();
    if (!input.isEmpty) {
      const arrived = input.bytes.subarray(input.start, input.end);
      input.clear(); // the session may throw
      session.received(arrived);
    }
    const isOver = this.receiver.isEnded || (this.host.isDraining && !this.receiver.isReadable);
    if (isOver && !this.#isEndTold && !this.retired) {
      this.#isEndTold = true;
      if (session.ended === undefined) this.closeAfter = true;
      else session.ended();
    }
    this.settle();
  }

  protected override settle(): void {
    const wasBlocked = !this.output.isEmpty;
    super.settle();
    if (wasBlocked && this.output.isEmpty && !this.retired) this.#session!.drained?.();
  }

  protected override settled(): void {
    this.#expire();
    const { isEnded, isReadable } = this.receiver;
    const urgent = this.#session!.closesOnUrgent ? Interest.EXCEPTIONAL : Interest.NONE;
    const isListening = !isEnded && !this.#isPaused;
    if (!this.watch((isListening ? Interest.READABLE : Interest.NONE) | urgent)) return;
    if (isListening && isReadable) this.host.reactor.again(this);
  }

  // It has no state "handling".

  protected override attend(): void {}

  protected override get isAttentive(): boolean {
    return false;
  }
}
