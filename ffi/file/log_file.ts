/**
 * Files that lines are appended to, and the same for pipes and terminals, without ever waiting for a reader.
 *
 * A link that another user plants under a log's name must not make the program, which may be root, append to what it leads
 * to. So a symbolic link is not followed, and a file that has other names, too, is refused, before anything is written. The
 * directories on the way to the file are not looked at: links among them are the operator's.
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

/** What a new one may be: written to by its owner, read by the owner's group. */
const MODE = 0o640;
const LF = 0x0a;
const FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW;
/** How often a file is opened anew whose name was another's a moment later, as when logrotate(8) renames it. */
const ATTEMPTS_MAX = 8;
/** How often its name is looked at: within one statx(2), too, a link may go between the name and the count of links. */
const LOOKS = 3;

/**
 * A directory, to open files in it later: descriptor (O_PATH).
 * @throws {SystemError} `Cannot open logs/access.log: ENOENT (…)`, with the `path` of the file that is meant
 */
export function openLogDirectory(directory: string, path: string): number {
  loadLibc();
  const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  return orThrow(result(libc.openat(AT_FDCWD, cString(directory), flags, 0)), `open ${path}`, "openat");
}

/**
 * Opens the file `name` in `directory` to append to it, and makes it where it is not: descriptor or −errno. It is a regular
 * file that has no other name, or a character device, which only root can make. {@linkcode describeRefusal} explains
 * −ELOOP, −EMLINK and −ENXIO.
 */
export function openToAppend(directory: number, name: string): number {
  return openAs(directory, name, FLAGS);
}

/** Whether {@linkcode openToAppend} could do that, without making the file: 0 or −errno. */
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
 * Why nothing may be appended to `fd`, as −errno; 0: something may; −EAGAIN: it is not what has the name. The name's count
 * of links is asked for, too: a link to a file of another user could be removed between open(2) and fstat(2), which then
 * sees one link.
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

/** What was found in place of a log file, and what to do, for an errno of {@linkcode openToAppend}; "" for another errno. */
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

/** What a pipe with room takes without blocking: whole lines, since then nobody else's come in between. */
function atOnce(bytes: Uint8Array, length: number): number {
  if (length <= PIPE_BUF) return length;
  return bytes.lastIndexOf(LF, PIPE_BUF - 1) + 1 || PIPE_BUF;
}

/** True for a file on a disk: one call takes all that is given to it, and readers do not hold it up. */
export function isRegularFile(fd: number): boolean {
  loadLibc();
  const status = new FileStatus();
  return status.readDescriptor(fd) === 0 && status.isFile;
}

/**
 * Writes the first `length` bytes, or what can be taken at once: how many, 0 when none can, −errno. A file gets them by
 * one call, so that what several processes append is not mixed.
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
