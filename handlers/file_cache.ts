/**
 * Whole responses in memory, found by the bytes of the request, and never stale.
 *
 * Before an entry is used in a turn, one statx(2) of its path shows that the file is still the one that was read: the
 * same inode, size and times. One is enough for all requests of the turn, since they were received before it: what
 * was changed before a request was sent is seen. Two limits: a write through mmap(2) shows only when the kernel
 * updates the times, and a file system that does not keep ctime cannot be trusted.
 * @module
 */
import { FileStatus, type PathBytes } from "../ffi/file.ts";
import type { Validators } from "../server/http/conditional.ts";
import type { HttpResponse } from "../server/http/response.ts";
import { CACHE_BYTES_MAX, CACHE_SETTLE_SECONDS } from "../server/limits.ts";

/** One file in memory. */
export interface CachedFile {
  /** The URL's path, as it is sent. */
  readonly key: Uint8Array;
  /** The file's path below the root. */
  readonly path: PathBytes;
  /** The state that was read. */
  readonly status: FileStatus;
  readonly validators: Validators;
  readonly mediaType: string;
  readonly content: Uint8Array<ArrayBuffer>;
  /** 200 with the whole content. */
  readonly response: HttpResponse;
  /** It was used since the eviction hand last passed it. */
  isVisited: boolean;
  /** The turn in which it was last seen to be fresh. */
  checkedBatch: number;
}

/** What an entry costs beside its content and its copy in the response. */
const ENTRY_OVERHEAD_BYTES = 2048;

/** Found by hash and then compared: of two paths with one hash, the later one stays. Evicts by second chance. */
export class FileCache {
  readonly #root: number;
  readonly #entries = new Map<number, CachedFile>();
  readonly #current = new FileStatus();
  #bytes = 0;

  constructor(root: number) {
    this.#root = root;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The entry for the path `bytes[start, end)` of a request received in turn `batch`, if it is fresh. */
  find(bytes: Uint8Array, start: number, end: number, batch: number): CachedFile | null {
    const hash = hashOf(bytes, start, end);
    const entry = this.#entries.get(hash);
    if (entry === undefined || !isEqual(entry.key, bytes, start, end)) return null;
    if (entry.checkedBatch !== batch) {
      if (this.#current.read(this.#root, entry.path) < 0 || !this.#current.equals(entry.status)) {
        this.#remove(hash, entry);
        return null;
      }
      entry.checkedBatch = batch;
    }
    entry.isVisited = true;
    return entry;
  }

  /** Keeps `entry`, unless its file changed so recently that another change might not show in its times. */
  put(entry: CachedFile, nowSeconds: number): void {
    if (entry.status.changedSeconds > nowSeconds - CACHE_SETTLE_SECONDS) return;
    const hash = hashOf(entry.key, 0, entry.key.length);
    const previous = this.#entries.get(hash);
    if (previous !== undefined) this.#remove(hash, previous);
    this.#entries.set(hash, entry);
    this.#bytes += costOf(entry);
    while (this.#bytes > CACHE_BYTES_MAX) this.#evict();
  }

  #evict(): void {
    for (const [hash, entry] of this.#entries) {
      this.#remove(hash, entry);
      if (!entry.isVisited) return;
      entry.isVisited = false;
      this.#entries.set(hash, entry); // a second chance: to the end of the line
      this.#bytes += costOf(entry);
    }
  }

  #remove(hash: number, entry: CachedFile): void {
    this.#entries.delete(hash);
    this.#bytes -= costOf(entry);
  }
}

function costOf(entry: CachedFile): number {
  return entry.content.length + entry.response.bytes.length + ENTRY_OVERHEAD_BYTES;
}

/** FNV-1a, 32 bits. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash;
}

function isEqual(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (key.length !== end - start) return false;
  for (let i = 0; i < key.length; i++) {
    if (key[i] !== bytes[start + i]) return false;
  }
  return true;
}
