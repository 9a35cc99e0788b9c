/**
 * Giving up root: `--user`.
 * @module
 */
import { describeErrno, EPERM, SystemError } from "../../ffi/libc/errno.ts";
import {
  type Account,
  currentIds,
  findGroup,
  findUser,
  maySearch,
  setGroupIds,
  setGroups,
  setUserIds,
} from "../../ffi/process/privileges.ts";
import { UsageError } from "../../server/usage_error.ts";

/** −1 is no id: it stands for "leave it as it is" (setresuid(2)). */
const ID_MAX = 0xffff_fffe;

/**
 * The account that `NAME[:GROUP]` means; each may be a number.
 * @throws {UsageError} for one that this system does not know, and for root
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

/** For people: `www-data (33:33)`. */
export function describeAccount({ name, uid, gid }: Account): string {
  return `${name ?? uid} (${uid}:${gid})`;
}

/** Who this process is. */
export function currentAccount(): Account {
  const { uids, gids } = currentIds();
  return { name: findUser(uids[1]!)?.name ?? null, uid: uids[1]!, gid: gids[1]! };
}

/**
 * Becomes `account`, with its groups and no others, in every thread, and makes sure that there is no way back.
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
  // Who kept a capability in spite of the change would become root again by this.
  if (!isAccount || setUserIds(0) === 0 || setGroupIds(0) === 0) {
    throw new SystemError(`${intent} for good`, "setresuid", EPERM, "it could become root again");
  }
}

/** Says which of the directories `account`, who this process is by now, cannot look into. */
export function unreachable(account: Account, roots: readonly string[]): string[] {
  const lines: string[] = [];
  for (const root of new Set(roots)) {
    const status = maySearch(root);
    if (status === 0) continue;
    const who = `User ${account.name ?? account.uid}`;
    lines.push(
      `${who} cannot look into ${root}: ${describeErrno(-status)}: let that user search the directory`,
    );
  }
  return lines;
}
