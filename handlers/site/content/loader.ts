/**
 * Opens the files of a site, and reads small ones into memory.
 * @module
 */
import { ELOOP } from "../../../ffi/libc/errno.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { bodyMemory } from "../../../server/http/body_memory.ts";
import type { FileContent } from "../cache/file_content.ts";
import type { Seen } from "../lookup/lookup.ts";
import { type Listen, OpenFile } from "../files/open_files.ts";
import type { Resource, Variant } from "../cache/resource.ts";
import { readWhole, type SiteRoot } from "../files/directory_root.ts";
import type { WatchTree } from "../watch/watch_tree.ts";
import { WriteEvents } from "../watch/write_events.ts";

/** A file that was loaded: its bytes in `bytes` or `content`, or a descriptor in `file`. */
export interface Loaded {
  /** The state in which the file was read or opened. */
  readonly status: FileStatus;
  /** The bytes that were read; null when none were. */
  readonly bytes: Uint8Array<ArrayBuffer> | null;
  /** Content that was in memory already; null when there was none. */
  readonly content: FileContent | null;
  /** The open file, which the caller releases; null when the bytes are in memory. */
  readonly file: OpenFile | null;
  /** The offset in `file` where the bytes begin. */
  readonly start: number;
  /** SHA-256 of the bytes in base64url; null when the digest is not known yet. */
  readonly digest: string | null;
}

/** A function that returns the content in memory of a file in the state `status`; null when there is none. */
export type FindContent = (status: FileStatus) => FileContent | null;

/**
 * An object that loads variants of resources. While `bodyMemory` is full, nothing is read into the cache: evicted
 * content stays in memory, beside new content, as long as responses to slow clients hold it.
 */
export interface Loader {
  /**
   * Loads `variant` of `resource`. `isFresh` is true when the variant is known to be in the state that was seen.
   * Returns −errno when the file cannot be opened.
   */
  load(resource: Resource, variant: Variant, isFresh: boolean, find: FindContent): Loaded | number;
  /**
   * Watches the file of `seen`, so that `resource` is dropped when the file changes. Returns false when it has changed
   * since it was seen.
   */
  watch(resource: Resource, seen: Seen): boolean;
}

/** The operations of a root that opening its files needs. */
export type OpeningRoot = Pick<SiteRoot, "open" | "openWithoutLinks">;

/** The loader for files of a directory. */
export class FileLoader implements Loader {
  readonly #root: OpeningRoot;
  readonly #tree: WatchTree | null;
  readonly #fileBytesMax: number;
  readonly #listen: Listen;

  /**
   * `tree` is null when files are not watched. `fileBytesMax` is the size of the largest file that is read into memory,
   * or −1.
   */
  constructor(root: OpeningRoot, tree: WatchTree | null, fileBytesMax: number) {
    this.#root = root;
    this.#tree = tree;
    this.#fileBytesMax = fileBytesMax;
    this.#listen = (fd) => tree === null ? null : WriteEvents.of(tree, fd);
  }

  /** Loads as the interface says, and watches the file where possible. */
  load(resource: Resource, { seen }: Variant, isFresh: boolean, find: FindContent): Loaded | number {
    const open = isFresh ? this.#findOpen(seen) : null;
    if (open !== null) return open;
    const fd = this.#open(resource, seen);
    if (fd < 0) return fd;
    let isOpen = true;
    try {
      const status = new FileStatus();
      const failed = status.readDescriptor(fd);
      if (failed < 0) return failed;
      if (!status.isFile) return -ELOOP; // the name has been given to something else: 404
      if (status.size <= this.#fileBytesMax) {
        const content = find(status);
        const bytes = content === null && !bodyMemory.isFullForFiles
          ? readWhole(fd, status, this.#fileBytesMax)
          : null;
        if (content !== null || bytes !== null) {
          return { status, bytes, content, file: null, start: 0, digest: null };
        }
      }
      isOpen = false;
      const file = OpenFile.of(fd, status.fileIdentity, this.#listen);
      return typeof file === "number"
        ? file
        : { status, bytes: null, content: null, file, start: 0, digest: null };
    } finally {
      if (isOpen) close(fd);
    }
  }

  watch(resource: Resource, seen: Seen): boolean {
    if (seen.watched === null || seen.status === null) return true; // checked at each use instead
    const fd = this.#open(resource, seen);
    const status = new FileStatus();
    const failed = fd < 0 ? fd : status.readDescriptor(fd);
    if (fd >= 0) close(fd);
    if (failed >= 0) return status.equals(seen.status);
    resource.lookAtEachUse(seen);
    return true;
  }

  /** Returns a large file that is open already, because other responses carry it; null when there is none. */
  #findOpen(seen: Seen): Loaded | null {
    if (seen.status === null || seen.status.size <= this.#fileBytesMax) return null;
    const file = OpenFile.find(seen.status);
    if (file === null) return null;
    const status = new FileStatus();
    if (status.readDescriptor(file.fd) === 0 && status.equals(seen.status)) {
      return { status, bytes: null, content: null, file, start: 0, digest: null };
    }
    file.release();
    return null;
  }

  /**
   * Opens the file of `seen`, and watches it before it is read. A file behind a symbolic link is not watched:
   * `resource` checks it at each use. Returns a descriptor or −errno.
   */
  #open(resource: Resource, seen: Seen): number {
    if (seen.watched !== null) {
      const fd = this.#root.openWithoutLinks(seen.path);
      if (fd !== -ELOOP) {
        if (fd < 0 || this.#tree!.watchFile(seen.watched, fd)) return fd;
        resource.lookAtEachUse(seen);
        return fd;
      }
    }
    resource.lookAtEachUse(seen);
    return this.#root.open(seen.path);
  }
}
