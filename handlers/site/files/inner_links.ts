/**
 * Symbolic links that end inside of the root although openat2(2) with RESOLVE_BENEATH refuses them: absolute links, and
 * links that climb above the root and come back.
 *
 * The path without links is computed from the targets of links inside of the root and from the root's own path. Nothing
 * outside of the root is looked at. The kernel then opens that path without following links, so a wrong result, for
 * example after a change meanwhile, cannot lead out of the root.
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

/** The descriptor of a root, and its absolute paths. */
export interface RootLocation {
  readonly fd: number;
  /** The names in the path that the kernel reports, which has no links; null when it is not known. */
  readonly real: readonly FileName[] | null;
  /** The names in the path from the settings, which may have links; null when it is not known. */
  readonly named: readonly FileName[] | null;
}

/**
 * A marker after the last part of the target of a link that the path itself names (not one inside of another target).
 */
const END_OF_LINK = "";
const status = new FileStatus();

/**
 * Returns the path without links, below the root, to which `path` leads; −errno when there is none, −EXDEV when it
 * leads out of the root. A link that the path names has to end inside of the root by itself. Otherwise clients could
 * find out the names of directories outside: with a link to `..`, the path `link/NAME/…` would lead back only for the
 * right NAME.
 */
export function pathInside({ fd, real, named }: RootLocation, path: PathBytes): PathBytes | number {
  if (real === null) return -EXDEV;
  const left = partsOf(textOf(path.subarray(0, path.indexOf(0)))).reverse();
  let at: FileName[] = [];
  /** How many names of `real` the current position has. When it has all of them, `at` is the path from the root on. */
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

/**
 * Returns the target of the link at `names`; null when it is not a link; −errno. `isParent` is true when more names
 * follow: anything but a directory is −ENOTDIR then.
 */
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

/**
 * Returns the parts of a path. A slash at the end becomes a last part `.`, since the path then has to be a directory.
 */
export function partsOf(path: FileName): FileName[] {
  const parts = path.split("/");
  return parts.flatMap((part, i) => part !== "" ? [part] : i === parts.length - 1 && i > 0 ? ["."] : []);
}
