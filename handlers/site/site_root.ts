/**
 * The directory that is served: what is below it, and how it is opened without ever leaving it.
 * @module
 */
import { AT_FDCWD } from "../../ffi/constants.ts";
import { type EntryKind, EntryStatus, readEntries } from "../../ffi/directory.ts";
import * as E from "../../ffi/errno.ts";
import {
  FileStatus,
  hasOpenat2,
  openBeneath,
  openBeneathByWalking,
  openBeneathWithoutLinks,
  openDirectory,
  type PathBytes,
  readAt,
  readsAsPermitted,
} from "../../ffi/file.ts";
import type { FileName } from "../../ffi/inotify.ts";
import { cString } from "../../ffi/libc.ts";
import { isInWorkingDirectory, pathOf } from "../../ffi/path_walk.ts";
import { close } from "../../ffi/socket.ts";
import { printable } from "../../server/config/usage_error.ts";
import type { Root, SiteDirectory } from "./root.ts";

const SLASH = 0x2f;

/** A directory as the root of a site, open. */
export class SiteRoot implements Root {
  #fd: number;
  /** False where openat2(2) is missing; no link is followed then. */
  readonly followsLinks: boolean;
  readonly #path: PathBytes;
  readonly #status = new FileStatus();
  readonly #own = new FileStatus();

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
    this.#own.readDescriptor(this.fd);
  }

  /** Its descriptor; −1, which opens nothing, when it was closed. */
  get fd(): number {
    return this.#fd;
  }

  /** True when another directory has come to its name: a link was changed, or one was renamed to it. */
  get isReplaced(): boolean {
    const status = this.#status;
    return status.read(AT_FDCWD, this.#path) === 0 && status.isDirectory && !status.isSameFile(this.#own);
  }

  /** Descriptor or −errno. */
  open(path: PathBytes): number {
    return this.followsLinks ? openBeneath(this.fd, path) : openBeneathByWalking(this.fd, path);
  }

  /** The same, but −ELOOP when a symbolic link is on the way. */
  openWithoutLinks(path: PathBytes): number {
    return this.followsLinks ? openBeneathWithoutLinks(this.fd, path) : openBeneathByWalking(this.fd, path);
  }

  readStatus(path: PathBytes, status: FileStatus): number {
    return status.read(this.fd, path);
  }

  /** Looks before opening: even to open a FIFO or a device can have an effect on others. `status` is filled. */
  look(path: PathBytes, status: FileStatus = this.#status): "file" | "directory" | number {
    const result = status.read(this.fd, path);
    // Out of the root even a refusal says too much: there it is 404, as for what does not exist.
    if (result === -E.EACCES) return this.isInside(path) ? 403 : 404;
    if (result < 0) return statusOfErrno(-result);
    if (status.isFile) return "file";
    return status.isDirectory ? "directory" : 404;
  }

  /**
   * True when a symbolic link is on the way to what is no FIFO, socket or device, or when that cannot be found out for
   * want of descriptors: then it may be.
   */
  isLink(path: PathBytes): boolean {
    const fd = this.openWithoutLinks(path);
    if (fd >= 0) close(fd);
    return fd === -E.ELOOP || (fd < 0 && statusOfErrno(-fd) === 503);
  }

  /** Of that which is opened inside of the root, and of nothing else. */
  readLinked(path: PathBytes, status: FileStatus): number {
    const fd = this.open(path);
    if (fd < 0) return fd;
    const failed = status.readDescriptor(fd);
    close(fd);
    return failed;
  }

  openDirectory(path: PathBytes): SiteDirectory | number {
    const fd = this.open(path);
    return fd < 0 ? fd : new OpenDirectory(fd);
  }

  /** True when no link leads from `path` out of the root. */
  isInside(path: PathBytes): boolean {
    const fd = this.open(path);
    if (fd >= 0) close(fd);
    return fd >= 0 || fd === -E.EACCES;
  }

  /** What is still being made for somebody, such as a listing, finds nothing from now on. */
  close(): void {
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
