/**
 * The system calls of a connection on its socket. Tests replace them with a scripted transport.
 * @module
 */
import {
  liftUnsentLimit,
  peek,
  recv,
  recvUrgent,
  resetOnClose,
  send,
  sendfile,
  shutdownWrite,
  unacknowledged,
} from "../../ffi/socket/socket.ts";

/** The calls on a socket. All return ≥ 0 or −errno. */
export interface Transport {
  recv(fd: number, buffer: Uint8Array<ArrayBuffer>): number;
  /** Does the same as `recv`, but leaves the data in the socket. */
  peek(fd: number, buffer: Uint8Array<ArrayBuffer>): number;
  /** Removes one byte of out-of-band data; negative if there is none. */
  recvUrgent(fd: number): number;
  send(fd: number, bytes: Uint8Array<ArrayBuffer>, length: number, more: boolean): number;
  sendfile(fd: number, file: number, offset: number, length: number): number;
  shutdownWrite(fd: number): number;
  /** Returns the bytes that were given to `send` and are not acknowledged by the peer. */
  unacknowledged(fd: number): number;
  /** Removes the limit of unsent bytes, for a client that reads fast. */
  liftUnsentLimit(fd: number): number;
  /** Makes closing discard what the peer has not acknowledged. */
  resetOnClose(fd: number): number;
}

/** The transport of the kernel. */
export const kernelTransport: Transport = {
  peek,
  recv,
  recvUrgent,
  send,
  sendfile,
  shutdownWrite,
  unacknowledged,
  liftUnsentLimit,
  resetOnClose,
};
