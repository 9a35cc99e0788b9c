/**
 * The authority of `--https`: made once per user, kept in a directory of its own, which no site may contain.
 *
 * One file has key and certificate, so that they always belong together. The certificate alone is beside it, for clients
 * that are told of it by path.
 *
 * Source: XDG Base Directory Specification 0.8.
 * @module
 */
import { FileStatus } from "../../ffi/file/file_status.ts";
import { pathsOfMounts } from "../../ffi/file/mount_aliases.ts";
import { directoryOf, isBelow, openPath, pathOf } from "../../ffi/file/path_walk.ts";
import { makePrivateDirectory, writePrivateFile } from "../../ffi/file/private_file.ts";
import { readTextFile } from "../../ffi/file/text_file.ts";
import { ENOENT, ENOTDIR, SystemError } from "../../ffi/libc/errno.ts";
import { Authority } from "../../ffi/openssl/authority.ts";
import { PemError } from "../../ffi/openssl/certificate.ts";
import { makePrivateKey } from "../../ffi/openssl/private_key.ts";
import { makeCertificate, pemOf } from "../../ffi/openssl/x509.ts";
import { currentIds } from "../../ffi/process/privileges.ts";
import { environmentVariable } from "../../ffi/process/process.ts";
import { hostName } from "../../ffi/socket/interfaces.ts";
import { DirectoryLock } from "../../ffi/socket/socket_file.ts";
import { close } from "../../ffi/socket/socket.ts";
import {
  LOCAL_AUTHORITY_REST_MS,
  LOCAL_AUTHORITY_TIME_MS,
  TLS_FILE_TEXT_BYTES_MAX,
} from "../../server/tls_limits.ts";
import { UsageError } from "../../server/usage_error.ts";
import { realPath } from "./key_directories.ts";
import { permittedNames } from "./local_names.ts";

/** The file with certificate and key. */
const AUTHORITY = "authority.pem";
/** The file with the certificate alone. */
const ROOT = "root.pem";
/** How the subject of each authority begins. */
const ORGANIZATION = "epollet development authority";
/** The longest text that a part of a name may have (RFC 5280 appendix A.1). */
const NAME_PART_CHARACTERS_MAX = 64;
/** The certificates begin earlier than now, for devices whose clocks are slow. */
const CLOCK_SKEW_MS = 24 * 3600 * 1000;
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

/** An authority that was read. The caller frees it. */
export interface LocalAuthority {
  readonly authority: Authority;
  /** Its certificate as PEM text. */
  readonly root: string;
  /** The path of its certificate. */
  readonly rootPath: string;
  readonly directory: string;
  /** True if it was made now. */
  readonly isNew: boolean;
}

/** Returns the directory of the authority. @throws {UsageError} if no variable tells where it is */
export function authorityDirectory(): string {
  const [directory] = authorityDirectories();
  if (directory !== undefined) return directory;
  throw new UsageError(
    "There is no place for the local authority, since HOME is not set: set XDG_DATA_HOME to a directory of your own",
  );
}

/** Returns the directories in which this user's authorities may be; the first one is in use. */
function authorityDirectories(): string[] {
  const data = environmentVariable("XDG_DATA_HOME") ?? "";
  const home = environmentVariable("HOME") ?? "";
  const places = [data, home === "" ? "" : `${home.replace(/\/+$/, "")}/.local/share`];
  return places.filter((place) => place.startsWith("/")).map((place) =>
    `${place.replace(/\/+$/, "")}/epollet`
  );
}

/**
 * Checks that no site shows an authority's key: none of `roots` is the directory of one, in it, or above it. With
 * `isPlanned`, the directory counts although it has no authority yet.
 * @throws {UsageError}
 */
export function checkRoots(roots: readonly string[], isPlanned: boolean): void {
  for (const directory of authorityDirectories()) {
    if (!isPlanned && !hasAuthority(directory)) continue;
    const root = roots.find((root) =>
      pathsOfMounts(realPath(directory)).some((path) => areNested(root, path))
    );
    if (root === undefined) continue;
    throw new UsageError(
      `Bad root ${root}: the key of the local authority is in ${directory}, and no site may contain it: serve another directory, or move the authority (XDG_DATA_HOME)`,
    );
  }
}

function hasAuthority(directory: string): boolean {
  const fd = openPath(`${directory}/${AUTHORITY}`);
  if (fd >= 0) close(fd);
  return fd !== -ENOENT && fd !== -ENOTDIR; // one that cannot be looked at counts
}

/**
 * Returns true if one of two directories is the other one, or below it. A missing one counts as its nearest parent. A
 * root that is a file counts if it is in the directory.
 */
function areNested(root: string, directory: string): boolean {
  const file = realFile(root);
  const outer = openPath(file === null ? root : directoryOf(file));
  const inner = openNearest(directory);
  try {
    const [outerStatus, innerStatus] = [outer, inner.fd].map((fd) => {
      const status = new FileStatus();
      return fd >= 0 && status.readDescriptor(fd) === 0 ? status : null;
    });
    if (!outerStatus?.isDirectory || !innerStatus?.isDirectory) return false;
    const contains = file === null && isBelow(inner.fd, outerStatus);
    return contains || (inner.isItself && isBelow(outer, innerStatus));
  } finally {
    if (outer >= 0) close(outer);
    if (inner.fd >= 0) close(inner.fd);
  }
}

/** Returns the path without links of a root that is a file; null for another one. */
function realFile(root: string): string | null {
  const fd = openPath(root);
  if (fd < 0) return null;
  const status = new FileStatus();
  const path = status.readDescriptor(fd) === 0 && status.isFile ? pathOf(fd) : null;
  close(fd);
  return path;
}

/** Opens `path`, or the nearest directory above it that exists (O_PATH). */
function openNearest(path: string): { readonly fd: number; readonly isItself: boolean } {
  for (let at = path;; at = at.slice(0, at.lastIndexOf("/"))) {
    const fd = openPath(at === "" ? "/" : at);
    if (fd >= 0 || at === "") return { fd, isItself: at === path };
  }
}

/**
 * Reads the authority of this user. Returns null if there is none.
 * @throws {UsageError} for one that cannot be read or relied on
 */
export function openAuthority(): LocalAuthority | null {
  const directory = authorityDirectory();
  const path = `${directory}/${AUTHORITY}`;
  const text = readAuthority(path);
  if (text === null) return null;
  checkOwners(directory, path);
  const remake = `remove ${directory}, and run epollet trust for a new one`;
  let authority: Authority;
  try {
    authority = new Authority(text);
  } catch (error) {
    if (error instanceof PemError) throw new UsageError(`${path} ${error.message}; or ${remake}`);
    if (error instanceof TypeError) {
      throw new UsageError(`${path} cannot be used (${error.message}): ${remake}`);
    }
    throw error;
  }
  if (authority.facts.notBeforeMs > Date.now()) {
    authority.free();
    throw new UsageError(`${path} is not valid yet: is this machine's clock right?`);
  }
  const root = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n?/.exec(text)![0];
  return { authority, root, rootPath: `${directory}/${ROOT}`, directory, isNew: false };
}

function readAuthority(path: string): string | null {
  try {
    return readTextFile(path, TLS_FILE_TEXT_BYTES_MAX);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (error.errno === ENOENT) return null;
    throw new UsageError(
      `The local authority cannot be used: ${error.message}: set XDG_DATA_HOME to a directory of your own`,
    );
  }
}

/** Checks that no other user can have read the key, or put another authority there. @throws {UsageError} */
function checkOwners(directory: string, path: string): void {
  const user = currentIds().uids[1]!;
  for (const [name, forbidden] of [[directory, OTHERS_WRITE], [path, OTHERS]] as const) {
    const status = statusOf(name);
    if (status === null) continue;
    if (status.owner !== user && user !== 0) {
      throw new UsageError(`${name} belongs to another user: set XDG_DATA_HOME to a directory of your own`);
    }
    if ((status.permissions & forbidden) === 0) continue;
    const what = name === path ? "read the key in" : "write to";
    const mode = name === path ? "600" : "700";
    throw new UsageError(
      `Other users may ${what} ${name}: run chmod ${mode} ${name}; if others may have done so, remove ${directory}, and run epollet trust for a new authority`,
    );
  }
}

function statusOf(path: string): FileStatus | null {
  const fd = openPath(path);
  if (fd < 0) return null;
  const status = new FileStatus();
  const result = status.readDescriptor(fd);
  close(fd);
  return result === 0 ? status : null;
}

/**
 * Reads the authority of this user, or makes it if there is none, or if it ends soon. `roots` are the sites, none of which
 * may contain it.
 * @throws {UsageError} when it cannot be made, or be relied on
 */
export function ensureAuthority(roots: readonly string[]): LocalAuthority {
  checkRoots(roots, true);
  const found = openAuthority();
  if (found !== null && !endsSoon(found)) return withRootFile(found);
  found?.authority.free();
  const directory = authorityDirectory();
  checkPlace(directory);
  try {
    makePrivateDirectory(directory);
    using _ = new DirectoryLock(`${directory}/${AUTHORITY}`); // of two programs that start now, one makes it
    const other = openAuthority();
    if (other !== null && !endsSoon(other)) return other;
    other?.authority.free();
    const { pem, root } = makeAuthority();
    writePrivateFile(directory, AUTHORITY, pem);
    writePrivateFile(directory, ROOT, root);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new UsageError(
      `${error.message}: the local authority needs a place, which XDG_DATA_HOME names; a certificate of your own is named by --tls-cert FILE`,
    );
  }
  return { ...openAuthority()!, isNew: true };
}

function endsSoon({ authority }: LocalAuthority): boolean {
  return authority.facts.notAfterMs - Date.now() < LOCAL_AUTHORITY_REST_MS;
}

/** Writes the file with the certificate alone again if it is missing, or of another authority. */
function withRootFile(local: LocalAuthority): LocalAuthority {
  const { directory, root, rootPath } = local;
  try {
    if (readAuthority(rootPath) !== root) writePrivateFile(directory, ROOT, root);
  } catch { // the directory is read-only, which does not keep the authority from signing
  }
  return local;
}

/** Root does not make files in the home of another user, who could not use them afterwards. @throws {UsageError} */
function checkPlace(directory: string): void {
  const { fd } = openNearest(directory);
  const status = new FileStatus();
  const isKnown = fd >= 0 && status.readDescriptor(fd) === 0;
  if (fd >= 0) close(fd);
  if (!isKnown || currentIds().uids[1] !== 0 || status.owner === 0) return;
  throw new UsageError(
    `${directory} would be in a directory of another user: run epollet trust as that user first, or set XDG_DATA_HOME`,
  );
}

/** Makes an authority; `pem` has its certificate and its key. */
function makeAuthority(): { readonly pem: string; readonly root: string } {
  const key = makePrivateKey();
  try {
    const nowMs = Date.now();
    const name = hostName().slice(0, NAME_PART_CHARACTERS_MAX);
    const root = pemOf(
      "CERTIFICATE",
      makeCertificate({
        key,
        subject: { organization: ORGANIZATION, ...(name === "" ? {} : { organizationalUnit: name }) },
        notBeforeMs: nowMs - CLOCK_SKEW_MS,
        notAfterMs: nowMs + LOCAL_AUTHORITY_TIME_MS,
        authority: { pathLength: 0 },
        keyUsage: ["keyCertSign", "cRLSign"],
        extendedKeyUsage: ["serverAuth"],
        ...permittedNames(),
      }),
    );
    return { pem: root + key.pem(), root };
  } finally {
    key.free();
  }
}
