/**
 * The file of a UNIX socket: whether a server listens on it, its owner, and its removal.
 *
 * Between a check of a path and its use, another user with write permission in one of its directories can replace a
 * component. So the directory and the file in it are opened once. Later checks, changes of ownership and removals apply
 * to these descriptors, wherever the path leads by then.
 *
 * Source: unix(7), connect(2), flock(2), openat(2) (O_PATH), proc(5) (/proc/self/fd), renameat2(2), unlinkat(2),
 * fchownat(2).
 * @module
 */
import {
  AF_UNIX,
  AT_EMPTY_PATH,
  AT_FDCWD,
  LOCK_EX,
  LOCK_NB,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  RENAME_NOREPLACE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SYS_renameat2,
} from "../libc/constants.ts";
import { EAGAIN, EBUSY, EINTR, EINVAL, EMLINK, ENOENT, ENOTSOCK } from "../libc/errno.ts";
import { type PathBytes } from "../file/file.ts";
import { FileStatus } from "../file/file_status.ts";
import { cString, libc, result } from "../libc/libc.ts";
import { UNIX_LOCK_PATIENCE_MS } from "../../server/limits.ts";
import { sockaddr, writeUnixSockaddr } from "./socket_address.ts";

/** The owner of a file. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Creates a non-blocking, close-on-exec UNIX stream socket. Returns its descriptor, or −errno. */
export function openUnix(): number {
  return result(libc.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

const NO_POLLFDS = new Uint8Array(128);

/**
 * A lock on a socket's directory, held while a server binds and starts to listen, and while a socket's file is removed.
 * A socket that is bound but does not listen yet looks like a stale one, and another server that starts at that moment
 * would remove it. Any process that may read the directory can hold its lock. So after UNIX_LOCK_PATIENCE_MS the server
 * continues without it.
 */
export class DirectoryLock {
  /** The open directory; −errno if it cannot be read. */
  readonly #fd: number;

  /** Locks the directory that contains `path`. */
  constructor(path: string) {
    const flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    this.#fd = result(libc.openat(AT_FDCWD, cString(directoryOf(path)), flags, 0));
    if (this.#fd < 0) return;
    const endMs = performance.now() + UNIX_LOCK_PATIENCE_MS;
    while (performance.now() < endMs) {
      const status = result(libc.flock(this.#fd, LOCK_EX | LOCK_NB));
      if (status !== -EAGAIN && status !== -EINTR) return;
      libc.poll(NO_POLLFDS, 0, 1); // sleeps for a millisecond
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) libc.close(this.#fd);
  }
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1) || ".";
}

/** A file and its directory, both open as descriptors. `using` closes them. */
export class SocketFile {
  readonly #directory: number;
  readonly #name: PathBytes;
  /** The file itself (O_PATH). While it is open, its inode number is not reused. */
  readonly #fd: number;
  readonly #status = new FileStatus();

  private constructor(directory: number, name: PathBytes, fd: number) {
    this.#directory = directory;
    this.#name = name;
    this.#fd = fd;
    this.#status.readDescriptor(fd);
  }

  /** Opens the file at `path`, without following a symbolic link at its end. Returns −errno if that fails. */
  static open(path: string): SocketFile | number {
    const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    const directory = result(libc.openat(AT_FDCWD, cString(directoryOf(path)), flags, 0));
    if (directory < 0) return directory;
    const name = cString(path.slice(path.lastIndexOf("/") + 1));
    const fd = result(libc.openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
    if (fd >= 0) return new SocketFile(directory, name, fd);
    libc.close(directory);
    return fd;
  }

  /** A text that differs for each file. */
  get identity(): string {
    return this.#status.fileIdentity;
  }

  /**
   * Checks whether a server listens on the socket: 0 if it does, −ECONNREFUSED if none does, −ENOTSOCK for a file of
   * another type, or another −errno.
   */
  probe(): number {
    if (!this.#status.isSocket) return -ENOTSOCK;
    const fd = openUnix();
    if (fd < 0) return fd;
    const status = result(libc.connect(fd, sockaddr, writeUnixSockaddr(`/proc/self/fd/${this.#fd}`)));
    libc.close(fd);
    return status;
  }

  /**
   * Changes the owner of the socket: 0 or −errno. −EMLINK if the file has several hard links, because a link may belong
   * to another user.
   */
  giveTo({ uid, gid }: Owner): number {
    if (!this.#status.isSocket) return -ENOTSOCK;
    const named = this.#look(this.#name);
    if (typeof named === "number") return named;
    if (named.linkCount > 1) return -EMLINK;
    return result(libc.fchownat(this.#fd, cString(""), uid, gid, AT_EMPTY_PATH));
  }

  /**
   * Removes the file: 0 or −errno. −EBUSY if its name refers to another file by now. The file is first renamed to an
   * unpredictable name and checked under it. If another file was renamed instead, it gets the old name back.
   */
  remove(): number {
    const named = this.#look(this.#name);
    if (typeof named === "number") return named;
    const random = crypto.getRandomValues(new Uint32Array(4));
    const aside = cString(`.epollet-${Array.from(random, (word) => word.toString(36)).join("")}`);
    const renamed = this.#rename(this.#name, aside);
    if (renamed < 0) return renamed;
    const moved = this.#look(aside);
    if (typeof moved !== "number") return result(libc.unlinkat(this.#directory, aside, 0));
    this.#rename(aside, this.#name);
    return moved;
  }

  /** Returns the status of `name` if it refers to this file; −EBUSY if it does not, or −errno. */
  #look(name: PathBytes): FileStatus | number {
    const named = new FileStatus();
    const status = named.readWithoutFollowing(this.#directory, name);
    if (status < 0) return status === -ENOENT ? -EBUSY : status;
    return named.isSameFile(this.#status) ? named : -EBUSY;
  }

  /** Renames a file without replacing another, if the file system supports that: 0 or −errno. */
  #rename(from: PathBytes, to: PathBytes): number {
    const directory = this.#directory;
    const rename = (flags: number) =>
      result(libc.syscall_renameat2(SYS_renameat2, directory, from, directory, to, flags));
    const status = rename(RENAME_NOREPLACE);
    return status === -EINVAL ? rename(0) : status;
  }

  [Symbol.dispose](): void {
    libc.close(this.#fd);
    libc.close(this.#directory);
  }
}
