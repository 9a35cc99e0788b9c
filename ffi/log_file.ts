/**
 * Files that lines are appended to, and the same for pipes and terminals, without ever waiting for a reader.
 *
 * Source: open(2), write(2), pipe(7), poll(2).
 * @module
 */
import {
  AT_FDCWD,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_NOCTTY,
  O_NONBLOCK,
  O_PATH,
  O_WRONLY,
  PIPE_BUF,
} from "./constants.ts";
import { EAGAIN, EINTR, orThrow } from "./errno.ts";
import { FileStatus } from "./file.ts";
import { cString, libc, loadLibc, result } from "./libc.ts";
import { mayWrite } from "./standard_output.ts";

/** What a new one may be: written to by its owner, read by the owner's group. */
const MODE = 0o640;
const LF = 0x0a;
const FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

/**
 * A directory, to open files in it later: descriptor (O_PATH).
 * @throws {SystemError} `Cannot open logs/access.log: ENOENT (…)`, with the `path` of the file that is meant
 */
export function openLogDirectory(directory: string, path: string): number {
  loadLibc();
  const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  return orThrow(result(libc.openat(AT_FDCWD, cString(directory), flags, 0)), `open ${path}`, "openat");
}

/** Opens the file `name` in `directory` to append to it, and makes it where it is not: descriptor or −errno. */
export function openToAppend(directory: number, name: string): number {
  return result(libc.openat(directory, cString(name), FLAGS, MODE));
}

/** What a pipe with room takes without blocking: whole lines, since then nobody else's come in between. */
function atOnce(bytes: Uint8Array, length: number): number {
  if (length <= PIPE_BUF) return length;
  return bytes.lastIndexOf(LF, PIPE_BUF - 1) + 1 || PIPE_BUF;
}

/** True for a file on a disk: one call takes all that is given to it, and readers do not hold it up. */
export function isRegularFile(fd: number): boolean {
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
