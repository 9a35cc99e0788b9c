/**
 * The names of files that may be kept.
 * @module
 */
import { ENOENT, ENOTDIR } from "../../../ffi/libc/errno.ts";
import type { PathBytes } from "../../../ffi/file/file.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import type { Found } from "../files/root.ts";
import { hasContentHash } from "../rules/fingerprint.ts";
import { SIBLING_SUFFIXES } from "../watch/watched_name.ts";

/** Returns true for the path of a file with a hash in its name, and of a compressed form of one. */
export function isHashed(path: FileName): boolean {
  const suffix = SIBLING_SUFFIXES.find((suffix) => path.endsWith(suffix)) ?? "";
  return hasContentHash(`/${path.slice(0, path.length - suffix.length)}`);
}

/** True when nothing is there. */
export function isMissing(found: Found): boolean {
  return found === -ENOENT || found === -ENOTDIR;
}

/** Returns a path with a character for each byte, without its NUL. */
export function nameOf(path: PathBytes): FileName {
  let name = "";
  for (let i = 0; i < path.length - 1; i++) name += String.fromCharCode(path[i]!);
  return name;
}

/** Returns the bytes of such a path, with a NUL. */
export function pathBytesOf(name: FileName): PathBytes {
  const bytes = new Uint8Array(name.length + 1);
  for (let i = 0; i < name.length; i++) bytes[i] = name.charCodeAt(i);
  return bytes;
}
