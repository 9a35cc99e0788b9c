/**
 * The calls that a connection makes on its socket; tests put a scripted one in the kernel's place.
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

/** All return ≥ 0 or −errno. */
export interface Transport {
  recv(fd: number, buffer: Uint8Array<ArrayBuffer>): number;
  /** As recv, but what it gives stays where it is. */
  peek(fd: number, buffer: Uint8Array<ArrayBuffer>): number;
  /** Takes a byte of out-of-band data; negative: there is none. */
  recvUrgent(fd: number): number;
  send(fd: number, bytes: Uint8Array<ArrayBuffer>, length: number, more: boolean): number;
  sendfile(fd: number, file: number, offset: number, length: number): number;
  shutdownWrite(fd: number): number;
  /** Bytes that were sent, and have not reached the peer yet. */
  unacknowledged(fd: number): number;
  /** The client takes what it gets: as much may wait in the socket as its buffer holds. */
  liftUnsentLimit(fd: number): number;
  /** When it is closed, what was sent and has not reached the peer is forgotten. */
  resetOnClose(fd: number): number;
}

/** The kernel's. */
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
