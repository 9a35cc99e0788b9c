/**
 * What is spoken on a connection that does not speak HTTP: bytes in, bytes out.
 * @module
 */
import type { SocketAddress } from "../../../ffi/socket/socket.ts";

/** One client, as a protocol sees it. Its methods may be called at any time, also from another client's session. */
export interface Peer {
  /** Its address. */
  readonly address: SocketAddress;
  /**
   * Sends a copy of `bytes`, or lets it wait for the socket. While something waits, nothing is received from this
   * client: one that does not read cannot make the server's memory grow. False: it is closed, or cut off since more
   * than PEER_QUEUE_BYTES_MAX bytes wait for it.
   * @throws {TypeError} for what is no Uint8Array
   */
  write(bytes: Uint8Array): boolean;
  /** The same, and then ends the connection. */
  end(bytes?: Uint8Array): void;
  /** Ends the connection at once; what waits to be sent is lost. */
  close(): void;
}

/** What is said with one client. */
export interface Session {
  /** Bytes arrived; they are valid during the call only. */
  received(bytes: Uint8Array): void;
  /** The client ended its half, or the server is to stop. Without this method the connection ends once all is sent. */
  ended?(): void;
  /** Everything that was written and had to wait for the socket is sent. */
  drained?(): void;
  /** The connection is closed, whoever ended it. */
  closed?(): void;
  /** Milliseconds from the client's arrival, after which a session that is not over is cut off. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds in which nobody says anything, after which it is cut off. Default SESSION_IDLE_TIMEOUT_MS. */
  readonly idleTimeoutMs?: number;
  /** True: out-of-band data (POLLPRI) ends the connection. */
  readonly closesOnUrgent?: boolean;
}

/** Begins a session with each new client. */
export type Protocol = (peer: Peer) => Session;
