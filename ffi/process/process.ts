/**
 * The process: signals, limits, environment.
 *
 * Source: signal(2), getrlimit(2), eventfd(2), secure_getenv(3), environ(7), getcwd(3), proc_pid_maps(5).
 * @module
 */
import {
  AT_FDCWD,
  AT_SECURE,
  O_CLOEXEC,
  O_PATH,
  RLIMIT_NOFILE,
  SIG_IGN,
  SIGPIPE,
} from "../libc/constants.ts";
import { EFD_CLOEXEC, EFD_NONBLOCK, POLLERR, POLLHUP, POLLIN } from "../libc/multiplexer_constants.ts";
import { orThrow } from "../libc/errno.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { poll } from "../libc/multiplexers.ts";
import { readProcFile } from "../file/proc_file.ts";
import { POLLFD, RLIMIT } from "../libc/structs.ts";

/** Returns true if a filter of system calls (seccomp) applies to this process. False also if /proc cannot be read. */
export function hasCallFilter(): boolean {
  try {
    return /^Seccomp:\t2$/m.test(new TextDecoder().decode(readProcFile("/proc/self/status")));
  } catch {
    return false; // /proc is not mounted
  }
}

/** Makes a write to a closed connection return EPIPE. sendfile(2) has no flag for that, unlike send(2). */
export function ignoreSigpipe(): void {
  loadLibc();
  libc.signal(SIGPIPE, SIG_IGN);
}

/**
 * Raises the soft limit of open descriptors to the hard limit. Returns the limit in force, or 0 if it cannot be read.
 */
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

/** Returns how many descriptors may be open (RLIMIT_NOFILE); 0 if that cannot be read. */
export function descriptorLimit(): number {
  loadLibc();
  const bytes = new Uint8Array(128);
  if (result(libc.getrlimit(RLIMIT_NOFILE, bytes)) < 0) return 0;
  return Number(new DataView(bytes.buffer).getBigUint64(RLIMIT.cur, true));
}

/** Returns a descriptor without a purpose of its own, to be closed when its number is needed; or −errno. */
export function reserveDescriptor(): number {
  loadLibc();
  return result(libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

/**
 * Returns true if the executable has file capabilities or a set-ID bit. Its parent then has fewer rights than the
 * process, so the environment cannot be trusted (getauxval(3), secure_getenv(3)).
 */
export function isSecureExecution(): boolean {
  loadLibc();
  return libc.getauxval(AT_SECURE) !== 0n;
}

/**
 * Returns the value of an environment variable; undefined if it is not set, or {@linkcode isSecureExecution} is true.
 * It is read through libc, because `Deno.env` needs a permission of its own.
 */
export function environmentVariable(name: string): string | undefined {
  loadLibc();
  const value = libc.secure_getenv(cString(name));
  return value === null ? undefined : new Deno.UnsafePointerView(value).getCString();
}

/** `=`, which cannot occur in a name. */
const HIDDEN = 0x3d;

/**
 * Removes a variable from the environment of this process, including the runtime. Other threads of the runtime may read
 * the environment meanwhile, and unsetenv(3) would move its pointers. So only one byte is changed: the first one of the
 * name. `environmentWithout` of `child.ts` keeps such variables from programs that this process starts.
 */
export function hideEnvironmentVariable(name: string): void {
  loadLibc();
  const text = cString(name);
  for (let value = libc.getenv(text); value !== null; value = libc.getenv(text)) {
    const start = Deno.UnsafePointer.offset(value, -text.length); // "NAME=" is as long as the name with its NUL
    new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(start!, 1))[0] = HIDDEN;
  }
}

/**
 * Opens /proc/self/maps with O_PATH, for a rule of the sandbox. Returns a descriptor, or −errno. The runtime asks glibc
 * for the stack size of the main thread when it formats a stack trace. glibc reads it from this file, and the runtime
 * aborts if that fails.
 */
export function openMemoryMap(): number {
  loadLibc();
  return result(libc.openat(AT_FDCWD, cString("/proc/self/maps"), O_PATH | O_CLOEXEC, 0));
}

const pollfd = new Uint8Array(128);
const pollfdWords = new Int32Array(pollfd.buffer);
const pollfdHalves = new Int16Array(pollfd.buffer);

/** Returns true if `fd` is a terminal. */
export function isTerminal(fd: number): boolean {
  loadLibc();
  return libc.isatty(fd) === 1;
}

/** Returns true if the other end of `fd` is closed, such as the terminal's. */
export function isHungUp(fd: number): boolean {
  pollfdWords[POLLFD.fd >> 2] = fd;
  pollfdHalves[POLLFD.events >> 1] = 0;
  return poll(pollfd, 1, 0) > 0 && (pollfdHalves[POLLFD.revents >> 1]! & (POLLHUP | POLLERR)) !== 0;
}

/** Returns true if `fd` is readable (poll(2)). For a process descriptor that means that the process has ended. */
export function isReadable(fd: number): boolean {
  pollfdWords[POLLFD.fd >> 2] = fd;
  pollfdHalves[POLLFD.events >> 1] = POLLIN;
  return poll(pollfd, 1, 0) > 0 && (pollfdHalves[POLLFD.revents >> 1]! & POLLIN) !== 0;
}

/** The longest path that the kernel returns, with its NUL. */
const PATH_BYTES_MAX = 4096;

/**
 * Returns the path of the working directory.
 * @throws {SystemError} if the directory was removed
 */
export function workingDirectory(): string {
  loadLibc();
  const buffer = new Uint8Array(PATH_BYTES_MAX);
  const status = libc.getcwd(buffer, buffer.length) === null ? result(-1) : 0;
  orThrow(status, "find the working directory", "getcwd");
  return new TextDecoder().decode(buffer.subarray(0, buffer.indexOf(0)));
}

export function processId(): number {
  loadLibc();
  return libc.getpid();
}
