/**
 * System calls on sockets for programs that use the library. The arguments are checked before they reach C. The
 * server makes the same calls without the checks (`socket.ts`).
 *
 * The results are those of the unchecked calls: ≥ 0, or −errno.
 * @throws {TypeError | RangeError} for an argument of another type, or outside of its range
 * @module
 */
import { bytesOf, toCount } from "./libc/bytes.ts";
import { loadLibc } from "./libc/libc.ts";
import * as socket from "./socket/socket.ts";
import { toDescriptor } from "./wait.ts";

/** The largest number of bytes that one call of `sendfile` accepts. */
const LENGTH_MAX = 0x7fff_ffff;

/**
 * Checks a descriptor. It also loads the C library: a program may make any of these calls first, on a descriptor that
 * it inherited.
 */
function descriptorOf(fd: number): number {
  loadLibc();
  return toDescriptor(fd);
}

/**
 * Accepts one client of the listening socket `fd`. Returns its descriptor, or −errno (−EAGAIN if no client waits).
 */
export function accept(fd: number): number {
  return socket.accept(descriptorOf(fd));
}

/**
 * Receives up to `buffer.length` bytes into `buffer`. Returns the bytes received, 0 after the peer's end, or −errno.
 */
export function recv(fd: number, buffer: Uint8Array<ArrayBuffer>): number {
  return socket.recv(descriptorOf(fd), bytesOf(buffer, "The buffer"));
}

/**
 * Sends the first `length` bytes of `bytes`. `more` tells the kernel that further bytes follow at once (MSG_MORE).
 * Returns the bytes sent, or −errno.
 */
export function send(fd: number, bytes: Uint8Array<ArrayBuffer>, length: number, more: boolean): number {
  const sent = bytesOf(bytes, "What is sent");
  return socket.send(descriptorOf(fd), sent, toCount(length, "The length", sent.length), Boolean(more));
}

/**
 * Sends up to `length` bytes (below 2³¹) of `file` from `offset` (up to 2⁵³). The file's own position does not
 * change. Returns the bytes sent, 0 if the file ends at or before `offset`, or −errno. SIGPIPE must be ignored,
 * because sendfile(2) has no MSG_NOSIGNAL.
 */
export function sendfile(fd: number, file: number, offset: number, length: number): number {
  const from = toCount(offset, "The offset", Number.MAX_SAFE_INTEGER);
  return socket.sendfile(
    descriptorOf(fd),
    descriptorOf(file),
    from,
    toCount(length, "The length", LENGTH_MAX),
  );
}

/** Shuts down the writing half of the connection (shutdown(2)). The peer reads what was sent, then end of file. */
export function shutdownWrite(fd: number): number {
  return socket.shutdownWrite(descriptorOf(fd));
}

/** Closes a descriptor. On Linux it is closed even if close(2) reports an error. */
export function close(fd: number): number {
  return socket.close(descriptorOf(fd));
}

/**
 * Returns the address that a socket is bound to.
 * @throws {SystemError} when `fd` is not a socket
 */
export function localAddress(fd: number): socket.SocketAddress {
  return socket.localAddress(descriptorOf(fd));
}

/** Returns the address of the peer (getpeername(2)), or null if the socket is not connected (any more). */
export function peerAddress(fd: number): socket.SocketAddress | null {
  return socket.peerAddress(descriptorOf(fd));
}
