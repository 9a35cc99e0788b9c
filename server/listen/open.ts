/**
 * Opens the sockets that a server listens on.
 *
 * If several processes serve, each has its own TCP socket for each address (SO_REUSEPORT). The kernel assigns each
 * client to one of them by a hash of its address, so no process is woken for a client of another. For UNIX sockets this
 * does not exist, and systemd passes one socket: these are shared. Then all processes are woken, and those that are not
 * busy accept first. Each accepts a few clients at a time, so that others get some, too
 * (`SHARED_ACCEPTS_PER_TURN_MAX`).
 * @module
 */
import { takeOver } from "../../ffi/socket/inherited_socket.ts";
import {
  close,
  formatAddress,
  type ListenOptions,
  listenTcpTogether,
  localAddress,
  type SocketAddress,
} from "../../ffi/socket/socket.ts";
import { UNIX_PREFIX } from "../../ffi/socket/socket_address.ts";
import {
  openUnixListener,
  removeUnix,
  type UnixListener,
  type UnixListenOptions,
} from "../../ffi/socket/unix_socket.ts";
import { LISTEN_BACKLOG } from "../limits.ts";
import { EVERY_IP, type ListenAddress, type Scheme } from "./address.ts";

/** A listening socket. */
export interface ListeningSocket {
  /** The descriptor. */
  readonly fd: number;
  /** The address as text: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/epollet.sock`. */
  readonly name: string;
  /** The address. Its port is the actual one if the kernel has chosen it. */
  readonly address: SocketAddress;
  /** Whether other processes accept clients from the same queue. */
  readonly isShared: boolean;
  /** What its clients speak. Default "http". */
  readonly scheme?: Scheme;
  /** The identity of the file of a UNIX socket that this program has created. Only that file is removed at the end. */
  readonly file?: string;
}

/** How to listen. */
export interface ListenSettings extends Pick<ListenOptions, "deferAccept">, UnixListenOptions {
  /** The number of clients that may wait to be accepted. The system may allow fewer (net.core.somaxconn). */
  readonly backlog?: number;
}

/**
 * Listens on all of `addresses` for `copies` processes. Returns a list of sockets for each process; shared sockets are
 * in all lists. If one address fails, all sockets are closed. `beside` are addresses on which other sockets already
 * listen.
 * @throws {SystemError} `Cannot listen on 0.0.0.0:80: EACCES (permission denied)`
 * @throws {RangeError} when a host is not an IP address
 */
export function openListeners(
  addresses: readonly ListenAddress[],
  settings: ListenSettings = {},
  copies: number = 1,
  beside: readonly ListenAddress[] = [],
): ListeningSocket[][] {
  const { backlog = LISTEN_BACKLOG, deferAccept = true } = settings;
  const lists: ListeningSocket[][] = Array.from({ length: copies }, () => []);
  const opened: number[] = [];
  const files: { path: string; file: string | null }[] = [];
  try {
    for (const where of addresses) {
      if (where.kind === "unix") {
        const { fd, file }: UnixListener = openUnixListener(where.path, backlog, settings);
        opened.push(fd);
        files.push({ path: where.path, file });
        const socket = describe(fd, copies > 1, file);
        for (const list of lists) list.push(socket);
        continue;
      }
      const { host, port } = where;
      const isV6Only = host === EVERY_IP && hasIpv4([...addresses, ...beside], port);
      const fds = listenTcpTogether(host, port, backlog, { deferAccept, isV6Only }, copies);
      opened.push(...fds);
      fds.forEach((fd, copy) => lists[copy]!.push(describe(fd, false)));
    }
    return lists;
  } catch (error) {
    opened.forEach(close);
    for (const { path, file } of files) if (file !== null) removeUnix(path, file);
    throw error;
  }
}

/** Returns true if another socket listens on the port for IPv4, so that `::` must accept IPv6 clients only. */
function hasIpv4(addresses: readonly ListenAddress[], port: number): boolean {
  return port !== 0 &&
    addresses.some((other) => other.kind === "tcp" && other.port === port && !other.host.includes(":"));
}

/**
 * Prepares a descriptor that another process has opened by {@linkcode openListeners} and passed to this one, with its
 * `file`.
 */
export function inheritListener(
  fd: number,
  isShared: boolean,
  settings: ListenSettings = {},
  file: string | null = null,
): ListeningSocket {
  takeOver(fd, settings);
  return describe(fd, isShared, file);
}

function describe(fd: number, isShared: boolean, file: string | null = null): ListeningSocket {
  const address = localAddress(fd);
  return { fd, name: formatAddress(address), address, isShared, ...(file === null ? {} : { file }) };
}

/** Closes sockets of {@linkcode openListeners}, and removes the files of UNIX sockets. */
export function closeListeners(sockets: readonly ListeningSocket[]): void {
  for (const fd of new Set(sockets.map(({ fd }) => fd))) close(fd);
  removeSocketFiles(sockets);
}

/** Removes the files of closed UNIX sockets, as far as permitted. A path that refers to another file by now stays. */
export function removeSocketFiles(sockets: readonly ListeningSocket[]): void {
  for (const [file, name] of new Map(sockets.map(({ file, name }) => [file, name]))) {
    if (file !== undefined) removeUnix(name.slice(UNIX_PREFIX.length), file);
  }
}
