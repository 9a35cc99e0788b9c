/**
 * Directories with keys, which no site may be, contain, or be in; by whatever path, link or mount.
 * @module
 */
import { isInside, pathsOfMounts } from "../../ffi/file/mount_aliases.ts";
import { openPath, pathOf } from "../../ffi/file/path_walk.ts";
import { exists } from "../../ffi/file/private_file.ts";
import { close } from "../../ffi/socket/socket.ts";
import { UsageError } from "../../server/usage_error.ts";
import { defaultDirectory } from "../acme/settings.ts";
import { ACCOUNTS, isStore } from "../acme/store.ts";

/** Returns how a directory and a root overlap; null if they do not. A directory that is missing is looked for by those above it. */
export function overlapOf(directory: string, root: string): "is" | "is in" | "contains" | null {
  const site = realPath(root);
  for (const own of pathsOfMounts(realPath(directory))) {
    if (isInside(own, site)) return own === site ? "is" : "is in";
    if (isInside(site, own)) return "contains";
  }
  return null;
}

/** Returns the path without links, as far as there is such a file. */
export function realPath(path: string): string {
  const fd = openPath(path === "" ? "." : path);
  if (fd >= 0) {
    const real = pathOf(fd);
    close(fd);
    return real;
  }
  const slash = path.lastIndexOf("/");
  const parent = realPath(slash < 0 ? "." : path.slice(0, slash) || "/");
  return `${parent === "/" ? "" : parent}/${path.slice(slash + 1)}`;
}

/**
 * Checks that `root` does not show the keys that an earlier start with `--acme` has left: neither those of the usual
 * directory, nor those of one that it is, or is in.
 * @throws {UsageError}
 */
export function checkKeysOf(root: string): void {
  const usual = usualDirectory();
  const overlap = usual !== null && exists(`${usual}/${ACCOUNTS}`) ? overlapOf(usual, root) : null;
  if (overlap !== null) throw refusal(root, `${usual} has keys of --acme, and ${overlap} the site`);
  for (let at = realPath(root); at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    if (isStore(at)) throw refusal(root, `${at} has keys of --acme`);
  }
}

function refusal(root: string, why: string): UsageError {
  return new UsageError(`Bad root ${root}: ${why}: serve another directory, or move the keys`);
}

function usualDirectory(): string | null {
  try {
    return defaultDirectory();
  } catch (error) {
    if (error instanceof UsageError) return null;
    throw error;
  }
}
