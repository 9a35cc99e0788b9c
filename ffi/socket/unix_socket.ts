/**
 * UNIX sockets that listen: a file in the file system, or a name in the abstract namespace.
 *
 * Source: unix(7), bind(2), umask(2).
 * @module
 */
import {
  EACCES,
  EADDRINUSE,
  EAGAIN,
  EBUSY,
  ECONNREFUSED,
  ENOENT,
  ENOTSOCK,
  orThrow,
  SystemError,
} from "../libc/errno.ts";
import { libc, loadLibc, result } from "../libc/libc.ts";
import { sockaddr, UNIX_PREFIX, writeUnixSockaddr } from "./socket_address.ts";
import { DirectoryLock, openUnix, type Owner, SocketFile } from "./socket_file.ts";

/** Permissions of a socket unless told otherwise: its owner and its group may connect. */
export const SOCKET_MODE = 0o660;
/** Permissions that a file may have. */
const MODE_BITS = 0o777;

/** What {@linkcode listenUnix} may be told beside the path. */
export interface UnixListenOptions {
  /** Who may connect: the permissions of the file, of which those to write count. Default 0o660. */
  readonly mode?: number;
  /** Who owns the file; null: who creates it. */
  readonly owner?: Owner | null;
}

/**
 * A UNIX socket that listens on `path`, or on a name of the abstract namespace (`@name`, which everybody on this machine
 * may connect to). The file is born with its permissions: it is never open to more. One that a server left behind which
 * has ended is replaced; whatever else is there stays.
 * @throws {SystemError} `Cannot listen on unix:/run/a.sock: EADDRINUSE (address already in use): another server …`
 */
export function listenUnix(path: string, backlog: number, options: UnixListenOptions = {}): number {
  return openUnixListener(path, backlog, options).fd;
}

/** What {@linkcode openUnixListener} has opened. */
export interface UnixListener {
  readonly fd: number;
  /** Which file is the socket's; null for an abstract name. For {@linkcode removeUnix}. */
  readonly file: string | null;
}

/** The same, and which file was made. @throws {SystemError} as {@linkcode listenUnix} */
export function openUnixListener(
  path: string,
  backlog: number,
  options: UnixListenOptions = {},
): UnixListener {
  loadLibc();
  const { mode = SOCKET_MODE, owner = null } = options;
  const intent = `listen on ${UNIX_PREFIX}${path}`;
  const isFile = !path.startsWith("@");
  using _lock = isFile ? new DirectoryLock(path) : null;
  const fd = orThrow(openUnix(), intent, "socket");
  try {
    let status = bindUnix(fd, path, mode);
    if (status === -EADDRINUSE && isFile) {
      removeStale(path, intent);
      status = bindUnix(fd, path, mode);
    }
    orThrow(status, intent, "bind");
    const file = isFile ? describeFile(path, owner, intent) : null;
    orThrow(result(libc.listen(fd, backlog)), intent, "listen");
    return { fd, file };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** The identity of the file that bind(2) has just made, once it is its owner's. @throws {SystemError} */
function describeFile(path: string, owner: Owner | null, intent: string): string {
  const file = SocketFile.open(path);
  if (typeof file === "number") throw new SystemError(intent, "openat", -file);
  using socket = file;
  if (owner !== null) orThrow(socket.giveTo(owner), intent, "fchownat");
  return socket.identity;
}

/**
 * 0 or −errno. bind(2) makes the file with all permissions but those of the umask: only so it has never others. The umask
 * is that of the whole process, in which nobody else makes files while it starts.
 */
function bindUnix(fd: number, path: string, mode: number): number {
  const length = writeUnixSockaddr(path);
  if (length === 0) throw new RangeError(`${path} is no path of a UNIX socket`);
  const before = libc.umask(MODE_BITS & ~mode);
  try {
    return result(libc.bind(fd, sockaddr, length));
  } finally {
    libc.umask(before);
  }
}

/** Removes a socket that nobody listens on. @throws {SystemError} for whatever else is there */
function removeStale(path: string, intent: string): void {
  const inUse = (advice: string) => new SystemError(intent, "bind", EADDRINUSE, advice);
  using file = orNull(SocketFile.open(path), intent);
  if (file === null) return; // just removed by another process
  const status = file.probe();
  switch (status) {
    case -ECONNREFUSED: {
      const removed = file.remove();
      if (removed === -EBUSY) throw inUse("another server has just taken that path: choose another");
      orThrow(removed, intent, "unlinkat");
      return;
    }
    case -ENOTSOCK:
      throw inUse("something that is no socket is there, and stays");
    case 0:
    case -EAGAIN: // its queue is full
      throw inUse("another server listens there: end it, or choose another path");
    case -EACCES:
      throw inUse("another user's socket is there: remove it, or choose another path");
    default:
      throw inUse("a socket of another kind is there: choose another path");
  }
}

/** Null where nothing is. @throws {SystemError} for another −errno */
function orNull(file: SocketFile | number, intent: string): SocketFile | null {
  if (typeof file !== "number") return file;
  if (file !== -ENOENT) orThrow(file, intent, "openat");
  return null;
}

/**
 * Removes the file of a socket that was closed: the one that {@linkcode openUnixListener} made, as long as no process
 * listens on it any more, and nothing else that has its path. 0 or −errno.
 */
export function removeUnix(path: string, identity: string): number {
  using _lock = new DirectoryLock(path);
  const file = SocketFile.open(path);
  if (typeof file === "number") return file;
  using socket = file;
  if (socket.identity !== identity) return -EBUSY;
  const status = socket.probe();
  return status === -ECONNREFUSED ? socket.remove() : status < 0 ? status : -EADDRINUSE;
}
