/**
 * The calls on sockets for programs that use the library: what JavaScript hands over is checked before C sees it. The
 * server makes the same calls without the checks (`socket.ts`).
 *
 * They return what those return: ≥ 0, or −errno.
 * @throws {TypeError | RangeError} for an argument that is not what it must be
 * @module
 */
import { bytesOf, toCount } from "./libc/bytes.ts";
import { loadLibc } from "./libc/libc.ts";
import * as socket from "./socket/socket.ts";
import { toDescriptor } from "./wait.ts";

/** The longest part of a file that one call sends. */
const LENGTH_MAX = 0x7fff_ffff;

/** The number of a descriptor. A program may make any of these calls first, with a descriptor that it was started with. */
function descriptorOf(fd: number): number {
  loadLibc();
  return toDescriptor(fd);
}

/** One client of the listening socket `fd`: its descriptor, or −errno (−EAGAIN when none waits). */
export function accept(fd: number): number {
  return socket.accept(descriptorOf(fd));
}

/** Receives into the whole of `buffer`: bytes received, 0 when the peer ended, −errno. */
export function recv(fd: number, buffer: Uint8Array<ArrayBuffer>): number {
  return socket.recv(descriptorOf(fd), bytesOf(buffer, "The buffer"));
}

/** Sends the first `length` bytes of `bytes`; `more` says that further bytes follow at once (MSG_MORE). */
export function send(fd: number, bytes: Uint8Array<ArrayBuffer>, length: number, more: boolean): number {
  const sent = bytesOf(bytes, "What is sent");
  return socket.send(descriptorOf(fd), sent, toCount(length, "The length", sent.length), Boolean(more));
}

/**
 * Sends up to `length` bytes (below 2^31) of the file `file` from `offset` (any size up to 2^53); the file's own
 * position does not move. 0 means that the file ends before `offset`. Relies on SIGPIPE being ignored.
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

/** Ends our half of the connection: the peer reads what was sent, and then the end. */
export function shutdownWrite(fd: number): number {
  return socket.shutdownWrite(descriptorOf(fd));
}

/** Closes a descriptor. On Linux it is closed even where close(2) reports an error. */
export function close(fd: number): number {
  return socket.close(descriptorOf(fd));
}

/** The address that a socket is bound to. @throws {SystemError} for what is no socket */
export function localAddress(fd: number): socket.SocketAddress {
  return socket.localAddress(descriptorOf(fd));
}

/** The address of a connection's other end, by getpeername(2); null when it is not connected (any more). */
export function peerAddress(fd: number): socket.SocketAddress | null {
  return socket.peerAddress(descriptorOf(fd));
}
