/**
 * What a server says when something goes wrong on its side.
 * @module
 */
import { FD_SETSIZE, STDERR_FILENO } from "../ffi/libc/constants.ts";
import { describeErrno, EINVAL } from "../ffi/libc/errno.ts";
import { tryPrint } from "../ffi/file/standard_output.ts";
import type { PollerName } from "./loop/poller.ts";

/** Writes to standard error, unless nobody takes it there. */
export function logError(message: string): void {
  tryPrint(STDERR_FILENO, message);
}

/** What was thrown, for people: with its stack where it has one. */
export function describeError(error: unknown): string {
  try {
    return error instanceof Error ? error.stack ?? error.message : String(error);
  } catch { // such as Object.create(null)
    return "something that cannot be shown";
  }
}

/** Why the poller does not take a descriptor. */
export function describeRefusal(poller: PollerName, errno: number): string {
  return poller === "select" && errno === EINVAL
    ? `select(2) holds no descriptor from ${FD_SETSIZE} on (FD_SETSIZE); another poller would`
    : `the poller refuses it: ${describeErrno(errno)}`;
}
