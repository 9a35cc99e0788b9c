/**
 * The identity and capabilities of this process, and how it gives them up.
 *
 * glibc's setresuid and the other set… functions change every thread of the process (nptl(7)). prctl changes the
 * calling thread, and threads that it starts afterwards.
 *
 * Source: getpwnam(3), getgrnam(3), initgroups(3), setresuid(2), prctl(2), capget(2), capabilities(7).
 * @module
 */
import {
  _LINUX_CAPABILITY_VERSION_3,
  AT_FDCWD,
  CAP_NET_BIND_SERVICE,
  PR_CAP_AMBIENT,
  PR_CAP_AMBIENT_IS_SET,
  PR_CAP_AMBIENT_LOWER,
  PR_CAP_AMBIENT_RAISE,
  PR_SET_DUMPABLE,
  PR_SET_NO_NEW_PRIVS,
  R_OK,
  X_OK,
} from "../libc/constants.ts";
import { orThrow } from "../libc/errno.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { GROUP, PASSWD } from "../libc/structs.ts";

/** A user of the system. */
export interface Account {
  /** The user's name; null for an id without a name. */
  readonly name: string | null;
  readonly uid: number;
  readonly gid: number;
}

/** Returns the user with this name or id; null if there is none. */
export function findUser(user: string | number): Account | null {
  loadLibc();
  const entry = typeof user === "string" ? libc.getpwnam(cString(user)) : libc.getpwuid(user);
  if (entry === null) return null;
  const view = new Deno.UnsafePointerView(entry);
  const name = view.getPointer(PASSWD.name);
  return {
    name: name === null ? null : Deno.UnsafePointerView.getCString(name),
    uid: view.getUint32(PASSWD.uid),
    gid: view.getUint32(PASSWD.gid),
  };
}

/** Returns the id of the group with this name; null if there is none. */
export function findGroup(name: string): number | null {
  loadLibc();
  const entry = libc.getgrnam(cString(name));
  return entry === null ? null : new Deno.UnsafePointerView(entry).getUint32(GROUP.gid);
}

/** Returns the real, effective and saved ids of this process. */
export function currentIds(): { readonly uids: readonly number[]; readonly gids: readonly number[] } {
  loadLibc();
  return { uids: threeIds(libc.getresuid), gids: threeIds(libc.getresgid) };
}

type Ids = Uint8Array<ArrayBuffer>;

function threeIds(call: (real: Ids, effective: Ids, saved: Ids) => number): number[] {
  const ids = [0, 1, 2].map(() => new Uint32Array(1));
  const [real, effective, saved] = ids.map(({ buffer }) => new Uint8Array(buffer));
  orThrow(result(call(real!, effective!, saved!)), "find out who this process is", "getresuid");
  return ids.map(([id]) => id!);
}

/** Sets the supplementary groups to those of `account`: 0 or −errno. */
export function setGroups({ name, gid }: Account): number {
  loadLibc();
  if (name !== null) return result(libc.initgroups(cString(name), gid));
  return result(libc.setgroups(1, new Uint8Array(Uint32Array.of(gid).buffer)));
}

/** Sets the real, effective and saved group id: 0 or −errno. */
export function setGroupIds(gid: number): number {
  loadLibc();
  return result(libc.setresgid(gid, gid, gid));
}

/** Sets the real, effective and saved user id: 0 or −errno. */
export function setUserIds(uid: number): number {
  loadLibc();
  return result(libc.setresuid(uid, uid, uid));
}

/**
 * Makes the kernel write no core dump of this process, and lets no other process of its user read its memory: it has
 * private keys in it. To be called after the user was changed, which would undo it.
 */
export function forbidCoreDumps(): void {
  loadLibc();
  libc.prctl(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n);
}

/**
 * Sets no_new_privs: programs that are executed from now on gain no rights by set-user-ID bits or file capabilities. It
 * cannot be undone.
 * @throws {SystemError} before Linux 3.5
 */
export function setNoNewPrivileges(): void {
  loadLibc();
  orThrow(result(libc.prctl(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n)), "set no_new_privs", "prctl");
}

/** struct __user_cap_header_struct: the version, and the thread; 0 is the calling thread. */
const CAPABILITIES_HEADER = Uint32Array.of(_LINUX_CAPABILITY_VERSION_3, 0);
/** struct __user_cap_data_struct, twice: the effective, permitted and inheritable sets, of 32 capabilities each. */
const CAPABILITIES_WORDS = 6;

/**
 * Gives up CAP_NET_BIND_SERVICE for this thread, and for threads and programs that it starts afterwards. Returns 0 also
 * if the thread did not have it. −errno if a filter of system calls refuses capget(2) or capset(2); the capability
 * remains then.
 */
export function giveUpLowPorts(): number {
  loadLibc();
  const header = new Uint8Array(CAPABILITIES_HEADER.slice().buffer);
  const words = new Uint32Array(CAPABILITIES_WORDS);
  const data = new Uint8Array(words.buffer);
  const status = result(libc.capget(header, data));
  if (status < 0) return status;
  const bit = 1 << CAP_NET_BIND_SERVICE;
  if (words.subarray(0, 3).every((set) => (set & bit) === 0)) return 0;
  for (let set = 0; set < 3; set++) words[set]! &= ~bit;
  return result(libc.capset(header, data));
}

/**
 * Calls `work`, which starts a program, with CAP_NET_BIND_SERVICE removed from the ambient set. A program that is not
 * started by root inherits capabilities only through that set (capabilities(7)).
 * @throws {SystemError} if the kernel refuses to change the ambient set
 */
export function withoutLowPorts<T>(work: () => T): T {
  loadLibc();
  const ambient = (option: number) =>
    result(libc.prctl(PR_CAP_AMBIENT, BigInt(option), BigInt(CAP_NET_BIND_SERVICE), 0n, 0n));
  if (ambient(PR_CAP_AMBIENT_IS_SET) !== 1) return work();
  orThrow(ambient(PR_CAP_AMBIENT_LOWER), "lower CAP_NET_BIND_SERVICE", "prctl");
  try {
    return work();
  } finally {
    orThrow(ambient(PR_CAP_AMBIENT_RAISE), "raise CAP_NET_BIND_SERVICE", "prctl"); // it was ambient before
  }
}

/** Checks whether the real user and group ids have search permission for the directory at `path`: 0 or −errno. */
export function maySearch(path: string): number {
  loadLibc();
  return result(libc.faccessat(AT_FDCWD, cString(path), X_OK, 0));
}

/** Checks whether the real user and group ids may read the file at `path`: 0 or −errno. */
export function mayRead(path: string): number {
  loadLibc();
  return result(libc.faccessat(AT_FDCWD, cString(path), R_OK, 0));
}
