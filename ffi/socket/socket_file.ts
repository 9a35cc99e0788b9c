/**
 * The file of a UNIX socket: whether a server still listens on it, who owns it, and how it is removed.
 *
 * Between a look at a path and the use of that path, others who may write in one of its directories can put something else
 * there. So the directory is opened once, and the file in it: what is asked, given away or removed afterwards is that file,
 * by its descriptor, wherever its name leads by then.
 *
 * Source: unix(7), connect(2), flock(2), openat(2) (O_PATH), proc(5) (/proc/self/fd), renameat2(2), unlinkat(2), fchownat(2).
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

/** Who owns a file. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A stream socket of the kind that is served: descriptor or −errno. */
export function openUnix(): number {
  return result(libc.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

const NO_POLLFDS = new Uint8Array(128);

/**
 * Held while a server binds and begins to listen, and while a socket's file is removed: until it listens, its socket looks like one that was left behind, and
 * another server that starts at that moment would remove it. No more is waited for another process than
 * UNIX_LOCK_PATIENCE_MS, since any that may read the directory may hold its lock.
 */
export class DirectoryLock {
  /** −errno where the directory may not be read. */
  readonly #fd: number;

  /** Of the directory that `path` is in. */
  constructor(path: string) {
    const flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    this.#fd = result(libc.openat(AT_FDCWD, cString(directoryOf(path)), flags, 0));
    if (this.#fd < 0) return;
    const endMs = performance.now() + UNIX_LOCK_PATIENCE_MS;
    while (performance.now() < endMs) {
      const status = result(libc.flock(this.#fd, LOCK_EX | LOCK_NB));
      if (status !== -EAGAIN && status !== -EINTR) return;
      libc.poll(NO_POLLFDS, 0, 1); // a millisecond passes
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) libc.close(this.#fd);
  }
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1) || ".";
}

/** What has a name in a directory, and that directory, both held by descriptors. `using` closes them. */
export class SocketFile {
  readonly #directory: number;
  readonly #name: PathBytes;
  /** The file itself (O_PATH): while that is open, no other file gets its inode's number. */
  readonly #fd: number;
  readonly #status = new FileStatus();

  private constructor(directory: number, name: PathBytes, fd: number) {
    this.#directory = directory;
    this.#name = name;
    this.#fd = fd;
    this.#status.readDescriptor(fd);
  }

  /** What is at `path`; of a symbolic link the link itself. −errno when that cannot be told. */
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

  /** Another text for every other file. */
  get identity(): string {
    return this.#status.fileIdentity;
  }

  /** Whether a server listens on it: 0, −ECONNREFUSED when none does, −ENOTSOCK for another file, other −errno. */
  probe(): number {
    if (!this.#status.isSocket) return -ENOTSOCK;
    const fd = openUnix();
    if (fd < 0) return fd;
    const status = result(libc.connect(fd, sockaddr, writeUnixSockaddr(`/proc/self/fd/${this.#fd}`)));
    libc.close(fd);
    return status;
  }

  /** Makes `owner` that of the socket, unless it has other names, which could be those of another's: 0 or −errno. */
  giveTo({ uid, gid }: Owner): number {
    if (!this.#status.isSocket) return -ENOTSOCK;
    const named = this.#look(this.#name);
    if (typeof named === "number") return named;
    if (named.linkCount > 1) return -EMLINK;
    return result(libc.fchownat(this.#fd, cString(""), uid, gid, AT_EMPTY_PATH));
  }

  /**
   * Removes the file, and no other: 0 or −errno, −EBUSY when something else has its name by now. It is renamed first, to a
   * name that is not guessed, and looked at under that: what came to the old name after the look before gets it back.
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

  /** What has `name`, when that is this file; −EBUSY for another, −errno. */
  #look(name: PathBytes): FileStatus | number {
    const named = new FileStatus();
    const status = named.readWithoutFollowing(this.#directory, name);
    if (status < 0) return status === -ENOENT ? -EBUSY : status;
    return named.isSameFile(this.#status) ? named : -EBUSY;
  }

  /** Replaces nothing, where the file system can say so. */
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
