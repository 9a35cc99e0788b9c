/**
 * Opens the files of a site, and reads them into memory where they are small enough.
 * @module
 */
import { ELOOP } from "../../ffi/errno.ts";
import { FileStatus } from "../../ffi/file.ts";
import { close } from "../../ffi/socket.ts";
import type { Seen } from "./lookup.ts";
import type { Resource, Variant } from "./resource.ts";
import { readWhole, type SiteRoot } from "./site_root.ts";
import type { WatchTree } from "./watch_tree.ts";

/** A file that was opened: its bytes, or the descriptor to read them from. */
export interface Loaded {
  /** The state that was read, or that it was opened in. */
  readonly status: FileStatus;
  readonly bytes: Uint8Array<ArrayBuffer> | null;
  /** The caller's to close; −1 when `bytes` are there. */
  readonly fd: number;
  /** Where in `fd` the file begins. */
  readonly start: number;
  /** SHA-256 of its bytes in base64url; null: it is not known yet. */
  readonly digest: string | null;
}

/** See the module's comment. */
export interface Loader {
  /** Loads a variant of `resource`; −errno when it cannot be opened. */
  load(resource: Resource, variant: Variant): Loaded | number;
}

/** Those of a directory. */
export class FileLoader implements Loader {
  readonly #root: SiteRoot;
  readonly #tree: WatchTree | null;
  readonly #fileBytesMax: number;

  /** `fileBytesMax` are the bytes of the largest file that is read into memory; −1: none is. */
  constructor(root: SiteRoot, tree: WatchTree | null, fileBytesMax: number) {
    this.#root = root;
    this.#tree = tree;
    this.#fileBytesMax = fileBytesMax;
  }

  /** The file is watched where that is possible. */
  load(resource: Resource, { seen }: Variant): Loaded | number {
    const fd = this.#open(resource, seen);
    if (fd < 0) return fd;
    let isOpen = true;
    try {
      const status = new FileStatus();
      const failed = status.readDescriptor(fd);
      if (failed < 0) return failed;
      if (!status.isFile) return -ELOOP; // something else has come to its name: nothing to be served
      const bytes = status.size <= this.#fileBytesMax ? readWhole(fd, status, this.#fileBytesMax) : null;
      isOpen = bytes !== null;
      return { status, bytes, fd: bytes === null ? fd : -1, start: 0, digest: null };
    } finally {
      if (isOpen) close(fd);
    }
  }

  /** Watches it before it is read. What is behind a link is not watched. */
  #open(resource: Resource, seen: Seen): number {
    if (seen.place !== null) {
      const fd = this.#root.openWithoutLinks(seen.path);
      if (fd !== -ELOOP) {
        if (fd < 0 || this.#tree!.watchFile(seen.place, fd)) return fd;
        resource.lookAtEachUse(seen);
        return fd;
      }
    }
    resource.lookAtEachUse(seen);
    return this.#root.open(seen.path);
  }
}
