/**
 * Small text files that are read as a whole at start-up. Source: open(2), statx(2).
 * @module
 */
import { AT_FDCWD, O_CLOEXEC, O_NOCTTY, O_NONBLOCK, O_RDONLY } from "../libc/constants.ts";
import { EINVAL, EISDIR, ENOENT, orThrow, SystemError } from "../libc/errno.ts";
import { readAt } from "./file.ts";
import { FileStatus } from "./file_status.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";

const EOVERFLOW = 75;

/**
 * Returns the text of a regular file in UTF-8, without a byte order mark (U+FEFF). The call never blocks, because
 * FIFOs and terminals are refused.
 * @throws {SystemError} `Cannot open epollet.json: ENOENT (…)`; also for a file of more than `bytesMax` bytes, and
 * for one that is not in UTF-8
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

/** Returns true if `path`, which cannot be opened (ENOENT), contains a symbolic link whose target does not exist. */
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
