/**
 * Error messages of a server.
 * @module
 */
import { reportRejection } from "./embedder/rejections.ts";
import { STDERR_FILENO } from "../ffi/libc/constants.ts";
import { FD_SETSIZE } from "../ffi/libc/multiplexer_constants.ts";
import { describeErrno, EINVAL } from "../ffi/libc/errno.ts";
import { tryPrint } from "../ffi/file/standard_output.ts";
import type { PollerName } from "./loop/poller.ts";

/** Writes a message to standard error, without waiting for a reader. */
export function logError(message: string): void {
  tryPrint(STDERR_FILENO, message);
}

/** Describes an exception for a message, with its stack if it has one. */
export function describeError(error: unknown): string {
  try {
    return error instanceof Error ? error.stack ?? error.message : String(error);
  } catch { // such as Object.create(null)
    return "something that cannot be shown";
  }
}

/** Describes why the poller failed to watch a descriptor. */
export function describeRefusal(poller: PollerName, errno: number): string {
  return poller === "select" && errno === EINVAL
    ? `select(2) holds no descriptor from ${FD_SETSIZE} on (FD_SETSIZE); another poller would`
    : `the poller refuses it: ${describeErrno(errno)}`;
}

/** Returns `onError`, such that what it throws, or rejects with, is logged together with the message. */
export function guardedReporter(
  onError: (message: string, cause?: unknown) => unknown,
): (message: string, cause?: unknown) => void {
  return (message, cause) => {
    const failed = (error: unknown) => logError(`${message}\n${describeError(error)}`);
    try {
      reportRejection(onError(message, cause), failed);
    } catch (error) {
      failed(error);
    }
  };
}

/** Returns `report`, which is then called at most once a second; other messages are dropped. */
export function atMostOnceASecond(
  report: (message: string) => void,
  clock: { readonly now: number },
): (message: string) => void {
  let loggedMs = -Infinity;
  return (message) => {
    if (clock.now - loggedMs < 1000) return;
    loggedMs = clock.now;
    report(message);
  };
}
