/**
 * Trees of files that are made anew: directories, copies, links, and their end.
 *
 * Every name is a name in an open directory, so no path is resolved twice, and no link is followed.
 *
 * Source: mkdirat(2), openat(2), ioctl_ficlonerange(2), linkat(2), symlinkat(2), renameat(2), unlinkat(2), futimens(3),
 * syncfs(2).
 * @module
 */
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  FICLONE,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
} from "../libc/constants.ts";
import { EEXIST, EIO, ENOENT, orThrow, SystemError } from "../libc/errno.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { listNames } from "./directory.ts";
import { readAt, writeAll } from "./file.ts";
import { FileStatus } from "./file_status.ts";
import { cName, type FileName } from "./inotify.ts";

const CHUNK_BYTES = 1024 * 1024;
const NANOSECONDS = 1_000_000_000n;
const READ_DIRECTORY = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
const READ_FILE = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
const CREATE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

/** An open directory. Its path is for messages. */
export class Folder implements Disposable {
  readonly fd: number;
  readonly path: string;

  private constructor(fd: number, path: string) {
    this.fd = fd;
    this.path = path;
  }

  /** Opens the directory at `path`, following links. @throws {SystemError} `Cannot open dist: ENOENT (…)` */
  static open(path: string): Folder {
    loadLibc();
    const flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    const fd = result(libc.openat(AT_FDCWD, cString(path), flags, 0));
    return new Folder(orThrow(fd, `open ${path}`, "openat"), path);
  }

  /** Opens the directory `name` in it. @throws {SystemError} */
  enter(name: FileName): Folder {
    const path = this.pathOf(name);
    return new Folder(orThrow(this.#open(name, READ_DIRECTORY), `open ${path}`, "openat"), path);
  }

  /** Opens the directory `name` in it; null if there is no such directory. */
  tryEnter(name: FileName): Folder | null {
    const fd = this.#open(name, READ_DIRECTORY);
    return fd < 0 ? null : new Folder(fd, this.pathOf(name));
  }

  /** Opens a file to read it. @throws {SystemError} */
  openFile(name: FileName): number {
    return orThrow(this.#open(name, READ_FILE), `open ${this.pathOf(name)}`, "openat");
  }

  #open(name: FileName, flags: number): number {
    return result(libc.openat(this.fd, cName(name), flags, 0));
  }

  /** Returns the path of a name in it. */
  pathOf(name: FileName): string {
    return `${this.path}/${new TextDecoder().decode(cName(name).subarray(0, -1))}`;
  }

  /** Returns the names in it, in the order of their bytes. @throws {SystemError} */
  names(): FileName[] {
    using own = this.enter("."); // another position
    const names = listNames(own.fd, Infinity);
    if (names === null) throw new SystemError(`read ${this.path}`, "getdents64", EIO);
    return [...names].sort();
  }

  /** Returns the status of a name, or of a link itself; null if there is none. @throws {SystemError} */
  statusOf(name: FileName): FileStatus | null {
    const status = new FileStatus();
    const failed = status.readWithoutFollowing(this.fd, cName(name));
    if (failed === -ENOENT) return null;
    orThrow(failed, `look at ${this.pathOf(name)}`, "statx");
    return status;
  }

  /** Makes a directory. @throws {SystemError} */
  make(name: FileName, mode: number): Folder {
    const made = result(libc.mkdirat(this.fd, cName(name), mode));
    orThrow(made, `make ${this.pathOf(name)}`, "mkdirat");
    return this.#permit(name, mode);
  }

  /** Makes a directory unless it is there. @throws {SystemError} */
  ensure(name: FileName, mode: number): Folder {
    const made = result(libc.mkdirat(this.fd, cName(name), mode));
    if (made === -EEXIST) return this.enter(name);
    orThrow(made, `make ${this.pathOf(name)}`, "mkdirat");
    return this.#permit(name, mode);
  }

  /** Opens a new directory, and gives it its permissions: mkdirat has left out those of the umask. */
  #permit(name: FileName, mode: number): Folder {
    const folder = this.enter(name);
    orThrow(result(libc.fchmod(folder.fd, mode)), `make ${folder.path}`, "fchmod");
    return folder;
  }

  /**
   * Makes a file with the bytes of the open file `source`, its permissions and its time. Its blocks are shared until one
   * of them is written to, where the file system can. @throws {SystemError}
   */
  copy(source: number, name: FileName, status: FileStatus): void {
    this.#create(name, status, (fd, intent) => {
      if (result(libc.ioctl_int(fd, FICLONE, source)) >= 0) return;
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(status.size, 1)));
      for (let at = 0; at < status.size;) {
        const count = orThrow(readAt(source, chunk, at), intent, "pread");
        if (count === 0) break; // the caller finds out that it has changed
        writeAll(fd, chunk.subarray(0, count), intent);
        at += count;
      }
    });
  }

  /** Makes a file of `bytes`, with the permissions and the time of `status`. @throws {SystemError} */
  write(name: FileName, bytes: Uint8Array<ArrayBuffer>, status: FileStatus): void {
    this.#create(name, status, (fd, intent) => writeAll(fd, bytes, intent));
  }

  #create(name: FileName, status: FileStatus, fill: (fd: number, intent: string) => void): void {
    const intent = `write ${this.pathOf(name)}`;
    const fd = orThrow(result(libc.openat(this.fd, cName(name), CREATE, 0o600)), intent, "openat");
    try {
      fill(fd, intent);
      orThrow(result(libc.fchmod(fd, status.permissions & 0o777)), intent, "fchmod");
      const time = new BigInt64Array(4);
      time[0] = time[2] = status.modifiedNanoseconds / NANOSECONDS;
      time[1] = time[3] = status.modifiedNanoseconds % NANOSECONDS;
      orThrow(result(libc.futimens(fd, new Uint8Array(time.buffer))), intent, "futimens");
    } finally {
      libc.close(fd);
    }
  }

  /** Gives a file in another directory a second name here. Returns 0 or −errno. */
  link(from: Folder, old: FileName, name: FileName): number {
    return result(libc.linkat(from.fd, cName(old), this.fd, cName(name), 0));
  }

  /** Makes a symbolic link. @throws {SystemError} */
  symlink(target: FileName, name: FileName): void {
    const made = result(libc.symlinkat(cName(target), this.fd, cName(name)));
    orThrow(made, `make ${this.pathOf(name)}`, "symlinkat");
  }

  /** Renames `old`, in place of what has the name `name`. @throws {SystemError} */
  rename(old: FileName, name: FileName): void {
    const renamed = result(libc.renameat(this.fd, cName(old), this.fd, cName(name)));
    orThrow(renamed, `rename ${this.pathOf(old)} to ${name}`, "renameat");
  }

  /** Removes a name, and all below it if it is a directory. @throws {SystemError} */
  remove(name: FileName): void {
    const status = this.statusOf(name);
    if (status === null) return;
    if (status.isDirectory) {
      using folder = this.enter(name);
      for (const child of folder.names()) folder.remove(child);
    }
    const flags = status.isDirectory ? AT_REMOVEDIR : 0;
    orThrow(result(libc.unlinkat(this.fd, cName(name), flags)), `remove ${this.pathOf(name)}`, "unlinkat");
  }

  /** Waits until all that was written to its file system is on the disk. @throws {SystemError} */
  sync(): void {
    orThrow(result(libc.syncfs(this.fd)), `write ${this.path} to the disk`, "syncfs");
  }

  [Symbol.dispose](): void {
    libc.close(this.fd);
  }
}

/** Returns true if two open files of `size` bytes have the same bytes. */
export function haveSameBytes(one: number, other: number, size: number): boolean {
  const [a, b] = [new Uint8Array(Math.min(CHUNK_BYTES, size)), new Uint8Array(Math.min(CHUNK_BYTES, size))];
  for (let at = 0; at < size;) {
    const count = readAt(one, a, at);
    if (count <= 0 || readAt(other, b, at) !== count) return false;
    for (let i = 0; i < count; i++) if (a[i] !== b[i]) return false;
    at += count;
  }
  return true;
}
