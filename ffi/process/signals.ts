/**
 * Signals that are read from a descriptor, because the runtime uses them itself.
 *
 * Newer versions of Deno open a debugger port on SIGUSR1, as Node.js does, even if the program listens for that signal.
 * A signal that is blocked in all threads does not reach the runtime. But a thread can block a signal only for itself
 * and for threads that it starts, and the runtime's threads exist before the first line of JavaScript runs. The signal
 * mask survives execve(2); hence {@linkcode replaceProcess}.
 *
 * Source: sigprocmask(2), signalfd(2), execve(2), signal(2), signal(7).
 * @module
 */
import { SFD_CLOEXEC, SFD_NONBLOCK, SIG_BLOCK, SIG_IGN } from "../libc/constants.ts";
import { type Bytes, pointersTo } from "./child.ts";
import { orThrow } from "../libc/errno.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { SIGNALFD_SIGINFO, SIGSET } from "../libc/structs.ts";

/** Returns a signal set with one signal. */
function setOf(signal: number): Uint8Array<ArrayBuffer> {
  const set = new Uint8Array(SIGSET.size);
  set[(signal - 1) >> 3] = 1 << ((signal - 1) & 7);
  return set;
}

/**
 * Returns true if this thread blocks the signal. In a program that was started with it blocked, all threads block it.
 */
export function isBlocked(signal: number): boolean {
  loadLibc();
  const blocked = new Uint8Array(SIGSET.size);
  libc.sigprocmask(SIG_BLOCK, null, blocked);
  return setOf(signal).every((bits, i) => (bits & blocked[i]!) === bits);
}

/** Blocks the signal in this thread, and in programs that it starts. */
export function block(signal: number): void {
  loadLibc();
  libc.sigprocmask(SIG_BLOCK, setOf(signal), null);
}

/** Makes the process ignore the signal. */
export function ignore(signal: number): void {
  loadLibc();
  libc.signal(signal, SIG_IGN);
}

/**
 * Returns a descriptor from which a blocked signal is read.
 * @throws {SystemError} if the kernel refuses it: EMFILE, ENFILE, ENOMEM
 */
export function signalDescriptor(signal: number): number {
  loadLibc();
  const fd = result(libc.signalfd(-1, setOf(signal), SFD_NONBLOCK | SFD_CLOEXEC));
  return orThrow(fd, "hear of signals", "signalfd");
}

/** Reads one signal from a descriptor of {@linkcode signalDescriptor}. Returns false if none is pending. */
export function takeSignal(fd: number): boolean {
  const information = new Uint8Array(SIGNALFD_SIGINFO.size);
  return result(libc.read(fd, information, information.length)) === information.length;
}

/**
 * Replaces the program of this process by another (execve(2)). Descriptors without FD_CLOEXEC stay open.
 * @throws {SystemError} if the program cannot be executed
 */
export function replaceProcess(
  program: string,
  words: readonly Bytes[],
  environment: readonly Bytes[],
): never {
  loadLibc();
  const argv = pointersTo(words);
  const envp = pointersTo(environment);
  const status = result(libc.execve(cString(program), argv, envp));
  orThrow(status, `start ${program} anew`, "execve");
  throw new Error("execve came back");
}
