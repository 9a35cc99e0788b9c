/**
 * The sorted names of large directories, between two requests; and, for a moment, their order by size and time.
 * @module
 */
import type { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { LISTING_LARGE_ENTRIES_MIN, LISTING_REMEMBERED_ENTRIES_MAX } from "../limits.ts";

/** Which of a directory's names are there, in an order that was asked for. */
export interface Ordered {
  readonly names: readonly FileName[];
  /** Null: as they are. */
  readonly order: Uint32Array | null;
}

/** Directories and files, as their sizes or times were a moment ago. */
export interface Order {
  /** Of `performance.now()`: since then they may have changed. */
  readonly askedMs: number;
  readonly directories: Ordered;
  readonly files: Ordered;
}

/** What a directory holds, each kind in the order of its names. */
export interface SortedNames {
  readonly directories: readonly FileName[];
  readonly files: readonly FileName[];
  /** Those of both that are links, or may be. */
  readonly links: ReadonlySet<FileName>;
  /** By what was sorted, and in which direction. */
  readonly orders: Map<string, Order>;
  /** There were more. */
  readonly isTruncated: boolean;
}

interface Remembered {
  readonly status: FileStatus;
  readonly names: SortedNames;
}

/** At most {@linkcode LISTING_REMEMBERED_ENTRIES_MAX} names; who was not asked for the longest time leaves first. */
export class ListingMemory {
  readonly #directories = new Map<string, Remembered>();
  #count = 0;

  /** What was read of the directory at `path` when its state was `status`; null when it was another, or is not known. */
  find(path: string, status: FileStatus): SortedNames | null {
    const remembered = this.#directories.get(path);
    if (remembered === undefined || !remembered.status.equals(status)) return null;
    this.#directories.delete(path); // to the end of the queue
    this.#directories.set(path, remembered);
    return remembered.names;
  }

  /** Remembers what was read after the directory's state was seen to be `status`, which becomes the memory's own. */
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
