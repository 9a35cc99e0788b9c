/**
 * The resolution of a path: which directories decide where it leads.
 *
 * Source: path_resolution(7), readlinkat(2).
 * @module
 */
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH } from "../libc/constants.ts";
import { ELOOP, ENOTDIR, orThrow, SystemError } from "../libc/errno.ts";
import { FileStatus } from "./file_status.ts";
import { cName, type FileName } from "./inotify.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";

/** The greatest number of symbolic links in one path resolution, as in the kernel (path_resolution(7)). */
export const LINKS_MAX = 40;
/** PATH_MAX. */
const TARGET_BYTES_MAX = 4096;
/** A marker behind the last component of a link's target. */
const END_OF_TARGET: FileName = "";

/** The result of {@linkcode walk}. The caller closes its descriptors (O_PATH). */
export interface Way {
  /** What the path leads to: a directory, or a file. */
  readonly end: number;
  /**
   * The directories in which a component can be replaced: those that contain a symbolic link on the way, and the
   * parents of the targets of those links and of the path itself. Of a file, these have the file. A directory may occur
   * twice.
   */
  readonly holders: readonly number[];
  /** By holder, the name in it that is on the way; empty if it is not known. */
  readonly names: readonly FileName[];
}

/**
 * Resolves `path`, a directory or a file, one component at a time.
 * @throws {SystemError} `Cannot follow ./html: ENOENT (…)`
 */
export function walk(path: string): Way {
  loadLibc();
  const intent = `follow ${path}`;
  const holders: number[] = [];
  const names: FileName[] = [];
  const tryOpen = (directory: number, name: FileName) =>
    result(libc.openat(directory, cName(name), O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
  const open = (directory: number, name: FileName) => orThrow(tryOpen(directory, name), intent, "openat");
  const addParent = (directory: number) => {
    const parent = tryOpen(directory, "..");
    if (parent < 0) return; // a directory without search permission
    const path = namedPathOf(directory) ?? "";
    holders.push(parent);
    names.push(path.slice(path.lastIndexOf("/") + 1));
  };
  const left = split(textOf(new TextEncoder().encode(path)));
  let at = open(AT_FDCWD, path.startsWith("/") ? "/" : ".");
  try {
    for (let links = 0; left.length > 0;) {
      const name = left.pop()!;
      if (name === END_OF_TARGET) {
        addParent(at);
        continue;
      }
      const target = readLink(at, name);
      if (target === null) {
        const next = tryOpen(at, name);
        if (next === -ENOTDIR && left.every((name) => name === END_OF_TARGET)) {
          const end = orThrow(openAt(at, name), intent, "openat");
          return { end, holders: [...holders, at], names: [...names, name] };
        }
        orThrow(next, intent, "openat");
        libc.close(at);
        at = next;
        continue;
      }
      if (++links > LINKS_MAX) throw new SystemError(intent, "readlinkat", ELOOP);
      left.push(END_OF_TARGET, ...split(target));
      const next = open(at, target.startsWith("/") ? "/" : ".");
      holders.push(at);
      names.push(name);
      at = next;
    }
    addParent(at);
    return { end: at, holders, names };
  } catch (error) {
    for (const fd of [at, ...holders]) libc.close(fd);
    throw error;
  }
}

/** The greatest depth of a path: each name takes at least one byte, and its slash another. */
const DEPTH_MAX = TARGET_BYTES_MAX / 2;

/** Returns true if the open `directory` is the working directory or below it. */
export function isInWorkingDirectory(directory: number): boolean {
  loadLibc();
  const top = new FileStatus();
  return top.read(AT_FDCWD, cString(".")) === 0 && isBelow(directory, top);
}

/**
 * Returns true if the open `directory` is the one of `top` or below it. The check follows `..` from the descriptor and
 * resolves no path, so the result cannot be changed by replacing a component afterwards.
 */
export function isBelow(directory: number, top: FileStatus): boolean {
  const status = new FileStatus();
  const parent = new FileStatus();
  if (status.readDescriptor(directory) < 0) return false;
  let at = directory;
  try {
    for (let depth = 0; depth < DEPTH_MAX; depth++) {
      if (status.isSameFile(top)) return true;
      const above = result(libc.openat(at, cString(".."), O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
      if (above < 0) return false;
      if (at !== directory) libc.close(at);
      at = above;
      if (parent.readDescriptor(at) < 0 || parent.isSameFile(status)) return false; // the root is its own parent
      status.copyFrom(parent);
    }
    return false;
  } finally {
    if (at !== directory) libc.close(at);
  }
}

/**
 * Returns true if `path` is a directory outside of the working directory, or a file in one. False if there is neither.
 */
export function leadsOutOfWorkingDirectory(path: string): boolean {
  loadLibc();
  const open = (path: string) =>
    result(libc.openat(AT_FDCWD, cString(path), O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
  let directory = open(path);
  if (directory === -ENOTDIR) directory = open(directoryOf(path));
  if (directory < 0) return false;
  try {
    return !isInWorkingDirectory(directory);
  } finally {
    libc.close(directory);
  }
}

/** Returns the directory that contains `path`, as written. */
export function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : path.slice(0, slash + 1);
}

/** Opens `path` with O_PATH. Returns a descriptor, or −errno. */
export function openPath(path: string): number {
  loadLibc();
  return result(libc.openat(AT_FDCWD, cString(path), O_PATH | O_CLOEXEC, 0));
}

function openAt(directory: number, name: FileName): number {
  return result(libc.openat(directory, cName(name), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
}

/** Does the same as {@linkcode openPath}, but opens a symbolic link itself. */
export function openLink(path: string): number {
  loadLibc();
  return result(libc.openat(AT_FDCWD, cString(path), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
}

/**
 * Returns the target of the symbolic link `name` in `directory`. With an empty `name`, `directory` is the open link
 * itself (O_PATH). Returns null if it is not a link, or cannot be read.
 */
export function readLink(directory: number, name: FileName): FileName | null {
  const buffer = new Uint8Array(TARGET_BYTES_MAX);
  const length = result(libc.readlinkat(directory, cName(name), buffer, buffer.length));
  return length < 0 ? null : textOf(buffer.subarray(0, length));
}

/** Returns one character for each byte. */
export function textOf(bytes: Uint8Array): FileName {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Returns the components of a path in reverse order. */
function split(path: FileName): FileName[] {
  return path.split("/").filter((name) => name !== "" && name !== ".").reverse();
}

/** Returns the path of an open file, one character per byte. Null if /proc cannot be read. */
export function namedPathOf(fd: number): FileName | null {
  return readLink(AT_FDCWD, `/proc/self/fd/${fd}`);
}

/** Returns the path of the working directory, one character per byte. Null if /proc cannot be read. */
export function workingDirectory(): FileName | null {
  loadLibc();
  return readLink(AT_FDCWD, "/proc/self/cwd");
}

/** Returns the path of an open file for messages; `descriptor 7` if /proc cannot be read. */
export function pathOf(fd: number): string {
  loadLibc();
  const buffer = new Uint8Array(TARGET_BYTES_MAX);
  const length = result(libc.readlinkat(AT_FDCWD, cString(`/proc/self/fd/${fd}`), buffer, buffer.length));
  return length < 0 ? `descriptor ${fd}` : new TextDecoder().decode(buffer.subarray(0, length));
}
