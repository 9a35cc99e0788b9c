/**
 * The descriptors of roots. A process may serve more roots than it may have files open. Roots that were not used for a
 * while are closed, and opened again by their paths when they are used.
 * @module
 */
import { AT_FDCWD } from "../../../ffi/libc/constants.ts";
import { EAGAIN, EBADF, EMFILE } from "../../../ffi/libc/errno.ts";
import type { PathBytes } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { cString } from "../../../ffi/libc/libc.ts";
import { namedPathOf, openPath } from "../../../ffi/file/path_walk.ts";
import { descriptorLimit } from "../../../ffi/process/process.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { DESCRIPTORS_PER_OPEN_ROOT } from "../limits.ts";

/** The open roots of all sites: the process has one limit of descriptors for all. */
class RootDescriptors {
  /** The roots with a descriptor, in the order in which they are considered for closing (second chance). */
  readonly #open = new Set<RootDirectory>();
  /**
   * A descriptor that is closed when no other is left, so that the status of files in memory can be read to serve them.
   */
  #spare = -1;

  /** Records that `root` has a descriptor, and closes others if there are too many. */
  opened(root: RootDirectory): void {
    this.#open.add(root);
    const openMax = Math.max(Math.floor(descriptorLimit() / DESCRIPTORS_PER_OPEN_ROOT), 1);
    for (let tries = 2 * this.#open.size; this.#open.size > openMax && tries > 0; tries--) {
      const [oldest] = this.#open;
      this.#open.delete(oldest!);
      const stays = oldest === root || oldest!.isUsed || !oldest!.closeUntilUsed();
      oldest!.isUsed = false;
      if (stays) this.#open.add(oldest!);
    }
  }

  /** Records that `root` was closed. */
  closed(root: RootDirectory): void {
    this.#open.delete(root);
    if (this.#open.size === 0) this.closeSpare();
  }

  /** Opens a spare descriptor by `open`, if there is none. */
  keepSpare(open: () => number): void {
    if (this.#spare < 0) this.#spare = open();
  }

  /** Closes the spare descriptor. Returns false when there is none. */
  closeSpare(): boolean {
    if (this.#spare < 0) return false;
    close(this.#spare);
    this.#spare = -1;
    return true;
  }
}

/** The open roots of this process. */
export const rootDescriptors: RootDescriptors = new RootDescriptors();

const status = new FileStatus();

/** A directory that is served. Its descriptor may be closed, and is opened again by its path. */
export class RootDirectory {
  readonly #path: string;
  readonly #pathBytes: PathBytes;
  /** −1 while closed. */
  #fd: number;
  readonly #own = new FileStatus();
  #realPath: FileName | null;
  #isClosed = false;
  /** True when the directory was used since this was last set to false. */
  isUsed = true;

  /** Takes over `fd`, which was opened by `path`. */
  constructor(path: string, fd: number) {
    this.#path = path;
    this.#pathBytes = cString(path);
    this.#fd = fd;
    this.#own.readDescriptor(fd);
    this.#realPath = namedPathOf(fd);
    rootDescriptors.opened(this);
  }

  /**
   * The descriptor, which is opened if necessary; −errno after `close`, and when it cannot be opened again at present.
   */
  get fd(): number {
    this.isUsed = true;
    return this.#fd >= 0 ? this.#fd : this.#reopen();
  }

  /**
   * True when the path leads to another directory by now: a link was changed, or a directory was renamed to the path or
   * mounted over it. This holds also for a bind mount of the same directory, since what is mounted below that mount
   * later cannot be seen through this descriptor.
   */
  get isReplaced(): boolean {
    return status.read(AT_FDCWD, this.#pathBytes) === 0 && status.isDirectory && !this.#isOwn;
  }

  /** A text that no other directory has at the same time. */
  get identity(): string {
    return this.#own.fileIdentity;
  }

  /** The path in the kernel, with a character for each byte; null when it is not known. */
  get realPath(): FileName | null {
    if (this.#fd >= 0) this.#realPath = namedPathOf(this.#fd);
    return this.#realPath;
  }

  /**
   * Closes the descriptor until the next use. Returns false, and closes nothing, when the path leads elsewhere by now.
   */
  closeUntilUsed(): boolean {
    if (status.read(AT_FDCWD, this.#pathBytes) < 0 || !this.#isOwn) return false;
    this.#realPath = namedPathOf(this.#fd);
    close(this.#fd);
    this.#fd = -1;
    return true;
  }

  close(): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
    this.#isClosed = true;
    rootDescriptors.closed(this);
  }

  #reopen(): number {
    if (this.#isClosed) return -EBADF;
    let fd = openPath(this.#path);
    if (fd === -EMFILE && rootDescriptors.closeSpare()) fd = openPath(this.#path);
    if (fd < 0) return fd;
    if (status.readDescriptor(fd) < 0 || !this.#isOwn) {
      close(fd);
      return -EAGAIN; // `isReplaced` is true now: the site will be opened anew within a second
    }
    this.#fd = fd;
    rootDescriptors.opened(this);
    return fd;
  }

  /** True when `status` is that of this directory, on the same mount. */
  get #isOwn(): boolean {
    return status.isSameFile(this.#own) && status.isOnSameMount(this.#own);
  }
}
