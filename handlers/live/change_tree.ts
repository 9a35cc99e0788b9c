/**
 * The names on which the responses of a root depend, watched until they change.
 *
 * It is a second tree beside the one of the cache (`site/watch/watch_tree.ts`), on the same inotify watches. A resource
 * of the cache ends with the first write to its file, whereas a page is told once the file is complete. So a name here
 * stays watched while its file is written, and the tree knows which files are being written: from the first write, or
 * from the creation, to the close (IN_CLOSE_WRITE).
 * @module
 */
import {
  IN_ATTRIB,
  IN_CLOSE_WRITE,
  IN_CREATE,
  IN_IGNORED,
  IN_ISDIR,
  IN_MODIFY,
} from "../../ffi/libc/constants.ts";
import { ENOENT } from "../../ffi/libc/errno.ts";
import { comparesBytes, reportsChanges } from "../../ffi/file/file_system.ts";
import { FileStatus } from "../../ffi/file/file_status.ts";
import { type FileName, openDirectoryBelow, openNameBelow } from "../../ffi/file/inotify.ts";
import { close } from "../../ffi/socket/socket.ts";
import { WatchedName, type Watcher } from "../site/watch/watched_name.ts";
import type { WatchedRoot } from "../site/watch/watch_tree.ts";
import { watches } from "../site/watch/watches.ts";

/** How a name changed: the content of its file, or what it stands for; for a directory that is listed, its entries. */
export type Change = "content" | "name" | "entries";

/** An object that is told of changes. */
export interface Listener {
  onChange(change: Change): void;
}

/** The watched names of one root. */
export class ChangeTree implements Watcher {
  readonly #directory: WatchedRoot;
  readonly #trustsAll: boolean;
  readonly #root: WatchedName = new WatchedName(this, "", null);
  readonly #listeners = new Map<WatchedName, Set<Listener>>();
  /** Listeners to all entries of a directory. */
  readonly #listing = new Map<WatchedName, Set<Listener>>();
  /** Files that are being written, and the instant at which that was noticed (`performance.now()`). */
  readonly #written = new Map<WatchedName, number>();
  readonly #status = new FileStatus();
  /** Events so far. */
  events = 0;

  /** `trustsAll` as for `WatchTree`. The caller closes `directory`. */
  constructor(directory: WatchedRoot, trustsAll: boolean) {
    this.#directory = directory;
    this.#trustsAll = trustsAll;
    watches.join(this);
  }

  get path(): FileName | null {
    return this.#directory.realPath;
  }

  /**
   * Tells `listener` of changes of the path `names` from now on. Returns its node, and whether every change is reported.
   * It is not where a directory or the file is on a file system that does not report changes, or behind a symbolic link.
   */
  watch(
    names: readonly FileName[],
    listener: Listener,
  ): { readonly node: WatchedName; readonly isCovered: boolean } {
    let node = this.#root;
    let isCovered = this.#watchDirectory(node, [], 0) === 0;
    let isThere = isCovered;
    for (let depth = 1; depth <= names.length; depth++) {
      const name = names[depth - 1]!;
      node = node.children.get(name) ?? new WatchedName(this, name, node);
      if (!isThere) continue;
      const status = depth < names.length
        ? this.#watchDirectory(node, names, depth)
        : this.#watchName(node, names);
      isThere = status === 0;
      if (status < 0 && status !== -ENOENT) isCovered = false; // a missing name is reported once it comes
    }
    put(this.#listeners, node, listener);
    return { node, isCovered };
  }

  /** Tells `listener` of changes of all entries of the directory `names`, too. */
  watchEntries(
    names: readonly FileName[],
    listener: Listener,
  ): { readonly node: WatchedName; readonly isCovered: boolean } {
    const watched = this.watch(names, listener);
    put(this.#listing, watched.node, listener);
    return watched;
  }

  /** Ends what `listener` is told of `node`. */
  forget(node: WatchedName, listener: Listener): void {
    take(this.#listeners, node, listener);
    take(this.#listing, node, listener);
    for (let at = node; at.parent !== null; at = at.parent) {
      if (at.children.size > 0 || this.#listeners.has(at)) return;
      if (at.parent.children.get(at.name) === at) at.parent.children.delete(at.name);
      this.#written.delete(at);
      watches.unwatch(at);
    }
  }

  /** Returns when the file at `node` was first written to, if it is still open for that; else Infinity. */
  writtenSince(node: WatchedName): number {
    return this.#written.get(node) ?? Infinity;
  }

  /** True when nothing is told to anyone. */
  get isUnused(): boolean {
    return this.#listeners.size === 0;
  }

  /** Removes all watches. */
  close(): void {
    watches.leave(this);
    const unwatch = (node: WatchedName) => {
      watches.unwatch(node);
      for (const child of node.children.values()) unwatch(child);
    };
    unwatch(this.#root);
  }

  onEvent(node: WatchedName, mask: number, name: FileName): void {
    this.events++;
    if (name === "") return this.#onOwnEvent(node, mask);
    const child = node.children.get(name);
    const isComplete = (mask & IN_CLOSE_WRITE) !== 0;
    if (child !== undefined) {
      if (isComplete) this.#complete(child);
      else if (mask & IN_ATTRIB) this.#tellAll(child, "name"); // it may be open for writing, still
      else this.#rename(child, mask);
    }
    // A listing shows size and time of its entries, but no hidden ones, such as the files that editors make.
    const listeners = name.startsWith(".") ? undefined : this.#listing.get(node);
    if (listeners === undefined || this.#isBegun(node, mask, name)) return;
    for (const listener of listeners) listener.onChange("entries");
  }

  #onOwnEvent(node: WatchedName, mask: number): void {
    if (mask & IN_MODIFY) return this.#write(node);
    if (mask & IN_CLOSE_WRITE) return this.#complete(node);
    if ((mask & IN_IGNORED) === 0) this.#tellAll(node, "name");
  }

  #write(node: WatchedName): void {
    if (!this.#written.has(node)) this.#written.set(node, performance.now());
    this.#tell(node, "content");
  }

  #complete(node: WatchedName): void {
    this.#written.delete(node);
    this.#tell(node, "content");
  }

  /** The name was created, removed or moved. Its node gets a watch again when it is looked up. */
  #rename(node: WatchedName, mask: number): void {
    const unwatch = (node: WatchedName) => {
      watches.unwatch(node);
      this.#written.delete(node);
      for (const child of node.children.values()) unwatch(child);
    };
    unwatch(node);
    if (this.#isBegun(node.parent!, mask, node.name)) this.#written.set(node, performance.now());
    this.#tellAll(node, "name");
  }

  /**
   * True when the entry `name` was created by open(2), so that a close will follow; false when it was made whole by
   * link(2), symlink(2) or mkdir(2), and for other events.
   */
  #isBegun(directory: WatchedName, mask: number, name: FileName): boolean {
    if ((mask & IN_CREATE) === 0 || mask & IN_ISDIR) return false;
    const names: FileName[] = [name];
    for (let at = directory; at.parent !== null; at = at.parent) names.unshift(at.name);
    const fd = openNameBelow(this.#directory.fd, names);
    if (fd < 0) return false;
    const failed = this.#status.readDescriptor(fd);
    close(fd);
    return failed === 0 && this.#status.isFile && this.#status.linkCount === 1;
  }

  reset(): void {
    const root = this.#root;
    const unwatch = (node: WatchedName) => {
      node.watch = -1; // the instance is gone, or events were lost
      for (const child of node.children.values()) unwatch(child);
    };
    unwatch(root);
    this.#written.clear();
    this.#tellAll(root, "name");
  }

  #tell(node: WatchedName, change: Change): void {
    for (const listener of this.#listeners.get(node) ?? []) listener.onChange(change);
  }

  #tellAll(node: WatchedName, change: Change): void {
    this.#tell(node, change);
    for (const child of node.children.values()) this.#tellAll(child, change);
  }

  /** Watches the directory of the first `depth` names. Returns 0 or −errno; a positive number when its events are not reliable. */
  #watchDirectory(node: WatchedName, names: readonly FileName[], depth: number): number {
    if (node.watch >= 0) return 0;
    const { fd: root } = this.#directory;
    const fd = root < 0 ? root : openDirectoryBelow(root, names, depth);
    if (fd < 0) return fd;
    const isReliable = this.#trustsAll || (reportsChanges(fd) && comparesBytes(fd));
    const status = isReliable ? watches.watch(node, fd, true) : -EUNRELIABLE;
    close(fd);
    return status;
  }

  /** Watches the file or directory `names`. Returns 0 or −errno. */
  #watchName(node: WatchedName, names: readonly FileName[]): number {
    if (node.watch >= 0) return 0;
    const { fd: root } = this.#directory;
    const fd = root < 0 ? root : openNameBelow(root, names);
    if (fd < 0) return fd;
    const failed = this.#status.readDescriptor(fd);
    const { isFile, isDirectory } = this.#status;
    const isReliable = failed === 0 && (isFile || isDirectory) && (this.#trustsAll || reportsChanges(fd));
    const status = isReliable ? watches.watch(node, fd, isDirectory) : -EUNRELIABLE;
    close(fd);
    return status;
  }
}

/** No error of the kernel: the events of a file are not reliable, or it is a link. */
const EUNRELIABLE = 4096;

function put<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const values = sets.get(key);
  if (values === undefined) sets.set(key, new Set([value]));
  else values.add(value);
}

function take<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const values = sets.get(key);
  if (values?.delete(value) && values.size === 0) sets.delete(key);
}
