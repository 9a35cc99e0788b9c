/**
 * Sockets that another process has opened: checks of their kind, and the settings that the server needs.
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

/** Returns the value of an integer option, or −errno. */
function option(fd: number, name: number, level: number = SOL_SOCKET): number {
  lengthWord[0] = 4;
  const status = result(libc.getsockopt(fd, level, name, optionBytes, lengthBytes));
  return status < 0 ? status : optionWord[0]!;
}

/**
 * Checks that `fd` is a listening stream socket of a supported family. Returns null if it is; otherwise what it is
 * instead, in a few words for a message, or −errno.
 */
export function notListening(fd: number): string | number | null {
  loadLibc();
  const family = option(fd, SO_DOMAIN);
  if (family < 0) return family;
  if (!FAMILIES.includes(family)) return "a socket of another family than IPv4, IPv6 and UNIX";
  if (option(fd, SO_TYPE) !== SOCK_STREAM) return "no stream socket";
  return option(fd, SO_ACCEPTCONN) === 1 ? null : "a socket that does not listen";
}

/** Returns true for an IPv6 socket that does not accept IPv4 clients. */
export function isIpv6Only(fd: number): boolean {
  loadLibc();
  return option(fd, IPV6_V6ONLY, IPPROTO_IPV6) === 1; // ENOPROTOOPT for other families
}

/**
 * Prepares a listening socket for use by the server: makes it non-blocking and close-on-exec, and sets the options that
 * accepted sockets inherit, as far as the kernel permits.
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
