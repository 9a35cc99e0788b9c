/**
 * The notify socket of systemd, for a service of Type=notify.
 * @module
 */
import { assertEquals } from "@std/assert";
import { AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM } from "../../ffi/libc/constants.ts";
import { libc, loadLibc, result } from "../../ffi/libc/libc.ts";

/** Opens a datagram socket at `path`. */
export function notifySocket(path: string): number {
  loadLibc();
  const address = new Uint8Array(128);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(new TextEncoder().encode(path), 2);
  const fd = result(libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  assertEquals(result(libc.bind(fd, address, 2 + path.length + 1)), 0);
  return fd;
}

/** Returns the next message on such a socket, or null when there is none. */
export function notification(fd: number): string | null {
  const buffer = new Uint8Array(4096);
  const count = result(libc.recv(fd, buffer, buffer.length, 0x40)); // MSG_DONTWAIT
  return count > 0 ? new TextDecoder().decode(buffer.subarray(0, count)) : null;
}
