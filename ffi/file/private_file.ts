/**
 * Files that only their owner may read, written so that a reader finds the old content or the new one, whole.
 *
 * Source: openat(2), fsync(2), rename(2), mkdir(2), flock(2), statfs(2).
 * @module
 */
import {
  AT_FDCWD,
  LOCK_EX,
  LOCK_NB,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  OVERLAYFS_SUPER_MAGIC,
  W_OK,
} from "../libc/constants.ts";
import { EACCES, EEXIST, ENOENT, ENOTDIR, orThrow, SystemError } from "../libc/errno.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { listNames } from "./directory.ts";
import { writeAll } from "./file.ts";
import { FileStatus } from "./file_status.ts";
import { fileSystemType } from "./file_system.ts";

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const NAMES_MAX = 10_000;
/** The beginning of names of files that are not complete. */
export const UNFINISHED = ".new-";

/**
 * Makes the directory `path` and those above it that are missing, for their owner only. Returns those that it has made.
 * @throws {SystemError}
 */
export function makePrivateDirectory(path: string): string[] {
  loadLibc();
  const made: string[] = [];
  const names = path.split("/");
  for (let depth = 1; depth <= names.length; depth++) {
    const part = names.slice(0, depth).join("/");
    if (part === "") continue;
    const status = result(libc.mkdirat(AT_FDCWD, cString(part), DIRECTORY_MODE));
    if (status >= 0) made.push(part);
    else if (status !== -EEXIST && (depth === names.length || !isDirectory(part))) {
      throw new SystemError(`make the directory ${path}`, "mkdir", -status);
    }
  }
  if (!isDirectory(path)) throw new SystemError(`use ${path} as a directory`, "mkdir", EEXIST);
  return made;
}

/** Returns true if `path` leads to a directory. */
export function isDirectory(path: string): boolean {
  return usingPath(path, () => true) ?? false;
}

function usingPath<T>(path: string, use: (fd: number) => T): T | null {
  loadLibc();
  const fd = result(libc.openat(AT_FDCWD, cString(path), O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
  if (fd < 0) return null;
  try {
    return use(fd);
  } finally {
    libc.close(fd);
  }
}

/**
 * Writes `text` to the file `name` in `directory`, with mode 600. After a crash, the file has the old content or the new
 * one.
 * @throws {SystemError} `Cannot write /srv/acme/example.org.pem: ENOSPC (…)`
 */
export function writePrivateFile(directory: string, name: string, text: string): void {
  loadLibc();
  const intent = `write ${directory}/${name}`;
  const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const parent = orThrow(result(libc.openat(AT_FDCWD, cString(directory), flags, 0)), intent, "openat");
  const unfinished = cString(`${UNFINISHED}${name}`);
  try {
    libc.unlinkat(parent, unfinished, 0); // of a process that was killed
    const create = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    const fd = orThrow(result(libc.openat(parent, unfinished, create, FILE_MODE)), intent, "openat");
    try {
      writeAll(fd, new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>, intent);
      orThrow(result(libc.fsync(fd)), intent, "fsync");
    } finally {
      libc.close(fd);
    }
    orThrow(result(libc.renameat(parent, unfinished, parent, cString(name))), intent, "rename");
    const listed = result(libc.openat(parent, cString("."), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
    if (listed >= 0) libc.fsync(listed); // so that the name survives a crash of the machine
    if (listed >= 0) libc.close(listed);
  } finally {
    libc.close(parent);
  }
}

/** Removes a file, if there is one. */
export function removeFile(path: string): void {
  loadLibc();
  libc.unlinkat(AT_FDCWD, cString(path), 0);
}

/** Returns the names in a directory; none if it cannot be read. */
export function namesIn(directory: string): string[] {
  loadLibc();
  const fd = result(libc.openat(AT_FDCWD, cString(directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (fd < 0) return [];
  try {
    return [...listNames(fd, NAMES_MAX) ?? []].sort();
  } finally {
    libc.close(fd);
  }
}

/** Returns 0 if this process may write into `directory`, or −errno. */
export function mayWriteInto(directory: string): number {
  loadLibc();
  return result(libc.faccessat(AT_FDCWD, cString(directory), W_OK, 0));
}

/** Returns true if `directory` is on the file system that a container has for itself, and that ends with the container. */
export function isOfContainer(directory: string): boolean {
  return usingPath(directory, fileSystemType) === OVERLAYFS_SUPER_MAGIC;
}

/**
 * Locks the file at `path`, which is made if it is missing, for all other processes. Returns a descriptor, which holds the
 * lock until it is closed; −EAGAIN if another process holds it; or −errno.
 */
export function lockFile(path: string): number {
  loadLibc();
  const flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
  const fd = result(libc.openat(AT_FDCWD, cString(path), flags, FILE_MODE));
  if (fd < 0) return fd;
  const status = result(libc.flock(fd, LOCK_EX | LOCK_NB));
  if (status >= 0) return fd;
  libc.close(fd);
  return status;
}

/** Returns true if `path` is a symbolic link. */
export function isLink(path: string): boolean {
  loadLibc();
  const status = new FileStatus();
  return status.readWithoutFollowing(AT_FDCWD, cString(path)) === 0 && status.isLink;
}

/** Returns true if there is a file or a directory at `path`, as far as this process may know. */
export function exists(path: string): boolean {
  loadLibc();
  const fd = result(libc.openat(AT_FDCWD, cString(path), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
  if (fd >= 0) libc.close(fd);
  return fd >= 0 || ![ENOENT, ENOTDIR, EACCES].includes(-fd);
}
