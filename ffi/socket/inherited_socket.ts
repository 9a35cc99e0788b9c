/**
 * Sockets that somebody else opened: what they are, and how they become like our own.
 *
 * Source: socket(7), getsockopt(2), fcntl(2).
 * @module
 */
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  O_NONBLOCK,
  SO_ACCEPTCONN,
  SO_DOMAIN,
  SO_TYPE,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../libc/constants.ts";
import { orThrow } from "../libc/errno.ts";
import { libc, loadLibc, result } from "../libc/libc.ts";
import { type ListenOptions, prepareTcp } from "./socket.ts";

const FAMILIES: readonly number[] = [AF_INET, AF_INET6, AF_UNIX];
const scratch = new ArrayBuffer(128);
const optionBytes = new Uint8Array(scratch, 0, 4);
const optionWord = new Int32Array(scratch, 0, 1);
const lengthBytes = new Uint8Array(scratch, 8, 4);
const lengthWord = new Uint32Array(scratch, 8, 1);

/** An option that is a number, or −errno. */
function option(fd: number, name: number, level: number = SOL_SOCKET): number {
  lengthWord[0] = 4;
  const status = result(libc.getsockopt(fd, level, name, optionBytes, lengthBytes));
  return status < 0 ? status : optionWord[0]!;
}

/** What is wrong with a descriptor that is to be a stream socket that listens: null, −errno, or a few words. */
export function notListening(fd: number): string | number | null {
  loadLibc();
  const family = option(fd, SO_DOMAIN);
  if (family < 0) return family;
  if (!FAMILIES.includes(family)) return "a socket of another family than IPv4, IPv6 and UNIX";
  if (option(fd, SO_TYPE) !== SOCK_STREAM) return "no stream socket";
  return option(fd, SO_ACCEPTCONN) === 1 ? null : "a socket that does not listen";
}

/** True for a socket of IPv6 that takes no clients of IPv4. */
export function isIpv6Only(fd: number): boolean {
  loadLibc();
  return option(fd, IPV6_V6ONLY, IPPROTO_IPV6) === 1; // ENOPROTOOPT for other families
}

/**
 * A socket that listens becomes like one of our own: non-blocking, not inherited by programs that are started, and with
 * the options that those inherit which it accepts.
 * @throws {SystemError} `Cannot use descriptor 3: EBADF (bad file descriptor)`
 */
export function takeOver(fd: number, options: ListenOptions = {}): void {
  loadLibc();
  const intent = `use descriptor ${fd}`;
  const flags = orThrow(result(libc.fcntl(fd, F_GETFL, 0)), intent, "fcntl");
  orThrow(result(libc.fcntl(fd, F_SETFL, flags | O_NONBLOCK)), intent, "fcntl");
  orThrow(result(libc.fcntl(fd, F_SETFD, FD_CLOEXEC)), intent, "fcntl");
  if (option(fd, SO_DOMAIN) !== AF_UNIX) orThrow(prepareTcp(fd, options), intent, "setsockopt TCP_NODELAY");
}
