/**
 * UNIX sockets that listen: a file in the file system, or a name in the abstract namespace.
 *
 * Source: unix(7), umask(2), connect(2), unlinkat(2), fchownat(2).
 * @module
 */
import {
  AF_UNIX,
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_PATH,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "./constants.ts";
import { EACCES, EADDRINUSE, EAGAIN, ECONNREFUSED, ENOENT, ENOTSOCK, orThrow, SystemError } from "./errno.ts";
import { FileStatus } from "./file.ts";
import { cString, libc, loadLibc, result } from "./libc.ts";
import { sockaddr, UNIX_PREFIX, writeUnixSockaddr } from "./socket_address.ts";

/** Permissions of a socket unless told otherwise: its owner and its group may connect. */
export const SOCKET_MODE = 0o660;
/** Permissions that a file may have. */
const MODE_BITS = 0o777;

/** What {@linkcode listenUnix} may be told beside the path. */
export interface UnixListenOptions {
  /** Who may connect: the permissions of the file, of which those to write count. Default 0o660. */
  readonly mode?: number;
  /** Who owns the file; null: who creates it. */
  readonly owner?: { readonly uid: number; readonly gid: number } | null;
}

/**
 * A UNIX socket that listens on `path`, or on a name of the abstract namespace (`@name`, which everybody on this machine
 * may connect to). The file is born with its permissions: it is never open to more. One that a server left behind which
 * has ended is replaced; whatever else is there stays.
 * @throws {SystemError} `Cannot listen on unix:/run/a.sock: EADDRINUSE (address already in use): another server …`
 */
export function listenUnix(path: string, backlog: number, options: UnixListenOptions = {}): number {
  loadLibc();
  const { mode = SOCKET_MODE, owner = null } = options;
  const intent = `listen on ${UNIX_PREFIX}${path}`;
  const fd = orThrow(openUnix(), intent, "socket");
  try {
    let status = bindUnix(fd, path, mode);
    if (status === -EADDRINUSE && !path.startsWith("@")) {
      removeStale(path, intent);
      status = bindUnix(fd, path, mode);
    }
    orThrow(status, intent, "bind");
    if (owner !== null && !path.startsWith("@")) orThrow(giveTo(owner, path), intent, "fchownat");
    orThrow(result(libc.listen(fd, backlog)), intent, "listen");
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

function openUnix(): number {
  return result(libc.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
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
  switch (probe(path)) {
    case -ECONNREFUSED:
      orThrow(unlinkPath(path), intent, "unlinkat");
      return;
    case -ENOENT:
      return; // just removed by somebody else
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

/** Whether somebody listens on `path`: 0, −ECONNREFUSED when nobody does, −ENOTSOCK for another file, other −errno. */
function probe(path: string): number {
  const file = openPath(path);
  if (file < 0) return file;
  const isSocket = isSocketFile(file);
  libc.close(file);
  if (!isSocket) return -ENOTSOCK;
  const fd = openUnix();
  if (fd < 0) return fd;
  const status = result(libc.connect(fd, sockaddr, writeUnixSockaddr(path)));
  libc.close(fd);
  return status;
}

/** Makes `owner` that of the socket at `path`, and of nothing else: 0 or −errno. */
function giveTo({ uid, gid }: { readonly uid: number; readonly gid: number }, path: string): number {
  const file = openPath(path);
  if (file < 0) return file;
  const status = isSocketFile(file)
    ? result(libc.fchownat(file, cString(""), uid, gid, AT_EMPTY_PATH))
    : -ENOTSOCK;
  libc.close(file);
  return status;
}

/** Removes the file of a socket that was closed, unless another server has taken its place: 0 or −errno. */
export function removeUnix(path: string): number {
  if (path.startsWith("@")) return 0;
  const status = probe(path);
  return status === -ECONNREFUSED ? unlinkPath(path) : status < 0 ? status : -EADDRINUSE;
}

function unlinkPath(path: string): number {
  return result(libc.unlinkat(AT_FDCWD, cString(path), 0));
}

function openPath(path: string): number {
  return result(libc.openat(AT_FDCWD, cString(path), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
}

function isSocketFile(fd: number): boolean {
  const status = new FileStatus();
  return status.readDescriptor(fd) >= 0 && status.isSocket;
}
