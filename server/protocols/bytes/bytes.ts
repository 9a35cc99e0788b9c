/**
 * A byte protocol of an embedder on a connection: reading → writing → reading or closed.
 * @module
 */
import { EAGAIN, EINTR } from "../../../ffi/libc/errno.ts";
import type { SocketAddress } from "../../../ffi/socket/socket.ts";
import { bytesOf, describeKind } from "../../../ffi/libc/bytes.ts";
import type { Connection } from "../../connection/connection.ts";
import type { Protocol } from "../../connection/protocol.ts";
import { bodyMemory } from "../../http/body_memory.ts";
import { HELD_BODY_SMALL_BYTES_MAX, PEER_QUEUE_BYTES_MAX, SESSION_IDLE_TIMEOUT_MS } from "../../limits.ts";
import { Interest } from "../../loop/poller.ts";
import type { Peer, Protocol as ByteProtocol, Session } from "./session.ts";
import { reportRejection } from "../../embedder/rejections.ts";

type Chunk = Uint8Array<ArrayBuffer>;

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

/** A byte protocol on one connection. */
export class Bytes implements Protocol, Peer {
  readonly address: SocketAddress;
  readonly activity = "reading";
  readonly #connection: Connection;
  readonly #begin: ByteProtocol;
  #session: Session | null = null;
  /** True while the session is called in the connection's turn. What is written then is gathered. */
  #isInTurn = false;
  /** No more is sent after what was written. */
  #closes = false;
  /** The client may still send when everything is sent. */
  #lingers = false;
  /** True once `ended` of the session was called. */
  #hasReportedEnd = false;
  /** True once the session has written something after that. */
  #hasWrittenAfterEnd = false;
  #isPaused = false;

  constructor(connection: Connection, protocol: ByteProtocol) {
    this.#connection = connection;
    this.#begin = protocol;
    this.address = connection.context.clientAddresses.address(connection.fd) ?? UNKNOWN;
  }

  /** Starts the session. */
  start(): void {
    const connection = this.#connection;
    const { reactor } = connection.context;
    connection.input.trustsTransport = reactor.trigger === "level";
    connection.speak(this);
    if (!connection.watch()) return;
    try {
      this.#session = toSession(this.#begin(this));
    } catch (error) { // the exception concerns this client only, not the listener
      connection.context.onHandlerError(error);
      return reactor.retire(connection);
    }
    connection.endMs = reactor.now + (this.#session.timeoutMs ?? Infinity);
    this.#expire();
    connection.start();
  }

  // Peer

  write(given: Uint8Array): boolean {
    const bytes = bytesOf(given, "What is written to a client");
    const connection = this.#connection;
    const { output, context: { reactor, buffers } } = connection;
    if (connection.retired || this.#closes) return false;
    this.#hasWrittenAfterEnd ||= this.#hasReportedEnd;
    if (this.#isInTurn) {
      output.append(buffers, bytes, 0, bytes.length);
      return true;
    }
    // What a session writes at its very beginning waits for its first turn.
    if (this.#session !== null && !reactor.isParked && !this.isBlocked) {
      output.append(buffers, bytes, 0, bytes.length);
      if (connection.flush()) this.#expire();
      return !connection.retired;
    }
    const waiting = output.queuedBytes;
    if (waiting > PEER_QUEUE_BYTES_MAX || (waiting > HELD_BODY_SMALL_BYTES_MAX && bodyMemory.isFull)) {
      this.close();
      return false;
    }
    if (!this.isBlocked) this.#soon(); // otherwise readiness of the socket will wake it
    output.enqueue(bytes);
    return true;
  }

  end(bytes?: Uint8Array): void {
    if (bytes !== undefined) this.write(bytes);
    if (this.#connection.retired) return;
    this.#closes = true;
    // A client that was sent nothing after `ended` was called need not be waited for.
    this.#lingers = !this.#hasReportedEnd || this.#hasWrittenAfterEnd;
    if (!this.#isInTurn) this.#soon();
  }

  close(): void {
    const { reactor } = this.#connection.context;
    this.#closes = true;
    if (reactor.isParked) reactor.post(() => reactor.retire(this.#connection));
    else reactor.retire(this.#connection);
  }

  /** True while written bytes wait for the socket. */
  get isBlocked(): boolean {
    return this.#connection.isBlocked;
  }

  /** True once the client has closed its writing half. */
  get hasClientEnded(): boolean {
    return this.#connection.input.isEnded;
  }

  /** Starts the idle timeout, because code now waits for the client. */
  awaitClient(): void {
    const { reactor } = this.#connection.context;
    if (reactor.isParked) reactor.post(() => this.awaitClient());
    else if (this.#connection.state === "reading") this.#expire();
  }

  /** Receives nothing until {@linkcode resume}. A client that leaves meanwhile is noticed late. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#connection.input.isReadable = true;
    this.#soon();
  }

  /** Receives outside of the connection's turn. Returns a copy of the bytes, or null if there are none. */
  receiveNow(): Chunk | null {
    const connection = this.#connection;
    const { input, context: { accounting, reactor, buffers } } = connection;
    if (reactor.isParked || connection.state !== "reading" || !input.isReadable) return null;
    const slot = buffers.takeSlot(reactor.turnNumber);
    if (slot === null) return null;
    const count = connection.receiveInto(slot);
    if (count <= 0) {
      if (count < 0 && count !== -EAGAIN && count !== -EINTR) reactor.retire(connection);
      else if (count === 0) reactor.again(connection); // its turn calls `ended` of the session
      return null;
    }
    accounting.counters.receive(count);
    const bytes = slot.bytes.slice(0, count);
    input.clear();
    buffers.returnSlot();
    return bytes;
  }

  /** Handles the result of a session's callback. If an `async` one rejects, the client is closed, as if it had thrown. */
  #called(returned: unknown): void {
    if (returned === undefined) return;
    reportRejection(returned, (error) => {
      this.#connection.context.onHandlerError(error);
      this.close();
    });
  }

  #soon(): void {
    const { reactor } = this.#connection.context;
    if (reactor.isParked) reactor.post(() => reactor.again(this.#connection));
    else reactor.again(this.#connection);
  }

  /** Sets the deadline. Without `idleTimeoutMs`, a session that sets `timeoutMs` has no idle timeout. */
  #expire(): void {
    const { timeoutMs, idleTimeoutMs } = this.#session!;
    const silenceMs = idleTimeoutMs ?? (timeoutMs === undefined ? SESSION_IDLE_TIMEOUT_MS : Infinity);
    this.#connection.expireAt(this.#connection.context.reactor.now + silenceMs);
  }

  // Protocol

  get wantsInput(): Interest {
    const isReceiving = !this.#connection.input.isEnded && !this.#isPaused;
    return (isReceiving ? Interest.READABLE : Interest.NONE) |
      (this.#session?.closesOnUrgent ? Interest.EXCEPTIONAL : Interest.NONE);
  }

  onInput(): void {
    const { input } = this.#connection;
    if (this.#closes) input.clear();
    if (!input.isEmpty) {
      const arrived = input.bytes.subarray(input.start, input.end);
      input.clear(); // before the call, which may throw
      this.#isInTurn = true;
      try {
        this.#called(this.#session!.received(arrived));
      } finally {
        this.#isInTurn = false;
      }
    }
    if (this.#connection.context.isDraining && !input.isReadable) this.onEnd();
  }

  /** Also called when the server is stopping. */
  onEnd(): void {
    if (this.#hasReportedEnd || this.#connection.retired) return;
    this.#hasReportedEnd = true;
    const session = this.#session!;
    if (session.ended === undefined) this.#closes = true;
    this.#isInTurn = true;
    try {
      this.#called(session.ended?.());
    } finally {
      this.#isInTurn = false;
    }
  }

  onDrained(): void {
    this.#isInTurn = true;
    try {
      this.#called(this.#session!.drained?.());
    } finally {
      this.#isInTurn = false;
    }
  }

  onSettled(): void {
    if (this.#closes) this.#connection.finish(this.#lingers);
    else this.#expire();
  }

  onDeadline(): void {
    this.#connection.context.reactor.retire(this.#connection);
  }

  onClosed(): void {
    const session = this.#session;
    this.#called(session?.closed?.());
  }

  /** Works on what has arrived, and then does not wait for the client any more. */
  drain(): void {
    this.#connection.input.isReadable = true;
    this.#soon();
  }

  onUrgent(): void {
    this.#endsByUrgent();
  }

  /** Closes the connection if the session has `closesOnUrgent` and there is an urgent byte. Returns true if it did. */
  #endsByUrgent(): boolean {
    const { fd, transport, context: { reactor } } = this.#connection;
    if (!this.#session!.closesOnUrgent || transport.recvUrgent(fd) < 0) return false;
    reactor.retire(this.#connection);
    return true;
  }

  /**
   * Receives, but not past an urgent byte if the session has `closesOnUrgent`. recv skips and discards an urgent byte,
   * and the poller may report it too late. So the bytes are first peeked, and received only if there was no urgent byte
   * afterwards.
   */
  recv(buffer: Chunk): number {
    const { fd, transport } = this.#connection;
    if (!this.#session!.closesOnUrgent) return transport.recv(fd, buffer);
    const count = transport.peek(fd, buffer);
    if (this.#endsByUrgent()) return -EAGAIN;
    return count <= 0 ? count : transport.recv(fd, buffer.subarray(0, count));
  }
}
