/**
 * What to do where a port cannot be had for want of a right.
 * @module
 */
import { EACCES, SystemError } from "../../ffi/libc/errno.ts";

const ADVICE =
  "a port below 1024 needs a right: take one from 1024 on (epollet 8080), or start it as root with --user NAME, or give it CAP_NET_BIND_SERVICE (docs/deploy.md)";

/** The same call gives a UNIX socket its name, in a directory that may be refused. */
function isUnix({ message }: SystemError): boolean {
  return message.startsWith("Cannot listen on unix:");
}

/** Does `work`, which binds ports, and says what to do where one is refused. @throws {SystemError} */
export function withPortAdvice<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SystemError && error.call === "bind" && error.errno === EACCES && !isUnix(error)) {
      error.message += `: ${ADVICE}`;
    }
    throw error;
  }
}
