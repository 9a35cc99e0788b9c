/**
 * The directory that is served: what is below it, and how it is opened without ever leaving it.
 * @module
 */
import { AT_FDCWD } from "../../ffi/constants.ts";
import { type EntryKind, EntryStatus, readEntries } from "../../ffi/directory.ts";
import * as E from "../../ffi/errno.ts";
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
  readAt,
  readsAsPermitted,
} from "../../ffi/file.ts";
import { FileStatus } from "../../ffi/file_status.ts";
import type { FileName } from "../../ffi/inotify.ts";
import { cString } from "../../ffi/libc.ts";
import { isInWorkingDirectory, namedPathOf, pathOf, textOf, workingDirectory } from "../../ffi/path_walk.ts";
import { close } from "../../ffi/socket.ts";
import { printable } from "../../server/config/usage_error.ts";
import { partsOf, pathInside } from "./inner_links.ts";
import { ListedNames } from "./listed_names.ts";
import type { Found, Root, SiteDirectory, Spelling } from "./root.ts";

const SLASH = 0x2f;
const DOT = 0x2e;
const HERE = cString(".");

/** A directory as the root of a site, open. */
export class SiteRoot implements Root {
  #fd: number;
  /** False where openat2(2) is missing; no link is followed then. */
  readonly followsLinks: boolean;
  readonly #path: PathBytes;
  /** The names by which it was opened, from `/` on. */
  readonly #named: readonly FileName[] | null;
  readonly #status = new FileStatus();
  readonly #own = new FileStatus();
  readonly #listed: ListedNames = new ListedNames(this);
  /** Given up where there are no descriptors, so that what is in memory can be looked at, and served. */
  #spare: number;

  /**
   * `isConfined`: where `path` leads out of the working directory is no root.
   * @throws {SystemError} `Cannot open root ./html: ENOENT (…)`; EACCES also where a sandbox forbids to read it; EXDEV
   * where it leads out of the working directory and may not
   */
  constructor(path: string, isConfined: boolean = false) {
    this.#fd = openDirectory(path);
    const isOutside = isConfined && !isInWorkingDirectory(this.#fd);
    const status = isOutside ? -E.EXDEV : readsAsPermitted(this.#fd);
    const where = isOutside
      ? `, which leads out of the working directory to ${printable(pathOf(this.#fd))}`
      : "";
    if (status < 0) close(this.#fd);
    E.orThrow(status, `open root ${path}${where}`, "openat");
    this.followsLinks = hasOpenat2(this.fd);
    this.#path = cString(path);
    this.#named = placeOf(absolute(path));
    this.#own.readDescriptor(this.fd);
    this.#spare = this.openPath(HERE);
  }

  /** A text that is the same for two ways to write one path. */
  static pathOf(path: string): string {
    const named = absolute(path);
    return placeOf(named)?.join("/") ?? named;
  }

  /** Its descriptor; −1, which opens nothing, when it was closed. */
  get fd(): number {
    return this.#fd;
  }

  /**
   * True when another directory has come to its name: a link was changed, one was renamed or mounted to it. Itself, too,
   * where that was mounted: what is mounted below it afterwards is not seen from here.
   */
  get isReplaced(): boolean {
    const status = this.#status;
    return status.read(AT_FDCWD, this.#path) === 0 && status.isDirectory &&
      !(status.isSameFile(this.#own) && status.isOnSameMount(this.#own));
  }

  /** Descriptor or −errno. */
  open(path: PathBytes): number {
    if (!this.followsLinks) return openBeneathByWalking(this.fd, path);
    const fd = openBeneath(this.fd, path);
    return fd === -E.EXDEV ? this.#openInside(path, openBeneathWithoutLinks) : fd;
  }

  /** What the kernel refuses as a way out may be one that comes back: it is opened by its path without links. */
  #openInside(path: PathBytes, open: (root: number, path: PathBytes) => number): number {
    const inside = pathInside(
      { fd: this.fd, real: placeOf(namedPathOf(this.fd)), named: this.#named },
      path,
    );
    return typeof inside === "number" ? inside : open(this.fd, inside);
  }

  /** The same, but −ELOOP when a symbolic link is on the way. */
  openWithoutLinks(path: PathBytes): number {
    return this.followsLinks ? openBeneathWithoutLinks(this.fd, path) : openBeneathByWalking(this.fd, path);
  }

  /** Names what is at `path`, to look at it (O_PATH): descriptor or −errno. */
  openPath(path: PathBytes): number {
    if (!this.followsLinks) return openPathBeneathByWalking(this.fd, path);
    const fd = openPathBeneath(this.fd, path);
    return fd === -E.EXDEV ? this.#openInside(path, openPathBeneathWithoutLinks) : fd;
  }

  #openPathWithoutLinks(path: PathBytes): number {
    return this.followsLinks
      ? openPathBeneathWithoutLinks(this.fd, path)
      : openPathBeneathByWalking(this.fd, path);
  }

  /** Looks before opening: even to open a FIFO or a device can have an effect on others. */
  look(path: PathBytes, status: FileStatus = this.#status): Found {
    if (path[0] === DOT && path[1] === 0) {
      const failed = status.readDescriptor(this.fd);
      return failed < 0 ? failed : "directory";
    }
    let fd = this.openPath(path);
    if (fd === -E.EMFILE && this.#giveUpSpare()) fd = this.openPath(path);
    return this.#lookAt(fd, status);
  }

  lookWithoutLinks(path: PathBytes, status: FileStatus): Found {
    let fd = this.#openPathWithoutLinks(path);
    if (fd === -E.EMFILE && this.#giveUpSpare()) fd = this.#openPathWithoutLinks(path);
    return this.#lookAt(fd, status);
  }

  #lookAt(fd: number, status: FileStatus): Found {
    if (fd < 0) return fd;
    const failed = status.readDescriptor(fd);
    close(fd);
    if (this.#spare < 0) this.#spare = this.openPath(HERE);
    if (failed < 0) return failed;
    if (status.isFile) return "file";
    if (status.isDirectory) return "directory";
    return status.isLink ? -E.ELOOP : "other"; // one that is not followed
  }

  #giveUpSpare(): boolean {
    if (this.#spare < 0) return false;
    close(this.#spare);
    this.#spare = -1;
    return true;
  }

  /** No link is on the path: statx(2) alone cannot leave the root. */
  readStatus(path: PathBytes, status: FileStatus): number {
    return status.readWithoutFollowing(this.fd, path);
  }

  spellingOf(names: readonly FileName[], exact: Set<string>): Spelling | number {
    return this.#listed.spellingOf(names, exact);
  }

  openDirectory(path: PathBytes): SiteDirectory | number {
    const fd = this.open(path);
    return fd < 0 ? fd : new OpenDirectory(fd);
  }

  /** What is still being made for somebody, such as a listing, finds nothing from now on. */
  close(): void {
    this.#giveUpSpare();
    close(this.#fd);
    this.#fd = -1;
  }
}

/** A directory, or what was taken for one, by its descriptor. */
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

/** `path` from `/` on, a character for each byte. */
function absolute(path: string): FileName {
  const named = textOf(cString(path).subarray(0, -1));
  return named.startsWith("/") ? named : `${workingDirectory() ?? ""}/${named}`;
}

/** The names in an absolute path; null where it is none, or does not say by itself where it leads. */
function placeOf(path: FileName | null): readonly FileName[] | null {
  if (path === null || !path.startsWith("/")) return null;
  const names = partsOf(path).filter((name) => name !== ".");
  return names.includes("..") ? null : names;
}

/** The file's bytes when it did not change while they were read; `status` is the state that was read. */
export function readWhole(fd: number, status: FileStatus, bytesMax: number): Uint8Array<ArrayBuffer> | null {
  const after = new FileStatus();
  for (let attempt = 0; attempt < 3; attempt++) {
    const content = new Uint8Array(status.size);
    const count = readAt(fd, content, 0);
    if (after.readDescriptor(fd) < 0) return null;
    if (count === content.length && after.equals(status)) return content;
    status.copyFrom(after);
    if (status.size > bytesMax) return null;
  }
  return null;
}

/** `path`, or `path/name`, with the NUL that C wants. */
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

/** What a path that cannot be opened is to its client. −EXDEV, a way out of the root, looks like no file at all. */
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

/** The names in a path, as they are in the kernel: a character for each byte. */
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
