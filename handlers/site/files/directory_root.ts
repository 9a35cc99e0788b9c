/**
 * The directory that is served: what is below it, and how it is opened without ever leaving it.
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
  readAt,
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
import { bytesWithHeadRoom } from "../../../server/http/head_room.ts";
import { printable } from "../../../server/usage_error.ts";
import { partsOf, pathInside } from "./inner_links.ts";
import { ListedNames } from "./listed_names.ts";
import { rootDescriptors, RootDirectory } from "./root_directory.ts";
import type { Found, Root, SiteDirectory, Spelling } from "./root.ts";

const SLASH = 0x2f;
const DOT = 0x2e;
const HERE = cString(".");

/** A directory as the root of a site, open. */
export class SiteRoot implements Root {
  readonly #directory: RootDirectory;
  /** False where openat2(2) is missing; no link is followed then. */
  readonly followsLinks: boolean;
  /** The names by which it was opened, from `/` on. */
  readonly #named: readonly FileName[] | null;
  readonly #status = new FileStatus();
  readonly #listed: ListedNames = new ListedNames(this);

  /**
   * `isConfined`: where `path` leads out of the working directory is no root.
   * @throws {SystemError} `Cannot open root ./html: ENOENT (…)`; EACCES also where a sandbox forbids to read it; EXDEV
   * where it leads out of the working directory and may not
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
    this.#named = placeOf(absolute(path));
    rootDescriptors.keepSpare(this.#openHere);
  }

  /** A text that is the same for two ways to write one path. */
  static pathOf(path: string): string {
    const named = absolute(path);
    return placeOf(named)?.join("/") ?? named;
  }

  /** Its descriptor; −errno, which opens nothing, where it was closed for good, or cannot be opened again at present. */
  get fd(): number {
    return this.#directory.fd;
  }

  get isReplaced(): boolean {
    return this.#directory.isReplaced;
  }

  /** Where the kernel finds it, a character for each byte; null: it does not say. */
  get realPath(): FileName | null {
    return this.#directory.realPath;
  }

  readonly #openHere = () => this.openPath(HERE);

  /** Descriptor or −errno. */
  open(path: PathBytes): number {
    const root = this.fd;
    if (root < 0) return root;
    if (!this.followsLinks) return openBeneathByWalking(root, path);
    const fd = openBeneath(root, path);
    return fd === -E.EXDEV ? this.#openInside(path, openBeneathWithoutLinks) : fd;
  }

  /** What the kernel refuses as a way out may be one that comes back: it is opened by its path without links. */
  #openInside(path: PathBytes, open: (root: number, path: PathBytes) => number): number {
    const { fd } = this;
    const inside = pathInside({ fd, real: placeOf(namedPathOf(fd)), named: this.#named }, path);
    return typeof inside === "number" ? inside : open(fd, inside);
  }

  /** The same, but −ELOOP when a symbolic link is on the way. */
  openWithoutLinks(path: PathBytes): number {
    const root = this.fd;
    if (root < 0) return root;
    return this.followsLinks ? openBeneathWithoutLinks(root, path) : openBeneathByWalking(root, path);
  }

  /** Names what is at `path`, to look at it (O_PATH): descriptor or −errno. */
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

  /** Looks before opening: even to open a FIFO or a device can have an effect on others. */
  look(path: PathBytes, status: FileStatus = this.#status): Found {
    if (path[0] === DOT && path[1] === 0) {
      const root = this.fd;
      const failed = root < 0 ? root : status.readDescriptor(root);
      return failed < 0 ? failed : "directory";
    }
    let fd = this.openPath(path);
    if (fd === -E.EMFILE && rootDescriptors.giveUpSpare()) fd = this.openPath(path);
    return this.#lookAt(fd, status);
  }

  lookWithoutLinks(path: PathBytes, status: FileStatus): Found {
    let fd = this.#openPathWithoutLinks(path);
    if (fd === -E.EMFILE && rootDescriptors.giveUpSpare()) fd = this.#openPathWithoutLinks(path);
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
    return status.isLink ? -E.ELOOP : "other"; // one that is not followed
  }

  /** No link is on the path: statx(2) alone cannot leave the root. */
  readStatus(path: PathBytes, status: FileStatus): number {
    const root = this.fd;
    return root < 0 ? root : status.readWithoutFollowing(root, path);
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
    this.#directory.close();
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
    const content = bytesWithHeadRoom(status.size);
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
