/**
 * The calls that a connection makes on its socket; tests put a scripted one in the kernel's place.
 * @module
 */
import { recv, send, sendfile, shutdownWrite } from "../ffi/socket.ts";

/** All return ≥ 0 or −errno. */
export interface Transport {
  recv(fd: number, buffer: Uint8Array<ArrayBuffer>): number;
  send(fd: number, bytes: Uint8Array<ArrayBuffer>, length: number, more: boolean): number;
  sendfile(fd: number, file: number, offset: number, length: number): number;
  shutdownWrite(fd: number): number;
}

/** The kernel's. */
export const kernelTransport: Transport = { recv, send, sendfile, shutdownWrite };
