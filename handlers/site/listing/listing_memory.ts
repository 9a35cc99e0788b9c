/**
 * The cache of the sorted names of large directories, and for a moment of their order by size and time.
 * @module
 */
import type { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { LISTING_LARGE_ENTRIES_MIN, LISTING_REMEMBERED_ENTRIES_MAX } from "../limits.ts";

/** Names of entries that existed, and their order. */
export interface Ordered {
  readonly names: readonly FileName[];
  /** The indices of `names` in order; null when `names` is in order already. */
  readonly order: Uint32Array | null;
}

/** The order of a directory's entries by size or time. */
export interface Order {
  /** When the sizes or times were read (`performance.now()`). */
  readonly readMs: number;
  readonly directories: Ordered;
  readonly files: Ordered;
}

/** The names in a directory, directories and files each in natural order. */
export interface SortedNames {
  readonly directories: readonly FileName[];
  readonly files: readonly FileName[];
  /** The names among these that are links, or of a kind that the directory did not tell. */
  readonly links: ReadonlySet<FileName>;
  /** Orders by size or time; the key has the column and the direction. */
  readonly orders: Map<string, Order>;
  /** True when there were more names. */
  readonly isTruncated: boolean;
  /** The files among these that may be shown below a listing, the first choice first. */
  readonly readmes: readonly FileName[];
}

interface Remembered {
  readonly status: FileStatus;
  readonly names: SortedNames;
}

/** A least-recently-used cache of at most {@linkcode LISTING_REMEMBERED_ENTRIES_MAX} names. */
export class ListingMemory {
  readonly #directories = new Map<string, Remembered>();
  #count = 0;

  /** Returns the names of the directory at `path`. Null when they are not known, or were read with another status. */
  find(path: string, status: FileStatus): SortedNames | null {
    const remembered = this.#directories.get(path);
    if (remembered === undefined || !remembered.status.equals(status)) return null;
    this.#directories.delete(path); // moved to the end: most recently used
    this.#directories.set(path, remembered);
    return remembered.names;
  }

  /**
   * Remembers names that were read after the directory's status was `status`. The caller must not change `status`
   * later.
   */
  add(path: string, status: FileStatus, names: SortedNames): void {
    this.#forget(path);
    const count = countOf(names);
    if (count < LISTING_LARGE_ENTRIES_MIN || count > LISTING_REMEMBERED_ENTRIES_MAX) return;
    for (const other of this.#directories.keys()) {
      if (this.#count + count <= LISTING_REMEMBERED_ENTRIES_MAX) break;
      this.#forget(other);
    }
    this.#directories.set(path, { status, names });
    this.#count += count;
  }

  #forget(path: string): void {
    const remembered = this.#directories.get(path);
    if (remembered === undefined) return;
    this.#directories.delete(path);
    this.#count -= countOf(remembered.names);
  }
}

function countOf({ directories, files }: SortedNames): number {
  return directories.length + files.length;
}
