/**
 * Signals that are read from a descriptor, since the runtime has a use of its own for them.
 *
 * At SIGUSR1 newer Denos open a debugger's port, as Node.js does, whoever else listens for that signal. A signal that all
 * threads block never gets that far. But a thread can only block it for itself and those that it starts: the runtime's are
 * there before the first line of JavaScript runs. What is blocked stays so in another program: hence
 * {@linkcode replaceProcess}.
 *
 * Source: sigprocmask(2), signalfd(2), execve(2), signal(2), signal(7).
 * @module
 */
import { SFD_CLOEXEC, SFD_NONBLOCK, SIG_BLOCK, SIG_IGN } from "../libc/constants.ts";
import { type Bytes, pointersTo } from "./child.ts";
import { orThrow } from "../libc/errno.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { SIGNALFD_SIGINFO, SIGSET } from "../libc/structs.ts";

/** A set of one signal. */
function setOf(signal: number): Uint8Array<ArrayBuffer> {
  const set = new Uint8Array(SIGSET.size);
  set[(signal - 1) >> 3] = 1 << ((signal - 1) & 7);
  return set;
}

/** True when this thread blocks the signal; in a program that was started so, all threads do. */
export function isBlocked(signal: number): boolean {
  loadLibc();
  const blocked = new Uint8Array(SIGSET.size);
  libc.sigprocmask(SIG_BLOCK, null, blocked);
  return setOf(signal).every((bits, i) => (bits & blocked[i]!) === bits);
}

/** From now on this thread, and programs that it starts, block the signal. */
export function block(signal: number): void {
  loadLibc();
  libc.sigprocmask(SIG_BLOCK, setOf(signal), null);
}

/** From now on the signal does nothing. */
export function ignore(signal: number): void {
  loadLibc();
  libc.signal(signal, SIG_IGN);
}

/** A descriptor from which a blocked signal is read. @throws {SystemError} */
export function signalDescriptor(signal: number): number {
  loadLibc();
  const fd = result(libc.signalfd(-1, setOf(signal), SFD_NONBLOCK | SFD_CLOEXEC));
  return orThrow(fd, "hear of signals", "signalfd");
}

/** Takes one signal from such a descriptor; false: there was none. */
export function takeSignal(fd: number): boolean {
  const information = new Uint8Array(SIGNALFD_SIGINFO.size);
  return result(libc.read(fd, information, information.length)) === information.length;
}

/** This process becomes another program, with the descriptors that are not closed by that. @throws {SystemError} */
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
