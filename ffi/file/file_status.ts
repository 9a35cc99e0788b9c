/**
 * What statx(2) says of a file: its kind, size, identity and times.
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
  /** Names (hard links) of the file; 0 for one that was removed while it is open, and on file systems that do not count. */
  get linkCount(): number {
    return this.#words[STATX.nlink >> 2]!;
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
  /** Nanoseconds since the epoch of the last change of bytes, unless it was set to another time (utimensat(2)). */
  get modifiedNanoseconds(): bigint {
    return this.#view.getBigInt64(STATX.mtime_sec, true) * 1_000_000_000n +
      BigInt(this.#words[STATX.mtime_nsec >> 2]!);
  }
  /** Seconds since the epoch of the last change of bytes or attributes. Only the kernel sets it, so it cannot be forged. */
  get changedSeconds(): number {
    return Number(this.#view.getBigInt64(STATX.ctime_sec, true));
  }
  get changedNanoseconds(): number {
    return this.#words[STATX.ctime_nsec >> 2]!;
  }

  #number(offset: number): number {
    return this.#words[offset >> 2]! + this.#words[(offset >> 2) + 1]! * 0x1_0000_0000;
  }

  /** True when both describe the same file in the same state: device, inode, type, size, and both times. */
  equals(other: FileStatus): boolean {
    const a = this.#words;
    const b = other.#words;
    for (let i = 0; i < IDENTITY.length; i++) {
      if (a[IDENTITY[i]!] !== b[IDENTITY[i]!]) return false;
    }
    return true;
  }

  /** True when both describe the same file, whatever its state. */
  isSameFile(other: FileStatus): boolean {
    const a = this.#words;
    const b = other.#words;
    return FILE.every((word) => a[word] === b[word]);
  }

  /** True when both were reached by the same mount; also where the kernel does not tell (before Linux 5.8). */
  isOnSameMount(other: FileStatus): boolean {
    return MOUNT.every((word) => this.#words[word] === other.#words[word]);
  }

  /** The same text for what {@linkcode isSameFile} holds for. */
  get fileIdentity(): string {
    return FILE.map((word) => this.#words[word]!.toString(36)).join();
  }

  /** The same for two states that {@linkcode equals} holds for. */
  get identity(): string {
    return IDENTITY.map((word) => this.#words[word]!.toString(36)).join();
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

const MOUNT: readonly number[] = [STATX.mnt_id >> 2, (STATX.mnt_id >> 2) + 1];

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
