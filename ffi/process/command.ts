/**
 * Commands of the system that are run to their end. Source: posix_spawn(3), sh(1), memfd_create(2), access(2).
 * @module
 */
import { AT_FDCWD, F_SETFD, X_OK } from "../libc/constants.ts";
import { orThrow } from "../libc/errno.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { readAt } from "../file/file.ts";
import { environmentWithout, kill, reap, spawn } from "./child.ts";
import { environmentVariable } from "./process.ts";

const SHELL = "/bin/sh";
/**
 * Runs its arguments but the first one, which is the descriptor for what they print. Commands for administrators are often
 * not on a user's PATH. Nothing is read from a terminal, so no command waits for an answer.
 */
const SCRIPT =
  'out=$1; shift; PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; exec "$@" </dev/null >"/proc/self/fd/$out" 2>&1';
/** What sh returns for a command that it does not find. */
const NOT_FOUND = 127;
/** Where programs are if the environment does not say. */
const PATH = "/usr/local/bin:/usr/bin:/bin";
const OUTPUT_BYTES_MAX = 64 * 1024;
const PATIENCE_MS = 120_000;
const LOOK_INTERVAL_MS = 10;

/** How a command ended. */
export interface CommandResult {
  /** The exit status; −1 if a signal or the end of the patience ended it. */
  readonly status: number;
  /** What it has printed, standard error included. */
  readonly output: string;
}

/**
 * Runs a command. Resolves to its end, or to null if there is no such command.
 * @throws {SystemError} without a shell, or without /proc
 */
export async function runCommand(words: readonly [string, ...string[]]): Promise<CommandResult | null> {
  loadLibc();
  const fd = orThrow(
    result(libc.memfd_create(cString("epollet: output"), 0)),
    "run a command",
    "memfd_create",
  );
  libc.fcntl(fd, F_SETFD, 1);
  try {
    const encoder = new TextEncoder();
    const line = ["sh", "-c", SCRIPT, "sh", String(fd), ...words];
    const encoded = line.map((word) => encoder.encode(word) as Uint8Array<ArrayBuffer>); // never shared
    const pid = spawn(SHELL, encoded, environmentWithout([]), [fd]);
    const status = await endOf(pid);
    if (status === NOT_FOUND) return null;
    const bytes = new Uint8Array(OUTPUT_BYTES_MAX);
    const length = Math.max(readAt(fd, bytes, 0), 0);
    return { status, output: new TextDecoder().decode(bytes.subarray(0, length)) };
  } finally {
    libc.close(fd);
  }
}

async function endOf(pid: number): Promise<number> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const ended = reap(pid);
    if (typeof ended === "number") return -1;
    if (ended !== null) return ended.code ?? -1;
    if (performance.now() > endMs) kill(pid);
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
}

/** Returns true for a program on the PATH, or at a path, that this process may execute. */
export function isCommand(name: string): boolean {
  loadLibc();
  const directories = name.includes("/") ? [""] : (environmentVariable("PATH") ?? PATH).split(":");
  return directories.some((directory) => {
    const path = name.includes("/") ? name : `${directory === "" ? "." : directory}/${name}`;
    return result(libc.faccessat(AT_FDCWD, cString(path), X_OK, 0)) === 0;
  });
}

/** Returns a command as a user writes it in a shell. */
export function shellLine(words: readonly string[]): string {
  return words.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)
    .join(" ");
}
