/**
 * Small text files, read whole when the program starts. Source: open(2), statx(2).
 * @module
 */
import { AT_FDCWD, O_CLOEXEC, O_NOCTTY, O_NONBLOCK, O_RDONLY } from "../libc/constants.ts";
import { EINVAL, EISDIR, ENOENT, orThrow, SystemError } from "../libc/errno.ts";
import { readAt } from "./file.ts";
import { FileStatus } from "./file_status.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";

const EOVERFLOW = 75;

/**
 * The text of a regular file in UTF-8, without the mark that some editors put at its beginning (U+FEFF). It never
 * waits for anybody: a FIFO or a terminal is refused.
 * @throws {SystemError} `Cannot open epollet.json: ENOENT (…)`; also for one of more than `bytesMax` bytes, and for
 * one that is not in UTF-8.
 */
export function readTextFile(path: string, bytesMax: number): string {
  loadLibc();
  const fd = path.includes("\0")
    ? -ENOENT
    : result(libc.openat(AT_FDCWD, cString(path), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0));
  orThrow(fd, `open ${path}`, "openat");
  try {
    return decode(readBytes(fd, path, bytesMax), path);
  } finally {
    libc.close(fd);
  }
}

/** Whether a path that cannot be opened for ENOENT has a symbolic link in it that leads nowhere. */
export function hasDanglingLink(path: string): boolean {
  loadLibc();
  if (path.includes("\0")) return false;
  const status = new FileStatus();
  const ends = Array.from(path.matchAll(/[^/](?=\/|$)/g), ({ index }) => index + 1);
  return ends.map((end) => cString(path.slice(0, end))).some((start) =>
    status.readWithoutFollowing(AT_FDCWD, start) === 0 && status.isLink &&
    status.read(AT_FDCWD, start) === -ENOENT
  );
}

function readBytes(fd: number, path: string, bytesMax: number): Uint8Array {
  const status = new FileStatus();
  orThrow(status.readDescriptor(fd), `open ${path}`, "statx");
  if (status.isDirectory) throw new SystemError(`open ${path}`, "openat", EISDIR);
  if (!status.isFile) throw new SystemError(`open ${path}, which is no regular file`, "openat", EINVAL);
  const buffer = new Uint8Array(bytesMax + 1);
  const length = orThrow(readAt(fd, buffer, 0), `read ${path}`, "pread");
  if (length > bytesMax) {
    throw new SystemError(`read ${path}, which has more than ${bytesMax} bytes`, "pread", EOVERFLOW);
  }
  return buffer.subarray(0, length);
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SystemError(`read ${path}, which is not in UTF-8`, "pread", EINVAL);
  }
}
