/**
 * Whether this system lets tests use io_uring.
 * @module
 */
import { ENOSYS, EPERM, SystemError } from "../../ffi/libc/errno.ts";
import { Ring } from "../../ffi/uring/ring.ts";
import type { PollerName } from "../../server/loop/poller.ts";
import { POLLER_NAMES } from "../../server/loop/pollers/mod.ts";

/** Says why there is no io_uring here, or null if there is: an emulator or a filter of system calls may lack it. */
function absence(): string | null {
  try {
    new Ring({ entries: 1, completions: 2, permitted: null }).close();
    return null;
  } catch (error) {
    if (!(error instanceof SystemError) || ![ENOSYS, EPERM].includes(error.errno)) throw error;
    return error.message;
  }
}

/** Why there is no io_uring on this system; null if there is. */
export const URING_ABSENCE: string | null = absence();

if (URING_ABSENCE !== null) console.log(`SKIPPED: what needs io_uring, because: ${URING_ABSENCE}`);

/** The pollers that this system has: all, unless there is no io_uring. */
export const USABLE_POLLERS: readonly PollerName[] = POLLER_NAMES.filter((name) =>
  name !== "io-uring" || URING_ABSENCE === null
);
