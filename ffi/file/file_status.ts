/**
 * The status of a file from statx(2): type, size, identity and times.
 *
 * Source: statx(2), inode(7).
 * @module
 */
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  STATX_BASIC_STATS,
  STATX_MNT_ID,
} from "../libc/constants.ts";
import { EINTR } from "../libc/errno.ts";
import type { PathBytes } from "./file.ts";
import { statx } from "./statx.ts";
import { STATX } from "../libc/structs.ts";

const EMPTY_PATH = new Uint8Array(128);

/** The values that {@linkcode FileStatus.describe} sets. */
export interface Described {
  /** The size in bytes. */
  readonly size: number;
  /** A number that no other file has. */
  readonly inode: number;
  /** The time of the last modification: seconds since the epoch, and the nanoseconds beyond them. */
  readonly modifiedSeconds: number;
  readonly modifiedNanoseconds: number;
}

/** The statx(2) result of a file. Results are compared as 32-bit words, so that a comparison allocates nothing. */
export class FileStatus {
  readonly #bytes = new Uint8Array(STATX.size);
  readonly #words = new Uint32Array(this.#bytes.buffer);
  readonly #view = new DataView(this.#bytes.buffer);

  /**
   * Reads the status of `path` below `root`, following symbolic links: 0 or −errno. Success does not mean that the
   * file may be opened.
   */
  read(root: number, path: PathBytes): number {
    return this.#ask(root, path, 0);
  }

  /** Reads the status of `path` below `directory`, without following a symbolic link at its end: 0 or −errno. */
  readWithoutFollowing(directory: number, path: PathBytes): number {
    return this.#ask(directory, path, AT_SYMLINK_NOFOLLOW);
  }

  /** Reads the status of an open descriptor: 0 or −errno. */
  readDescriptor(fd: number): number {
    return this.#ask(fd, EMPTY_PATH, AT_EMPTY_PATH);
  }

  /**
   * Sets the status of a file that the kernel does not know, such as an entry of an archive. Device and ctime are 0.
   */
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
      const status = statx(directory, path, flags, STATX_BASIC_STATS | STATX_MNT_ID, this.#bytes);
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
  /** The number of hard links. 0 for an open file that was removed, and on file systems that do not count links. */
  get linkCount(): number {
    return this.#words[STATX.nlink >> 2]!;
  }
  /** The user who owns the file. */
  get owner(): number {
    return this.#words[STATX.uid >> 2]!;
  }
  /** The permissions, such as 0o640. */
  get permissions(): number {
    return this.#view.getUint16(STATX.mode, true) & 0o7777;
  }
  /** The size in bytes. */
  get size(): number {
    return this.#number(STATX.file_size);
  }
  get inode(): bigint {
    return this.#view.getBigUint64(STATX.ino, true);
  }
  /** The time of the last modification (mtime), in seconds since the epoch. */
  get modifiedSeconds(): number {
    return Number(this.#view.getBigInt64(STATX.mtime_sec, true));
  }
  /**
   * The time of the last modification (mtime), in nanoseconds since the epoch. Programs can set it (utimensat(2)).
   */
  get modifiedNanoseconds(): bigint {
    return this.#view.getBigInt64(STATX.mtime_sec, true) * 1_000_000_000n +
      BigInt(this.#words[STATX.mtime_nsec >> 2]!);
  }
  /**
   * The time of the last change of content or attributes (ctime), in seconds since the epoch. Only the kernel sets
   * it, so it cannot be forged.
   */
  get changedSeconds(): number {
    return Number(this.#view.getBigInt64(STATX.ctime_sec, true));
  }
  get changedNanoseconds(): number {
    return this.#words[STATX.ctime_nsec >> 2]!;
  }

  #number(offset: number): number {
    return this.#words[offset >> 2]! + this.#words[(offset >> 2) + 1]! * 0x1_0000_0000;
  }

  /**
   * Returns true if both describe the same file in the same state: device, inode, type, size, mtime and ctime are
   * equal.
   */
  equals(other: FileStatus): boolean {
    const a = this.#words;
    const b = other.#words;
    for (let i = 0; i < IDENTITY.length; i++) {
      if (a[IDENTITY[i]!] !== b[IDENTITY[i]!]) return false;
    }
    return true;
  }

  /** Returns true if both describe the same file, in whatever state. */
  isSameFile(other: FileStatus): boolean {
    const a = this.#words;
    const b = other.#words;
    return FILE.every((word) => a[word] === b[word]);
  }

  /**
   * Returns true if both were reached through the same mount. Also true on a kernel that does not tell (before Linux
   * 5.8).
   */
  isOnSameMount(other: FileStatus): boolean {
    return MOUNT.every((word) => this.#words[word] === other.#words[word]);
  }

  /** A text that is equal for two statuses if {@linkcode isSameFile} is true for them. */
  get fileIdentity(): string {
    return FILE.map((word) => this.#words[word]!.toString(36)).join();
  }

  /** A text that is equal for two statuses if {@linkcode equals} is true for them. */
  get identity(): string {
    return IDENTITY.map((word) => this.#words[word]!.toString(36)).join();
  }

  copyFrom(other: FileStatus): void {
    this.#bytes.set(other.#bytes);
  }
}

/** The 32-bit words of struct statx that identify a file. */
const FILE: readonly number[] = [
  STATX.ino >> 2,
  (STATX.ino >> 2) + 1,
  STATX.dev_major >> 2,
  STATX.dev_minor >> 2,
];

const MOUNT: readonly number[] = [STATX.mnt_id >> 2, (STATX.mnt_id >> 2) + 1];

/** The 32-bit words of struct statx that identify a state of a file. */
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
