/**
 * Child processes: programs that run beside this one.
 *
 * Never fork(2): the runtime's threads would not be there in the child. posix_spawn(3) has no such child.
 * Source: posix_spawn(3), waitpid(2), kill(2), fcntl(2), sched_getaffinity(2), proc_pid_cmdline(5), proc_pid_environ(5), proc_pid_exe(5),
 * proc_pid_stat(5), pidfd_open(2).
 * @module
 */
import {
  AT_FDCWD,
  F_SETFD,
  FD_CLOEXEC,
  SIGHUP,
  SIGKILL,
  SIGTERM,
  SYS_pidfd_open,
  WNOHANG,
} from "../libc/constants.ts";
import { ENOENT, orThrow, SystemError } from "../libc/errno.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { readProcFile } from "../file/proc_file.ts";

/** What C calls a string, but for its NUL. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** What this process is: another one like it takes the same. */
export const SELF = "/proc/self/exe";
const DELETED = " (deleted)";
const NUL = 0;
const EQUALS = 0x3d;
/** How far up the processes above this one are looked at. */
const ANCESTORS_MAX = 16;
/** PATH_MAX. */
const PATH_BYTES_MAX = 4096;

/** How a child ended: one of the two is null. */
export interface Ended {
  readonly code: number | null;
  /** The number of the signal that killed it. */
  readonly signal: number | null;
}

/** The words of a file of /proc whose words end with a NUL. */
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

/** The command line of this process, word by word, in whatever encoding it is. @throws {SystemError} without /proc */
export function commandLine(): Bytes[] {
  return wordsOf("/proc/self/cmdline");
}

/** The environment that this process was started with, but for the variables of `names`. @throws {SystemError} without /proc */
export function environmentWithout(names: readonly string[]): Bytes[] {
  const decoder = new TextDecoder();
  return wordsOf("/proc/self/environ").filter((word) => {
    const equals = word.indexOf(EQUALS);
    if (equals === 0) return false; // it was hidden, see process.ts
    return !names.includes(decoder.decode(equals < 0 ? word : word.subarray(0, equals)));
  });
}

/** Where this program is on the disk, also when another file has taken its name meanwhile. @throws {SystemError} */
export function executablePath(): string {
  loadLibc();
  const bytes = new Uint8Array(PATH_BYTES_MAX);
  const count = result(libc.readlinkat(AT_FDCWD, cString(SELF), bytes, bytes.length));
  const path = new TextDecoder().decode(bytes.subarray(0, orThrow(count, `read ${SELF}`, "readlinkat")));
  return path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path;
}

/** What V8 keeps on its own heap, and moves, is smaller than this. */
const UNMOVED_BYTES_MIN = 128;
const POINTER_BYTES = 8;

/**
 * Makes `char *[]`: the address of each word, and a null. The words are in the same buffer, behind the pointers: who holds
 * on to the one, as a call does to its arguments, keeps the other from being collected.
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
 * Starts `program` with the words of its command line and its environment; of this process's descriptors it gets those
 * of `inherited`, with the same numbers, and the standard ones. Returns its process id.
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
    if (errno !== 0) throw new SystemError(intent, "posix_spawn", errno); // it returns errno itself
  } finally {
    for (const fd of inherited) libc.fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  return new DataView(pid.buffer).getInt32(0, true);
}

/** Programs that this one starts do not get `fd`, which it has from who started it. */
export function keepFromChildren(fd: number): void {
  loadLibc();
  libc.fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/** How the child `pid` ended; null while it runs. Then it is forgotten: ask no more. −errno: there is no such child. */
export function reap(pid: number): Ended | null | number {
  loadLibc();
  const status = new Uint8Array(128);
  const found = result(libc.waitpid(pid, status, WNOHANG));
  if (found <= 0) return found === 0 ? null : found;
  const word = new DataView(status.buffer).getInt32(0, true);
  const signal = word & 0x7f;
  return signal === 0 ? { code: word >> 8 & 0xff, signal: null } : { code: null, signal };
}

/** The processes above this one: its parent, that one's, and so on. @throws {SystemError} without /proc */
export function ancestors(): number[] {
  const found: number[] = [];
  for (let pid = "self"; found.length < ANCESTORS_MAX;) {
    const stat = new TextDecoder().decode(readProcFile(`/proc/${pid}/stat`));
    const parent = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]!; // the name in parentheses may hold anything
    if (Number(parent) <= 1) break;
    found.push(Number(parent));
    pid = parent;
  }
  return found;
}

/** A descriptor that becomes readable when process `pid` ends; −errno where there is none, or before Linux 5.3. */
export function openProcess(pid: number): number {
  loadLibc();
  return result(libc.syscall_pidfd_open(SYS_pidfd_open, pid, 0)); // closed by execve (pidfd_open(2))
}

/** How many processors this process may use (sched_setaffinity(2)); at least 1. */
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

/** Asks a process to end, by SIGTERM: 0 or −errno. */
export function terminate(pid: number): number {
  loadLibc();
  return result(libc.kill(pid, SIGTERM));
}

/** Tells a program to read its settings again, by SIGHUP: 0 or −errno. */
export function hangUp(pid: number): number {
  loadLibc();
  return result(libc.kill(pid, SIGHUP));
}

/** Ends a process, by SIGKILL: 0 or −errno. */
export function kill(pid: number): number {
  loadLibc();
  return result(libc.kill(pid, SIGKILL));
}
