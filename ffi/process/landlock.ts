/**
 * Landlock: permanent restriction of a process, which requires no privilege.
 *
 * The restriction applies to the calling thread, and to threads and programs that it starts afterwards. In this program
 * that is the thread that runs JavaScript, which makes every call except the waits that are parked on other threads.
 * Threads that the runtime started earlier (V8's helpers) are not restricted. So Landlock protects from mistakes in the
 * code that serves. An attacker who executes machine code in this process shares memory with the other threads, and is
 * limited only by the rights of the user.
 *
 * Source: landlock(7), landlock_create_ruleset(2), landlock_add_rule(2), landlock_restrict_self(2).
 * @module
 */
import * as C from "../libc/constants.ts";
import { orThrow } from "../libc/errno.ts";
import { libc, loadLibc, result } from "../libc/libc.ts";
import { LANDLOCK_PATH_BENEATH_ATTR } from "../libc/structs.ts";

/** Access rights, with the version of the interface (ABI) that introduced them. */
const FILE_RIGHTS: readonly (readonly [abi: number, rights: number])[] = [
  [
    1,
    C.LANDLOCK_ACCESS_FS_EXECUTE | C.LANDLOCK_ACCESS_FS_WRITE_FILE | C.LANDLOCK_ACCESS_FS_READ_FILE |
    C.LANDLOCK_ACCESS_FS_READ_DIR | C.LANDLOCK_ACCESS_FS_REMOVE_DIR | C.LANDLOCK_ACCESS_FS_REMOVE_FILE |
    C.LANDLOCK_ACCESS_FS_MAKE_CHAR | C.LANDLOCK_ACCESS_FS_MAKE_DIR | C.LANDLOCK_ACCESS_FS_MAKE_REG |
    C.LANDLOCK_ACCESS_FS_MAKE_SOCK | C.LANDLOCK_ACCESS_FS_MAKE_FIFO | C.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    C.LANDLOCK_ACCESS_FS_MAKE_SYM,
  ],
  [2, C.LANDLOCK_ACCESS_FS_REFER], // before: always refused, whatever the rules say
  [3, C.LANDLOCK_ACCESS_FS_TRUNCATE],
  [5, C.LANDLOCK_ACCESS_FS_IOCTL_DEV],
];
const NETWORK_RIGHTS = [[4, C.LANDLOCK_ACCESS_NET_BIND_TCP | C.LANDLOCK_ACCESS_NET_CONNECT_TCP]] as const;
const SCOPES = [[6, C.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | C.LANDLOCK_SCOPE_SIGNAL]] as const;

/** Returns those of `rights` that version `abi` supports. */
function known(rights: readonly (readonly [abi: number, rights: number])[], abi: number): number {
  return rights.reduce((sum, [since, rights]) => since <= abi ? sum | rights : sum, 0);
}

const INTENT = "restrict this process by Landlock";

/** The rights that are given up: the words of struct landlock_ruleset_attr. */
export interface Refusals {
  /** A combination of LANDLOCK_ACCESS_FS_… */
  readonly files: number;
  /** A combination of LANDLOCK_ACCESS_NET_… */
  readonly network: number;
  /** A combination of LANDLOCK_SCOPE_… */
  readonly scopes: number;
}

/** Returns all rights that version `abi` can refuse, as far as this module knows them. */
export function refusalsOf(abi: number): Refusals {
  return { files: known(FILE_RIGHTS, abi), network: known(NETWORK_RIGHTS, abi), scopes: known(SCOPES, abi) };
}

/**
 * Returns the version of the kernel's interface, or −errno: −ENOSYS without Landlock, −EOPNOTSUPP if it is disabled.
 */
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

/** The rules that permit access to files. */
export class Ruleset {
  #fd: number;

  /**
   * Creates a ruleset that refuses everything that version `abi` can refuse.
   * @throws {SystemError} `Cannot restrict this process by Landlock: …`
   */
  constructor(abi: number) {
    const refusals = refusalsOf(abi);
    const words = [refusals.files, refusals.network, refusals.scopes].map(BigInt);
    // Older kernels know only the first word, or the first two. They accept more if the rest is zero.
    const attributes = new Uint8Array(BigUint64Array.from(words).buffer);
    const { length } = attributes;
    const call = libc.syscall_landlock_create_ruleset(C.SYS_landlock_create_ruleset, attributes, length, 0);
    this.#fd = orThrow(result(call), INTENT, "landlock_create_ruleset");
  }

  /**
   * Permits reading files and directories below the open `directory`. It may be closed afterwards.
   * @throws {SystemError} if the kernel refuses the rule
   */
  allowReadingBelow(directory: number): void {
    addRule(this.#fd, directory, C.LANDLOCK_ACCESS_FS_READ_FILE | C.LANDLOCK_ACCESS_FS_READ_DIR);
  }

  /**
   * Permits reading the open `file`, or, if it is a directory, the files below it.
   * @throws {SystemError} if the kernel refuses the rule
   */
  allowReading(file: number): void {
    addRule(this.#fd, file, C.LANDLOCK_ACCESS_FS_READ_FILE);
  }

  /**
   * Permits writing to files and creating files below the open `directory`.
   * @throws {SystemError} if the kernel refuses the rule
   */
  allowWritingBelow(directory: number): void {
    addRule(this.#fd, directory, C.LANDLOCK_ACCESS_FS_WRITE_FILE | C.LANDLOCK_ACCESS_FS_MAKE_REG);
  }

  /**
   * Restricts this thread to the permitted accesses. Open descriptors are not affected. Requires no_new_privs.
   * @throws {SystemError} if the kernel refuses it
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
