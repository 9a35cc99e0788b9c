/**
 * The names in a directory, and the type of each.
 *
 * Source: getdents64(2), statx(2), inode(7). The types are S_IFMT shifted by 12 bits (IFTODT in dirent.h).
 * @module
 */
import { AT_SYMLINK_NOFOLLOW, S_IFDIR, S_IFMT, S_IFREG, STATX_BASIC_STATS } from "../libc/constants.ts";
import { EINTR } from "../libc/errno.ts";
import type { FileName } from "./inotify.ts";
import { libc, result } from "../libc/libc.ts";
import { statx } from "./statx.ts";
import { DIRENT64, STATX } from "../libc/structs.ts";

/** The type of a directory entry, as far as the directory itself stores it. */
export type EntryKind = "file" | "directory" | "other";

/** The types in a directory entry. File systems that do not store them give 0 (DT_UNKNOWN). */
const FILE_KIND = S_IFREG >> 12;
const DIRECTORY_KIND = S_IFDIR >> 12;

/** The buffer of one call, for one or two thousand names. */
const direntBytes = new Uint8Array(64 * 1024);
const direntView = new DataView(direntBytes.buffer);

/**
 * Calls `onEntry` for the next names in an open directory, in the kernel's order and without `.` and `..`. The kind
 * "other" is a link, a FIFO, a socket, a device, or an unknown type. Returns the bytes read, 0 at the end of the
 * directory, or −errno. After a positive result there may be more names, even if `onEntry` was not called.
 */
export function readEntries(fd: number, onEntry: (name: FileName, kind: EntryKind) => void): number {
  let count: number;
  do count = result(libc.getdents64(fd, direntBytes, direntBytes.length)); while (count === -EINTR);
  if (count <= 0) return count;
  for (let at = 0; at < count;) {
    const start = at + DIRENT64.name;
    const bytes = direntBytes.subarray(start, direntBytes.indexOf(0, start));
    const name: FileName = String.fromCharCode.apply(null, bytes as unknown as number[]); // PATH_MAX at most
    const kind = direntBytes[at + DIRENT64.type];
    if (name !== "." && name !== "..") {
      onEntry(name, kind === FILE_KIND ? "file" : kind === DIRECTORY_KIND ? "directory" : "other");
    }
    at += direntView.getUint16(at + DIRENT64.reclen, true);
  }
  return count;
}

/**
 * Returns the names in an open directory, without `.` and `..`. Returns null if there are more than `max`, or the
 * directory cannot be read.
 */
export function listNames(fd: number, max: number): Set<FileName> | null {
  const names = new Set<FileName>();
  while (true) {
    const count = readEntries(fd, (name) => void names.add(name));
    if (count < 0 || names.size > max) return null;
    if (count === 0) return names;
  }
}

/**
 * The statx(2) results of names in an open directory. A symbolic link is not followed, and is neither file nor
 * directory.
 */
export class EntryStatus {
  readonly #bytes = new Uint8Array(STATX.size);
  readonly #view = new DataView(this.#bytes.buffer);
  /** A NUL-terminated name. Most file systems limit names to 255 bytes; FUSE, NTFS and SMB allow longer ones. */
  #name = new Uint8Array(256);

  /** Reads the status of `name` in the open `directory`: 0 or −errno. */
  read(directory: number, name: FileName): number {
    const { length } = name;
    if (length >= this.#name.length) this.#name = new Uint8Array(2 * length);
    for (let i = 0; i < length; i++) this.#name[i] = name.charCodeAt(i);
    this.#name[length] = 0;
    while (true) {
      const status = statx(directory, this.#name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, this.#bytes);
      if (status !== -EINTR) return status;
    }
  }

  get isFile(): boolean {
    return (this.#view.getUint16(STATX.mode, true) & S_IFMT) === S_IFREG;
  }
  get isDirectory(): boolean {
    return (this.#view.getUint16(STATX.mode, true) & S_IFMT) === S_IFDIR;
  }
  /** The size in bytes. */
  get size(): number {
    return this.#view.getUint32(STATX.file_size, true) +
      this.#view.getUint32(STATX.file_size + 4, true) * 0x1_0000_0000;
  }
  /** The time of the last modification, in seconds since the epoch. */
  get modifiedSeconds(): number {
    return this.#view.getUint32(STATX.mtime_sec, true) +
      this.#view.getInt32(STATX.mtime_sec + 4, true) * 0x1_0000_0000;
  }
}
