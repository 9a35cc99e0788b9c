/**
 * The transport of TLS: OpenSSL between a connection and its socket. Descriptors without a session are plain sockets.
 *
 * OpenSSL receives from the socket itself. What it sends goes to one buffer that all connections share, from which it is
 * sent at once, the records of a response in one call. What the socket does not take is held by the session, and goes
 * first. So OpenSSL never waits for the socket in order to write, and what it writes while it reads (the answer to a
 * KeyUpdate, an alert) is in order.
 *
 * Source: SSL_read(3ssl), SSL_write(3ssl), SSL_get_error(3ssl), SSL_shutdown(3ssl), RFC 8446, RFC 5246.
 * @module
 */
import { EAGAIN, EINTR, EPIPE, EPROTO } from "../../ffi/libc/errno.ts";
import { clearErrno, lastErrno } from "../../ffi/libc/libc.ts";
import { readAt } from "../../ffi/file/file.ts";
import { CipherBuffer } from "../../ffi/openssl/cipher_buffer.ts";
import { handshake } from "../../ffi/openssl/handshake_hooks.ts";
import { crypto, ssl } from "../../ffi/openssl/openssl.ts";
import { takeFailure } from "../../ffi/openssl/openssl_error.ts";
import { bodyMemory } from "../http/body_memory.ts";
import {
  TLS_BURST_PAUSE_MS,
  TLS_BURST_SMALL_BYTES,
  TLS_CONTROL_BYTES_MAX,
  TLS_FILE_BYTES_MAX,
  TLS_RECORD_BYTES,
  TLS_SMALL_RECORD_BYTES,
  TLS_WRITE_BYTES_MAX,
} from "../tls_limits.ts";
import { Interest } from "../loop/poller.ts";
import type { Handshakes } from "./handshakes.ts";
import { socketTransport } from "./socket.ts";
import { TlsSession } from "./tls_session.ts";
import type { Transport } from "./transport.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const SSL_ERROR = { ssl: 1, wantRead: 2, wantWrite: 3, syscall: 5, zeroReturn: 6 } as const;
/** Limits the size of records, within that of the buffer (SSL_CTX_set_split_send_fragment(3ssl)). */
const CTRL_SET_SPLIT_SEND_FRAGMENT = 125;
/** A read that takes less than this has emptied the socket, if it has begun with an empty buffer. */
const READ_AHEAD_BYTES = 16 * 1024;

/** A clock in milliseconds, such as that of the reactor. */
interface Clock {
  readonly now: number;
}

/** TLS over sockets. */
export class Tls implements Transport {
  readonly handshakes: Handshakes;
  readonly #clock: Clock;
  /** By descriptor. */
  readonly #sessions: (TlsSession | undefined)[] = [];
  readonly #cipher = new CipherBuffer(TLS_WRITE_BYTES_MAX * 2, TLS_SMALL_RECORD_BYTES);
  /** The session whose ciphertext is in the shared buffer, because more is to follow; otherwise null. */
  #gathering: TlsSession | null = null;
  readonly #file: Bytes = new Uint8Array(TLS_FILE_BYTES_MAX);

  constructor(clock: Clock, handshakes: Handshakes) {
    this.#clock = clock;
    this.handshakes = handshakes;
  }

  /** Makes `fd` speak TLS from its next byte on. */
  begin(fd: number): void {
    this.forget(fd);
    this.#sessions[fd] = new TlsSession(fd, this.handshakes.certificates.first, this.#cipher);
  }

  /** Returns the session of `fd`; undefined for a plain socket. */
  sessionOf(fd: number): TlsSession | undefined {
    return this.#sessions[fd];
  }

  isSecure(fd: number): boolean {
    return this.#sessions[fd] !== undefined;
  }

  recv(fd: number, buffer: Bytes): number {
    const session = this.#sessions[fd];
    if (session === undefined || session.hasFailed) return socketTransport.recv(fd, buffer);
    if (!session.isOpen) {
      const status = this.handshake(fd);
      if (status < 0) return status;
    }
    if (session.controlBytes > TLS_CONTROL_BYTES_MAX) return -EAGAIN; // it writes much without reading the answers
    this.#yieldTo(session);
    const { pointer, bio } = session;
    const wasClean = session.isClean;
    const before = wasClean ? crypto.BIO_number_read(bio) : 0;
    crypto.ERR_clear_error();
    clearErrno();
    const count = ssl.SSL_read(pointer, buffer, buffer.length);
    const errno = lastErrno();
    if (count > 0) {
      session.isClean = ssl.SSL_has_pending(pointer) === 0;
      session.isDrained = wasClean && session.isClean &&
        (crypto.BIO_number_read(bio) - before >>> 0) < READ_AHEAD_BYTES;
      if (this.#cipher.length > 0) this.#sendControl(session);
      return count;
    }
    const status = this.#explain(session, count, errno);
    session.isDrained = status !== -EINTR;
    if (this.#cipher.length > 0) this.#sendControl(session);
    return status;
  }

  isDrained(fd: number, count: number, capacity: number): boolean {
    const session = this.#sessions[fd];
    if (session === undefined || session.hasFailed) return socketTransport.isDrained(fd, count, capacity);
    return session.isDrained;
  }

  /** Continues the handshake. Returns 0 when it is complete, else −errno; −EPROTO if it has failed. */
  handshake(fd: number): number {
    const session = this.#sessions[fd]!;
    this.#yieldTo(session);
    crypto.ERR_clear_error();
    clearErrno();
    const result = handshake(session.pointer, this.handshakes);
    const errno = lastErrno();
    const status = result === 1 ? 0 : this.#explain(session, result, errno);
    if (this.#cipher.length > 0) this.#sendControl(session);
    if (result === 1) session.isOpen = true;
    return status === 0 && result !== 1 ? -EPIPE : status;
  }

  /** Returns what a call that has returned `result` means: 0 for the client's end, or −errno. */
  #explain(session: TlsSession, result: number, errno: number): number {
    const error = ssl.SSL_get_error(session.pointer, result);
    // Without an error of the kernel's, a record without data was read, and there may be more.
    if (error === SSL_ERROR.wantRead) return errno === 0 || errno === EINTR ? -EINTR : -EAGAIN;
    if (error === SSL_ERROR.zeroReturn) return 0;
    session.hasFailed = true;
    session.failure = takeFailure();
    if (error === SSL_ERROR.syscall) return errno === 0 ? -EPIPE : -errno;
    return -EPROTO;
  }

  peek(fd: number, buffer: Bytes): number {
    const session = this.#sessions[fd];
    if (session !== undefined && session.isOpen && !session.isClean) return 1; // OpenSSL has bytes
    return socketTransport.peek(fd, buffer);
  }

  recvUrgent(fd: number): number {
    return socketTransport.recvUrgent(fd);
  }

  send(fd: number, bytes: Bytes, length: number, more: boolean): number {
    const session = this.#sessions[fd];
    if (session === undefined) return socketTransport.send(fd, bytes, length, more);
    if (session.hasFailed || !session.isOpen) return -EPIPE;
    if (session.held !== null) {
      const status = this.#sendHeld(session);
      if (status < 0) return status;
    }
    this.#yieldTo(session);
    const taken = Math.min(length, session.isSlow ? TLS_RECORD_BYTES : TLS_WRITE_BYTES_MAX);
    for (let done = 0; done < taken;) {
      const written = this.#write(session, done === 0 ? bytes : bytes.subarray(done), taken - done);
      if (written < 0) return written;
      done += written;
    }
    if (more && this.#cipher.length <= TLS_WRITE_BYTES_MAX) return taken;
    const status = this.#sendGathered(session);
    return status < 0 && status !== -EAGAIN && status !== -EINTR ? status : taken;
  }

  /** Has OpenSSL encrypt bytes into the shared buffer, in small records at first. Returns how many, or −errno. */
  #write(session: TlsSession, bytes: Bytes, length: number): number {
    const { now } = this.#clock;
    if (now - session.writtenMs > TLS_BURST_PAUSE_MS) session.burstBytes = 0;
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
    session.failure = takeFailure();
    this.#sendGathered(session);
    return -EPIPE;
  }

  sendfile(fd: number, file: number, offset: number, length: number): number {
    const session = this.#sessions[fd];
    if (session === undefined) return socketTransport.sendfile(fd, file, offset, length);
    if (session.held !== null) {
      const status = this.#sendHeld(session);
      if (status < 0) return status;
    }
    const wanted = Math.min(length, session.isSlow ? TLS_RECORD_BYTES : this.#file.length);
    const bytes = wanted === this.#file.length ? this.#file : this.#file.subarray(0, wanted);
    const read = readAt(file, bytes, offset);
    return read <= 0 ? read : this.send(fd, this.#file, read, read < length);
  }

  flush(fd: number): number {
    const session = this.#sessions[fd];
    if (session === undefined) return 0;
    if (this.#gathering === session) {
      const status = this.#sendGathered(session);
      if (status < 0) return status;
    }
    return session.held === null ? 0 : this.#sendHeld(session);
  }

  /** Sends what is in the shared buffer. What the socket does not take is held. Returns 0 or −errno. */
  #sendGathered(session: TlsSession): number {
    this.#gathering = null;
    const { bytes, length } = this.#cipher;
    let sent = 0;
    if (session.held === null) {
      sent = socketTransport.send(session.fd, bytes, length, false);
      session.isSlow = sent !== length;
    }
    const isWhole = sent === length;
    if (!isWhole && (sent >= 0 || sent === -EAGAIN || sent === -EINTR)) {
      this.#hold(session, Math.max(sent, 0));
    }
    this.#cipher.clear();
    return isWhole ? 0 : sent < 0 ? sent : -EAGAIN;
  }

  /** Sends what OpenSSL has written while it was reading. A failure shows at the next call. */
  #sendControl(session: TlsSession): void {
    const { length } = this.#cipher;
    if (this.#sendGathered(session) < 0) session.controlBytes += length;
  }

  #hold(session: TlsSession, from: number): void {
    const rest = this.#cipher.bytes.subarray(from, this.#cipher.length);
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
  #sendHeld(session: TlsSession): number {
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
  #yieldTo(session: TlsSession): void {
    const other = this.#gathering;
    if (other !== null && other !== session) this.#sendGathered(other);
  }

  wants(fd: number): Interest {
    const session = this.#sessions[fd];
    return session === undefined || session.held === null ? Interest.NONE : Interest.WRITABLE;
  }

  shutdownWrite(fd: number): number {
    const session = this.#sessions[fd];
    if (session === undefined) return socketTransport.shutdownWrite(fd);
    this.announceEnd(fd);
    if (session.held === null) return socketTransport.shutdownWrite(fd);
    session.isEnding = true; // the socket is full: the end follows what is held
    return 0;
  }

  announceEnd(fd: number): void {
    const session = this.#sessions[fd];
    if (session === undefined || !session.isOpen || session.hasFailed || session.hasSaidEnd) return;
    session.hasSaidEnd = true;
    this.#yieldTo(session);
    ssl.SSL_shutdown(session.pointer);
    crypto.ERR_clear_error();
    this.#sendGathered(session);
  }

  isReset(fd: number): boolean {
    return socketTransport.isReset(fd);
  }

  unacknowledged(fd: number): number {
    const unacknowledged = socketTransport.unacknowledged(fd);
    const session = this.#sessions[fd];
    if (session === undefined || unacknowledged < 0) return unacknowledged;
    return unacknowledged + (session.held?.length ?? 0);
  }

  liftUnsentLimit(fd: number): number {
    return socketTransport.liftUnsentLimit(fd);
  }

  resetOnClose(fd: number): number {
    return socketTransport.resetOnClose(fd);
  }

  forget(fd: number): void {
    const session = this.#sessions[fd];
    if (session === undefined) return;
    if (this.#gathering === session) {
      this.#gathering = null;
      this.#cipher.clear();
    }
    if (session.held !== null) bodyMemory.release(session.held);
    this.#sessions[fd] = undefined;
    session.free();
  }
}
