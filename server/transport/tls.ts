/**
 * The transport of TLS: OpenSSL between a connection and its socket. Descriptors without a session are plain sockets.
 *
 * OpenSSL is fed with what was received from the socket. What it sends goes to one buffer that all connections share, from
 * which it is sent at once, the records of a response in one call. What the socket does not take is held by the session, and goes
 * first. So OpenSSL never waits for the socket in order to write, and what it writes of its own accord (the answer to a
 * KeyUpdate, an alert) is in order.
 *
 * Source: SSL_read(3ssl), SSL_write(3ssl), SSL_get_error(3ssl), SSL_shutdown(3ssl), RFC 8446, RFC 5246.
 * @module
 */
import { EAGAIN, ECONNABORTED, EINTR, EPIPE, EPROTO } from "../../ffi/libc/errno.ts";
import { readAt } from "../../ffi/file/file.ts";
import { FED_BYTES_MAX, MemoryBio } from "../../ffi/openssl/memory_bio.ts";
import { handshake } from "../../ffi/openssl/handshake_hooks.ts";
import { hasKernelTls } from "../../ffi/socket/kernel_tls.ts";
import { crypto, ssl } from "../../ffi/openssl/openssl.ts";
import { takeFailure } from "../../ffi/openssl/openssl_error.ts";
import {
  TLS_CONTROL_BYTES_MAX,
  TLS_FILE_BYTES_MAX,
  TLS_RECORD_BYTES,
  TLS_WRITE_BYTES_MAX,
} from "../tls_limits.ts";
import { Interest } from "../loop/poller.ts";
import type { Handshakes } from "./handshakes.ts";
import { handOver } from "./kernel_tls.ts";
import { socketTransport } from "./socket.ts";
import { type Clock, TlsOutput } from "./tls_output.ts";
import { TlsSession } from "./tls_session.ts";
import type { Transport } from "./transport.ts";
import { WrittenRecords } from "./written_records.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** SSL_KEY_UPDATE_NONE: nothing is to be answered to a KeyUpdate. */
const NO_KEY_UPDATE = -1;
const SSL_ERROR = { wantRead: 2, zeroReturn: 6 } as const;

/** TLS over sockets. */
export class Tls implements Transport {
  readonly handshakes: Handshakes;
  /** By descriptor. */
  readonly #sessions: (TlsSession | undefined)[] = [];
  /** What OpenSSL reads: bytes of one connection that were just received. */
  readonly #received = new MemoryBio(FED_BYTES_MAX);
  readonly #output: TlsOutput;
  readonly #file: Bytes = new Uint8Array(TLS_FILE_BYTES_MAX);
  readonly #offersKernel: boolean;

  /** With `offersKernel`, the kernel encrypts large files, if it takes the keys. */
  constructor(clock: Clock, handshakes: Handshakes, offersKernel: boolean = hasKernelTls()) {
    this.#offersKernel = offersKernel;
    this.#output = new TlsOutput(clock);
    this.handshakes = handshakes;
  }

  /** Makes `fd` speak TLS from its next byte on. */
  begin(fd: number): void {
    this.forget(fd);
    const { first } = this.handshakes.certificates;
    const session = new TlsSession(fd, first, this.#received, this.#output.cipher);
    if (this.#offersKernel) session.written = new WrittenRecords(this.#output.cipher);
    this.#sessions[fd] = session;
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
    if (session.controlBytes > TLS_CONTROL_BYTES_MAX) { // it causes many answers, and does not read them
      session.isDrained = true;
      return -EAGAIN;
    }
    const count = this.#recv(session, buffer);
    if (session.hasTicket) this.#output.sendTicket(session, count > 0);
    const { kernel } = session;
    if (kernel === null) return count;
    if (ssl.SSL_get_key_update_type(session.pointer) !== NO_KEY_UPDATE) kernel.isWorn = true;
    return count === -EAGAIN && kernel.isWorn ? 0 : count;
  }

  #recv(session: TlsSession, buffer: Bytes): number {
    if (!session.isClean) {
      const count = this.#decrypt(session, buffer, this.#restore(session), true);
      if (count !== -EAGAIN) return count;
    }
    const received = this.#receive(session);
    return received <= 0 ? received : this.#decrypt(session, buffer, received, received === FED_BYTES_MAX);
  }

  /** Receives what OpenSSL is fed next. Returns the number of bytes, 0 at the client's end, or −errno. */
  #receive(session: TlsSession): number {
    const { bytes } = this.#received;
    const count = socketTransport.recv(session.fd, bytes);
    session.isDrained = count !== -EINTR;
    return count;
  }

  /** Moves back what OpenSSL has not read before. Returns the number of bytes. */
  #restore(session: TlsSession): number {
    const { rest } = session;
    if (rest === null) return 0;
    session.rest = null;
    this.#received.bytes.set(rest);
    return rest.length;
  }

  /** Keeps what OpenSSL has not read of `length` bytes. */
  #keep(session: TlsSession, length: number): void {
    const { unread } = this.#received;
    if (unread > 0) session.rest = this.#received.bytes.slice(length - unread, length);
    session.isClean = unread === 0 && ssl.SSL_pending(session.pointer) === 0;
  }

  /**
   * Has OpenSSL decrypt the first `length` bytes that were received, after those that it has. Returns the number of bytes in
   * `buffer`, 0 after close_notify, or −errno. `mayHaveMore` tells whether the socket may have more.
   */
  #decrypt(session: TlsSession, buffer: Bytes, length: number, mayHaveMore: boolean): number {
    this.#output.yieldTo(session);
    this.#received.fill(length);
    crypto.ERR_clear_error();
    const count = ssl.SSL_read(session.pointer, buffer, buffer.length);
    const status = count > 0 ? count : this.#explain(session, count);
    this.#keep(session, length);
    if (this.#output.cipher.length > 0 && !session.hasTicket) {
      this.#output.sendControl(session);
      session.written = null; // the keys may have changed
    }
    session.isDrained = status > 0 && session.isClean && !mayHaveMore; // without data, an end may follow
    if (session.hasLost && status === -EAGAIN) return -EPIPE; // the client may wait for what was lost
    // A call without data for the caller may have read records of TLS only. What is left then waits for another turn.
    return status === -EAGAIN && (session.rest !== null || (mayHaveMore && length > 0)) ? -EINTR : status;
  }

  isDrained(fd: number, count: number, capacity: number): boolean {
    const session = this.#sessions[fd];
    if (session === undefined || session.hasFailed) return socketTransport.isDrained(fd, count, capacity);
    return session.isDrained && session.kernel?.isWorn !== true;
  }

  /** Continues the handshake. Returns 0 when it is complete, else −errno; −EPROTO if it has failed. */
  handshake(fd: number): number {
    const session = this.#sessions[fd]!;
    const kept = this.#restore(session);
    const length = kept > 0 ? kept : this.#receive(session);
    if (length <= 0) return length === 0 ? -ECONNABORTED : length;
    this.#output.yieldTo(session);
    this.#received.fill(length);
    this.handshakes.session = session;
    crypto.ERR_clear_error();
    const result = handshake(session.pointer, this.handshakes);
    this.handshakes.session = null;
    const status = result === 1 ? 0 : this.#explain(session, result);
    this.#keep(session, length);
    if (this.#output.cipher.length > 0 && result !== 1) this.#output.sendControl(session);
    session.isDrained = false; // an end may follow
    if (session.hasLost && !session.hasFailed) return -EPIPE; // the client would wait for what was lost
    if (result === 1) {
      session.isOpen = true;
      this.#output.keepTicket(session);
    } else if (status === 0) return -ECONNABORTED;
    return status === -EAGAIN && (session.rest !== null || length === FED_BYTES_MAX) ? -EINTR : status;
  }

  /** Returns what a call that has returned `result` means: 0 for the client's end, or −errno. */
  #explain(session: TlsSession, result: number): number {
    const error = ssl.SSL_get_error(session.pointer, result);
    if (error === SSL_ERROR.wantRead) return -EAGAIN;
    if (error === SSL_ERROR.zeroReturn) return 0;
    session.hasFailed = true;
    takeFailure(); // empties OpenSSL's queue
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
    if (session.hasFailed || session.hasLost || !session.isOpen) return -EPIPE;
    if (session.kernel !== null) return session.kernel.send(bytes, length);
    if (session.held !== null) {
      const status = this.#output.sendHeld(session);
      if (status < 0) return status;
    }
    this.#output.yieldTo(session);
    const taken = Math.min(length, session.isSlow ? TLS_RECORD_BYTES : TLS_WRITE_BYTES_MAX);
    for (let done = 0; done < taken;) {
      const written = this.#output.write(session, done === 0 ? bytes : bytes.subarray(done), taken - done);
      if (written < 0) return written;
      done += written;
    }
    if (more && this.#output.cipher.length <= TLS_WRITE_BYTES_MAX) return taken;
    const status = this.#output.sendGathered(session);
    return status < 0 && status !== -EAGAIN && status !== -EINTR ? status : taken;
  }

  sendfile(fd: number, file: number, offset: number, length: number): number {
    const session = this.#sessions[fd];
    if (session === undefined) return socketTransport.sendfile(fd, file, offset, length);
    if (session.kernel !== null && !session.hasFailed) return session.kernel.sendfile(file, offset, length);
    if (session.held !== null) {
      const status = this.#output.sendHeld(session);
      if (status < 0) return status;
    }
    const isForKernel = length > TLS_RECORD_BYTES && this.#output.isForKernel(session);
    const wanted = Math.min(length, session.isSlow || isForKernel ? TLS_RECORD_BYTES : this.#file.length);
    const bytes = wanted === this.#file.length ? this.#file : this.#file.subarray(0, wanted);
    const read = readAt(file, bytes, offset);
    if (read <= 0) return read;
    const taken = this.send(fd, this.#file, read, read < length && !isForKernel);
    if (isForKernel && taken === TLS_RECORD_BYTES && session.held === null) handOver(session);
    return taken;
  }

  flush(fd: number): number {
    const session = this.#sessions[fd];
    if (session === undefined) return 0;
    if (session.hasLost) return -EPIPE;
    if (session.kernel !== null) return session.kernel.flush();
    if (this.#output.isGathering(session)) {
      const status = this.#output.sendGathered(session);
      if (status < 0) return status;
    }
    return session.held === null ? 0 : this.#output.sendHeld(session);
  }

  wants(fd: number): Interest {
    const session = this.#sessions[fd];
    const isHolding = session !== undefined && (session.held !== null || session.kernel?.isHolding === true);
    return isHolding ? Interest.WRITABLE : Interest.NONE;
  }

  shutdownWrite(fd: number): number {
    const session = this.#sessions[fd];
    if (session === undefined) return socketTransport.shutdownWrite(fd);
    this.announceEnd(fd);
    if (session.kernel !== null) return session.kernel.shutdownWrite();
    if (session.held === null) return socketTransport.shutdownWrite(fd);
    session.isEnding = true; // the socket is full: the end follows what is held
    return 0;
  }

  announceEnd(fd: number): void {
    const session = this.#sessions[fd];
    if (session === undefined || !session.isOpen || session.hasFailed || session.hasSaidEnd) return;
    session.hasSaidEnd = true;
    if (session.kernel !== null) return session.kernel.announceEnd();
    this.#output.yieldTo(session);
    ssl.SSL_shutdown(session.pointer);
    crypto.ERR_clear_error();
    this.#output.sendGathered(session);
  }

  isReset(fd: number): boolean {
    return this.#sessions[fd]?.kernel?.isReset() ?? socketTransport.isReset(fd);
  }

  unacknowledged(fd: number): number {
    const unacknowledged = socketTransport.unacknowledged(fd);
    const session = this.#sessions[fd];
    if (session === undefined || unacknowledged < 0) return unacknowledged;
    return unacknowledged + (session.held?.length ?? session.kernel?.heldBytes ?? 0);
  }

  limitUnsent(fd: number, bytes: number): number {
    return socketTransport.limitUnsent(fd, bytes);
  }

  resetOnClose(fd: number): number {
    return socketTransport.resetOnClose(fd);
  }

  forget(fd: number): void {
    const session = this.#sessions[fd];
    if (session === undefined) return;
    this.#output.forget(session);
    this.#sessions[fd] = undefined;
    session.free();
  }
}
