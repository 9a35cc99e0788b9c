/**
 * File status by statx(2), or by fstatat(2) where a filter refuses statx.
 *
 * System call filters that are older than statx, such as those of container runtimes before 2018, answer it with
 * EPERM instead of ENOSYS. The C library falls back to fstatat only for ENOSYS. Source: statx(2), stat(2),
 * seccomp(2).
 * @module
 */
import { AT_EMPTY_PATH, SYS_newfstatat } from "../libc/constants.ts";
import { EACCES, ENOSYS, EPERM } from "../libc/errno.ts";
import { libc, result } from "../libc/libc.ts";
import { STAT, STATX } from "../libc/structs.ts";

/** The errno with which statx is refused; 0 if it is not refused. */
let refusal = 0;

const stat = new Uint8Array(256);
const view = new DataView(stat.buffer);

/** Returns the errno with which statx(2) was refused so far; 0 if it was not refused, or not called yet. */
export function statxRefusal(): number {
  return refusal;
}

/**
 * Fills `bytes` with a `struct statx` of `path` below `directory`: 0 or −errno. If statx is refused, fields that
 * `mask` requests beyond the basic ones are zero.
 */
export function statx(
  directory: number,
  path: Uint8Array<ArrayBuffer>,
  flags: number,
  mask: number,
  bytes: Uint8Array<ArrayBuffer>,
): number {
  if (refusal !== 0) return fstatat(directory, path, flags, bytes);
  const status = result(libc.statx(directory, path, flags, mask, bytes));
  if (status >= 0 || !mayBeRefused(-status, flags)) return status;
  if (fstatat(directory, path, flags, bytes) < 0) return status;
  refusal = -status;
  return 0;
}

/**
 * Returns true if the error may come from a filter. EACCES may be the file's own error, except for an open
 * descriptor.
 */
function mayBeRefused(errno: number, flags: number): boolean {
  return errno === EPERM || errno === ENOSYS || (errno === EACCES && (flags & AT_EMPTY_PATH) !== 0);
}

function fstatat(
  directory: number,
  path: Uint8Array<ArrayBuffer>,
  flags: number,
  bytes: Uint8Array<ArrayBuffer>,
): number {
  const status = result(libc.syscall_newfstatat(SYS_newfstatat, directory, path, stat, flags));
  if (status < 0) return status;
  const to = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  bytes.fill(0);
  for (const [from, field] of EIGHT_BYTES) to.setBigUint64(field, view.getBigUint64(from, true), true);
  to.setUint32(STATX.nlink, view.getUint32(STAT.nlink, true), true);
  to.setUint16(STATX.mode, view.getUint32(STAT.mode, true), true);
  to.setUint32(STATX.ctime_nsec, view.getUint32(STAT.ctime_nsec, true), true);
  to.setUint32(STATX.mtime_nsec, view.getUint32(STAT.mtime_nsec, true), true);
  const low = view.getUint32(STAT.dev, true);
  const high = view.getUint32(STAT.dev + 4, true);
  to.setUint32(STATX.dev_major, (low >>> 8) & 0xfff | high & 0xffff_f000, true);
  to.setUint32(STATX.dev_minor, low & 0xff | (low >>> 12) & 0xf_ff00, true);
  return 0;
}

const EIGHT_BYTES: readonly (readonly [from: number, field: number])[] = [
  [STAT.ino, STATX.ino],
  [STAT.file_size, STATX.file_size],
  [STAT.ctime_sec, STATX.ctime_sec],
  [STAT.mtime_sec, STATX.mtime_sec],
];
