/**
 * Whole responses in memory, found by the bytes of the request, and never stale.
 *
 * An entry is used only after one of two proofs, made in this turn after all its requests had been received: the
 * kernel has told of no change to the file or to a directory on its way (`watch_tree.ts`), or statx(2) shows the
 * same inode, size and times as when it was read. What was changed before a request was sent is seen. Limits: a
 * write through mmap(2) causes no event, and shows in the times only when the kernel updates them; a file system
 * that is not watched and does not keep ctime cannot be trusted.
 * @module
 */
import { FileStatus, type PathBytes } from "../../ffi/file.ts";
import type { HandlerContext } from "../../server/handler.ts";
import type { Validators } from "../../server/http/conditional.ts";
import type { HttpResponse } from "../../server/http/response.ts";
import { CACHE_RECHECK_SECONDS, CACHE_SETTLE_SECONDS } from "../../server/limits.ts";
import { Sieve, SieveEntry } from "./sieve.ts";
import type { Dependent, Place, WatchTree } from "./watch_tree.ts";

/** How an entry is shown to be fresh: by events where they can be relied on, always by statx, or not at all. */
export type Validation = "inotify" | "stat" | "off";

/** What a request may remember: a response of an entry. When the entry ends, both are gone. */
export interface Answer {
  entry: CachedFile | null;
  response: HttpResponse | null;
}

/** A file that was read. */
export interface FileContent {
  /** The URL's path, as it is sent. */
  readonly key: Uint8Array;
  /** The file's path below the root. */
  readonly path: PathBytes;
  /** The state that was read. */
  readonly status: FileStatus;
  readonly validators: Validators;
  readonly mediaType: string;
  /** A part of the response's own bytes, where it is not too large for that. */
  readonly content: Uint8Array<ArrayBuffer>;
}

/** What an entry costs beside its bytes. */
const ENTRY_OVERHEAD_BYTES = 2048;

/** One file in memory, for as long as it is as it was. */
export class CachedFile extends SieveEntry implements Answer, Dependent {
  // The entry is itself the answer with the whole content: of 10,000 files each step from one object to the next
  // is a line of memory that no cache of the processor holds.
  entry: CachedFile | null;
  response: HttpResponse | null;
  /** The turn in which, and the second at which, it was last seen to be fresh. */
  checkedBatch: number;
  checkedSeconds: number;
  /** Where it is watched; null: it has to be looked at. */
  readonly places: readonly Place[] | null;
  readonly file: FileContent;
  /** 304, once that was asked for. */
  notModified: Answer | null = null;
  readonly hash: number;
  readonly bytes: number;
  readonly #cache: FileCache;

  constructor(
    cache: FileCache,
    file: FileContent,
    response: HttpResponse,
    places: readonly Place[] | null,
    context: HandlerContext,
  ) {
    super();
    this.entry = this;
    this.response = response;
    this.checkedBatch = context.batch;
    this.checkedSeconds = context.clock.seconds;
    this.places = places;
    this.#cache = cache;
    this.file = file;
    this.hash = hashOf(file.key, 0, file.key.length);
    this.bytes = response.bytes.length + (response.tail?.length ?? 0) + ENTRY_OVERHEAD_BYTES;
  }

  drop(): void {
    this.#cache.remove(this);
  }
}

/** Found by hash and then compared: of two paths with one hash, the later one stays. */
export class FileCache {
  readonly #root: number;
  readonly #tree: WatchTree | null;
  readonly #validation: Validation;
  readonly #bytesMax: number;
  readonly #entries = new Map<number, CachedFile>();
  readonly #queue = new Sieve<CachedFile>();
  readonly #current = new FileStatus();
  #bytes = 0;

  /** `tree` only where `validation` is "inotify". */
  constructor(root: number, validation: Validation, tree: WatchTree | null, bytesMax: number) {
    this.#root = root;
    this.#validation = validation;
    this.#tree = tree;
    this.#bytesMax = bytesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The entry for the path `bytes[start, end)` of a request received in this turn or earlier, if it is fresh. */
  find(bytes: Uint8Array, start: number, end: number, context: HandlerContext): CachedFile | null {
    const entry = this.#entries.get(hashOf(bytes, start, end));
    if (entry === undefined || !isEqual(entry.file.key, bytes, start, end)) return null;
    return this.isFresh(entry, context) ? entry : null;
  }

  /** True when `entry` may be used in this turn; false when it has ended. */
  isFresh(entry: CachedFile, context: HandlerContext): boolean {
    const isFresh = entry.checkedBatch === context.batch || this.#check(entry, context);
    if (isFresh) entry.isVisited = true;
    return isFresh;
  }

  #check(entry: CachedFile, context: HandlerContext): boolean {
    this.#tree?.drain(context.batch);
    if (entry.response === null) return false;
    const { seconds } = context.clock;
    const isWatched = this.#validation === "off" ||
      (entry.places !== null && Math.abs(seconds - entry.checkedSeconds) < CACHE_RECHECK_SECONDS);
    if (!isWatched) {
      const { path, status } = entry.file;
      if (this.#current.read(this.#root, path) < 0 || !this.#current.equals(status)) {
        this.remove(entry);
        return false;
      }
      entry.checkedSeconds = seconds;
    }
    entry.checkedBatch = context.batch;
    return true;
  }

  /**
   * Keeps a file and its response, unless it is not watched and changed so recently that another change might not
   * show in its times. `places`: those it depends on, all watched since before the file was opened.
   */
  put(
    file: FileContent,
    response: HttpResponse,
    places: readonly Place[] | null,
    context: HandlerContext,
  ): CachedFile | null {
    const needsToSettle = this.#validation !== "off" && places === null;
    if (needsToSettle && file.status.changedSeconds > context.clock.seconds - CACHE_SETTLE_SECONDS) {
      return null;
    }
    const entry = new CachedFile(this, file, response, places, context);
    if (entry.bytes > this.#bytesMax) return null;
    const previous = this.#entries.get(entry.hash);
    if (previous !== undefined) this.remove(previous);
    while (this.#bytes + entry.bytes > this.#bytesMax) this.remove(this.#queue.victim()!);
    this.#entries.set(entry.hash, entry);
    this.#queue.add(entry);
    this.#bytes += entry.bytes;
    for (const place of places ?? []) this.#tree!.depend(place, entry);
    return entry;
  }

  /** Ends all entries. */
  clear(): void {
    for (const entry of [...this.#entries.values()]) this.remove(entry);
  }

  /** Ends an entry: nobody who remembers one of its answers will find a response there. */
  remove(entry: CachedFile): void {
    if (entry.response === null) return;
    entry.entry = entry.response = null;
    if (entry.notModified !== null) entry.notModified.entry = entry.notModified.response = null;
    this.#entries.delete(entry.hash);
    this.#queue.remove(entry);
    this.#bytes -= entry.bytes;
    for (const place of entry.places ?? []) this.#tree!.forget(place, entry);
  }
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
