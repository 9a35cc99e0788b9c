/**
 * The process: signals, limits, environment. Source: signal(2), getrlimit(2), eventfd(2), secure_getenv(3),
 * environ(7), getcwd(3), proc_pid_maps(5).
 * @module
 */
import {
  AT_FDCWD,
  AT_SECURE,
  EFD_CLOEXEC,
  EFD_NONBLOCK,
  O_CLOEXEC,
  O_PATH,
  POLLERR,
  POLLHUP,
  POLLIN,
  RLIMIT_NOFILE,
  SIG_IGN,
  SIGPIPE,
} from "../libc/constants.ts";
import { orThrow } from "../libc/errno.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { poll } from "../libc/multiplexers.ts";
import { readProcFile } from "../file/proc_file.ts";
import { POLLFD, RLIMIT } from "../libc/structs.ts";

/** True where a filter of system calls (seccomp) holds for this process; false also where that cannot be found out. */
export function hasCallFilter(): boolean {
  try {
    return /^Seccomp:\t2$/m.test(new TextDecoder().decode(readProcFile("/proc/self/status")));
  } catch {
    return false; // there is no /proc
  }
}

/** Makes a write to a closed connection return EPIPE; sendfile(2) has no flag for that, as send(2) has. */
export function ignoreSigpipe(): void {
  loadLibc();
  libc.signal(SIGPIPE, SIG_IGN);
}

/** Raises the limit of open descriptors to what the system grants; returns the limit in force. */
export function raiseDescriptorLimit(): number {
  loadLibc();
  const bytes = new Uint8Array(128);
  const view = new DataView(bytes.buffer);
  if (result(libc.getrlimit(RLIMIT_NOFILE, bytes)) < 0) return 0;
  const hard = view.getBigUint64(RLIMIT.max, true);
  const soft = view.getBigUint64(RLIMIT.cur, true);
  if (soft >= hard) return Number(soft);
  view.setBigUint64(RLIMIT.cur, hard, true);
  return Number(result(libc.setrlimit(RLIMIT_NOFILE, bytes)) < 0 ? soft : hard);
}

/** How many descriptors may be open at present; 0 where that is not known. */
export function descriptorLimit(): number {
  loadLibc();
  const bytes = new Uint8Array(128);
  if (result(libc.getrlimit(RLIMIT_NOFILE, bytes)) < 0) return 0;
  return Number(new DataView(bytes.buffer).getBigUint64(RLIMIT.cur, true));
}

/** A descriptor that stands for nothing but its number, to be closed when that is needed; or −errno. */
export function reserveDescriptor(): number {
  loadLibc();
  return result(libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

/**
 * True where the program's file has capabilities or a set-ID bit: its starter then has fewer rights than the process,
 * so that its environment is not to be believed (getauxval(3), secure_getenv(3)).
 */
export function isSecureExecution(): boolean {
  loadLibc();
  return libc.getauxval(AT_SECURE) !== 0n;
}

/**
 * Returns the value of an environment variable, through libc: `Deno.env` would need a permission of its own. Undefined
 * where it is not set, and always where {@linkcode isSecureExecution}.
 */
export function environmentVariable(name: string): string | undefined {
  loadLibc();
  const value = libc.secure_getenv(cString(name));
  return value === null ? undefined : new Deno.UnsafePointerView(value).getCString();
}

/** `=`, with which no name begins. */
const HIDDEN = 0x3d;

/**
 * Takes a variable out of the environment, also for the runtime. The runtime's other threads may read the environment at
 * the same time, and unsetenv(3) moves its pointers under their hands. So the pointers stay, and one byte changes: the
 * first one of the name. Programs that this one starts do not get it either, by `environmentWithout` of `child.ts`.
 */
export function hideEnvironmentVariable(name: string): void {
  loadLibc();
  const text = cString(name);
  for (let value = libc.getenv(text); value !== null; value = libc.getenv(text)) {
    const start = Deno.UnsafePointer.offset(value, -text.length); // "NAME=": as long as the name with its NUL
    new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(start!, 1))[0] = HIDDEN;
  }
}

/**
 * Opens /proc/self/maps, only to name it (O_PATH): descriptor or −errno. glibc reads this file to find out how large the
 * first thread's stack is, which the runtime asks when it makes the lines of a stack trace; refused that, it aborts.
 */
export function openMemoryMap(): number {
  loadLibc();
  return result(libc.openat(AT_FDCWD, cString("/proc/self/maps"), O_PATH | O_CLOEXEC, 0));
}

const pollfd = new Uint8Array(128);
const pollfdWords = new Int32Array(pollfd.buffer);
const pollfdHalves = new Int16Array(pollfd.buffer);

/** True for a descriptor that is a terminal. */
export function isTerminal(fd: number): boolean {
  loadLibc();
  return libc.isatty(fd) === 1;
}

/** Nobody is at the other end any more: the terminal was closed. */
export function isHungUp(fd: number): boolean {
  pollfdWords[POLLFD.fd >> 2] = fd;
  pollfdHalves[POLLFD.events >> 1] = 0;
  return poll(pollfd, 1, 0) > 0 && (pollfdHalves[POLLFD.revents >> 1]! & (POLLHUP | POLLERR)) !== 0;
}

/** True when poll(2) says that `fd` is readable: for a process's descriptor, that the process has ended. */
export function isReadable(fd: number): boolean {
  pollfdWords[POLLFD.fd >> 2] = fd;
  pollfdHalves[POLLFD.events >> 1] = POLLIN;
  return poll(pollfd, 1, 0) > 0 && (pollfdHalves[POLLFD.revents >> 1]! & POLLIN) !== 0;
}

/** The longest path that the kernel gives, with its NUL. */
const PATH_BYTES_MAX = 4096;

/** The path of the working directory. @throws {SystemError} where it has none, since it was removed */
export function workingDirectory(): string {
  loadLibc();
  const buffer = new Uint8Array(PATH_BYTES_MAX);
  const status = libc.getcwd(buffer, buffer.length) === null ? result(-1) : 0;
  orThrow(status, "find the working directory", "getcwd");
  return new TextDecoder().decode(buffer.subarray(0, buffer.indexOf(0)));
}

/** This process's id. */
export function processId(): number {
  loadLibc();
  return libc.getpid();
}
