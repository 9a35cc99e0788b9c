/**
 * Giving up root: `--user`.
 * @module
 */
import { FileStatus } from "../../ffi/file/file_status.ts";
import { AT_FDCWD } from "../../ffi/libc/constants.ts";
import { describeErrno, EPERM, SystemError } from "../../ffi/libc/errno.ts";
import { cString } from "../../ffi/libc/libc.ts";
import {
  type Account,
  currentIds,
  findGroup,
  findUser,
  mayRead,
  maySearch,
  setGroupIds,
  setGroups,
  setUserIds,
} from "../../ffi/process/privileges.ts";
import { UsageError } from "../../server/usage_error.ts";

/** The largest id. −1 means "leave unchanged" (setresuid(2)). */
const ID_MAX = 0xffff_fffe;

/**
 * Returns the account for `NAME[:GROUP]`, each a name or a number.
 * @throws {UsageError} for a name that this system does not know, and for root
 */
export function resolveAccount(text: string): Account {
  const [user, group] = text.split(":") as [string, string];
  const isNumber = /^\d+$/.test(user);
  const uid = isNumber ? readId(user, "user") : null;
  const entry = findUser(uid ?? user);
  if (entry === null && uid === null) {
    throw new UsageError(
      `Unknown user "${user}": expected one of this system's users, or a number with its group such as 1000:1000`,
    );
  }
  if (entry === null && group === undefined) {
    throw new UsageError(`User ${user} has no name and no group on this system: expected ${user}:GROUP`);
  }
  const account = {
    name: entry?.name ?? null,
    uid: uid ?? entry!.uid,
    gid: group === undefined ? entry!.gid : resolveGroup(group),
  };
  if (account.uid === 0) throw new UsageError(`User ${user} is root: expected one with fewer rights`);
  if (account.gid === 0) {
    throw new UsageError(`The group of user ${user} is root's: expected ${user}:GROUP with fewer rights`);
  }
  return account;
}

function resolveGroup(group: string): number {
  const gid = /^\d+$/.test(group) ? readId(group, "group") : findGroup(group);
  if (gid === null) {
    throw new UsageError(`Unknown group "${group}": expected one of this system's groups, or a number`);
  }
  return gid;
}

function readId(digits: string, what: string): number {
  const id = Number(digits);
  if (id > ID_MAX) throw new UsageError(`Bad ${what} ${digits}: expected a number up to ${ID_MAX}`);
  return id;
}

/** Describes an account for messages: `www-data (33:33)`. */
export function describeAccount({ name, uid, gid }: Account): string {
  return `${name ?? uid} (${uid}:${gid})`;
}

/** Returns the account that this process runs as. */
export function currentAccount(): Account {
  const { uids, gids } = currentIds();
  return { name: findUser(uids[1]!)?.name ?? null, uid: uids[1]!, gid: gids[1]! };
}

/**
 * Changes to `account` and its groups in all threads, and checks that the change cannot be undone.
 * @throws {SystemError} `Cannot become user www-data: EPERM (operation not permitted): …`
 */
export function becomeUser(account: Account): void {
  const intent = `become user ${account.name ?? account.uid}`;
  const check = (status: number, call: string) => {
    if (status >= 0) return;
    const advice = status === -EPERM ? "start it as root, or as that user and without --user" : "";
    throw new SystemError(intent, call, -status, advice);
  };
  check(setGroups(account), account.name === null ? "setgroups" : "initgroups");
  check(setGroupIds(account.gid), "setresgid");
  check(setUserIds(account.uid), "setresuid");
  const { uids, gids } = currentIds();
  const isAccount = uids.every((uid) => uid === account.uid) && gids.every((gid) => gid === account.gid);
  // A process that has kept CAP_SETUID could become root again.
  if (!isAccount || setUserIds(0) === 0 || setGroupIds(0) === 0) {
    throw new SystemError(`${intent} for good`, "setresuid", EPERM, "it could become root again");
  }
}

/**
 * Returns a warning for each of `roots` that `account` cannot search, or, of a file, cannot read. This process has to run as that account
 * already.
 */
export function unreachable(account: Account, roots: readonly string[]): string[] {
  const lines: string[] = [];
  const who = `User ${account.name ?? account.uid}`;
  const file = new FileStatus();
  for (const root of new Set(roots)) {
    const isFile = file.read(AT_FDCWD, cString(root)) === 0 && file.isFile;
    const status = isFile ? mayRead(root) : maySearch(root);
    if (status === 0) continue;
    const [what, advice] = isFile ? ["read", "read it"] : ["look into", "search the directory"];
    lines.push(`${who} cannot ${what} ${root}: ${describeErrno(-status)}: let that user ${advice}`);
  }
  return lines;
}
