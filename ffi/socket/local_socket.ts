/**
 * Connected sockets between processes of this machine, and datagrams to the service manager.
 *
 * Source: socketpair(2), unix(7), sendto(2), sd_notify(3).
 * @module
 */
import { AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM } from "../libc/constants.ts";
import { orThrow } from "../libc/errno.ts";
import { libc, loadLibc, result } from "../libc/libc.ts";

/** struct sockaddr_un: the size of the path, and its offset behind the family. */
const PATH_BYTES_MAX = 108;
const PATH_OFFSET = 2;

/**
 * Creates two connected stream sockets. Data that is written to one can be read from the other.
 * @throws {SystemError} if the kernel refuses it: EMFILE, ENFILE, ENOMEM
 */
export function socketPair(): [number, number] {
  loadLibc();
  const pair = new Uint8Array(128);
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  orThrow(result(libc.socketpair(AF_UNIX, type, 0, pair)), "connect two processes", "socketpair");
  const view = new DataView(pair.buffer);
  return [view.getInt32(0, true), view.getInt32(4, true)];
}

/**
 * Connects a datagram socket to `path` (`@name` in the abstract namespace). Returns a descriptor, or −errno. A
 * connected socket needs no access to the path later.
 */
export function connectDatagram(path: string): number {
  loadLibc();
  const name = new TextEncoder().encode(path.startsWith("@") ? `\0${path.slice(1)}` : path);
  const address = new Uint8Array(128);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name.subarray(0, PATH_BYTES_MAX), PATH_OFFSET);
  const fd = result(libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd < 0) return fd;
  const status = result(libc.connect(fd, address, PATH_OFFSET + Math.min(name.length, PATH_BYTES_MAX)));
  if (status >= 0) return fd;
  libc.close(fd);
  return status;
}
