/**
 * What to do where a port cannot be had.
 * @module
 */
import { EACCES, EADDRINUSE, SystemError } from "../ffi/errno.ts";

/** By the error of bind(2). */
const ADVICE: ReadonlyMap<number, string> = new Map([
  [
    EACCES,
    "a port below 1024 needs a right: take one from 1024 on (epollet 8080), or start it as root with --user NAME, or give it CAP_NET_BIND_SERVICE (docs/deploy.md)",
  ],
  [EADDRINUSE, "another program listens there: end that, or take another port"],
]);

/** Does `work`, which binds ports, and says what to do where one cannot be had. @throws {SystemError} */
export function withPortAdvice<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const advice = error instanceof SystemError && error.call === "bind"
      ? ADVICE.get(error.errno)
      : undefined;
    if (advice !== undefined) (error as SystemError).message += `: ${advice}`;
    throw error;
  }
}
