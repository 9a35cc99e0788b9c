/**
 * Describes system calls that a site needs and that are refused, by what, and the consequence.
 *
 * Old container runtimes (Docker before 18.04, libseccomp before 2.3.3) answer unknown calls with EPERM.
 * @module
 */
import { ENOSYS, errnoName } from "../../../ffi/libc/errno.ts";
import { openat2Refusal } from "../../../ffi/file/file.ts";
import { hasCallFilter } from "../../../ffi/process/process.ts";
import { statxRefusal } from "../../../ffi/file/statx.ts";
import { NO_LINKS, NO_OPENAT2_WARNING } from "../settings/site_options.ts";

/**
 * Returns a line for each call that is refused. `root` is the descriptor of a site's root; its status was read before.
 */
export function describeRefusedCalls(root: number): string[] {
  const lines: string[] = [];
  const statx = statxRefusal();
  const openat2 = openat2Refusal(root);
  if (statx !== 0) lines.push(`${refused("statx", statx)}: files are looked at by fstatat(2) instead`);
  if (openat2 === ENOSYS) lines.push(NO_OPENAT2_WARNING);
  else if (openat2 !== 0) lines.push(`${refused("openat2", openat2)}: ${NO_LINKS}`);
  return lines;
}

function refused(call: string, errno: number): string {
  const by = hasCallFilter()
    ? " by a filter of system calls (seccomp), as older container runtimes have one"
    : "";
  return `${call}(2) is refused with ${errnoName(errno)}${by}`;
}
