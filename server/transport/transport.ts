/**
 * The way of a connection's bytes: calls on its descriptor, and what only the layer below the protocol knows. A transport
 * keeps its state by descriptor, from the first call until `forget`, so that an idle connection has no object.
 * @module
 */
import type { Interest } from "../loop/poller.ts";

/** A transport. All calls return ≥ 0 or −errno. */
export interface Transport {
  recv(fd: number, buffer: Uint8Array<ArrayBuffer>): number;
  /**
   * Returns true if nothing is left to receive until the poller reports readiness: `recv` has just returned `count` for a
   * buffer of `capacity` bytes.
   */
  isDrained(fd: number, count: number, capacity: number): boolean;
  /** Does the same as `recv`, but leaves the data where it is. */
  peek(fd: number, buffer: Uint8Array<ArrayBuffer>): number;
  /** Removes one byte of out-of-band data; negative if there is none. */
  recvUrgent(fd: number): number;
  /**
   * Sends up to `length` bytes. With `more`, other bytes follow at once. A transport may hold back bytes that it counts as
   * sent; while it does, `send` returns −EAGAIN.
   */
  send(fd: number, bytes: Uint8Array<ArrayBuffer>, length: number, more: boolean): number;
  /** Sends what is held back. Returns 0 if nothing is held any more. */
  flush(fd: number): number;
  sendfile(fd: number, file: number, offset: number, length: number): number;
  /**
   * Returns the readiness that the transport waits for itself, in addition to the connection: it may have to write in order
   * to read, or to read in order to write. Any readiness then wakes both directions.
   */
  wants(fd: number): Interest;
  /** Ends the writing half. Nothing is held back when this is called. */
  shutdownWrite(fd: number): number;
  /** Returns true if the connection was reset, even while input is unread; false if that cannot be known. */
  isReset(fd: number): boolean;
  /** Returns how many of the bytes that `send` has taken are not acknowledged by the peer, or are held back. */
  unacknowledged(fd: number): number;
  /** Removes the limit of unsent bytes, for a client that reads fast. */
  liftUnsentLimit(fd: number): number;
  /** Makes closing discard what the peer has not acknowledged. */
  resetOnClose(fd: number): number;
  /** Drops the state of `fd`, which is closed. */
  forget(fd: number): void;
}
