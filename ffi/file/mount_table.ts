/**
 * Hearing of what is mounted and unmounted, of which inotify(7) tells nothing.
 *
 * A sandbox refuses to open what is in /proc, but not to ask on about what was opened before.
 *
 * Source: proc_pid_mountinfo(5), `mounts_poll` in Linux.
 * @module
 */
import { AT_FDCWD, O_CLOEXEC, O_RDONLY, POLLPRI } from "../libc/constants.ts";
import type { FileName } from "./inotify.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { poll } from "../libc/multiplexers.ts";
import { textOf } from "./path_walk.ts";
import { POLLFD } from "../libc/structs.ts";

const TABLE = "/proc/self/mountinfo";
/** Those of a line that tell one mount from another: ID, parent's ID, device, what of its file system is shown, where. */
const FIELDS = 5;
/** Blanks, line feeds and backslashes in a path. */
const ESCAPES = /\\([0-7]{3})/g;

const pollfd = new Uint8Array(128);
const pollfdView = new DataView(pollfd.buffer);
const part = new Uint8Array(64 * 1024);

/** Open since {@linkcode keepMountTable}; −1 before. */
let kept = -1;

/** Opens the table now, for a process that will not be able to open it later. */
export function keepMountTable(): void {
  if (kept < 0) kept = open();
}

/** Opens the table: descriptor or −errno. Each descriptor is told of each change once: it is for one who asks. */
export function openMountTable(): number {
  return kept >= 0 ? kept : open();
}

/** Closes what {@linkcode openMountTable} has opened. */
export function closeMountTable(fd: number): void {
  if (fd !== kept) libc.close(fd);
}

function open(): number {
  loadLibc();
  return result(libc.openat(AT_FDCWD, cString(TABLE), O_RDONLY | O_CLOEXEC, 0));
}

/** Whether something was mounted, moved or unmounted since this was last asked, or since it was opened. Yes, if unsure. */
export function haveMountsChanged(fd: number): boolean {
  pollfdView.setInt32(POLLFD.fd, fd, true);
  pollfdView.setInt16(POLLFD.events, POLLPRI, true); // and POLLERR, which needs no asking for
  return poll(pollfd, 1, 0) !== 0;
}

/** Calls `onMount` for each mount of this process' namespace: where it is, and what tells it from others; 0, or −errno. */
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
