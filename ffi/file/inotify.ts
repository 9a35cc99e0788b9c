/**
 * Notification of changes to files and directories.
 *
 * Source: inotify(7).
 * @module
 */
import {
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
  O_PATH,
  O_RDONLY,
} from "../libc/constants.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { INOTIFY_EVENT } from "../libc/structs.ts";

/** One component of a path, in the kernel's bytes: each character is a byte. */
export type FileName = string;

const DIRECTORY_MASK = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF |
  IN_MOVE_SELF | IN_ONLYDIR;
const FILE_MASK = IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

/** Room for a thousand events or more. A name may have PATH_MAX bytes (FUSE), not only NAME_MAX. */
const EVENTS_BYTES = 64 * 1024;
const eventBytes = new Uint8Array(EVENTS_BYTES);
const eventView = new DataView(eventBytes.buffer);

/**
 * Creates an inotify instance. Returns its descriptor, or −errno (−EMFILE: the user's limit of instances is reached).
 */
export function inotifyCreate(): number {
  loadLibc();
  return result(libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

/**
 * Watches the file that `fd` refers to, through its entry in /proc, so that no path is resolved again. A watch on a
 * directory reports changes to its entries and to itself; a watch on a file reports changes to its content and its
 * links, and `alsoMask` adds other events to both. Returns a watch descriptor, or −errno: −ENOSPC if the user's limit
 * (max_user_watches) is reached, −ENOENT if /proc is not mounted.
 */
export function inotifyWatch(
  inotify: number,
  fd: number,
  isDirectory: boolean,
  alsoMask: number = 0,
): number {
  const path = cString(`/proc/self/fd/${fd}`);
  const mask = (isDirectory ? DIRECTORY_MASK : FILE_MASK) | alsoMask;
  return result(libc.inotify_add_watch(inotify, path, mask));
}

/** Removes a watch: 0 or −errno. */
export function inotifyUnwatch(inotify: number, watch: number): number {
  return result(libc.inotify_rm_watch(inotify, watch));
}

/**
 * Reads queued events, about a thousand at most, and calls `onEvent` for each. An empty `name` means the watched file
 * or directory itself. A `watch` of −1 with IN_Q_OVERFLOW means that events were lost. Returns the bytes read, or
 * −errno: −EAGAIN if no event is queued.
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

/** Returns the bytes from `start` to a NUL or `end`, as one character each. */
function nameAt(bytes: Uint8Array, start: number, end: number): FileName {
  let name = "";
  for (let i = start; i < end && bytes[i] !== 0; i++) name += String.fromCharCode(bytes[i]!);
  return name;
}

/** Returns `name` as NUL-terminated bytes. */
export function cName(name: FileName): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(name.length + 1);
  for (let i = 0; i < name.length; i++) bytes[i] = name.charCodeAt(i);
  return bytes;
}

/** Opens the directory `name` in `parent` for reading. Returns a descriptor, or −errno, also for a symbolic link. */
function openSubdirectory(parent: number, name: FileName): number {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  return result(libc.openat(parent, cName(name), flags, 0));
}

/**
 * Opens the directory of the first `depth` components of `names` below `root`. Returns a descriptor, or −errno.
 * Symbolic links are not followed, because events concern the directory entries themselves.
 */
export function openDirectoryBelow(root: number, names: readonly FileName[], depth: number): number {
  let fd = openSubdirectory(root, ".");
  for (let i = 0; i < depth && fd >= 0; i++) {
    const next = openSubdirectory(fd, names[i]!);
    libc.close(fd);
    fd = next;
  }
  return fd;
}

/**
 * Opens the file or directory at `names` below `root` with O_PATH, which has no effect on a FIFO or a device. Returns a
 * descriptor, or −errno. No symbolic link is followed; a link at the end is opened itself.
 */
export function openNameBelow(root: number, names: readonly FileName[]): number {
  const parent = openDirectoryBelow(root, names, Math.max(names.length - 1, 0));
  if (parent < 0 || names.length === 0) return parent;
  const fd = result(libc.openat(parent, cName(names.at(-1)!), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
  libc.close(parent);
  return fd;
}
