/**
 * The way that a path takes: which directories decide where it leads.
 *
 * Source: path_resolution(7), readlinkat(2).
 * @module
 */
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_PATH } from "../libc/constants.ts";
import { ELOOP, orThrow, SystemError } from "../libc/errno.ts";
import { FileStatus } from "./file_status.ts";
import { cName, type FileName } from "./inotify.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";

/** path_resolution(7): the kernel follows no more. */
export const LINKS_MAX = 40;
/** PATH_MAX. */
const TARGET_BYTES_MAX = 4096;
/** Stands behind the last name of what a link leads to. */
const END_OF_TARGET: FileName = "";

/** Open directories (O_PATH), which the caller closes. */
export interface Way {
  /** What the path leads to. */
  readonly end: number;
  /**
   * Where something else can be put in its place: the directories that hold a symbolic link on the way, and those
   * that hold what such a link, or the path itself, leads to. Some may be there twice.
   */
  readonly holders: readonly number[];
}

/**
 * Walks to the directory `path`.
 * @throws {SystemError} `Cannot follow ./html: ENOENT (…)`
 */
export function walk(path: string): Way {
  loadLibc();
  const intent = `follow ${path}`;
  const holders: number[] = [];
  const tryOpen = (directory: number, name: FileName) =>
    result(libc.openat(directory, cName(name), O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
  const open = (directory: number, name: FileName) => orThrow(tryOpen(directory, name), intent, "openat");
  const addParent = (directory: number) => {
    const parent = tryOpen(directory, "..");
    if (parent >= 0) holders.push(parent); // a directory that may not be searched does not tell
  };
  const names = split(textOf(new TextEncoder().encode(path)));
  let at = open(AT_FDCWD, path.startsWith("/") ? "/" : ".");
  try {
    for (let links = 0; names.length > 0;) {
      const name = names.pop()!;
      if (name === END_OF_TARGET) {
        addParent(at);
        continue;
      }
      const target = readLink(at, name);
      if (target === null) {
        const next = open(at, name);
        libc.close(at);
        at = next;
        continue;
      }
      if (++links > LINKS_MAX) throw new SystemError(intent, "readlinkat", ELOOP);
      names.push(END_OF_TARGET, ...split(target));
      const next = open(at, target.startsWith("/") ? "/" : ".");
      holders.push(at);
      at = next;
    }
    addParent(at);
    return { end: at, holders };
  } catch (error) {
    for (const fd of [at, ...holders]) libc.close(fd);
    throw error;
  }
}

/** As deep as a path of one call can be: each name takes a byte, and its slash another. */
const DEPTH_MAX = TARGET_BYTES_MAX / 2;

/**
 * True when the open directory `directory` is the working directory or below it, wherever the path that it was opened by
 * has led. What is open is looked at, and no path, so that nothing can be put in its place afterwards.
 */
export function isInWorkingDirectory(directory: number): boolean {
  loadLibc();
  const top = new FileStatus();
  const status = new FileStatus();
  const parent = new FileStatus();
  if (top.read(AT_FDCWD, cString(".")) < 0 || status.readDescriptor(directory) < 0) return false;
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

/** True when `path` is a directory outside of the working directory; false also where there is none. */
export function leadsOutOfWorkingDirectory(path: string): boolean {
  loadLibc();
  const directory = result(libc.openat(AT_FDCWD, cString(path), O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
  if (directory < 0) return false;
  try {
    return !isInWorkingDirectory(directory);
  } finally {
    libc.close(directory);
  }
}

/** Opens `path` only to name it (O_PATH): descriptor or −errno. */
export function openPath(path: string): number {
  loadLibc();
  return result(libc.openat(AT_FDCWD, cString(path), O_PATH | O_CLOEXEC, 0));
}

/** What the link `name` says, or the one that is open (O_PATH) itself where that is empty; null for what is no link. */
export function readLink(directory: number, name: FileName): FileName | null {
  const buffer = new Uint8Array(TARGET_BYTES_MAX);
  const length = result(libc.readlinkat(directory, cName(name), buffer, buffer.length));
  return length < 0 ? null : textOf(buffer.subarray(0, length));
}

/** A character for each byte. */
export function textOf(bytes: Uint8Array): FileName {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The names in a path, the last of them first. */
function split(path: FileName): FileName[] {
  return path.split("/").filter((name) => name !== "" && name !== ".").reverse();
}

/** The path of what is open, a character for each byte; null where /proc does not know it. */
export function namedPathOf(fd: number): FileName | null {
  return readLink(AT_FDCWD, `/proc/self/fd/${fd}`);
}

/** The path of the working directory likewise. */
export function workingDirectory(): FileName | null {
  loadLibc();
  return readLink(AT_FDCWD, "/proc/self/cwd");
}

/** The path of what is open, as far as /proc knows it. */
export function pathOf(fd: number): string {
  loadLibc();
  const buffer = new Uint8Array(TARGET_BYTES_MAX);
  const length = result(libc.readlinkat(AT_FDCWD, cString(`/proc/self/fd/${fd}`), buffer, buffer.length));
  return length < 0 ? `descriptor ${fd}` : new TextDecoder().decode(buffer.subarray(0, length));
}
