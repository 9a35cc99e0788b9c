/**
 * Hearing of changes to files and directories.
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
  O_RDONLY,
} from "../libc/constants.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { INOTIFY_EVENT } from "../libc/structs.ts";

/** One name of a path, as it is in the kernel: each character is a byte. */
export type FileName = string;

const DIRECTORY_MASK = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF |
  IN_MOVE_SELF | IN_ONLYDIR;
const FILE_MASK = IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

/** Takes a thousand events or more; a name may have PATH_MAX bytes (FUSE), not only NAME_MAX. */
const EVENTS_BYTES = 64 * 1024;
const eventBytes = new Uint8Array(EVENTS_BYTES);
const eventView = new DataView(eventBytes.buffer);

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
  for (let i = start; i < end && bytes[i] !== 0; i++) name += String.fromCharCode(bytes[i]!);
  return name;
}

/** The name's bytes and a NUL. */
export function cName(name: FileName): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(name.length + 1);
  for (let i = 0; i < name.length; i++) bytes[i] = name.charCodeAt(i);
  return bytes;
}

/** Opens the directory `name` in `parent` for reading, unless it is a link: descriptor or −errno. */
function openSubdirectory(parent: number, name: FileName): number {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  return result(libc.openat(parent, cName(name), flags, 0));
}

/**
 * Opens the directory of the first `depth` of `names` below `root`: descriptor or −errno. No link is followed: a name in
 * a watched directory is what the event says it is.
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
