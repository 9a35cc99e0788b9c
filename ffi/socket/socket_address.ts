/**
 * Socket addresses, in the kernel's form and as text.
 *
 * Source: ip(7), ipv6(7), unix(7), inet_pton(3), inet_ntop(3), getsockname(2), getpeername(2).
 * @module
 */
import { AF_INET, AF_INET6, AF_UNIX } from "../libc/constants.ts";
import { orThrow } from "../libc/errno.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { SOCKADDR_IN, SOCKADDR_IN6, SOCKADDR_UN } from "../libc/structs.ts";

/** The address of one end of a connection. */
export interface SocketAddress {
  /**
   * An IPv4 or IPv6 address as inet_ntop(3) prints it. For a UNIX socket `unix:` and its path, `unix:@name` in the
   * abstract namespace, and `unix:` alone for an unnamed socket, as clients have.
   */
  readonly address: string;
  /** 0 to 65535; 0 for a UNIX socket. */
  readonly port: number;
}

/** The prefix of a UNIX socket's address. */
export const UNIX_PREFIX = "unix:";
/**
 * The longest path of a UNIX socket in bytes. One byte of `sun_path` is the NUL at the end, or the NUL with which an
 * abstract name begins.
 */
export const UNIX_PATH_BYTES_MAX: number = SOCKADDR_UN.size - SOCKADDR_UN.path - 1;

// V8 may move typed arrays of 64 bytes or less, so the buffers that the kernel writes to are parts of a large one.
const scratch = new ArrayBuffer(256);
const textBytes = new Uint8Array(scratch, 160, 64);
const lengthBytes = new Uint8Array(scratch, 128, 4);
const lengthWord = new Uint32Array(scratch, 128, 1);
/** The address that was written or read last, in the kernel's form. */
export const sockaddr: Uint8Array<ArrayBuffer> = new Uint8Array(scratch, 0, 128);
const sockaddrView = new DataView(scratch, 0, 128);

/**
 * Formats an address: `"127.0.0.1:80"`, `"[::1]:80"`, `"unix:/run/epollet.sock"`; `"unix"` for an unnamed UNIX socket.
 */
export function formatAddress({ address, port }: SocketAddress): string {
  if (address === UNIX_PREFIX) return "unix";
  if (address.startsWith(UNIX_PREFIX)) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Returns true if `host` is an IPv4 or IPv6 address that `listenTcp` accepts. */
export function isIpAddress(host: string): boolean {
  loadLibc();
  return writeSockaddr(host, 0) !== 0;
}

/**
 * Writes `host`:`port` into {@linkcode sockaddr}. Returns the size of the structure, or 0 if `host` is not an IP
 * address.
 */
export function writeSockaddr(host: string, port: number): number {
  if (host.includes("\0")) return 0;
  const family = host.includes(":") ? AF_INET6 : AF_INET;
  const layout = family === AF_INET6 ? SOCKADDR_IN6 : SOCKADDR_IN;
  sockaddr.fill(0);
  if (libc.inet_pton(family, cString(host), sockaddr.subarray(layout.addr)) !== 1) return 0;
  sockaddrView.setUint16(layout.family, family, true);
  sockaddrView.setUint16(layout.port, port, false);
  return layout.size;
}

/**
 * Writes the address of a UNIX socket into {@linkcode sockaddr}: a path, or `@` and a name in the abstract namespace.
 * Returns the size of the structure, or 0 if `path` is empty, too long, or contains a NUL.
 */
export function writeUnixSockaddr(path: string): number {
  const bytes = new TextEncoder().encode(path);
  if (bytes.length === 0 || bytes.length > UNIX_PATH_BYTES_MAX || path.includes("\0")) return 0;
  const isAbstract = path.startsWith("@");
  sockaddr.fill(0);
  sockaddrView.setUint16(SOCKADDR_UN.family, AF_UNIX, true);
  sockaddr.set(bytes, SOCKADDR_UN.path);
  if (isAbstract) sockaddr[SOCKADDR_UN.path] = 0;
  return SOCKADDR_UN.path + bytes.length + (isAbstract ? 0 : 1); // an abstract name has no NUL at its end
}

/**
 * Reads the address that the kernel has written to `sockaddr`. For a UNIX socket its length is in `lengthWord`. An
 * IPv4-mapped address, as IPv4 clients of an IPv6 socket have, is returned as IPv4.
 */
export function readSockaddr(): SocketAddress {
  const family = sockaddrView.getUint16(0, true);
  if (family === AF_UNIX) return { address: UNIX_PREFIX + readUnixPath(), port: 0 };
  const layout = family === AF_INET6 ? SOCKADDR_IN6 : SOCKADDR_IN;
  libc.inet_ntop(family, sockaddr.subarray(layout.addr), textBytes, textBytes.length);
  const text = new TextDecoder().decode(textBytes.subarray(0, textBytes.indexOf(0)));
  return { address: text.replace(/^::ffff:(?=\d+\.)/, ""), port: sockaddrView.getUint16(layout.port, false) };
}

function readUnixPath(): string {
  const bytes = sockaddr.slice(SOCKADDR_UN.path, Math.min(lengthWord[0]!, SOCKADDR_UN.size));
  if (bytes.length === 0) return "";
  const isAbstract = bytes[0] === 0;
  if (isAbstract) bytes[0] = 0x40; // @
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 || isAbstract ? bytes : bytes.subarray(0, end));
}

/**
 * Returns the address that a socket is bound to.
 * @throws {SystemError} when `fd` is not a socket
 */
export function localAddress(fd: number): SocketAddress {
  lengthWord[0] = sockaddr.length;
  orThrow(
    result(libc.getsockname(fd, sockaddr, lengthBytes)),
    `name the address of descriptor ${fd}`,
    "getsockname",
  );
  return readSockaddr();
}

/** Returns the address of the peer (getpeername(2)), or null if the socket is not connected (any more). */
export function peerAddress(fd: number): SocketAddress | null {
  lengthWord[0] = sockaddr.length;
  return libc.getpeername(fd, sockaddr, lengthBytes) < 0 ? null : readSockaddr();
}

/**
 * Returns the network of the peer as text: an IPv4 address, or the first 64 bits of an IPv6 address, because one site
 * usually controls all addresses of a /64 (RFC 6177). Returns null if the socket is not connected (any more), and for a
 * UNIX socket, whose peers have no address.
 */
export function peerNetwork(fd: number): string | null {
  lengthWord[0] = sockaddr.length;
  if (libc.getpeername(fd, sockaddr, lengthBytes) < 0) return null;
  const family = sockaddrView.getUint16(0, true);
  if (family === AF_UNIX) return null;
  if (family !== AF_INET6) return readSockaddr().address;
  const at = SOCKADDR_IN6.addr;
  const high = sockaddrView.getUint32(at);
  const low = sockaddrView.getUint32(at + 4);
  const isMapped = high === 0 && low === 0 && sockaddrView.getUint32(at + 8) === 0xffff;
  return isMapped ? readSockaddr().address : `${high.toString(16)}:${low.toString(16)}::/64`;
}
