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
import type { WatchTree } from "../watch/watch_tree.ts";

/** Found by hash and then compared: paths with one hash form a chain. */
export class FileCache implements Keeper {
  readonly #root: Root;
  readonly #tree: WatchTree | null;
  readonly #validation: Validation;
  readonly #memory: CacheMemory;
  readonly #entries = new Map<number, Resource>();
  readonly #current = new FileStatus();
  #count = 0;
  #hits = 0;
  #evictions = 0;
  /** Requests for which nothing was there; counted by who knows that. */
  misses = 0;

  /** `tree` only where `validation` is "inotify". Others that share `memory` have the same root. */
  constructor(root: Root, validation: Validation, tree: WatchTree | null, memory: CacheMemory) {
    this.#root = root;
    this.#validation = validation;
    this.#tree = tree;
    this.#memory = memory;
  }

  /** The resource for the path `bytes[start, end)` of a request received in this turn or earlier, if it is fresh. */
  find(bytes: Uint8Array, start: number, end: number, context: HandlerContext): Resource | null {
    let resource = this.#entries.get(keyedHash(bytes, start, end)) ?? null;
    while (resource !== null && !isRangeEqual(resource.key, bytes, start, end)) resource = resource.next;
    return resource !== null && this.isFresh(resource, context) ? resource : null;
  }

  /** True when `resource` may be used in this turn; false when it has ended. */
  isFresh(resource: Resource, context: HandlerContext): boolean {
    const isFresh = resource.checkedTurn === context.turn || this.check(resource, context);
    if (!isFresh) return false;
    resource.isVisited = true;
    this.#hits++;
    return true;
  }

  /** The same for one that was not looked at in this turn yet, and is not used by it. */
  check(resource: Resource, context: HandlerContext): boolean {
    this.#tree?.drain(context.turn);
    if (resource.entry === null) return false;
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

  /** Of a file that is watched; others were looked at before. */
  #isMainAsSeen({ main, unwatched }: Resource): boolean {
    if (unwatched.includes(main)) return true;
    return this.#root.readStatus(main.path, this.#current) === 0 && this.#current.equals(main.status!);
  }

  /** Whether every change from now on shows in the times of a file whose last one was at `seconds`. */
  isSettled(seconds: number, nowSeconds: number): boolean {
    return this.#validation === "off" || seconds <= nowSeconds - CACHE_SETTLE_SECONDS;
  }

  /**
   * Keeps a resource, unless something of it is not watched and changed so recently that another change might not
   * show in its times. True when it is kept.
   */
  put(resource: Resource, context: HandlerContext): boolean {
    resource.isNew = false;
    const { seconds } = context.clock;
    const isSettled = resource.unwatched.every(({ status }) =>
      status === null || this.isSettled(status.changedSeconds, seconds)
    );
    if (!isSettled || resource.totalBytes > this.#memory.bytesMax) return false;
    if (resource.watchedNames.length > 0 && !this.#tree!.holds()) return false; // it was found while something was mounted
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
   * More of a resource has come into memory: `bytes` of its own, and a content, where that is not known of it. It may
   * have to leave for that.
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

  /** What is in memory of a file in the state `status`, where no change since it was read is possible; else null. */
  contentOf(status: FileStatus, context: HandlerContext): FileContent | null {
    const content = this.#memory.contents.find(status.identity);
    if (content === null || content.isProvisional) return null;
    if (content.isSettled || this.#validation === "off") return content;
    // A second change might not show in the file's times, but who is watched hears of it.
    for (const user of this.#memory.contents.usersOf(content)) {
      if (user.unwatched.length > 0) return null;
      if (user.checkedTurn === context.turn || user.keeper.check(user, context)) return content;
    }
    return null;
  }

  /** Whether a form of what is in memory is to be made, as far as the cache is concerned. */
  isWorthMaking(content: FileContent, coding: Coding, nowSeconds: number): boolean {
    return this.#memory.contents.isWorthMaking(content, coding, nowSeconds);
  }

  /** A form that was made, and had to leave: it may be there still. */
  formLeft(content: FileContent, coding: Coding): FileContent | null {
    return this.#memory.contents.formLeft(content, coding);
  }

  /** A form was made of what is in memory. False: it is not kept. */
  addForm(content: FileContent, coding: Coding, form: FileContent, nowSeconds: number): boolean {
    const [user] = this.#memory.contents.usersOf(content);
    const ownBytes = (user?.bytes ?? RESOURCE_OVERHEAD_BYTES) + FORM_OVERHEAD_BYTES;
    const isKept = ownBytes + content.size + content.madeBytes + form.size <= this.#memory.bytesMax;
    if (isKept) this.#memory.contents.addForm(content, coding, form);
    else this.#memory.contents.remember(content, coding, form, nowSeconds);
    this.#memory.makeRoom(nowSeconds);
    return isKept;
  }

  /** A content that was read for a resource that is not kept: it serves the request at hand. */
  dismiss(content: FileContent): void {
    this.#memory.contents.dismiss(content);
  }

  /** One that has the same key ends. */
  #removeNamesake({ hash, key }: Resource): void {
    let other = this.#entries.get(hash) ?? null;
    while (other !== null && !isEqual(other.key, key)) other = other.next;
    if (other !== null) this.remove(other);
  }

  /** How many it has, and what it has done. */
  snapshot(): Pick<CacheSnapshot, "resources" | "hits" | "misses" | "evictions"> {
    return { resources: this.#count, hits: this.#hits, misses: this.misses, evictions: this.#evictions };
  }

  /** Ends all. */
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

  /** Ends a resource: nobody who remembers one of its answers will find a response there. */
  remove(resource: Resource): void {
    this.#remove(resource, null);
  }

  evict(resource: Resource, nowSeconds: number): void {
    this.#evictions++;
    this.#remove(resource, nowSeconds);
  }

  /** `leftSeconds`: when it had to leave to make room; null: for another reason. */
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
