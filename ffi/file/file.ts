/**
 * Files below a root directory. The kernel itself rejects every path that leads out of the root.
 *
 * Source: openat2(2), pread(2).
 * @module
 */
import {
  AT_FDCWD,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  R_OK,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  SYS_openat2,
} from "../libc/constants.ts";
import { EACCES, EAGAIN, EINTR, EIO, ENOENT, ENOSYS, EPERM, orThrow, SystemError } from "../libc/errno.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { OPEN_HOW } from "../libc/structs.ts";

const FILE_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

/**
 * Flags to refer to a file without opening it: no FIFO's writer is woken, and no permission on the file is needed.
 */
const PATH_FLAGS = O_PATH | O_CLOEXEC;

const BENEATH = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
const WITHOUT_LINKS = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
const how = openHow(FILE_FLAGS, BENEATH);
const howWithoutLinks = openHow(FILE_FLAGS, WITHOUT_LINKS);
const pathHow = openHow(PATH_FLAGS, BENEATH);
const pathHowWithoutLinks = openHow(PATH_FLAGS, WITHOUT_LINKS);
const linkHow = openHow(PATH_FLAGS | O_NOFOLLOW, WITHOUT_LINKS);

function openHow(flags: number, resolve: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(128);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(OPEN_HOW.flags, BigInt(flags), true);
  view.setBigUint64(OPEN_HOW.resolve, BigInt(resolve), true);
  return bytes;
}

/** A NUL-terminated path for the kernel, relative to a directory's descriptor. */
export type PathBytes = Uint8Array<ArrayBuffer>;

/**
 * Opens the directory `path` for use as a root. Returns its descriptor (O_PATH).
 * @throws {SystemError} `Cannot open root ./html: ENOENT (no such file or directory)`
 */
export function openDirectory(path: string): number {
  loadLibc();
  const fd = path.includes("\0")
    ? -ENOENT
    : result(libc.openat(AT_FDCWD, cString(path), O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
  return orThrow(fd, `open root ${path}`, "openat");
}

/**
 * Checks whether an open directory can be read as its permissions promise. Returns −EACCES if something else, such as
 * Landlock, denies it; otherwise 0.
 */
export function readsAsPermitted(directory: number): number {
  const fd = result(libc.openat(directory, cString("."), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (fd >= 0) libc.close(fd);
  if (fd !== -EACCES) return 0;
  return result(libc.faccessat(directory, cString("."), R_OK, 0)) === 0 ? -EACCES : 0;
}

/**
 * Returns the error with which openat2(2) is refused, as a positive errno; 0 if it is not refused. ENOSYS means a
 * kernel before 5.6. Other values come from a filter of system calls (seccomp).
 */
export function openat2Refusal(root: number): number {
  const fd = result(libc.syscall_openat2(SYS_openat2, root, cString("."), pathHow, OPEN_HOW.size));
  if (fd >= 0) libc.close(fd);
  return fd === -ENOSYS || fd === -EPERM || fd === -EACCES ? -fd : 0;
}

/** Returns false if openat2(2) is refused. */
export function hasOpenat2(root: number): boolean {
  return openat2Refusal(root) === 0;
}

/**
 * Opens a file or directory below `root` for reading, without blocking on a FIFO. Returns a descriptor, or −errno.
 * −EXDEV means that the path, a link or a race with a rename leads out of `root`.
 */
export function openBeneath(root: number, path: PathBytes): number {
  return openAs(how, root, path);
}

/**
 * Does the same as {@linkcode openBeneath}, but fails with −ELOOP if any component of the path is a symbolic link.
 */
export function openBeneathWithoutLinks(root: number, path: PathBytes): number {
  return openAs(howWithoutLinks, root, path);
}

/** Does the same as {@linkcode openBeneath} with O_PATH: the descriptor can be examined, not read. */
export function openPathBeneath(root: number, path: PathBytes): number {
  return openAs(pathHow, root, path);
}

/**
 * Does the same as {@linkcode openPathBeneath}, but fails with −ELOOP if any component of the path is a symbolic
 * link.
 */
export function openPathBeneathWithoutLinks(root: number, path: PathBytes): number {
  return openAs(pathHowWithoutLinks, root, path);
}

/**
 * Does the same as {@linkcode openPathBeneathWithoutLinks}, but opens a symbolic link at the end of the path as the
 * link itself.
 */
export function openLinkBeneath(root: number, path: PathBytes): number {
  return openAs(linkHow, root, path);
}

function openAs(how: Uint8Array<ArrayBuffer>, root: number, path: PathBytes): number {
  // EAGAIN: the kernel saw a rename or mount meanwhile; openat2(2) says to try again. EINTR: network file systems.
  for (let attempt = 0; attempt < 32; attempt++) {
    const fd = result(libc.syscall_openat2(SYS_openat2, root, path, how, OPEN_HOW.size));
    if (fd !== -EAGAIN && fd !== -EINTR) return fd;
  }
  return -EAGAIN;
}

/**
 * Opens the file `path` below `root` for reading, without blocking on a FIFO, wherever symbolic links lead. Returns a
 * descriptor, or −errno.
 */
export function openAnywhere(root: number, path: PathBytes): number {
  let fd: number;
  do fd = result(libc.openat(root, path, FILE_FLAGS, 0)); while (fd === -EINTR);
  return fd;
}

/**
 * Does the same as {@linkcode openBeneath} on a kernel without openat2(2): opens the path one component at a time. To
 * stay below `root` it follows no symbolic link (−ELOOP; −ENOTDIR for one before the last component) and refuses `..`
 * (−EPERM).
 */
export function openBeneathByWalking(root: number, path: PathBytes): number {
  return walkBeneath(root, path, FILE_FLAGS);
}

/**
 * Does the same as {@linkcode openBeneathByWalking} with O_PATH. A symbolic link at the end of the path is opened as
 * the link itself.
 */
export function openPathBeneathByWalking(root: number, path: PathBytes): number {
  return walkBeneath(root, path, PATH_FLAGS);
}

function walkBeneath(root: number, path: PathBytes, lastFlags: number): number {
  const end = path.indexOf(0);
  let directory = root;
  let start = 0;
  while (true) {
    let stop = path.indexOf(0x2f, start);
    if (stop < 0 || stop > end) stop = end;
    const isLast = stop === end;
    const name = new Uint8Array(stop - start + 1);
    name.set(path.subarray(start, stop));
    const isParent = name.length === 3 && name[0] === 0x2e && name[1] === 0x2e;
    if (isParent || name.length === 1) {
      if (directory !== root) libc.close(directory);
      return isParent ? -EPERM : -ENOENT;
    }
    const flags = isLast ? lastFlags | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    let next: number;
    do next = result(libc.openat(directory, name, flags, 0)); while (next === -EINTR);
    if (directory !== root) libc.close(directory);
    if (next < 0 || isLast) return next;
    directory = next;
    start = stop + 1;
  }
}

/**
 * The largest request of one pread(2). The length must fit in 32 bits, and the kernel reads at most 2³¹ − 4096 bytes
 * at once.
 */
const READ_BYTES_MAX = 2 ** 30;

/**
 * Fills `buffer` from `offset` of the file. Returns the bytes read, fewer than asked for only at the end of the file,
 * or −errno.
 */
export function readAt(fd: number, buffer: Uint8Array<ArrayBuffer>, offset: number): number {
  let done = 0;
  while (done < buffer.length) {
    const part = done === 0 ? buffer : buffer.subarray(done);
    const length = Math.min(part.length, READ_BYTES_MAX);
    const count = result(libc.pread(fd, part, length, BigInt(offset + done)));
    if (count === -EINTR) continue;
    if (count < 0) return count;
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** Writes all of `bytes`. `intent` is for the message. @throws {SystemError} */
export function writeAll(fd: number, bytes: Uint8Array<ArrayBuffer>, intent: string): void {
  for (let sent = 0; sent < bytes.length;) {
    const rest = bytes.subarray(sent);
    const count = result(libc.write(fd, rest, rest.length));
    if (count === -EINTR) continue;
    if (count === 0) throw new SystemError(intent, "write", EIO);
    sent += orThrow(count, intent, "write");
  }
}
