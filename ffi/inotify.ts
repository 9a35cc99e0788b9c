/**
 * Hearing of changes to files and directories, and what has to be known of a file system to rely on that.
 *
 * Source: inotify(7), fstatfs(2), FS_IOC_GETFLAGS in ioctl_iflags(2).
 * @module
 */
import {
  BTRFS_SUPER_MAGIC,
  EXT4_SUPER_MAGIC,
  F2FS_SUPER_MAGIC,
  FS_CASEFOLD_FL,
  FS_IOC_GETFLAGS,
  IN_ATTRIB,
  IN_CLOEXEC,
  IN_CREATE,
  IN_DELETE,
  IN_DELETE_SELF,
  IN_MODIFY,
  IN_MOVE_SELF,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_NONBLOCK,
  IN_ONLYDIR,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  RAMFS_MAGIC,
  SQUASHFS_MAGIC,
  TMPFS_MAGIC,
  XFS_SUPER_MAGIC,
} from "./constants.ts";
import { cString, libc, loadLibc, result } from "./libc.ts";
import { INOTIFY_EVENT, STATFS } from "./structs.ts";

/** One name of a path, as it is in the kernel: each character is a byte. */
export type FileName = string;

const DIRECTORY_MASK = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF |
  IN_MOVE_SELF | IN_ONLYDIR;
const FILE_MASK = IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

/** File systems of this machine alone. EXT4's number is also that of ext2 and ext3. */
const TRUSTED_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  EXT4_SUPER_MAGIC,
  XFS_SUPER_MAGIC,
  BTRFS_SUPER_MAGIC,
  F2FS_SUPER_MAGIC,
  TMPFS_MAGIC,
  RAMFS_MAGIC,
  SQUASHFS_MAGIC,
]);

/** inotify(7): "sizeof(struct inotify_event) + NAME_MAX + 1" is enough for one; this takes a thousand or more. */
const EVENTS_BYTES = 64 * 1024;
const eventBytes = new Uint8Array(EVENTS_BYTES);
const eventView = new DataView(eventBytes.buffer);
const statfsBytes = new Uint8Array(STATFS.size);
const statfsWords = new Uint32Array(statfsBytes.buffer);
const flagsBytes = new Uint8Array(128);
const flagsWords = new Uint32Array(flagsBytes.buffer);

/** A new inotify instance: descriptor, or −errno (−EMFILE: the user has too many). */
export function inotifyCreate(): number {
  loadLibc();
  return result(libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

/**
 * Watches what `fd` is open on, by its entry in /proc, so that no path is resolved again. A directory tells of the
 * names in it and of itself, a file of its content and its links. Watch descriptor, or −errno: −ENOSPC when the
 * user has max_user_watches, −ENOENT where /proc is not mounted.
 */
export function inotifyWatch(inotify: number, fd: number, isDirectory: boolean): number {
  const path = cString(`/proc/self/fd/${fd}`);
  return result(libc.inotify_add_watch(inotify, path, isDirectory ? DIRECTORY_MASK : FILE_MASK));
}

/** Forgets a watch; 0 or −errno. */
export function inotifyUnwatch(inotify: number, watch: number): number {
  return result(libc.inotify_rm_watch(inotify, watch));
}

/**
 * Takes what has been queued, up to some thousand events, and calls `onEvent` for each: `name` is empty when it is
 * about the watched thing itself; `watch` −1 with IN_Q_OVERFLOW says that events were lost. Returns the bytes
 * taken, or −errno: −EAGAIN when nothing is queued.
 */
export function inotifyRead(
  inotify: number,
  onEvent: (watch: number, mask: number, name: FileName) => void,
): number {
  const count = result(libc.read(inotify, eventBytes, EVENTS_BYTES));
  for (let at = 0; at < count;) {
    const length = eventView.getUint32(at + INOTIFY_EVENT.len, true);
    const name = nameAt(eventBytes, at + INOTIFY_EVENT.size, at + INOTIFY_EVENT.size + length);
    onEvent(
      eventView.getInt32(at + INOTIFY_EVENT.wd, true),
      eventView.getUint32(at + INOTIFY_EVENT.mask, true),
      name,
    );
    at += INOTIFY_EVENT.size + length;
  }
  return count;
}

/** The bytes up to a NUL, a character each. */
function nameAt(bytes: Uint8Array, start: number, end: number): FileName {
  let name = "";
  for (let i = start; i < end && bytes[i] !== 0; i++) name += String.fromCharCode(bytes[i]);
  return name;
}

/** The name's bytes and a NUL. */
export function cName(name: FileName): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(name.length + 1);
  for (let i = 0; i < name.length; i++) bytes[i] = name.charCodeAt(i);
  return bytes;
}

/** Opens the directory `name` in `parent` for reading, unless it is a link: descriptor or −errno. */
export function openSubdirectory(parent: number, name: FileName): number {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  return result(libc.openat(parent, cName(name), flags, 0));
}

/**
 * True for a file system of this machine whose every change comes through this kernel, which therefore tells of it.
 * Not so for NFS, SMB, FUSE, 9p and overlay; one that is not known is not trusted either.
 */
export function tellsOfChanges(fd: number): boolean {
  return result(libc.fstatfs(fd, statfsBytes)) === 0 &&
    TRUSTED_FILE_SYSTEMS.has(statfsWords[STATFS.type >> 2]);
}

/** True when names in the open directory are found whatever their case, so that an event may spell them otherwise. */
export function ignoresCase(fd: number): boolean {
  const status = result(libc.ioctl(fd, FS_IOC_GETFLAGS, flagsBytes));
  return status === 0 && (flagsWords[0] & FS_CASEFOLD_FL) !== 0; // one without such flags knows no such thing
}
