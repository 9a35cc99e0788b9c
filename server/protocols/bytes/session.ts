/**
 * The interface of protocols other than HTTP: bytes in, bytes out.
 * @module
 */
import type { SocketAddress } from "../../../ffi/socket/socket.ts";

/** A client, as a protocol sees it. Its methods may be called at any time, also from the session of another client. */
export interface Peer {
  /** The client's address. */
  readonly address: SocketAddress;
  /**
   * Sends a copy of `bytes`, which may wait for the socket. While bytes wait, nothing is received from this client, so
   * a client that does not read cannot fill the server's memory. Returns false if the connection is closed or closing.
   * When more than PEER_QUEUE_BYTES_MAX bytes wait, the connection is closed, and the call returns false.
   * @throws {TypeError} when `bytes` is not a Uint8Array
   */
  write(bytes: Uint8Array): boolean;
  /** Sends `bytes`, if given, and closes the connection after everything is sent. */
  end(bytes?: Uint8Array): void;
  /** Closes the connection at once. Bytes that wait to be sent are lost. */
  close(): void;
}

/** The state of a protocol for one client. */
export interface Session {
  /** Called for received bytes, which are valid during the call only. */
  received(bytes: Uint8Array): void;
  /**
   * Called when the client has closed its writing half, or the server is stopping. Without this method the connection
   * is closed once everything is sent.
   */
  ended?(): void;
  /** Called when everything that had to wait for the socket is sent. */
  drained?(): void;
  /** Called when the connection is closed, by either side. */
  closed?(): void;
  /** The longest duration of the session in milliseconds. The connection is then closed. */
  readonly timeoutMs?: number | undefined;
  /**
   * The longest time without traffic in milliseconds. The connection is then closed. Default SESSION_IDLE_TIMEOUT_MS,
   * or none if `timeoutMs` is set.
   */
  readonly idleTimeoutMs?: number;
  /** Whether out-of-band data (POLLPRI) closes the connection. Default false. */
  readonly closesOnUrgent?: boolean;
}

/** Returns a session for a new client. */
export type Protocol = (peer: Peer) => Session;
