/**
 * Files below one directory, opened so that the kernel itself keeps every path inside it.
 *
 * Source: openat2(2), statx(2), pread(2).
 * @module
 */
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
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
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  STATX_BASIC_STATS,
  SYS_openat2,
} from "./constants.ts";
import { EACCES, EAGAIN, EINTR, ENOENT, ENOSYS, EPERM, orThrow } from "./errno.ts";
import { cString, libc, loadLibc, result } from "./libc.ts";
import { OPEN_HOW, STATX } from "./structs.ts";

const FILE_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
const EMPTY_PATH = new Uint8Array(128);

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

/** False where the kernel has no openat2 (before 5.6) or a sandbox forbids it. */
export function hasOpenat2(root: number): boolean {
  const fd = result(libc.syscall_openat2(SYS_openat2, root, cString("."), how, OPEN_HOW.size));
  if (fd >= 0) libc.close(fd);
  return fd !== -ENOSYS && fd !== -EPERM;
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

/** What {@linkcode FileStatus.describe} is told. */
export interface Described {
  /** Bytes. */
  readonly size: number;
  /** Another number for each file. */
  readonly inode: number;
  /** Seconds since the epoch, and what is above them. */
  readonly modifiedSeconds: number;
  readonly modifiedNanoseconds: number;
}

/** What statx(2) says of a file, in words that can be compared without making an object per question. */
export class FileStatus {
  readonly #bytes = new Uint8Array(STATX.size);
  readonly #words = new Uint32Array(this.#bytes.buffer);
  readonly #view = new DataView(this.#bytes.buffer);

  /** Asks about `path` below `root`, following links: 0 or −errno. Says nothing about what may be opened. */
  read(root: number, path: PathBytes): number {
    return this.#ask(root, path, 0);
  }

  /** Asks about `path` below `directory`, of a symbolic link about the link itself: 0 or −errno. */
  readWithoutFollowing(directory: number, path: PathBytes): number {
    return this.#ask(directory, path, AT_SYMLINK_NOFOLLOW);
  }

  /** Asks about an open descriptor: 0 or −errno. */
  readDescriptor(fd: number): number {
    return this.#ask(fd, EMPTY_PATH, AT_EMPTY_PATH);
  }

  /** Says what is given, of something that the kernel does not know by itself: it is on no device, and never changed. */
  describe(
    kind: "file" | "directory",
    { size, inode, modifiedSeconds, modifiedNanoseconds }: Described,
  ): void {
    this.#bytes.fill(0);
    this.#view.setUint16(STATX.mode, kind === "file" ? S_IFREG : S_IFDIR, true);
    this.#view.setBigUint64(STATX.file_size, BigInt(size), true);
    this.#view.setBigUint64(STATX.ino, BigInt(inode), true);
    this.#view.setBigInt64(STATX.mtime_sec, BigInt(modifiedSeconds), true);
    this.#words[STATX.mtime_nsec >> 2] = modifiedNanoseconds;
  }

  #ask(directory: number, path: PathBytes, flags: number): number {
    while (true) {
      const status = result(libc.statx(directory, path, flags, STATX_BASIC_STATS, this.#bytes));
      if (status !== -EINTR) return status;
    }
  }

  get isFile(): boolean {
    return (this.#view.getUint16(STATX.mode, true) & S_IFMT) === S_IFREG;
  }
  get isDirectory(): boolean {
    return (this.#view.getUint16(STATX.mode, true) & S_IFMT) === S_IFDIR;
  }
  get isLink(): boolean {
    return (this.#view.getUint16(STATX.mode, true) & S_IFMT) === S_IFLNK;
  }
  get isSocket(): boolean {
    return (this.#view.getUint16(STATX.mode, true) & S_IFMT) === S_IFSOCK;
  }
  get isCharacterDevice(): boolean {
    return (this.#view.getUint16(STATX.mode, true) & S_IFMT) === S_IFCHR;
  }
  /** Names (hard links) of the file; 0 for one that was removed while it is open, and on file systems that do not count. */
  get linkCount(): number {
    return this.#words[STATX.nlink >> 2];
  }
  /** Bytes. */
  get size(): number {
    return this.#number(STATX.file_size);
  }
  get inode(): bigint {
    return this.#view.getBigUint64(STATX.ino, true);
  }
  /** Seconds since the epoch. */
  get modifiedSeconds(): number {
    return Number(this.#view.getBigInt64(STATX.mtime_sec, true));
  }
  /** Nanoseconds since the epoch of the last change of bytes, as far as nobody set it to something else. */
  get modifiedNanoseconds(): bigint {
    return this.#view.getBigInt64(STATX.mtime_sec, true) * 1_000_000_000n +
      BigInt(this.#words[STATX.mtime_nsec >> 2]);
  }
  /** Seconds since the epoch of the last change of bytes or attributes: the kernel sets it, nobody can forge it. */
  get changedSeconds(): number {
    return Number(this.#view.getBigInt64(STATX.ctime_sec, true));
  }
  get changedNanoseconds(): number {
    return this.#words[STATX.ctime_nsec >> 2];
  }

  #number(offset: number): number {
    return this.#words[offset >> 2] + this.#words[(offset >> 2) + 1] * 0x1_0000_0000;
  }

  /** True when both describe the same file in the same state: device, inode, type, size, and both times. */
  equals(other: FileStatus): boolean {
    const a = this.#words;
    const b = other.#words;
    for (let i = 0; i < IDENTITY.length; i++) {
      if (a[IDENTITY[i]] !== b[IDENTITY[i]]) return false;
    }
    return true;
  }

  /** True when both describe the same file, whatever its state. */
  isSameFile(other: FileStatus): boolean {
    const a = this.#words;
    const b = other.#words;
    return FILE.every((word) => a[word] === b[word]);
  }

  /** The same text for what {@linkcode isSameFile} holds for. */
  get fileIdentity(): string {
    return FILE.map((word) => this.#words[word].toString(36)).join();
  }

  /** The same for two states that {@linkcode equals} holds for. */
  get identity(): string {
    return IDENTITY.map((word) => this.#words[word].toString(36)).join();
  }

  copyFrom(other: FileStatus): void {
    this.#bytes.set(other.#bytes);
  }
}

/** The 32-bit words of struct statx that tell one file from another. */
const FILE: readonly number[] = [
  STATX.ino >> 2,
  (STATX.ino >> 2) + 1,
  STATX.dev_major >> 2,
  STATX.dev_minor >> 2,
];

/** The 32-bit words of struct statx that tell one state of one file from another. */
const IDENTITY: readonly number[] = [
  STATX.ctime_nsec >> 2,
  STATX.ctime_sec >> 2,
  (STATX.ctime_sec >> 2) + 1,
  STATX.mtime_nsec >> 2,
  STATX.mtime_sec >> 2,
  (STATX.mtime_sec >> 2) + 1,
  STATX.file_size >> 2,
  (STATX.file_size >> 2) + 1,
  ...FILE,
  STATX.mode >> 2,
];

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
