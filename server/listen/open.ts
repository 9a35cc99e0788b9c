/**
 * Opens what a server listens on.
 *
 * Where several processes serve, each has a TCP socket of its own for each address (SO_REUSEPORT): the kernel gives each
 * client to one of them, by a hash of its address, so that none is woken for another's clients. A UNIX socket knows no
 * such thing, and what systemd opened is one socket: these are shared. All processes are woken, whoever is not busy comes
 * first, and takes a few clients at a time, so that the others get theirs (`SHARED_ACCEPTS_PER_TURN_MAX`).
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
import { EVERY_IP, type ListenAddress } from "./address.ts";

/** A socket that listens. */
export interface ListeningSocket {
  /** Its descriptor. */
  readonly fd: number;
  /** Where, as it is printed: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/epollet.sock`. */
  readonly name: string;
  /** Where; the port is the one that the kernel chose. */
  readonly address: SocketAddress;
  /** Other processes accept clients of the same queue. */
  readonly isShared: boolean;
  /** Which file a UNIX socket that this program opened has: only that one is removed at the end. */
  readonly file?: string;
}

/** How to listen. */
export interface ListenSettings extends Pick<ListenOptions, "deferAccept">, UnixListenOptions {
  /** Clients that may wait to be accepted; the system may allow fewer (net.core.somaxconn). */
  readonly backlog?: number;
}

/**
 * Listens on all of `addresses`, for `copies` processes: a list of sockets for each of them. Shared sockets stand in all
 * lists. All or nothing. `beside` are addresses that are listened on already, by sockets that stay.
 * @throws {SystemError} `Cannot listen on 0.0.0.0:80: EACCES (permission denied)`
 * @throws {RangeError} for a host that is no IP address
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

/** Somebody else has the port for clients of IPv4: `::` must not want it, too. */
function hasIpv4(addresses: readonly ListenAddress[], port: number): boolean {
  return port !== 0 &&
    addresses.some((other) => other.kind === "tcp" && other.port === port && !other.host.includes(":"));
}

/** A descriptor that another process has opened by {@linkcode openListeners}, and handed to this one, with its `file`. */
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

/** Closes sockets that {@linkcode openListeners} has opened, and removes the files of those of UNIX. */
export function closeListeners(sockets: readonly ListeningSocket[]): void {
  for (const fd of new Set(sockets.map(({ fd }) => fd))) close(fd);
  removeSocketFiles(sockets);
}

/** Removes the files of UNIX sockets that were closed, where that may be: those that they have, and no others. */
export function removeSocketFiles(sockets: readonly ListeningSocket[]): void {
  for (const [file, name] of new Map(sockets.map(({ file, name }) => [file, name]))) {
    if (file !== undefined) removeUnix(name.slice(UNIX_PREFIX.length), file);
  }
}
