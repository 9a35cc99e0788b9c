/**
 * The mount table, and notification of its changes. inotify(7) does not report mounts and unmounts.
 *
 * The sandbox denies opening files in /proc, but descriptors that were opened before remain usable.
 *
 * Source: proc_pid_mountinfo(5), `mounts_poll` in Linux.
 * @module
 */
import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from "../libc/constants.ts";
import { POLLPRI } from "../libc/multiplexer_constants.ts";
import type { FileName } from "./inotify.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { poll } from "../libc/multiplexers.ts";
import { textOf } from "./path_walk.ts";
import { POLLFD } from "../libc/structs.ts";

const TABLE = "/proc/self/mountinfo";
/** The fields that identify a mount: its ID, the parent's ID, device, root within the file system, mount point. */
const FIELDS = 5;
/** Escaped spaces, tabs, line feeds and backslashes in a path. */
const ESCAPES = /\\([0-7]{3})/g;

const pollfd = new Uint8Array(128);
const pollfdView = new DataView(pollfd.buffer);
const part = new Uint8Array(64 * 1024);

/** The descriptor that {@linkcode keepMountTable} has opened; −1 before. */
let kept = -1;

/** Opens the table and keeps it open, because the sandbox will deny opening it later. */
export function keepMountTable(): void {
  if (kept < 0) kept = open();
}

/**
 * Opens the table, or returns the kept descriptor; −errno on failure. Each descriptor reports each change once, so it
 * can serve only one caller.
 */
export function openMountTable(): number {
  return kept >= 0 ? kept : open();
}

/** Closes a descriptor of {@linkcode openMountTable}, unless it is the kept one. */
export function closeMountTable(fd: number): void {
  if (fd !== kept) libc.close(fd);
}

function open(): number {
  loadLibc();
  return result(libc.openat(AT_FDCWD, cString(TABLE), O_RDONLY | O_CLOEXEC, 0));
}

/**
 * Returns true if something was mounted, moved or unmounted since the last call, or since the table was opened. Also
 * true if poll(2) fails.
 */
export function haveMountsChanged(fd: number): boolean {
  pollfdView.setInt32(POLLFD.fd, fd, true);
  pollfdView.setInt16(POLLFD.events, POLLPRI, true); // POLLERR is always reported
  return poll(pollfd, 1, 0) !== 0;
}

/**
 * Calls `onMount` for each mount of this process's namespace, with its mount point and a text that identifies the
 * mount. Returns 0 or −errno.
 */
export function readMounts(fd: number, onMount: (path: FileName, identity: string) => void): number {
  let text = "";
  for (let offset = 0;;) {
    const count = result(libc.pread(fd, part, part.length, BigInt(offset)));
    if (count < 0) return count;
    if (count === 0) break;
    offset += count;
    text += textOf(part.subarray(0, count));
  }
  for (const line of text.split("\n")) {
    const fields = line.split(" ", FIELDS);
    if (fields.length < FIELDS) continue;
    const path = fields[FIELDS - 1]!.replace(
      ESCAPES,
      (_, digits) => String.fromCharCode(parseInt(digits, 8)),
    );
    onMount(path, fields.join(" "));
  }
  return 0;
}
