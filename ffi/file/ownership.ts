/**
 * Gives directories of root's, with what is in them, to another user.
 *
 * The new owner may have prepared links to files of root's in them, so none is followed, and each file is checked by the
 * descriptor by which its owner is changed.
 *
 * Source: fchownat(2), open(2) (O_PATH, O_NOFOLLOW).
 * @module
 */
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
} from "../libc/constants.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { listNames } from "./directory.ts";
import { FileStatus } from "./file_status.ts";

const ROOT = 0;
const NAMES_MAX = 10_000;

/** A user with a group. */
export interface NewOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Gives the directory at `path` to `owner`, if it is root's, and the files in it that are root's and have no other name.
 * It does nothing where `path` is a symbolic link that is not root's, or the directory is a third user's.
 */
export function giveDirectory(path: string, owner: NewOwner): void {
  loadLibc();
  const directory = openTrusted(path);
  if (directory < 0) return;
  try {
    const status = new FileStatus();
    if (status.readDescriptor(directory) < 0) return;
    if (status.owner !== ROOT && status.owner !== owner.uid) return;
    change(directory, owner);
    for (const name of namesOf(directory)) giveFile(directory, name, owner);
  } finally {
    libc.close(directory);
  }
}

/** Opens a directory, also by a link of root's. */
function openTrusted(path: string): number {
  const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const fd = result(libc.openat(AT_FDCWD, cString(path), flags | O_NOFOLLOW, 0));
  if (fd >= 0) return fd;
  const link = new FileStatus();
  const isLink = link.readWithoutFollowing(AT_FDCWD, cString(path)) === 0 && link.isLink;
  return isLink && link.owner === ROOT ? result(libc.openat(AT_FDCWD, cString(path), flags, 0)) : fd;
}

function giveFile(directory: number, name: string, owner: NewOwner): void {
  const fd = result(libc.openat(directory, cString(name), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
  if (fd < 0) return;
  const status = new FileStatus();
  const isOwn = status.readDescriptor(fd) === 0 && status.isFile && status.owner === ROOT;
  // A file with two names may be one of the system's to which the new owner has made a link.
  if (isOwn && status.linkCount === 1) change(fd, owner);
  libc.close(fd);
}

function change(fd: number, { uid, gid }: NewOwner): void {
  libc.fchownat(fd, cString(""), uid, gid, AT_EMPTY_PATH);
}

function namesOf(directory: number): readonly string[] {
  const fd = result(libc.openat(directory, cString("."), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (fd < 0) return [];
  try {
    return [...listNames(fd, NAMES_MAX) ?? []];
  } finally {
    libc.close(fd);
  }
}
