/**
 * Landlock: a process gives up rights for good, and needs none to do so.
 *
 * What is given up is given up by the thread that calls, and by the threads and programs that it starts afterwards.
 * For this program that is the thread that runs JavaScript, which makes every call but the waits that are parked on
 * other threads; threads that the runtime started earlier (V8's helpers) keep what they had. So it holds against a
 * mistake in the code that serves; somebody who runs machine code of their own in this process shares memory with
 * those threads, and is held by the user's rights only.
 *
 * Source: landlock(7), landlock_create_ruleset(2), landlock_add_rule(2), landlock_restrict_self(2).
 * @module
 */
import * as C from "../libc/constants.ts";
import { orThrow } from "../libc/errno.ts";
import { libc, loadLibc, result } from "../libc/libc.ts";
import { LANDLOCK_PATH_BENEATH_ATTR } from "../libc/structs.ts";

/** The version of the interface, its ABI, from which on each right is known. */
const FILE_RIGHTS: readonly (readonly [abi: number, rights: number])[] = [
  [
    1,
    C.LANDLOCK_ACCESS_FS_EXECUTE | C.LANDLOCK_ACCESS_FS_WRITE_FILE | C.LANDLOCK_ACCESS_FS_READ_FILE |
    C.LANDLOCK_ACCESS_FS_READ_DIR | C.LANDLOCK_ACCESS_FS_REMOVE_DIR | C.LANDLOCK_ACCESS_FS_REMOVE_FILE |
    C.LANDLOCK_ACCESS_FS_MAKE_CHAR | C.LANDLOCK_ACCESS_FS_MAKE_DIR | C.LANDLOCK_ACCESS_FS_MAKE_REG |
    C.LANDLOCK_ACCESS_FS_MAKE_SOCK | C.LANDLOCK_ACCESS_FS_MAKE_FIFO | C.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    C.LANDLOCK_ACCESS_FS_MAKE_SYM,
  ],
  [2, C.LANDLOCK_ACCESS_FS_REFER], // before: refused whatever the rules say
  [3, C.LANDLOCK_ACCESS_FS_TRUNCATE],
  [5, C.LANDLOCK_ACCESS_FS_IOCTL_DEV],
];
const NETWORK_RIGHTS = [[4, C.LANDLOCK_ACCESS_NET_BIND_TCP | C.LANDLOCK_ACCESS_NET_CONNECT_TCP]] as const;
const SCOPES = [[6, C.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | C.LANDLOCK_SCOPE_SIGNAL]] as const;

/** Those that are known to version `abi`. */
function known(rights: readonly (readonly [abi: number, rights: number])[], abi: number): number {
  return rights.reduce((sum, [since, rights]) => since <= abi ? sum | rights : sum, 0);
}

const INTENT = "restrict this process by Landlock";

/** What is given up with a version of the interface: the words of struct landlock_ruleset_attr. */
export interface Refusals {
  /** LANDLOCK_ACCESS_FS_… */
  readonly files: number;
  /** LANDLOCK_ACCESS_NET_… */
  readonly network: number;
  /** LANDLOCK_SCOPE_… */
  readonly scopes: number;
}

/** Everything that the version `abi` can refuse, as far as this module knows it. */
export function refusalsOf(abi: number): Refusals {
  return { files: known(FILE_RIGHTS, abi), network: known(NETWORK_RIGHTS, abi), scopes: known(SCOPES, abi) };
}

/** The version of the kernel's interface, or −errno: −ENOSYS without Landlock, −EOPNOTSUPP where it is switched off. */
export function landlockAbi(): number {
  loadLibc();
  return result(
    libc.syscall_landlock_create_ruleset(
      C.SYS_landlock_create_ruleset,
      null,
      0,
      C.LANDLOCK_CREATE_RULESET_VERSION,
    ),
  );
}

/** What is to be left of the rights to files. */
export class Ruleset {
  #fd: number;

  /** Of all that the version `abi` can refuse nothing is left yet. @throws {SystemError} `Cannot restrict this process by Landlock: …` */
  constructor(abi: number) {
    const refusals = refusalsOf(abi);
    const words = [refusals.files, refusals.network, refusals.scopes].map(BigInt);
    // Older kernels know the first word, or the first two; they take more where that is zero.
    const attributes = new Uint8Array(BigUint64Array.from(words).buffer);
    const { length } = attributes;
    const call = libc.syscall_landlock_create_ruleset(C.SYS_landlock_create_ruleset, attributes, length, 0);
    this.#fd = orThrow(result(call), INTENT, "landlock_create_ruleset");
  }

  /** Files and directories below the open `directory` may be read. It need not stay open. @throws {SystemError} as above */
  allowReadingBelow(directory: number): void {
    addRule(this.#fd, directory, C.LANDLOCK_ACCESS_FS_READ_FILE | C.LANDLOCK_ACCESS_FS_READ_DIR);
  }

  /** The open `file` may be read, or, where it is a directory, files below it. @throws {SystemError} as above */
  allowReading(file: number): void {
    addRule(this.#fd, file, C.LANDLOCK_ACCESS_FS_READ_FILE);
  }

  /** Files below the open `directory` may be written to, and made. @throws {SystemError} as above */
  allowWritingBelow(directory: number): void {
    addRule(this.#fd, directory, C.LANDLOCK_ACCESS_FS_WRITE_FILE | C.LANDLOCK_ACCESS_FS_MAKE_REG);
  }

  /**
   * From now on this thread may do that, and nothing else that can be refused. What is open stays as it is. It needs
   * no_new_privs. @throws {SystemError} as above
   */
  enforce(): void {
    const status = result(libc.syscall_landlock_restrict_self(C.SYS_landlock_restrict_self, this.#fd, 0));
    orThrow(status, INTENT, "landlock_restrict_self");
  }

  close(): void {
    if (this.#fd >= 0) libc.close(this.#fd);
    this.#fd = -1;
  }
}

function addRule(ruleset: number, fd: number, rights: number): void {
  const rule = new Uint8Array(LANDLOCK_PATH_BENEATH_ATTR.size);
  const view = new DataView(rule.buffer);
  view.setBigUint64(LANDLOCK_PATH_BENEATH_ATTR.allowed_access, BigInt(rights), true);
  view.setInt32(LANDLOCK_PATH_BENEATH_ATTR.parent_fd, fd, true);
  const status = libc.syscall_landlock_add_rule(
    C.SYS_landlock_add_rule,
    ruleset,
    C.LANDLOCK_RULE_PATH_BENEATH,
    rule,
    0,
  );
  orThrow(result(status), INTENT, "landlock_add_rule");
}
