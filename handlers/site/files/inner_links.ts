/**
 * Symbolic links that end inside of the root, and which the kernel takes for ways out of it: absolute ones, and those
 * that climb above the root and come back.
 *
 * Where a path leads is computed of what the links inside of the root say, and of where the root is; nothing outside is
 * looked at. What comes out is a path without any link, by which the kernel opens: it is not trusted, and what changes
 * meanwhile leads nowhere.
 *
 * Source: path_resolution(7), openat2(2).
 * @module
 */
import { ELOOP, ENOTDIR, EXDEV } from "../../../ffi/libc/errno.ts";
import { openLinkBeneath, type PathBytes } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import { cName, type FileName } from "../../../ffi/file/inotify.ts";
import { LINKS_MAX, readLink, textOf } from "../../../ffi/file/path_walk.ts";
import { close } from "../../../ffi/socket/socket.ts";

/** A directory, and the names by which it is reached from `/`. */
export interface RootLocation {
  readonly fd: number;
  /** By the kernel, without links; null: it is not known. */
  readonly real: readonly FileName[] | null;
  /** By the settings, maybe through links; null: it is not known. */
  readonly named: readonly FileName[] | null;
}

/** Stands behind the last part of what a link says that the path itself names. */
const END_OF_LINK = "";
const status = new FileStatus();

/**
 * The path without links, below the root, to which `path` leads; −errno: −EXDEV where that is not inside. A link that the
 * path names has to end inside by itself: names behind one that does not, which clients choose, do not lead back, or
 * they would tell what the directories outside are called.
 */
export function pathInside({ fd, real, named }: RootLocation, path: PathBytes): PathBytes | number {
  if (real === null) return -EXDEV;
  const left = partsOf(textOf(path.subarray(0, path.indexOf(0)))).reverse();
  let at: FileName[] = [];
  /** How many of the names of `real` lead to where it is; all: to the root, and by `at` on from there. */
  let depth = real.length;
  let isInLink = false;
  for (let links = 0; left.length > 0;) {
    const part = left.pop()!;
    if (part === ".") continue;
    if (part === END_OF_LINK) {
      if (depth < real.length) return -EXDEV;
      isInLink = false;
      continue;
    }
    if (part === "..") {
      if (at.length > 0) at.pop();
      else depth = Math.max(depth - 1, 0);
      continue;
    }
    if (depth < real.length) {
      if (part !== real[depth]) return -EXDEV;
      depth++;
      continue;
    }
    at.push(part);
    const target = readLinkAt(fd, at, left.some((part) => part !== END_OF_LINK));
    if (typeof target === "number") return target;
    if (target === null) continue;
    if (++links > LINKS_MAX) return -ELOOP;
    at.pop();
    if (!isInLink) left.push(END_OF_LINK);
    isInLink = true;
    const parts = partsOf(target);
    if (target.startsWith("/")) {
      const isNamed = named !== null && named.every((name, i) => parts[i] === name);
      if (isNamed) parts.splice(0, named.length);
      at = [];
      depth = isNamed ? real.length : 0;
    }
    left.push(...parts.reverse());
  }
  return pathOf(at);
}

/** What the link at `names` says; null where there is none, but what may have `isParent` more below it; −errno. */
function readLinkAt(root: number, names: readonly FileName[], isParent: boolean): FileName | null | number {
  const fd = openLinkBeneath(root, pathOf(names));
  if (fd < 0) return fd;
  try {
    const target = readLink(fd, "");
    if (target !== null || !isParent) return target;
    const failed = status.readDescriptor(fd);
    if (failed < 0) return failed;
    return status.isDirectory ? null : -ENOTDIR;
  } finally {
    close(fd);
  }
}

function pathOf(names: readonly FileName[]): PathBytes {
  return cName([".", ...names].join("/"));
}

/** The parts of a path; one that ends with a slash is a directory's, as if it ended with a dot. */
export function partsOf(path: FileName): FileName[] {
  const parts = path.split("/");
  return parts.flatMap((part, i) => part !== "" ? [part] : i === parts.length - 1 && i > 0 ? ["."] : []);
}
