/**
 * The way of a connection's bytes: calls on its descriptor, and what only the layer below the protocol knows. A transport
 * keeps its state by descriptor, so that an idle connection has no object.
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
  /** Sends up to `length` bytes. With `more`, other bytes follow at once. */
  send(fd: number, bytes: Uint8Array<ArrayBuffer>, length: number, more: boolean): number;
  sendfile(fd: number, file: number, offset: number, length: number): number;
  /**
   * Returns the readiness that the transport waits for itself, in addition to the connection: it may have to write in order
   * to read, or to read in order to write. Any readiness then wakes both directions.
   */
  wants(fd: number): Interest;
  shutdownWrite(fd: number): number;
  /** Returns true if the connection was reset, even while input is unread. */
  isReset(fd: number): boolean;
  /** Returns the bytes that were given to `send` and are not acknowledged by the peer. */
  unacknowledged(fd: number): number;
  /** Removes the limit of unsent bytes, for a client that reads fast. */
  liftUnsentLimit(fd: number): number;
  /** Makes closing discard what the peer has not acknowledged. */
  resetOnClose(fd: number): number;
}
