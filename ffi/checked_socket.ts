/**
 * The calls on sockets for programs that use the library: what JavaScript hands over is checked before C sees it. The
 * server makes the same calls without the checks (`socket.ts`).
 *
 * They return what those return: ≥ 0, or −errno.
 * @throws {TypeError | RangeError} for an argument that is not what it must be
 * @module
 */
import { bytesOf, describeKind } from "../server/bytes.ts";
import * as socket from "./socket.ts";
import { toDescriptor } from "./wait.ts";

/** The longest part of a file that one call sends. */
const LENGTH_MAX = 0x7fff_ffff;

function toCount(value: unknown, name: string, most: number): number {
  if (Number.isInteger(value) && value as number >= 0 && value as number <= most) return value as number;
  const shown = typeof value === "number" ? value : describeKind(value);
  throw new RangeError(`${name} must be a whole number from 0 to ${most}, not ${shown}`);
}

/** One client of the listening socket `fd`: its descriptor, or −errno (−EAGAIN when none waits). */
export function accept(fd: number): number {
  return socket.accept(toDescriptor(fd));
}

/** Receives into the whole of `buffer`: bytes received, 0 when the peer ended, −errno. */
export function recv(fd: number, buffer: Uint8Array<ArrayBuffer>): number {
  return socket.recv(toDescriptor(fd), bytesOf(buffer, "The buffer"));
}

/** Sends the first `length` bytes of `bytes`; `more` says that further bytes follow at once (MSG_MORE). */
export function send(fd: number, bytes: Uint8Array<ArrayBuffer>, length: number, more: boolean): number {
  const sent = bytesOf(bytes, "What is sent");
  return socket.send(toDescriptor(fd), sent, toCount(length, "The length", sent.length), Boolean(more));
}

/**
 * Sends up to `length` bytes (below 2^31) of the file `file` from `offset` (any size up to 2^53); the file's own
 * position does not move. 0 means that the file ends before `offset`. Relies on SIGPIPE being ignored.
 */
export function sendfile(fd: number, file: number, offset: number, length: number): number {
  const from = toCount(offset, "The offset", Number.MAX_SAFE_INTEGER);
  return socket.sendfile(
    toDescriptor(fd),
    toDescriptor(file),
    from,
    toCount(length, "The length", LENGTH_MAX),
  );
}

/** Ends our half of the connection: the peer reads what was sent, and then the end. */
export function shutdownWrite(fd: number): number {
  return socket.shutdownWrite(toDescriptor(fd));
}

/** Closes a descriptor. On Linux it is closed even where close(2) reports an error. */
export function close(fd: number): number {
  return socket.close(toDescriptor(fd));
}

/** The address that a socket is bound to. @throws {SystemError} for what is no socket */
export function localAddress(fd: number): socket.SocketAddress {
  return socket.localAddress(toDescriptor(fd));
}

/** The address of a connection's other end, by getpeername(2); null when it is not connected (any more). */
export function peerAddress(fd: number): socket.SocketAddress | null {
  return socket.peerAddress(toDescriptor(fd));
}
