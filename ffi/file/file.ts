/**
 * Files below one directory, opened so that the kernel itself keeps every path inside it.
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
import { EACCES, EAGAIN, EINTR, ENOENT, ENOSYS, EPERM, orThrow } from "../libc/errno.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { OPEN_HOW } from "../libc/structs.ts";

const FILE_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

/** Names what is there, and opens nothing: a FIFO's writer is not woken, and a file needs no permission. */
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

/** A path for the kernel: bytes, NUL at the end, relative to a directory's descriptor. */
export type PathBytes = Uint8Array<ArrayBuffer>;

/**
 * Opens the directory `path` for use as a root.
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
 * Whether the kernel lets an open directory be read as its permissions say: 0, or −EACCES where something else, such as
 * Landlock, refuses it.
 */
export function readsAsPermitted(directory: number): number {
  const fd = result(libc.openat(directory, cString("."), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (fd >= 0) libc.close(fd);
  if (fd !== -EACCES) return 0;
  return result(libc.faccessat(directory, cString("."), R_OK, 0)) === 0 ? -EACCES : 0;
}

/**
 * The error number that openat2 is refused with, ENOSYS where the kernel has none (before 5.6), another one where a filter of
 * system calls refuses it; 0: it is not.
 */
export function openat2Refusal(root: number): number {
  const fd = result(libc.syscall_openat2(SYS_openat2, root, cString("."), pathHow, OPEN_HOW.size));
  if (fd >= 0) libc.close(fd);
  return fd === -ENOSYS || fd === -EPERM || fd === -EACCES ? -fd : 0;
}

/** False where openat2 is refused. */
export function hasOpenat2(root: number): boolean {
  return openat2Refusal(root) === 0;
}

/**
 * Opens a file or directory below `root` for reading, without blocking on a FIFO: descriptor or −errno.
 * −EXDEV: the path, a link or a race with a rename leads outside of `root`, which the kernel refuses.
 */
export function openBeneath(root: number, path: PathBytes): number {
  return openAs(how, root, path);
}

/** The same, but −ELOOP when there is any symbolic link on the way. */
export function openBeneathWithoutLinks(root: number, path: PathBytes): number {
  return openAs(howWithoutLinks, root, path);
}

/** As {@linkcode openBeneath}, only to name what is there (O_PATH): to look at it, not to read it. */
export function openPathBeneath(root: number, path: PathBytes): number {
  return openAs(pathHow, root, path);
}

/** The same, but −ELOOP when there is any symbolic link on the way. */
export function openPathBeneathWithoutLinks(root: number, path: PathBytes): number {
  return openAs(pathHowWithoutLinks, root, path);
}

/** The same, but a symbolic link at the end of the path is what it names. */
export function openLinkBeneath(root: number, path: PathBytes): number {
  return openAs(linkHow, root, path);
}

function openAs(how: Uint8Array<ArrayBuffer>, root: number, path: PathBytes): number {
  // EAGAIN: a rename or mount was seen while resolving; openat2(2) asks to try again. EINTR: file systems of networks.
  for (let attempt = 0; attempt < 32; attempt++) {
    const fd = result(libc.syscall_openat2(SYS_openat2, root, path, how, OPEN_HOW.size));
    if (fd !== -EAGAIN && fd !== -EINTR) return fd;
  }
  return -EAGAIN;
}

/**
 * The same for a kernel without openat2: walks the path name by name and follows no symbolic link at all
 * (−ELOOP; −ENOTDIR for one on the way), so that it cannot leave `root` either. `..` is refused.
 */
export function openBeneathByWalking(root: number, path: PathBytes): number {
  return walkBeneath(root, path, FILE_FLAGS);
}

/** The same with O_PATH; a symbolic link at the end is what it names then. */
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

/** What one call is asked for: buffers may have more bytes than 32 bits can say, and the kernel gives at most 2^31 − 4096. */
const READ_BYTES_MAX = 2 ** 30;

/** Fills `buffer` from `offset` of the file: bytes read (fewer only at its end), or −errno. */
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
