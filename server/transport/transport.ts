/**
 * The layer that moves a connection's bytes: calls on its descriptor, and what only the layer below the protocol knows.
 * A transport keeps its state by descriptor, from the first call until `forget`, so that an idle connection has no
 * object.
 * @module
 */
import type { Interest } from "../loop/poller.ts";

/** A transport. Calls that return a number return ≥ 0 or −errno, except for `wants`. */
export interface Transport {
  /** Receives up to `buffer.length` bytes. Returns how many, 0 at the peer's end, or −errno (−EAGAIN: none at present). */
  recv(fd: number, buffer: Uint8Array<ArrayBuffer>): number;
  /**
   * Returns true if nothing is left to receive until the poller reports readiness: `recv` has just returned
   * `count`, which may be 0 or −errno, for a buffer of `capacity` bytes. After −EAGAIN it is false if bytes without data
   * came: the peer's end, which the poller has reported together with them, may follow.
   */
  isDrained(fd: number, count: number, capacity: number): boolean;
  /**
   * Looks for data without taking it. Returns a number > 0 if there is some, 0 at the peer's end, or −errno. On a plain
   * socket these are the bytes that `recv` will return. With TLS they are not, and a later `recv` may find no data in them.
   */
  peek(fd: number, buffer: Uint8Array<ArrayBuffer>): number;
  /** Removes one byte of out-of-band data. Returns 1, or −errno if there is none. */
  recvUrgent(fd: number): number;
  /**
   * Takes up to `length` bytes to send. Returns how many. `more` is true if other bytes follow at once. A transport may
   * hold back bytes that it has taken. It sends these first, and returns −EAGAIN while any are left.
   */
  send(fd: number, bytes: Uint8Array<ArrayBuffer>, length: number, more: boolean): number;
  /**
   * Sends what is held back. Returns 0 if nothing is held back any more, and there is room for what {@linkcode announceEnd}
   * sends; otherwise −errno (−EAGAIN until then).
   */
  flush(fd: number): number;
  /**
   * Sends up to `length` bytes of the open file `file`, from byte `offset` on. Returns how many were taken, 0 if the file
   * ends there, or −errno.
   */
  sendfile(fd: number, file: number, offset: number, length: number): number;
  /**
   * Returns the readiness that the transport waits for itself, in addition to the connection: it may have to write in
   * order to read, or to read in order to write. Any readiness then wakes both directions.
   */
  wants(fd: number): Interest;
  /**
   * Tells the peer that everything was sent. To be called when nothing is held back, and `shutdownWrite` or closing
   * follows.
   */
  announceEnd(fd: number): void;
  /** Ends the writing half, and announces that. Nothing is held back when this is called. */
  shutdownWrite(fd: number): number;
  /** Returns true if the connection was reset, even while input is unread; false if that cannot be known. */
  isReset(fd: number): boolean;
  /** Returns how many of the bytes that `send` has taken are not acknowledged by the peer, or are held back. */
  unacknowledged(fd: number): number;
  /** Changes the limit of unsent bytes above which the socket takes no more; −1 removes it. */
  limitUnsent(fd: number, bytes: number): number;
  /** Makes closing discard what the peer has not acknowledged. */
  resetOnClose(fd: number): number;
  /** Returns true if the bytes are encrypted on their way. */
  isSecure(fd: number): boolean;
  /** Drops the state of `fd`, if there is any. Called before the first use of a descriptor and after the last. */
  forget(fd: number): void;
}
