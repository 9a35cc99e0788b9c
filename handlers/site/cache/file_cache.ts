/**
 * Resources in memory, found by the bytes of the path, and never stale.
 *
 * A resource is used only after one of two proofs, made in this turn after all its requests had been received: inotify
 * reported no change of anything that led to it (`watch_tree.ts`), or statx(2) shows the same inode, size and times as
 * when it was read. So a change before a request was sent is always seen. Limits: a write through mmap(2) causes no
 * event, and shows in the times only when the kernel updates them; a file system that is not watched and does not keep
 * ctime cannot be trusted.
 * @module
 */
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import type { HandlerContext } from "../../../server/connection/handler.ts";
import { isEqual, isRangeEqual } from "../../../server/http/bytes.ts";
import { keyedHash } from "../../../server/http/heads/keyed_hash.ts";
import { FORM_OVERHEAD_BYTES } from "../../../server/limits.ts";
import { CACHE_RECHECK_SECONDS, CACHE_SETTLE_SECONDS, RESOURCE_OVERHEAD_BYTES } from "../limits.ts";
import type { CacheSnapshot } from "../../../server/metrics/statistics.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import type { CacheMemory } from "./cache_memory.ts";
import type { FileContent } from "./file_content.ts";
import type { Seen } from "../lookup/lookup.ts";
import type { Keeper, Resource } from "./resource.ts";
import type { Root } from "../files/root.ts";
import type { Validation } from "../settings/site_options.ts";
import type { RootWay } from "../watch/root_way.ts";
import type { WatchTree } from "../watch/watch_tree.ts";

/** What a cache has to know of the content of a root. */
export interface CachedSource {
  readonly root: Root;
  readonly validation: Validation;
  /** Null unless `validation` is "inotify". */
  readonly tree: WatchTree | null;
  /** Null for a root that cannot be replaced. */
  readonly way: RootWay | null;
  readonly memory: CacheMemory;
  /** True when a name never gets other bytes, so a time of change, such as that of a delete, says nothing of them. */
  readonly isConstant?: boolean;
}

/** The resources of one site. A hash of the path finds a chain of resources, whose keys are then compared. */
export class FileCache implements Keeper {
  readonly #root: Root;
  readonly #tree: WatchTree | null;
  readonly #way: RootWay | null;
  readonly #validation: Validation;
  readonly #memory: CacheMemory;
  readonly #isConstant: boolean;
  readonly #entries = new Map<number, Resource>();
  readonly #current = new FileStatus();
  #count = 0;
  #hits = 0;
  #evictions = 0;
  /** Requests that found no resource. The site counts them, since it may look under two spellings. */
  misses = 0;

  /** Caches that share the memory of a `source` have the same root. */
  constructor({ root, validation, tree, way, memory, isConstant = false }: CachedSource) {
    this.#isConstant = isConstant || validation === "off";
    this.#root = root;
    this.#validation = validation;
    this.#tree = tree;
    this.#way = way;
    this.#memory = memory;
  }

  /** Returns the resource for the path `bytes[start, end)`; null when there is none, and when it is not fresh. */
  find(bytes: Uint8Array, start: number, end: number, context: HandlerContext): Resource | null {
    let resource = this.#entries.get(keyedHash(bytes, start, end)) ?? null;
    while (resource !== null && !isRangeEqual(resource.key, bytes, start, end)) resource = resource.next;
    return resource !== null && this.isFresh(resource, context) ? resource : null;
  }

  /** True when `resource` may be used in this turn, which counts as a hit; false when it has ended. */
  isFresh(resource: Resource, context: HandlerContext): boolean {
    const isFresh = resource.checkedTurn === context.turn || this.check(resource, context);
    if (!isFresh) return false;
    resource.isVisited = true;
    this.#hits++;
    return true;
  }

  /** Checks a resource that was not checked in this turn, without using it: ends it when it is not fresh. */
  check(resource: Resource, context: HandlerContext): boolean {
    this.#tree?.drain(context.turn);
    if (resource.entry === null || this.#way?.isSame(context.turn) === false) return false;
    if (this.#validation !== "off") {
      const { seconds } = context.clock;
      const isDue = Math.abs(seconds - resource.checkedSeconds) >= CACHE_RECHECK_SECONDS;
      const isSame = resource.unwatched.every((seen) => this.#isAsSeen(seen));
      const isMainSame = () => this.#isMainAsSeen(resource) && !resource.isProvisional;
      if (!isSame || (isDue && !isMainSame())) {
        this.remove(resource);
        return false;
      }
      if (isDue) resource.checkedSeconds = seconds;
    }
    resource.checkedTurn = context.turn;
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

  /** Checks the main file where it is watched; where it is not, `unwatched` was checked already. */
  #isMainAsSeen({ main, unwatched }: Resource): boolean {
    if (unwatched.includes(main)) return true;
    return this.#root.readStatus(main.path, this.#current) === 0 && this.#current.equals(main.status!);
  }

  /** True when every change from now on will show in the times of a file that last changed at `seconds`. */
  isSettled(seconds: number, nowSeconds: number): boolean {
    return this.#isConstant || seconds <= nowSeconds - CACHE_SETTLE_SECONDS;
  }

  /**
   * Keeps a resource, unless it is too large, or an unwatched part of it changed so recently that another change might
   * not show in the times. True when it is kept.
   */
  put(resource: Resource, context: HandlerContext): boolean {
    resource.isNew = false;
    const { seconds } = context.clock;
    const isSettled = resource.unwatched.every(({ status }) =>
      status === null || this.isSettled(status.changedSeconds, seconds)
    );
    if (!isSettled || resource.totalBytes > this.#memory.bytesMax) return false;
    if (resource.watchedNames.length > 0 && !this.#tree!.holds()) return false; // a mount has changed since it was found
    this.#removeNamesake(resource);
    resource.entry = resource;
    resource.checkedTurn = context.turn;
    resource.checkedSeconds = seconds;
    this.#memory.ownBytes += resource.bytes;
    for (const content of resource.contents) this.#memory.contents.use(content, resource);
    this.#memory.makeRoom(seconds);
    resource.next = this.#entries.get(resource.hash) ?? null;
    this.#entries.set(resource.hash, resource);
    this.#count++;
    this.#memory.queue.add(resource);
    for (const watched of resource.watchedNames) this.#tree!.depend(watched, resource);
    return true;
  }

  /**
   * Counts more memory of a resource: `bytes` of its own, and `content`, null when its contents are as before. The resource
   * ends if it is larger than the cache now.
   */
  grow(resource: Resource, bytes: number, content: FileContent | null, nowSeconds: number): void {
    resource.bytes += bytes;
    if (content !== null) resource.contents.push(content);
    if (resource.entry === null) return;
    this.#memory.ownBytes += bytes;
    if (content !== null) this.#memory.contents.use(content, resource);
    if (resource.totalBytes > this.#memory.bytesMax) this.#remove(resource, nowSeconds);
    this.#memory.makeRoom(nowSeconds);
  }

  /** Returns the content of a file in the state `status`; null when it is not in memory, or may have changed since it was read. */
  contentOf(status: FileStatus, context: HandlerContext): FileContent | null {
    const content = this.#memory.contents.find(status.identity);
    if (content === null || content.isProvisional) return null;
    if (content.isSettled || this.#isConstant) return content;
    // A second change might not show in the file's times, but it ends a resource whose files are all watched.
    for (const user of this.#memory.contents.usersOf(content)) {
      if (user.unwatched.length > 0) return null;
      if (user.checkedTurn === context.turn || user.keeper.check(user, context)) return content;
    }
    return null;
  }

  /** False for a form that had to leave the cache a short while ago. */
  isWorthMaking(content: FileContent, coding: Coding, nowSeconds: number): boolean {
    return this.#memory.contents.isWorthMaking(content, coding, nowSeconds);
  }

  /** Returns a form that left the cache and is still in memory; null when there is none. */
  formLeft(content: FileContent, coding: Coding): FileContent | null {
    return this.#memory.contents.formLeft(content, coding);
  }

  /** Adds a form that was compressed from `content`. False when it has no room in the cache. */
  addForm(content: FileContent, coding: Coding, form: FileContent, nowSeconds: number): boolean {
    const [user] = this.#memory.contents.usersOf(content);
    const ownBytes = (user?.bytes ?? RESOURCE_OVERHEAD_BYTES) + FORM_OVERHEAD_BYTES;
    const isKept = ownBytes + content.size + content.madeBytes + form.size <= this.#memory.bytesMax;
    if (isKept) this.#memory.contents.addForm(content, coding, form);
    else this.#memory.contents.remember(content, coding, form, nowSeconds);
    this.#memory.makeRoom(nowSeconds);
    return isKept;
  }

  /**
   * Replaces the form of `content` in `coding` by `smaller`. The responses of all resources that were made of the form end,
   * so each next request gets the smaller one, with its own tag.
   */
  replaceForm(content: FileContent, coding: Coding, smaller: FileContent): void {
    const { contents } = this.#memory;
    for (const user of contents.usersOf(content)) user.keeper.withdraw(user, coding);
    contents.replaceForm(content, coding, smaller);
  }

  withdraw(resource: Resource, coding: Coding): void {
    const bytes = resource.withdraw(coding);
    resource.bytes -= bytes;
    this.#memory.ownBytes -= bytes;
  }

  /** Frees a content once its request is answered, because its resource is not kept. */
  dismiss(content: FileContent): void {
    this.#memory.contents.dismiss(content);
  }

  /** Ends the resource with the same key, where there is one. */
  #removeNamesake({ hash, key }: Resource): void {
    let other = this.#entries.get(hash) ?? null;
    while (other !== null && !isEqual(other.key, key)) other = other.next;
    if (other !== null) this.remove(other);
  }

  /** Returns the number of resources, and the counters. */
  snapshot(): Pick<CacheSnapshot, "resources" | "hits" | "misses" | "evictions"> {
    return { resources: this.#count, hits: this.#hits, misses: this.misses, evictions: this.#evictions };
  }

  /** Ends all resources. */
  clear(): void {
    this.#memory.contents.clear();
    for (const first of [...this.#entries.values()]) {
      for (let resource: Resource | null = first; resource !== null;) {
        const { next }: Resource = resource;
        this.remove(resource);
        resource = next;
      }
    }
  }

  /** Ends a resource. The answers that requests remember have no response from now on. */
  remove(resource: Resource): void {
    this.#remove(resource, null);
  }

  evict(resource: Resource, nowSeconds: number): void {
    this.#evictions++;
    this.#remove(resource, nowSeconds);
  }

  /** `leftSeconds` is the time at which the resource is evicted to make room; null for another reason. */
  #remove(resource: Resource, leftSeconds: number | null): void {
    if (resource.entry === null) return;
    this.#memory.ownBytes -= resource.bytes;
    for (const content of resource.contents) this.#memory.contents.leave(content, resource, leftSeconds);
    resource.end();
    this.#unchain(resource);
    this.#count--;
    this.#memory.queue.remove(resource);
    for (const watched of resource.watchedNames) this.#tree!.forget(watched, resource);
  }

  #unchain(resource: Resource): void {
    const { hash, next } = resource;
    resource.next = null;
    let before = this.#entries.get(hash)!;
    if (before === resource) {
      if (next === null) this.#entries.delete(hash);
      else this.#entries.set(hash, next);
      return;
    }
    while (before.next !== resource) before = before.next!;
    before.next = next;
  }
}
