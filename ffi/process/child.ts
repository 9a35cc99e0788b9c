/**
 * Child processes.
 *
 * They are started by posix_spawn(3), never by fork(2): the runtime's threads would be missing in a forked child.
 * Source: posix_spawn(3), waitpid(2), kill(2), fcntl(2), sched_getaffinity(2), proc_pid_cmdline(5),
 * proc_pid_environ(5), proc_pid_exe(5), proc_pid_stat(5), pidfd_open(2).
 * @module
 */
import {
  AT_FDCWD,
  F_SETFD,
  FD_CLOEXEC,
  PR_SET_PDEATHSIG,
  SIGHUP,
  SIGKILL,
  SIGTERM,
  SYS_pidfd_open,
  WNOHANG,
} from "../libc/constants.ts";
import { ENOENT, orThrow, SystemError } from "../libc/errno.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { readProcFile } from "../file/proc_file.ts";

/** A string of C, without its NUL. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** The executable of this process. A child that runs it is the same program. */
export const SELF = "/proc/self/exe";
const DELETED = " (deleted)";
const NUL = 0;
const EQUALS = 0x3d;
/** How many ancestors of this process are examined. */
const ANCESTORS_MAX = 16;
/** PATH_MAX. */
const PATH_BYTES_MAX = 4096;

/** How a child ended: either `code` or `signal` is null. */
export interface Ended {
  /** The exit status; null if a signal killed the child. */
  readonly code: number | null;
  /** The number of the signal that killed the child; null if it exited. */
  readonly signal: number | null;
}

/** Returns the NUL-terminated strings of a file of /proc. */
function wordsOf(path: string): Bytes[] {
  const bytes = readProcFile(path);
  const words: Bytes[] = [];
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(NUL, start);
    const end = found < 0 ? bytes.length : found;
    words.push(bytes.slice(start, end));
    start = end + 1;
  }
  return words;
}

/**
 * Returns the command line of this process, word by word, in its original encoding.
 * @throws {SystemError} if /proc is not mounted
 */
export function commandLine(): Bytes[] {
  return wordsOf("/proc/self/cmdline");
}

/**
 * Returns the environment that this process was started with, without the variables of `names`.
 * @throws {SystemError} if /proc is not mounted
 */
export function environmentWithout(names: readonly string[]): Bytes[] {
  const decoder = new TextDecoder();
  return wordsOf("/proc/self/environ").filter((word) => {
    const equals = word.indexOf(EQUALS);
    if (equals === 0) return false; // hidden by `hideEnvironmentVariable`
    return !names.includes(decoder.decode(equals < 0 ? word : word.subarray(0, equals)));
  });
}

/**
 * Returns the path of this program's executable, even if another file has that name by now.
 * @throws {SystemError} if /proc is not mounted
 */
export function executablePath(): string {
  loadLibc();
  const bytes = new Uint8Array(PATH_BYTES_MAX);
  const count = result(libc.readlinkat(AT_FDCWD, cString(SELF), bytes, bytes.length));
  const path = new TextDecoder().decode(bytes.subarray(0, orThrow(count, `read ${SELF}`, "readlinkat")));
  return path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path;
}

/** V8 may keep smaller typed arrays on its own heap, and move them. */
const UNMOVED_BYTES_MIN = 128;
const POINTER_BYTES = 8;

/**
 * Returns a null-terminated `char *[]` of the addresses of `words`. The words are copied into the same buffer, behind
 * the pointers, so a call that keeps the buffer alive keeps the words alive, too.
 */
export function pointersTo(words: readonly Bytes[]): Bytes {
  const length = words.reduce((sum, word) => sum + word.length + 1, POINTER_BYTES * (words.length + 1));
  const bytes = new Uint8Array(Math.max(length, UNMOVED_BYTES_MIN));
  const pointers = new BigUint64Array(bytes.buffer, 0, words.length + 1);
  const base = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
  let offset = pointers.byteLength;
  words.forEach((word, i) => {
    bytes.set(word, offset);
    pointers[i] = base + BigInt(offset);
    offset += word.length + 1;
  });
  return bytes;
}

/**
 * Starts `program` with `words` as its command line, and returns the process id. The child inherits the descriptors of
 * `inherited`, with the same numbers, and standard input, output and error.
 * @throws {SystemError} `Cannot start /usr/bin/epollet: ENOENT (…)`
 */
export function spawn(
  program: string,
  words: readonly Bytes[],
  environment: readonly Bytes[],
  inherited: readonly number[],
): number {
  loadLibc();
  const intent = `start ${program}`;
  if (program.includes("\0")) throw new SystemError(intent, "posix_spawn", ENOENT);
  const pid = new Uint8Array(128);
  const argv = pointersTo(words);
  const envp = pointersTo(environment);
  try {
    for (const fd of inherited) orThrow(result(libc.fcntl(fd, F_SETFD, 0)), intent, "fcntl F_SETFD");
    const errno = libc.posix_spawn(pid, cString(program), null, null, argv, envp);
    if (errno !== 0) throw new SystemError(intent, "posix_spawn", errno); // posix_spawn returns errno
  } finally {
    for (const fd of inherited) libc.fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  return new DataView(pid.buffer).getInt32(0, true);
}

/** Keeps programs that this process starts from inheriting `fd`, a descriptor that it has itself inherited. */
export function keepFromChildren(fd: number): void {
  loadLibc();
  libc.fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/**
 * Returns how the child `pid` ended; null while it runs. The child is reaped with that, so the result is available
 * once. Returns −errno if there is no such child.
 */
export function reap(pid: number): Ended | null | number {
  loadLibc();
  const status = new Uint8Array(128);
  const found = result(libc.waitpid(pid, status, WNOHANG));
  if (found <= 0) return found === 0 ? null : found;
  const word = new DataView(status.buffer).getInt32(0, true);
  const signal = word & 0x7f;
  return signal === 0 ? { code: word >> 8 & 0xff, signal: null } : { code: null, signal };
}

/**
 * Returns the process ids of the parent, its parent, and so on, without process 1.
 * @throws {SystemError} if /proc is not mounted
 */
export function ancestors(): number[] {
  const found: number[] = [];
  for (let pid = "self"; found.length < ANCESTORS_MAX;) {
    const stat = new TextDecoder().decode(readProcFile(`/proc/${pid}/stat`));
    const parent = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]!; // the name in parentheses may contain anything
    if (Number(parent) <= 1) break;
    found.push(Number(parent));
    pid = parent;
  }
  return found;
}

/**
 * Returns a descriptor that becomes readable when process `pid` ends. −errno if there is no such process, or before
 * Linux 5.3.
 */
export function openProcess(pid: number): number {
  loadLibc();
  return result(libc.syscall_pidfd_open(SYS_pidfd_open, pid, 0)); // close-on-exec is always set (pidfd_open(2))
}

/** Returns how many processors this process may use (sched_setaffinity(2)): at least 1. */
export function processors(): number {
  loadLibc();
  const mask = new Uint8Array(1024);
  if (result(libc.sched_getaffinity(0, mask.length, mask)) < 0) return 1;
  let count = 0;
  for (const byte of mask) {
    for (let bits = byte; bits > 0; bits >>= 1) count += bits & 1;
  }
  return Math.max(count, 1);
}

/** Has the kernel end this process when the process ends that started it (prctl(2), PR_SET_PDEATHSIG). */
export function endWithParent(): void {
  loadLibc();
  libc.prctl(PR_SET_PDEATHSIG, BigInt(SIGKILL), 0n, 0n, 0n);
}

/** Sends SIGTERM to a process: 0 or −errno. */
export function terminate(pid: number): number {
  loadLibc();
  return result(libc.kill(pid, SIGTERM));
}

/** Sends SIGHUP to a process, which makes it reload its settings: 0 or −errno. */
export function hangUp(pid: number): number {
  loadLibc();
  return result(libc.kill(pid, SIGHUP));
}

/** Sends SIGKILL to a process: 0 or −errno. */
export function kill(pid: number): number {
  loadLibc();
  return result(libc.kill(pid, SIGKILL));
}
