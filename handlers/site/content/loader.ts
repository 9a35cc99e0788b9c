/**
 * Opens the files of a site, and reads them into memory where they are small enough.
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

/** A file that was opened: its bytes, or what to read them from. */
export interface Loaded {
  /** The state that was read, or that it was opened in. */
  readonly status: FileStatus;
  readonly bytes: Uint8Array<ArrayBuffer> | null;
  /** It was in memory already. */
  readonly content: FileContent | null;
  /** The caller's to release; null when its bytes are there. */
  readonly file: OpenFile | null;
  /** Where in `file` it begins. */
  readonly start: number;
  /** SHA-256 of its bytes in base64url; null: it is not known yet. */
  readonly digest: string | null;
}

/** What is in memory of a file in that state. */
export type FindContent = (status: FileStatus) => FileContent | null;

/**
 * Loads variants and their contents. While `bodyMemory` is full, nothing is read into the cache: an evicted content may
 * still be on its way to a slow client, and then stays in memory beside the new one.
 */
export interface Loader {
  /**
   * Loads a variant of `resource`, of which `isFresh` says that it is known to be as it was seen; −errno when it cannot
   * be opened.
   */
  load(resource: Resource, variant: Variant, isFresh: boolean, find: FindContent): Loaded | number;
  /** Has `resource` end when the file changes of which `seen` was looked at. False: it has changed since. */
  watch(resource: Resource, seen: Seen): boolean;
}

/** Those of a directory. */
export class FileLoader implements Loader {
  readonly #root: SiteRoot;
  readonly #tree: WatchTree | null;
  readonly #fileBytesMax: number;
  readonly #listen: Listen;

  /** `fileBytesMax` are the bytes of the largest file that is read into memory; −1: none is. */
  constructor(root: SiteRoot, tree: WatchTree | null, fileBytesMax: number) {
    this.#root = root;
    this.#tree = tree;
    this.#fileBytesMax = fileBytesMax;
    this.#listen = (fd) => tree === null ? null : WriteEvents.of(tree, fd);
  }

  /** The file is watched where that is possible. */
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
      if (!status.isFile) return -ELOOP; // something else has come to its name: nothing to be served
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
    if (seen.watched === null || seen.status === null) return true; // it is looked at each time
    const fd = this.#open(resource, seen);
    const status = new FileStatus();
    const failed = fd < 0 ? fd : status.readDescriptor(fd);
    if (fd >= 0) close(fd);
    if (failed >= 0) return status.equals(seen.status);
    resource.lookAtEachUse(seen);
    return true;
  }

  /** A large file that is being sent to others need not be opened once more. */
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

  /** Watches it before it is read. What is behind a link is not watched. */
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
