/**
 * The sending side of TLS: what OpenSSL has encrypted, on its way to the sockets.
 * @module
 */
import { EAGAIN, EINTR, EPIPE } from "../../ffi/libc/errno.ts";
import { MemoryBio, roomFor } from "../../ffi/openssl/memory_bio.ts";
import { crypto, ssl } from "../../ffi/openssl/openssl.ts";
import { takeFailure } from "../../ffi/openssl/openssl_error.ts";
import { bodyMemory } from "../http/body_memory.ts";
import {
  TLS_BURST_PAUSE_MS,
  TLS_BURST_SMALL_BYTES,
  TLS_KERNEL_AFTER_BYTES,
  TLS_RECORD_BYTES,
  TLS_SMALL_RECORD_BYTES,
  TLS_WRITE_BYTES_MAX,
} from "../tls_limits.ts";
import { socketTransport } from "./socket.ts";
import type { TlsSession } from "./tls_session.ts";

/** Limits the size of records, within that of the buffer (SSL_CTX_set_split_send_fragment(3ssl)). */
const CTRL_SET_SPLIT_SEND_FRAGMENT = 125;

/** A clock in milliseconds, such as that of the reactor. */
export interface Clock {
  readonly now: number;
}

/** Encrypts and sends. All sessions share one buffer. */
export class TlsOutput {
  readonly #clock: Clock;
  /** What OpenSSL writes. */
  readonly cipher: MemoryBio = new MemoryBio(roomFor(TLS_WRITE_BYTES_MAX * 2, TLS_SMALL_RECORD_BYTES));
  /** The session whose ciphertext is in the buffer, because more is to follow; otherwise null. */
  #gathering: TlsSession | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True if bytes of `session` are in the buffer, because more is to follow. */
  isGathering(session: TlsSession): boolean {
    return this.#gathering === session;
  }

  #isBursting(session: TlsSession): boolean {
    return this.#clock.now - session.writtenMs <= TLS_BURST_PAUSE_MS;
  }

  /** True if so much was sent at a stretch that the kernel may encrypt what follows of a file. */
  isForKernel(session: TlsSession): boolean {
    return session.written !== null && session.burstBytes >= TLS_KERNEL_AFTER_BYTES && !session.isSlow &&
      this.#isBursting(session);
  }

  /** Has OpenSSL encrypt bytes into the shared buffer, in small records at first. Returns how many, or −errno. */
  write(session: TlsSession, bytes: Uint8Array<ArrayBuffer>, length: number): number {
    const { now } = this.#clock;
    if (!this.#isBursting(session)) session.burstBytes = 0;
    session.writtenMs = now;
    const isSmall = session.burstBytes < TLS_BURST_SMALL_BYTES;
    if (length > TLS_SMALL_RECORD_BYTES && isSmall !== session.hasSmallRecords) {
      session.hasSmallRecords = isSmall;
      const recordBytes = isSmall ? TLS_SMALL_RECORD_BYTES : TLS_RECORD_BYTES;
      ssl.SSL_ctrl(session.pointer, CTRL_SET_SPLIT_SEND_FRAGMENT, BigInt(recordBytes), null);
    }
    if (isSmall) length = Math.min(length, TLS_BURST_SMALL_BYTES);
    session.burstBytes += length;
    crypto.ERR_clear_error();
    this.#gathering = session;
    const written = ssl.SSL_write(session.pointer, bytes, length);
    if (written > 0) return written;
    session.hasFailed = true;
    takeFailure(); // empties OpenSSL's queue
    this.sendGathered(session);
    return -EPIPE;
  }

  /** Sends what is in the shared buffer. What the socket does not take is held. Returns 0 or −errno. */
  sendGathered(session: TlsSession): number {
    this.#gathering = null;
    const { bytes, length } = this.cipher;
    session.written?.add();
    let sent = 0;
    if (session.held === null) {
      sent = socketTransport.send(session.fd, bytes, length, false);
      session.isSlow = sent !== length;
    }
    const isWhole = sent === length;
    const isLost = sent < 0 && sent !== -EAGAIN && sent !== -EINTR;
    if (isLost) session.hasLost = true;
    else if (!isWhole) this.#hold(session, Math.max(sent, 0));
    this.cipher.fill(0);
    return isWhole ? 0 : sent < 0 ? sent : -EAGAIN;
  }

  /** Sends what OpenSSL has written while it was reading. A failure shows at the next call. */
  sendControl(session: TlsSession): void {
    const { bytes, length } = this.cipher;
    if (session.kernel !== null) {
      session.kernel.relay(bytes, length);
      return this.cipher.fill(0);
    }
    if (this.sendGathered(session) < 0) session.controlBytes += length;
  }

  /** Keeps what a complete handshake has written, a ticket for later connections: it may leave with the first response. */
  keepTicket(session: TlsSession): void {
    if (this.cipher.length === 0) return;
    this.#gathering = session;
    session.hasTicket = true;
  }

  /** Sends the ticket, unless a response is expected in this turn, with which it leaves. */
  sendTicket(session: TlsSession, isResponseExpected: boolean): void {
    session.hasTicket = false;
    if (!isResponseExpected && this.#gathering === session) this.sendControl(session);
  }

  #hold(session: TlsSession, from: number): void {
    const rest = this.cipher.bytes.subarray(from, this.cipher.length);
    const before = session.held;
    const held = new Uint8Array((before?.length ?? 0) + rest.length);
    if (before !== null) {
      held.set(before);
      bodyMemory.release(before);
    }
    held.set(rest, before?.length ?? 0);
    session.held = held;
    bodyMemory.hold(held);
  }

  /** Sends what is held. Returns 0 if nothing is left, else −errno. */
  sendHeld(session: TlsSession): number {
    const held = session.held!;
    const sent = socketTransport.send(session.fd, held, held.length, false);
    if (sent < 0) return sent;
    if (sent < held.length) {
      session.held = held.subarray(sent);
      return -EAGAIN;
    }
    bodyMemory.release(held);
    session.held = null;
    session.controlBytes = 0;
    return session.isEnding ? Math.min(socketTransport.shutdownWrite(session.fd), 0) : 0;
  }

  /** Lets `session` use the shared buffer. What another one has in it is sent. */
  yieldTo(session: TlsSession): void {
    const other = this.#gathering;
    if (other !== null && other !== session) this.sendGathered(other);
  }

  /** Drops what is there of `session`. */
  forget(session: TlsSession): void {
    if (this.#gathering === session) {
      this.#gathering = null;
      this.cipher.fill(0);
    }
    if (session.held !== null) bodyMemory.release(session.held);
  }
}
