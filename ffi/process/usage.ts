/**
 * The resources that this process uses. Source: getrusage(2), proc_pid_statm(5), proc_pid_fd(5).
 *
 * The sandbox denies opening files in /proc, but descriptors that were opened before remain usable.
 * @module
 */
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_RDONLY, RUSAGE_SELF, SEEK_SET } from "../libc/constants.ts";
import { readEntries } from "../file/directory.ts";
import { FileStatus } from "../file/file_status.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { RUSAGE, TIMEVAL } from "../libc/structs.ts";

/** The result of {@linkcode processUsage}. A value is 0 if it cannot be read. */
export interface Usage {
  /** Resident memory in bytes. */
  readonly residentBytes: number;
  /** Processor time in user and kernel mode, in seconds. */
  readonly cpuSeconds: number;
  readonly openDescriptors: number;
}

/** proc_pid_statm(5): numbers of pages; the second is the resident set. */
const STATM = "/proc/self/statm";
const DESCRIPTORS = "/proc/self/fd";

const status = new FileStatus();
const rusage = new Uint8Array(RUSAGE.size);
const rusageView = new DataView(rusage.buffer);
const text = new Uint8Array(128);

/** The descriptors that {@linkcode keepUsageReadable} has opened; −1 before. */
let kept = { statm: -1, descriptors: -1 };

/**
 * Opens the two files that {@linkcode processUsage} reads and keeps them open, because the sandbox will deny opening
 * them later.
 */
export function keepUsageReadable(): void {
  if (kept.statm >= 0 || kept.descriptors >= 0) return;
  kept = { statm: open(STATM, 0), descriptors: open(DESCRIPTORS, O_DIRECTORY) };
}

/** Reads the current usage. Before Linux 6.2 this takes about 10 µs per hundred open descriptors. */
export function processUsage(): Usage {
  loadLibc();
  return {
    residentBytes: withOpen(kept.statm, STATM, 0, residentBytes),
    cpuSeconds: cpuSeconds(),
    openDescriptors: withOpen(kept.descriptors, DESCRIPTORS, O_DIRECTORY, countEntries),
  };
}

function open(path: string, flags: number): number {
  loadLibc();
  return result(libc.openat(AT_FDCWD, cString(path), O_RDONLY | O_CLOEXEC | flags, 0));
}

function withOpen(keptFd: number, path: string, flags: number, read: (fd: number) => number): number {
  if (keptFd >= 0) return read(keptFd);
  const fd = open(path, flags);
  if (fd < 0) return 0;
  const value = read(fd);
  libc.close(fd);
  return flags === O_DIRECTORY ? Math.max(value - 1, 0) : value; // without the descriptor used for counting
}

function residentBytes(fd: number): number {
  const count = result(libc.pread(fd, text, text.length, 0n));
  if (count <= 0) return 0;
  const pages = Number(new TextDecoder().decode(text.subarray(0, count)).split(" ")[1]);
  return pages * libc.getpagesize();
}

/** Returns the processor time of all threads of the process, in seconds; 0 if it cannot be read. */
export function cpuSeconds(): number {
  loadLibc();
  if (result(libc.getrusage(RUSAGE_SELF, rusage)) < 0) return 0;
  return secondsAt(RUSAGE.utime) + secondsAt(RUSAGE.stime);
}

function secondsAt(offset: number): number {
  const seconds = rusageView.getUint32(offset + TIMEVAL.sec, true);
  return seconds + rusageView.getUint32(offset + TIMEVAL.usec, true) / 1e6;
}

/**
 * Counts the open descriptors. Since Linux 6.2 the size of the directory is their number. On older kernels its entries
 * are counted, which takes milliseconds for thousands.
 */
function countEntries(fd: number): number {
  if (status.readDescriptor(fd) >= 0 && status.size > 0) return status.size;
  libc.lseek(fd, 0n, SEEK_SET);
  let entries = 0;
  while (readEntries(fd, () => entries++) > 0);
  return entries;
}
