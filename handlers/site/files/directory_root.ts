/**
 * The directory that a site serves. Paths are opened below it, and the kernel makes sure that none leads out of it.
 * @module
 */
import { type EntryKind, EntryStatus, readEntries } from "../../../ffi/file/directory.ts";
import * as E from "../../../ffi/libc/errno.ts";
import {
  hasOpenat2,
  openBeneath,
  openBeneathByWalking,
  openBeneathWithoutLinks,
  openDirectory,
  openPathBeneath,
  openPathBeneathByWalking,
  openPathBeneathWithoutLinks,
  type PathBytes,
  readsAsPermitted,
} from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { cString } from "../../../ffi/libc/libc.ts";
import {
  isInWorkingDirectory,
  namedPathOf,
  pathOf,
  textOf,
  workingDirectory,
} from "../../../ffi/file/path_walk.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { printable } from "../../../server/usage_error.ts";
import { partsOf, pathInside } from "./inner_links.ts";
import { ListedNames } from "./listed_names.ts";
import { type FileStart, isOpened, readStart } from "./read_file.ts";
import { rootDescriptors, RootDirectory } from "./root_directory.ts";
import type { Found, Root, SiteDirectory, Spelling } from "./root.ts";

const SLASH = 0x2f;
const DOT = 0x2e;
const HERE = cString(".");

/** A directory as the root of a site. */
export class SiteRoot implements Root {
  readonly #directory: RootDirectory;
  /** False when openat2(2) is not available. Symbolic links are not followed then. */
  readonly followsLinks: boolean;
  /** The names in its absolute path; null when that path has `..`, or the working directory is not known. */
  readonly #named: readonly FileName[] | null;
  readonly #status = new FileStatus();
  readonly #listed: ListedNames = new ListedNames(this);

  /**
   * Opens the directory at `path`. With `isConfined`, the directory has to be in the working directory.
   * @throws {SystemError} when it cannot be opened: `Cannot open root ./html: ENOENT (…)`. EACCES also when the sandbox
   * does not allow reading; EXDEV when `isConfined` and the directory is outside of the working directory.
   */
  constructor(path: string, isConfined: boolean = false) {
    const fd = openDirectory(path);
    const isOutside = isConfined && !isInWorkingDirectory(fd);
    const status = isOutside ? -E.EXDEV : readsAsPermitted(fd);
    const where = isOutside ? `, which leads out of the working directory to ${printable(pathOf(fd))}` : "";
    if (status < 0) close(fd);
    E.orThrow(status, `open root ${path}${where}`, "openat");
    this.followsLinks = hasOpenat2(fd);
    this.#directory = new RootDirectory(path, fd);
    this.#named = absoluteNamesOf(absolute(path));
    rootDescriptors.keepSpare(this.#openHere);
  }

  /**
   * Returns a normalized form of `path`: two paths that name the same directory without links or `..` have the same.
   */
  static pathOf(path: string): string {
    const named = absolute(path);
    return absoluteNamesOf(named)?.join("/") ?? named;
  }

  /** The descriptor of the directory; −errno when it was closed, or cannot be opened again at present. */
  get fd(): number {
    return this.#directory.fd;
  }

  get isReplaced(): boolean {
    return this.#directory.isReplaced;
  }

  /** A text that no other directory has at the same time. */
  get identity(): string {
    return this.#directory.identity;
  }

  /** The directory's path in the kernel, with a character for each byte; null when it is not known. */
  get realPath(): FileName | null {
    return this.#directory.realPath;
  }

  get name(): FileName | null {
    return this.realPath?.split("/").at(-1) || null;
  }

  readonly #openHere = () => this.openPath(HERE);

  mayHave(): boolean {
    return true;
  }

  /** Opens the file or directory at `path`, following links inside of the root. Returns a descriptor or −errno. */
  open(path: PathBytes): number {
    const root = this.fd;
    if (root < 0) return root;
    if (!this.followsLinks) return openBeneathByWalking(root, path);
    const fd = openBeneath(root, path);
    return fd === -E.EXDEV ? this.#openInside(path, openBeneathWithoutLinks) : fd;
  }

  /**
   * Opens a path that the kernel refused with EXDEV. A link on it may leave the root and come back: the path is
   * computed without links (`inner_links.ts`), and opened by that.
   */
  #openInside(path: PathBytes, open: (root: number, path: PathBytes) => number): number {
    const { fd } = this;
    const inside = pathInside({ fd, real: absoluteNamesOf(namedPathOf(fd)), named: this.#named }, path);
    return typeof inside === "number" ? inside : open(fd, inside);
  }

  /** Does the same as {@linkcode open}, but returns −ELOOP when there is a symbolic link on the path. */
  openWithoutLinks(path: PathBytes): number {
    const root = this.fd;
    if (root < 0) return root;
    return this.followsLinks ? openBeneathWithoutLinks(root, path) : openBeneathByWalking(root, path);
  }

  /** Opens `path` with O_PATH, which is enough to read its status. Returns a descriptor or −errno. */
  openPath(path: PathBytes): number {
    const root = this.fd;
    if (root < 0) return root;
    if (!this.followsLinks) return openPathBeneathByWalking(root, path);
    const fd = openPathBeneath(root, path);
    return fd === -E.EXDEV ? this.#openInside(path, openPathBeneathWithoutLinks) : fd;
  }

  #openPathWithoutLinks(path: PathBytes): number {
    const root = this.fd;
    if (root < 0) return root;
    return this.followsLinks ? openPathBeneathWithoutLinks(root, path) : openPathBeneathByWalking(root, path);
  }

  /** Reads the status without opening the file: to open a FIFO or a device can have side effects. */
  look(path: PathBytes, status: FileStatus = this.#status): Found {
    if (path[0] === DOT && path[1] === 0) {
      const root = this.fd;
      const failed = root < 0 ? root : status.readDescriptor(root);
      return failed < 0 ? failed : "directory";
    }
    let fd = this.openPath(path);
    if (fd === -E.EMFILE && rootDescriptors.closeSpare()) fd = this.openPath(path);
    return this.#lookAt(fd, status);
  }

  lookWithoutLinks(path: PathBytes, status: FileStatus): Found {
    let fd = this.#openPathWithoutLinks(path);
    if (fd === -E.EMFILE && rootDescriptors.closeSpare()) fd = this.#openPathWithoutLinks(path);
    return this.#lookAt(fd, status);
  }

  #lookAt(fd: number, status: FileStatus): Found {
    if (fd < 0) return fd;
    const failed = status.readDescriptor(fd);
    close(fd);
    rootDescriptors.keepSpare(this.#openHere);
    if (failed < 0) return failed;
    if (status.isFile) return "file";
    if (status.isDirectory) return "directory";
    return status.isLink ? -E.ELOOP : "other"; // O_PATH without following can open a link itself
  }

  /** Reads the status with statx(2) alone: without links on the path, it cannot lead out of the root. */
  readStatus(path: PathBytes, status: FileStatus): number {
    const root = this.fd;
    return root < 0 ? root : status.readWithoutFollowing(root, path);
  }

  spellingOf(names: readonly FileName[], exact: Set<string>): Spelling | number {
    return this.#listed.spellingOf(names, exact);
  }

  mayRead(path: PathBytes): boolean {
    return isOpened(this.open(path));
  }

  readStart(path: PathBytes, bytesMax: number): FileStart | null {
    return readStart(this.open(path), bytesMax);
  }

  openDirectory(path: PathBytes): SiteDirectory | number {
    const fd = this.open(path);
    return fd < 0 ? fd : new OpenDirectory(fd);
  }

  /** Closes the directory. Work that is still going on, such as a listing, finds nothing afterwards. */
  close(): void {
    this.#directory.close();
  }
}

/** A directory that was opened for its names. */
class OpenDirectory implements SiteDirectory {
  readonly #fd: number;
  readonly #status = new EntryStatus();

  constructor(fd: number) {
    this.#fd = fd;
  }

  readOwnStatus(status: FileStatus): number {
    return status.readDescriptor(this.#fd);
  }

  readNames(onEntry: (name: FileName, kind: EntryKind) => void): number {
    return readEntries(this.#fd, onEntry);
  }

  statusOf(name: FileName): EntryStatus | null {
    return this.#status.read(this.#fd, name) < 0 ? null : this.#status;
  }

  close(): void {
    close(this.#fd);
  }
}

/** Returns `path` as an absolute path, with a character for each byte. */
function absolute(path: string): FileName {
  const named = textOf(cString(path).subarray(0, -1));
  return named.startsWith("/") ? named : `${workingDirectory() ?? ""}/${named}`;
}

/** Returns the names in an absolute path. Null when `path` is null or not absolute, or has `..`. */
function absoluteNamesOf(path: FileName | null): readonly FileName[] | null {
  if (path === null || !path.startsWith("/")) return null;
  const names = partsOf(path).filter((name) => name !== ".");
  return names.includes("..") ? null : names;
}

/** Returns `path`, or `path/name`, with a NUL at its end. */
export function terminate(path: Uint8Array, name: Uint8Array | null = null): PathBytes {
  if (name === null) {
    const bytes = new Uint8Array(path.length + 1);
    bytes.set(path);
    return bytes;
  }
  const separator = path.length === 0 ? 0 : 1;
  const bytes = new Uint8Array(path.length + separator + name.length + 1);
  bytes.set(path);
  if (separator === 1) bytes[path.length] = 0x2f;
  bytes.set(name, path.length + separator);
  return bytes;
}

/**
 * Returns the status code for a path that cannot be opened. EXDEV, for a path out of the root, is 404 like a missing
 * file.
 */
export function statusOfErrno(errno: number): number {
  switch (errno) {
    case E.ENOENT:
    case E.ENOTDIR:
    case E.ELOOP:
    case E.EXDEV:
    case E.ENAMETOOLONG:
    case E.ENXIO:
    case E.ENODEV:
      return 404;
    case E.EACCES:
    case E.EPERM:
      return 403;
    case E.EMFILE:
    case E.ENFILE:
    case E.ENOMEM:
    case E.EAGAIN:
      return 503;
    default:
      return 500;
  }
}

/** Returns the names in a path, with a character for each byte. */
export function namesOf(path: Uint8Array): FileName[] {
  const names: FileName[] = [];
  let name = "";
  for (const byte of path) {
    if (byte !== SLASH) {
      name += String.fromCharCode(byte);
      continue;
    }
    names.push(name);
    name = "";
  }
  return path.length === 0 ? names : [...names, name];
}
