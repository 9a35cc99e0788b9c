/**
 * Resources in memory, found by the bytes of the request, and never stale.
 *
 * A resource is used only after one of two proofs, made in this turn after all its requests had been received: the
 * kernel has told of no change to what led to it (`watch_tree.ts`), or statx(2) shows the same inode, size and times as
 * when it was read. What was changed before a request was sent is seen. Limits: a write through mmap(2) causes no
 * event, and shows in the times only when the kernel updates them; a file system that is not watched and does not keep
 * ctime cannot be trusted.
 * @module
 */
import { FileStatus } from "../../ffi/file.ts";
import type { FileName } from "../../ffi/inotify.ts";
import type { HandlerContext } from "../../server/handler.ts";
import { CACHE_RECHECK_SECONDS, CACHE_SETTLE_SECONDS } from "../../server/limits.ts";
import type { CacheSnapshot } from "../../server/statistics.ts";
import type { Seen } from "./lookup.ts";
import { hashOf, type Keeper, type Resource } from "./resource.ts";
import type { Root } from "./root.ts";
import { Sieve } from "./sieve.ts";
import type { WatchTree } from "./watch_tree.ts";

/** How a resource is shown to be fresh: by events where they can be relied on, always by statx, or not at all. */
export type Validation = "inotify" | "stat" | "off";

/** Found by hash and then compared: of two paths with one hash, the later one stays. */
export class FileCache implements Keeper {
  readonly #root: Root;
  readonly #tree: WatchTree | null;
  readonly #validation: Validation;
  readonly #bytesMax: number;
  readonly #entries = new Map<number, Resource>();
  readonly #queue = new Sieve<Resource>();
  readonly #current = new FileStatus();
  #bytes = 0;
  #hits = 0;
  #evictions = 0;
  /** Requests for which nothing was there; counted by who knows that. */
  misses = 0;

  /** `tree` only where `validation` is "inotify". */
  constructor(root: Root, validation: Validation, tree: WatchTree | null, bytesMax: number) {
    this.#root = root;
    this.#validation = validation;
    this.#tree = tree;
    this.#bytesMax = bytesMax;
  }

  /** The resource for the path `bytes[start, end)` of a request received in this turn or earlier, if it is fresh. */
  find(bytes: Uint8Array, start: number, end: number, context: HandlerContext): Resource | null {
    const resource = this.#entries.get(hashOf(bytes, start, end));
    if (resource === undefined || !isEqual(resource.key, bytes, start, end)) return null;
    return this.isFresh(resource, context) ? resource : null;
  }

  /** True when `resource` may be used in this turn; false when it has ended. */
  isFresh(resource: Resource, context: HandlerContext): boolean {
    const isFresh = resource.checkedBatch === context.batch || this.#check(resource, context);
    if (!isFresh) return false;
    resource.isVisited = true;
    this.#hits++;
    return true;
  }

  #check(resource: Resource, context: HandlerContext): boolean {
    this.#tree?.drain(context.batch);
    if (resource.entry === null) return false;
    if (this.#validation !== "off") {
      const { seconds } = context.clock;
      const isDue = Math.abs(seconds - resource.checkedSeconds) >= CACHE_RECHECK_SECONDS;
      const isSame = resource.unwatched.every((seen) => this.#isAsSeen(seen));
      if (!isSame || (isDue && !this.#isMainAsSeen(resource))) {
        this.remove(resource);
        return false;
      }
      if (isDue) resource.checkedSeconds = seconds;
    }
    resource.checkedBatch = context.batch;
    return true;
  }

  #isAsSeen({ path, names, status, isDirectory, isListed }: Seen): boolean {
    const current = this.#current;
    const found = this.#root.look(path, current);
    const isThere = typeof found === "string" && (!isListed || this.#isListed(names));
    if (status !== null) return isThere && current.equals(status);
    return !(isThere && found === "file") && isDirectory === (isThere && found === "directory");
  }

  #isListed(names: readonly FileName[]): boolean {
    const spelling = this.#root.spellingOf(names, new Set());
    return spelling === "listed" || spelling === "exact";
  }

  /** Of a file that is watched; others were looked at before. */
  #isMainAsSeen({ main, unwatched }: Resource): boolean {
    if (unwatched.includes(main)) return true;
    return this.#root.readStatus(main.path, this.#current) === 0 && this.#current.equals(main.status!);
  }

  /**
   * Keeps a resource, unless something of it is not watched and changed so recently that another change might not
   * show in its times. True when it is kept.
   */
  put(resource: Resource, context: HandlerContext): boolean {
    resource.isNew = false;
    const { seconds } = context.clock;
    const isSettled = this.#validation === "off" || resource.unwatched.every(({ status }) => {
      return status === null || status.changedSeconds <= seconds - CACHE_SETTLE_SECONDS;
    });
    if (!isSettled || resource.bytes > this.#bytesMax) return false;
    const previous = this.#entries.get(resource.hash);
    if (previous !== undefined) this.remove(previous);
    this.#makeRoom(resource.bytes);
    resource.entry = resource;
    resource.checkedBatch = context.batch;
    resource.checkedSeconds = seconds;
    this.#entries.set(resource.hash, resource);
    this.#queue.add(resource);
    this.#bytes += resource.bytes;
    for (const place of resource.places) this.#tree!.depend(place, resource);
    return true;
  }

  /** More of a resource has come into memory. It may have to leave for that. */
  grow(resource: Resource, bytes: number): void {
    if (resource.entry !== null && resource.bytes + bytes > this.#bytesMax) this.remove(resource);
    resource.bytes += bytes;
    if (resource.entry === null) return;
    this.#bytes += bytes;
    this.#makeRoom(0);
  }

  #makeRoom(bytes: number): void {
    while (this.#bytes + bytes > this.#bytesMax) {
      this.#evictions++;
      this.remove(this.#queue.victim()!);
    }
  }

  /** What it holds, and has done. */
  snapshot(): CacheSnapshot {
    const { watches = 0, events = 0, overflows = 0 } = this.#tree ?? {};
    return {
      bytes: this.#bytes,
      bytesMax: this.#bytesMax,
      resources: this.#entries.size,
      hits: this.#hits,
      misses: this.misses,
      evictions: this.#evictions,
      watches,
      events,
      overflows,
    };
  }

  /** Ends all. */
  clear(): void {
    for (const resource of [...this.#entries.values()]) this.remove(resource);
  }

  /** Ends a resource: nobody who remembers one of its answers will find a response there. */
  remove(resource: Resource): void {
    if (resource.entry === null) return;
    resource.end();
    this.#entries.delete(resource.hash);
    this.#queue.remove(resource);
    this.#bytes -= resource.bytes;
    for (const place of resource.places) this.#tree!.forget(place, resource);
  }
}

function isEqual(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (key.length !== end - start) return false;
  for (let i = 0; i < key.length; i++) {
    if (key[i] !== bytes[start + i]) return false;
  }
  return true;
}
