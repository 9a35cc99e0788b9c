/**
 * Copies the tree of a site. A file that the release before has, too, gets a second name instead of a copy: nothing
 * writes to a release, so that is safe. The tree that is copied gets none, since the next build may write to it.
 * @module
 */
import { EIO, SystemError } from "../../ffi/libc/errno.ts";
import { FileStatus } from "../../ffi/file/file_status.ts";
import type { FileName } from "../../ffi/file/inotify.ts";
import { readLink } from "../../ffi/file/path_walk.ts";
import { type Folder, haveSameBytes } from "../../ffi/file/tree_files.ts";
import { close } from "../../ffi/socket/socket.ts";
import { UsageError } from "../../server/usage_error.ts";

const DIRECTORY_MODE = 0o755;

/** What was put into a release. */
export interface Copied {
  files: number;
  bytes: number;
  /** Files that are the same as in the release before. */
  linked: number;
}

/** Copies from `source` into `target`. `previous` is the same directory of the release before; null without one. */
export function copyTree(source: Folder, target: Folder, previous: Folder | null): Copied {
  const copied: Copied = { files: 0, bytes: 0, linked: 0 };
  copyInto(source, target, previous, [], copied);
  return copied;
}

function copyInto(
  source: Folder,
  target: Folder,
  previous: Folder | null,
  above: readonly FileName[],
  copied: Copied,
): void {
  for (const name of source.names()) {
    const status = source.statusOf(name);
    if (status === null) throw changed(source.pathOf(name));
    if (status.isDirectory) {
      using from = source.enter(name);
      using to = target.make(name, DIRECTORY_MODE);
      using before = previous?.tryEnter(name) ?? null;
      copyInto(from, to, before, [...above, name], copied);
    } else if (status.isLink) {
      const link = readLink(source.fd, name);
      if (link === null) throw changed(source.pathOf(name));
      if (!staysInside(above, link)) {
        throw new UsageError(
          `${
            source.pathOf(name)
          } is a link that leads out of the tree: put the file itself there, or a relative link inside`,
        );
      }
      target.symlink(link, name);
    } else if (status.isFile) {
      copyFile(source, name, target, previous, copied);
    } else {
      throw new UsageError(
        `${source.pathOf(name)} is neither a file nor a directory: remove it from the tree`,
      );
    }
  }
}

function copyFile(
  source: Folder,
  name: FileName,
  target: Folder,
  previous: Folder | null,
  copied: Copied,
): void {
  const fd = source.openFile(name);
  try {
    const status = new FileStatus();
    if (status.readDescriptor(fd) < 0 || !status.isFile) throw changed(source.pathOf(name));
    if (previous !== null && isSame(fd, status, previous, name) && target.link(previous, name, name) === 0) {
      copied.linked++;
    } else {
      target.copy(fd, name, status);
    }
    const after = new FileStatus();
    if (after.readDescriptor(fd) < 0 || !after.equals(status)) throw changed(source.pathOf(name));
    if (target.statusOf(name)?.size !== status.size) throw changed(source.pathOf(name));
    copied.files++;
    copied.bytes += status.size;
  } finally {
    close(fd);
  }
}

/** Returns true if the release before has the same file, with the same permissions and the same bytes. */
function isSame(fd: number, status: FileStatus, previous: Folder, name: FileName): boolean {
  const before = previous.statusOf(name);
  const isLike = before?.isFile && before.size === status.size &&
    before.permissions === (status.permissions & 0o777);
  if (!isLike) return false;
  const old = previous.openFile(name);
  try {
    return haveSameBytes(fd, old, status.size);
  } finally {
    close(old);
  }
}

/** Returns true if a link in the directory of the names `above` leads inside of the tree by its text alone. */
function staysInside(above: readonly FileName[], target: FileName): boolean {
  if (target.startsWith("/")) return false;
  let depth = above.length;
  for (const part of target.split("/")) {
    if (part === "..") depth--;
    else if (part !== "" && part !== ".") depth++;
    if (depth < 0) return false;
  }
  return true;
}

function changed(path: string): SystemError {
  return new SystemError(
    `copy ${path}`,
    "read",
    EIO,
    "it was written to meanwhile: deploy when the build has ended",
  );
}
