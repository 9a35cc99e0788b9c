/**
 * Listening UNIX sockets: a file in the file system, or a name in the abstract namespace.
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

/** The default permissions of a socket's file: its owner and its group may connect. */
export const SOCKET_MODE = 0o660;
/** The permission bits of a file mode. */
const MODE_BITS = 0o777;

/** The settings of {@linkcode listenUnix} beside the path. */
export interface UnixListenOptions {
  /** The permissions of the file. Connecting requires write permission. Default 0o660. */
  readonly mode?: number;
  /** The owner of the file; null leaves it to the user that creates it. */
  readonly owner?: Owner | null;
}

/**
 * Returns a UNIX socket that listens on `path`, or on a name in the abstract namespace (`@name`, to which every process
 * on this machine may connect). The file is created with its final permissions, never with wider ones. A stale socket,
 * on which no server listens any more, is replaced. Any other file stays, and the call fails.
 * @throws {SystemError} `Cannot listen on unix:/run/a.sock: EADDRINUSE (address already in use): another server …`
 */
export function listenUnix(path: string, backlog: number, options: UnixListenOptions = {}): number {
  return openUnixListener(path, backlog, options).fd;
}

/** The result of {@linkcode openUnixListener}. */
export interface UnixListener {
  readonly fd: number;
  /** The identity of the socket's file, for {@linkcode removeUnix}; null for an abstract name. */
  readonly file: string | null;
}

/**
 * Does the same as {@linkcode listenUnix}, and returns the identity of the file, too.
 * @throws {SystemError} as {@linkcode listenUnix}
 */
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

/**
 * Changes the owner of the file that bind(2) has just created, and returns its identity.
 * @throws {SystemError} when the file cannot be opened, or its owner cannot be changed
 */
function describeFile(path: string, owner: Owner | null, intent: string): string {
  const file = SocketFile.open(path);
  if (typeof file === "number") throw new SystemError(intent, "openat", -file);
  using socket = file;
  if (owner !== null) orThrow(socket.giveTo(owner), intent, "fchownat");
  return socket.identity;
}

/**
 * Binds a socket: 0 or −errno. bind(2) creates the file with all permissions except those of the umask, so the umask is
 * set for the call. The umask belongs to the whole process, which creates no other file during start-up.
 * @throws {RangeError} when `path` is empty, too long, or contains a NUL
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

/**
 * Removes a socket on which no server listens.
 * @throws {SystemError} EADDRINUSE if a server listens, or the file is not a socket; another error if the file cannot
 * be removed
 */
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
    case -EAGAIN: // the server's queue of clients is full
      throw inUse("another server listens there: end it, or choose another path");
    case -EACCES:
      throw inUse("another user's socket is there: remove it, or choose another path");
    default:
      throw inUse("a socket of another kind is there: choose another path");
  }
}

/**
 * Returns null if the file does not exist.
 * @throws {SystemError} for every other −errno
 */
function orNull(file: SocketFile | number, intent: string): SocketFile | null {
  if (typeof file !== "number") return file;
  if (file !== -ENOENT) orThrow(file, intent, "openat");
  return null;
}

/**
 * Removes the file of a closed socket: 0 or −errno. It must be the file that {@linkcode openUnixListener} created (else
 * −EBUSY), and no process may listen on it any more (else −EADDRINUSE).
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
