/**
 * The descriptors of roots: a process may serve more roots than it may have open. Those that were not used for longest
 * are closed, where their paths lead to them.
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

/** Of all sites, since the process has one limit for all. */
class RootDescriptors {
  /** Those with a descriptor, in the order in which they are asked to close it. */
  readonly #open = new Set<RootDirectory>();
  /** Given up where there are no others, so that what is in memory can be looked at, and served. */
  #spare = -1;

  /** `root` has a descriptor. */
  opened(root: RootDirectory): void {
    this.#open.add(root);
    const openMax = Math.max(Math.floor(descriptorLimit() / DESCRIPTORS_PER_OPEN_ROOT), 1);
    for (let asked = 2 * this.#open.size; this.#open.size > openMax && asked > 0; asked--) {
      const [oldest] = this.#open;
      this.#open.delete(oldest!);
      const stays = oldest === root || oldest!.isUsed || !oldest!.rest();
      oldest!.isUsed = false;
      if (stays) this.#open.add(oldest!);
    }
  }

  /** `root` has closed it for good. */
  closed(root: RootDirectory): void {
    this.#open.delete(root);
    if (this.#open.size === 0) this.giveUpSpare();
  }

  /** `open` gives a descriptor to keep, where there is none. */
  keepSpare(open: () => number): void {
    if (this.#spare < 0) this.#spare = open();
  }

  giveUpSpare(): boolean {
    if (this.#spare < 0) return false;
    close(this.#spare);
    this.#spare = -1;
    return true;
  }
}

/** Those of this process. */
export const rootDescriptors: RootDescriptors = new RootDescriptors();

const status = new FileStatus();

/** A directory that is served, by the path that it was opened by. */
export class RootDirectory {
  readonly #path: string;
  readonly #pathBytes: PathBytes;
  /** −1: it is closed, for good or until it is used. */
  #fd: number;
  readonly #own = new FileStatus();
  #realPath: FileName | null;
  #isClosed = false;
  /** Since this was last set to false. */
  isUsed = true;

  /** `fd` is open on what is at `path`, and its own from now on. */
  constructor(path: string, fd: number) {
    this.#path = path;
    this.#pathBytes = cString(path);
    this.#fd = fd;
    this.#own.readDescriptor(fd);
    this.#realPath = namedPathOf(fd);
    rootDescriptors.opened(this);
  }

  /** −errno where it was closed for good, or cannot be opened again at present. */
  get fd(): number {
    this.isUsed = true;
    return this.#fd >= 0 ? this.#fd : this.#reopen();
  }

  /**
   * True when another directory has come to its name: a link was changed, one was renamed or mounted to it. Itself, too,
   * where that was mounted: what is mounted below it afterwards is not seen from here.
   */
  get isReplaced(): boolean {
    return status.read(AT_FDCWD, this.#pathBytes) === 0 && status.isDirectory && !this.#isOwn;
  }

  /** Where the kernel finds it, a character for each byte; null: it does not say. */
  get realPath(): FileName | null {
    if (this.#fd >= 0) this.#realPath = namedPathOf(this.#fd);
    return this.#realPath;
  }

  /** Closes its descriptor until it is used; false: it could not be opened again. */
  rest(): boolean {
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
    if (fd === -EMFILE && rootDescriptors.giveUpSpare()) fd = openPath(this.#path);
    if (fd < 0) return fd;
    if (status.readDescriptor(fd) < 0 || !this.#isOwn) {
      close(fd);
      return -EAGAIN; // what has come to its place is about to be served
    }
    this.#fd = fd;
    rootDescriptors.opened(this);
    return fd;
  }

  /** `status` was read of this very directory. */
  get #isOwn(): boolean {
    return status.isSameFile(this.#own) && status.isOnSameMount(this.#own);
  }
}
