/**
 * The files that a value of `--tls-cert` stands for. A value that ends with a slash is a directory: its files have the names
 * that they have in a TLS secret of Kubernetes, and there may be none yet.
 * @module
 */
import { listNames } from "../../ffi/file/directory.ts";
import { openBeneath, openDirectory } from "../../ffi/file/file.ts";
import { openPath } from "../../ffi/file/path_walk.ts";
import { ENOENT, SystemError } from "../../ffi/libc/errno.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import { printable, UsageError } from "../../server/usage_error.ts";

const CERTIFICATE = "tls.crt";
const KEY = "tls.key";
const EXPECTED = `--tls-cert takes a file, or a directory that has ${CERTIFICATE} and ${KEY}, or is empty`;
/** More names than a directory of certificates has. */
const NAMES_MAX = 1000;

/** Returns the files of `value`. `key` is null if the settings name the key by itself, or it is in the same file. */
export function certificateFiles(value: string): { readonly cert: string; readonly key: string | null } {
  return isDirectory(value) ? { cert: value + CERTIFICATE, key: value + KEY } : { cert: value, key: null };
}

/**
 * Returns `values` without the directories that are empty.
 * @throws {UsageError} for a directory that is missing, and for one that has other files
 */
export function withoutEmptyDirectories(values: readonly string[]): string[] {
  return values.filter((value) => !isDirectory(value) || hasCertificate(value));
}

function isDirectory(value: string): boolean {
  return value.endsWith("/");
}

/** False for a directory without files. One that cannot be looked into counts as one with a certificate, so that reading it reports why. */
function hasCertificate(directory: string): boolean {
  const fd = openPath(directory + CERTIFICATE);
  if (fd >= 0) close(fd);
  if (fd !== -ENOENT) return true;
  const names = namesIn(directory);
  if (names.length === 0) return false;
  throw new UsageError(`${directory} has no ${CERTIFICATE}, but ${printable(names[0]!)}: ${EXPECTED}`);
}

/** Returns the names in `directory` that do not begin with a dot; none if it cannot be read. @throws {UsageError} if it is missing */
function namesIn(directory: string): string[] {
  try {
    const root = openDirectory(directory);
    const fd = openBeneath(root, cString("."));
    close(root);
    if (fd < 0) return [];
    const names = listNames(fd, NAMES_MAX) ?? [];
    close(fd);
    return [...names].filter((name) => !name.startsWith(".")).sort();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new UsageError(`There is no directory ${directory}: ${EXPECTED}`);
  }
}
