/**
 * Listening sockets that systemd, or another program with the same protocol, has opened and passed to this process.
 *
 * Source: sd_listen_fds(3), systemd.socket(5).
 * @module
 */
import { describeErrno } from "../../ffi/libc/errno.ts";
import { notListening } from "../../ffi/socket/inherited_socket.ts";
import { environmentVariable, hideEnvironmentVariable, processId } from "../../ffi/process/process.ts";
import { UsageError } from "../../server/usage_error.ts";
import { inheritListener, type ListeningSocket, type ListenSettings } from "../../server/listen/open.ts";

/** SD_LISTEN_FDS_START: the first descriptor that is passed. The others have the numbers after it. */
const FIRST_DESCRIPTOR = 3;
const VARIABLES = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] as const;

/**
 * Returns the descriptors that were passed to this process, or an empty list.
 * @throws {UsageError} when LISTEN_FDS is no number
 */
export function handedOver(): number[] {
  const [pid, count] = VARIABLES.map(environmentVariable);
  if (pid === undefined || count === undefined || Number(pid) !== processId()) return [];
  if (!/^\d{1,6}$/.test(count)) {
    throw new UsageError(`Bad LISTEN_FDS "${count}": expected the number of sockets that are handed over`);
  }
  return Array.from({ length: Number(count) }, (_, index) => FIRST_DESCRIPTOR + index);
}

/**
 * Returns the passed descriptors and hides the variables that name them.
 * @throws {UsageError} when LISTEN_FDS is no number
 */
export function activatedDescriptors(): number[] {
  try {
    return handedOver();
  } finally {
    for (const name of VARIABLES) hideEnvironmentVariable(name); // child processes get no such sockets
  }
}

/**
 * Returns the passed descriptors as sockets to serve on. `isShared` says that several processes will accept from
 * them.
 * @throws {UsageError} for a descriptor that is not a listening stream socket
 */
export function activatedListeners(isShared: boolean, settings: ListenSettings = {}): ListeningSocket[] {
  return activatedDescriptors().map((fd) => {
    const reason = notListening(fd);
    if (reason !== null) {
      const what = typeof reason === "number" ? describeErrno(-reason) : `it is ${reason}`;
      throw new UsageError(
        `Descriptor ${fd} of LISTEN_FDS cannot be served on: ${what}: expected a stream socket that listens (ListenStream=, Accept=no)`,
      );
    }
    return inheritListener(fd, isShared, settings);
  });
}
