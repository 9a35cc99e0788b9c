/**
 * The beginning of a connection with TLS: its handshake. The connection speaks another protocol afterwards.
 * @module
 */
import { EAGAIN, ECONNABORTED } from "../../../ffi/libc/errno.ts";
import type { Connection } from "../../connection/connection.ts";
import type { Protocol } from "../../connection/protocol.ts";
import { Interest } from "../../loop/poller.ts";
import type { Tls } from "../../transport/tls.ts";

/** The content type of a record that begins a handshake (RFC 8446 §5.1). */
const HANDSHAKE_RECORD = 22;
const FIRST_BYTE = new Uint8Array(new ArrayBuffer(128), 0, 1);
const [UPPER_A, UPPER_Z] = [0x41, 0x5a];

/** What follows a handshake. Both make the connection speak another protocol, in phase one. */
export interface Followers {
  /** Called when the handshake is complete. */
  secured(connection: Connection): void;
  /** Called for a client that begins with a capital letter, as a request of HTTP without TLS does. Null when the server does not speak HTTP: the handshake then fails. */
  readonly plain: ((connection: Connection) => void) | null;
}

/** The protocol of a connection whose handshake is not complete. */
export class Handshake implements Protocol {
  readonly activity = "handshaking";
  readonly wantsInput: Interest = Interest.READABLE;
  readonly #connection: Connection;
  readonly #tls: Tls;
  readonly #followers: Followers;
  #hasFailed = false;
  /** True once a challenge was answered. */
  #isAnswered = false;
  #untilMs = Infinity;

  constructor(connection: Connection, tls: Tls, followers: Followers) {
    this.#connection = connection;
    this.#tls = tls;
    this.#followers = followers;
  }

  /** True once the handshake has failed, or nothing follows it: the end of the turn then closes the connection. */
  get canIdle(): boolean {
    return this.#hasFailed || this.#isAnswered;
  }

  /** Makes the connection speak this protocol. Its client has `handshakeTimeoutMs`. */
  begin(): void {
    const connection = this.#connection;
    const { reactor, limits } = connection.context;
    connection.speak(this);
    this.#untilMs = reactor.now + limits.handshakeTimeoutMs;
    connection.expireAt(this.#untilMs);
  }

  /** Continues the handshake, and once it is complete receives what follows. */
  recv(buffer: Uint8Array<ArrayBuffer>): number {
    const connection = this.#connection;
    const { fd } = connection;
    const tls = this.#tls;
    if (tls.sessionOf(fd) === undefined) {
      const count = tls.peek(fd, FIRST_BYTE);
      if (count <= 0) return count === 0 ? -ECONNABORTED : count;
      if (FIRST_BYTE[0] !== HANDSHAKE_RECORD && this.#speaksPlain()) return connection.recv(buffer);
      tls.begin(fd);
    }
    const status = tls.handshake(fd);
    if (status === 0 && tls.sessionOf(fd)!.isChallenge) {
      this.#isAnswered = true;
      return -EAGAIN;
    }
    if (status === 0) {
      tls.handshakes.countComplete(tls.sessionOf(fd)!);
      connection.expireAt(Infinity);
      this.#followers.secured(connection);
      return connection.retired ? -EAGAIN : connection.recv(buffer);
    }
    if (!tls.sessionOf(fd)!.hasFailed) return status;
    this.#hasFailed = true; // closing at once could discard the alert that was just sent
    return -EAGAIN;
  }

  /** Lets the connection continue without TLS if its client does so, and that is expected. */
  #speaksPlain(): boolean {
    const { plain } = this.#followers;
    const byte = FIRST_BYTE[0]!;
    if (plain === null || byte < UPPER_A || byte > UPPER_Z) return false;
    this.#connection.expireAt(Infinity);
    plain(this.#connection);
    return true;
  }

  onInput(): void {}

  /** Output of the handshake had to wait, under the deadline for sending. This restores that of the handshake. */
  onDrained(): void {
    this.#connection.expireAt(this.#untilMs);
  }

  onSettled(): void {
    if (!this.#hasFailed && !this.#isAnswered) return;
    if (this.#hasFailed) this.#tls.handshakes.counts.failed++;
    this.#connection.finish(true);
  }

  onDeadline(): void {
    this.#connection.context.reactor.retire(this.#connection);
  }

  onClosed(): void {
    if (!this.#hasFailed && !this.#isAnswered) this.#tls.handshakes.counts.failed++;
  }

  /** A handshake that has begun is completed: a request follows it. */
  drain(): void {}
}
