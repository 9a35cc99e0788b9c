/**
 * Advice for a port that the program cannot bind.
 * @module
 */
import { EACCES, EADDRINUSE, SystemError } from "../../ffi/libc/errno.ts";

const ADVICE =
  "a port below 1024 needs a privilege: use one from 1024 on (epollet 8080), or start it as root with --user NAME, or give it CAP_NET_BIND_SERVICE (docs/deploy.md)";

const TAKEN =
  "another program listens there: end it, choose another port (epollet 8080), or let --next-port find a free one";

/** Returns `error` for an address that is taken, with advice. */
export function withAdvice(error: SystemError): SystemError {
  if (error.errno === EADDRINUSE && !isUnix(error)) error.message += `: ${TAKEN}`;
  return error;
}

/** Returns true for a UNIX socket, for which bind(2) fails with EACCES because of the directory. */
function isUnix({ message }: SystemError): boolean {
  return message.startsWith("Cannot listen on unix:");
}

/**
 * Calls `work`, which binds ports, and adds advice to the error when a port is denied.
 * @throws {SystemError} as `work` does
 */
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
