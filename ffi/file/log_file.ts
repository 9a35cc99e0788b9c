/**
 * Appending of lines to files, pipes and terminals, without ever waiting for a reader.
 *
 * The program may run as root. So a link that another user has planted at a log's path must not make it append to the
 * target. Symbolic links are not followed, and a file with several hard links is refused before anything is written.
 * The directories of the path are not checked: links among them belong to the operator.
 *
 * Source: open(2), statx(2), write(2), pipe(7), poll(2), proc_sys_fs(5) (protected_hardlinks).
 * @module
 */
import {
  AT_FDCWD,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_WRONLY,
  PIPE_BUF,
  W_OK,
} from "../libc/constants.ts";
import { EAGAIN, EINTR, ELOOP, EMLINK, ENOENT, ENXIO, orThrow } from "../libc/errno.ts";
import { FileStatus } from "./file_status.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { mayWrite } from "./standard_output.ts";

/** The permissions of a new file: its owner reads and writes, the owner's group reads. */
const MODE = 0o640;
const LF = 0x0a;
const FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW;
/**
 * How often a file is opened again because its name came to refer to another file, as when logrotate(8) renames it.
 */
const ATTEMPTS_MAX = 8;
/**
 * How often the name is checked. Even within one statx(2) a link may be removed between name lookup and link count.
 */
const LOOKS = 3;

/**
 * Opens a directory for log files. Returns its descriptor (O_PATH). `path` is the log file, for the error.
 * @throws {SystemError} `Cannot open logs/access.log: ENOENT (…)`
 */
export function openLogDirectory(directory: string, path: string): number {
  loadLibc();
  const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  return orThrow(result(libc.openat(AT_FDCWD, cString(directory), flags, 0)), `open ${path}`, "openat");
}

/**
 * Opens the file `name` in `directory` for appending, and creates it if it does not exist. Returns a descriptor, or
 * −errno. The file must be a regular file with one link, or a character device, which only root can create.
 * {@linkcode describeRefusal} explains −ELOOP, −EMLINK and −ENXIO.
 */
export function openToAppend(directory: number, name: string): number {
  return openAs(directory, name, FLAGS);
}

/** Checks whether {@linkcode openToAppend} would succeed, without creating the file: 0 or −errno. */
export function tryToAppend(directory: number, name: string): number {
  const fd = openAs(directory, name, FLAGS & ~O_CREAT);
  if (fd >= 0) return result(libc.close(fd));
  return fd === -ENOENT ? result(libc.faccessat(directory, cString("."), W_OK, 0)) : fd;
}

function openAs(directory: number, name: string, flags: number): number {
  const path = cString(name);
  let status = -EAGAIN;
  for (let attempt = 0; attempt < ATTEMPTS_MAX && status === -EAGAIN; attempt++) {
    const fd = result(libc.openat(directory, path, flags, MODE));
    if (fd < 0) return fd;
    status = refusalOf(fd, directory, path);
    if (status === 0) return fd;
    libc.close(fd);
  }
  return status;
}

/**
 * Checks whether `fd` may be appended to. Returns 0, −EAGAIN if `path` refers to another file, or the reason as
 * −errno. The link count is also read by name: a hard link to another user's file could be removed between open(2)
 * and fstat(2), which then counts one link.
 */
function refusalOf(fd: number, directory: number, path: Uint8Array<ArrayBuffer>): number {
  const opened = new FileStatus();
  const status = opened.readDescriptor(fd);
  if (status < 0) return status;
  if (opened.isCharacterDevice) return 0;
  if (!opened.isFile) return -ENXIO;
  if (opened.linkCount > 1) return -EMLINK;
  const named = new FileStatus();
  for (let look = 0; look < LOOKS; look++) {
    const found = named.readWithoutFollowing(directory, path);
    if (found === -ENOENT) return -EAGAIN;
    if (found < 0) return found;
    if (!named.isSameFile(opened)) return -EAGAIN;
    if (named.linkCount > 1) return -EMLINK;
  }
  return 0;
}

/**
 * Describes what was found in place of a log file, and what to do, for an errno of {@linkcode openToAppend}. Returns
 * "" for another errno.
 */
export function describeRefusal(errno: number): string {
  switch (errno) {
    case ELOOP:
      return "a symbolic link is there, which is not followed: remove it, or name the file that it leads to";
    case EMLINK:
      return "a file with other names (hard links) is there, to which nothing is appended: remove it, or name another file";
    case ENXIO:
      return "something that is no regular file is there: remove it, or name another file";
    default:
      return "";
  }
}

/**
 * Returns how many of `length` bytes a writable pipe accepts without blocking. It ends at a line end if possible,
 * because other processes may write to the pipe between two calls.
 */
function atOnce(bytes: Uint8Array, length: number): number {
  if (length <= PIPE_BUF) return length;
  return bytes.lastIndexOf(LF, PIPE_BUF - 1) + 1 || PIPE_BUF;
}

/** Returns true for a regular file: one write(2) takes all bytes, and never waits for a reader. */
export function isRegularFile(fd: number): boolean {
  loadLibc();
  const status = new FileStatus();
  return status.readDescriptor(fd) === 0 && status.isFile;
}

/**
 * Writes the first `length` bytes, or as many as fit without blocking. Returns the bytes written, 0 if nothing fits,
 * or −errno. A file gets all bytes in one call, so lines from several processes do not mix.
 */
export function appendTo(
  fd: number,
  isRegular: boolean,
  bytes: Uint8Array<ArrayBuffer>,
  length: number,
): number {
  if (!isRegular && !mayWrite(fd, 0)) return 0;
  const written = result(libc.write(fd, bytes, isRegular ? length : atOnce(bytes, length)));
  return written === -EAGAIN || written === -EINTR ? 0 : written;
}
