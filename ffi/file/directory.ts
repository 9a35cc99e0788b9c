/**
 * The names in a directory, and what each of them is.
 *
 * Source: getdents64(2), statx(2), inode(7); the kinds are S_IFMT shifted by 12 bits, IFTODT in dirent.h.
 * @module
 */
import { AT_SYMLINK_NOFOLLOW, S_IFDIR, S_IFMT, S_IFREG, STATX_BASIC_STATS } from "../libc/constants.ts";
import { EINTR } from "../libc/errno.ts";
import type { FileName } from "./inotify.ts";
import { libc, result } from "../libc/libc.ts";
import { statx } from "./statx.ts";
import { DIRENT64, STATX } from "../libc/structs.ts";

/** What a name is, as far as the directory itself knows. */
export type EntryKind = "file" | "directory" | "other";

/** The kinds; 0, which says nothing, on file systems that do not keep them. */
const FILE_KIND = S_IFREG >> 12;
const DIRECTORY_KIND = S_IFDIR >> 12;

/** One call brings one or two thousand names. */
const direntBytes = new Uint8Array(64 * 1024);
const direntView = new DataView(direntBytes.buffer);

/**
 * Calls `onEntry` for the next names in an open directory, in the kernel's order, `.` and `..` left out. A kind of
 * "other" is a link, a FIFO, a socket or a device, or not known. Returns 0 at the end, −errno, or how many bytes were
 * taken; some names (none, even) were told then, and there may be more.
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

/** The names in an open directory, but for `.` and `..`; null when there are more than `max`, or it cannot be read. */
export function listNames(fd: number, max: number): Set<FileName> | null {
  const names = new Set<FileName>();
  while (true) {
    const count = readEntries(fd, (name) => void names.add(name));
    if (count < 0 || names.size > max) return null;
    if (count === 0) return names;
  }
}

/** What statx(2) says of names in an open directory. A link is not followed: it is neither file nor directory. */
export class EntryStatus {
  readonly #bytes = new Uint8Array(STATX.size);
  readonly #view = new DataView(this.#bytes.buffer);
  /** A name and its NUL. Most file systems allow 255 bytes; FUSE, NTFS and SMB have longer ones. */
  #name = new Uint8Array(256);

  /** Asks about `name` in the open directory: 0 or −errno. */
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
  /** Bytes. */
  get size(): number {
    return this.#view.getUint32(STATX.file_size, true) +
      this.#view.getUint32(STATX.file_size + 4, true) * 0x1_0000_0000;
  }
  /** Seconds since the epoch. */
  get modifiedSeconds(): number {
    return this.#view.getUint32(STATX.mtime_sec, true) +
      this.#view.getInt32(STATX.mtime_sec + 4, true) * 0x1_0000_0000;
  }
}
