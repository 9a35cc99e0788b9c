/**
 * What the kernel watches for this process: one queue of inotify's for all sites, since a user may have few of them.
 *
 * The kernel watches an inode once in a queue, however many names and sites have it: each watch has all its places, and
 * each of them is told.
 * @module
 */
import { IN_IGNORED } from "../../../ffi/libc/constants.ts";
import { describeErrno, EAGAIN, ENOSPC } from "../../../ffi/libc/errno.ts";
import {
  type FileName,
  inotifyCreate,
  inotifyRead,
  inotifyUnwatch,
  inotifyWatch,
} from "../../../ffi/file/inotify.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { CACHE_RECHECK_SECONDS, EVENT_READS_MAX } from "../limits.ts";
import { Mounts } from "./mounts.ts";
import type { Place, Watcher } from "./watched_name.ts";

/** See the module's comment. */
class Watches {
  readonly #trees = new Set<Watcher>();
  readonly #places = new Map<number, Place[]>();
  /** −1: it cannot be had, or is not needed. */
  #inotify = -1;
  #mounts: Mounts | null = null;
  /** Trees in which something was mounted or unmounted. */
  readonly #disturbed = new Set<Watcher>();
  #drainedBatch = -1;
  #retryMs = -Infinity;
  #hasWarned = false;
  readonly #onEvent = (watch: number, mask: number, name: FileName) => this.#tell(watch, mask, name);
  /** Told by the kernel so far, and how often everything was forgotten since some were lost or came too fast. */
  events = 0;
  overflows = 0;

  /** 0, or −errno: nothing can be watched at present. */
  failure = 0;

  get isOpen(): boolean {
    return this.#inotify >= 0;
  }

  /** What the kernel watches. */
  get count(): number {
    return this.#places.size;
  }

  /** `tree` hears of its places from now on. */
  join(tree: Watcher): void {
    if (this.#inotify < 0) this.#open();
    this.#trees.add(tree);
    this.#mounts?.add(tree);
  }

  /** It has no places any more. */
  leave(tree: Watcher): void {
    this.#trees.delete(tree);
    this.#mounts?.remove(tree);
    this.#disturbed.delete(tree);
    if (this.#trees.size > 0) return;
    this.#close();
    this.#places.clear();
    this.#hasWarned = false;
    this.#retryMs = -Infinity;
  }

  /** Tells of everything that happened before it was called. Once a turn is enough, see `Reactor`. */
  drain(batch: number): void {
    if (batch === this.#drainedBatch) return;
    this.#drainedBatch = batch;
    if (this.#inotify < 0) return this.#retry();
    if (this.#disturbed.size > 0) this.#resetDisturbed();
    for (let reads = 0; reads < EVENT_READS_MAX; reads++) {
      const status = inotifyRead(this.#inotify, this.#onEvent);
      if (status === -EAGAIN) return;
      if (status < 0) break;
    }
    this.#reset(); // it fails, or events come faster than they are read
  }

  /**
   * Asks what was mounted and unmounted since this was last asked: the trees that this concerns begin anew in the next
   * turn. False: `doubtful`, of which something was just found, is among them.
   */
  lookAtMounts(doubtful: Watcher | null = null): boolean {
    for (const tree of this.#mounts?.changed(doubtful) ?? []) this.#disturbed.add(tree);
    return doubtful === null || !this.#disturbed.has(doubtful);
  }

  /** Watches what `fd` is open on for `place`: 0 or −errno. */
  watch(place: Place, fd: number, isDirectory: boolean): number {
    const watch = inotifyWatch(this.#inotify, fd, isDirectory);
    if (watch < 0 || place.watch === watch) return Math.min(watch, 0);
    this.unwatch(place); // another file has come to its name: the event is on its way
    place.watch = watch;
    const others = this.#places.get(watch);
    if (others === undefined) this.#places.set(watch, [place]);
    else others.push(place);
    return 0;
  }

  unwatch(place: Place): void {
    const { watch } = place;
    place.watch = -1;
    const places = this.#places.get(watch);
    if (places === undefined) return; // the kernel has ended it
    const others = places.filter((other) => other !== place);
    if (others.length > 0) {
      this.#places.set(watch, others);
    } else {
      this.#places.delete(watch);
      inotifyUnwatch(this.#inotify, watch);
    }
  }

  /** Once: it will go on as it began. */
  warn(status: number, onWarning: (message: string) => void): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const hint = status === -ENOSPC ? "; raise fs.inotify.max_user_watches" : "";
    onWarning(
      `Cannot watch more files for changes: ${
        describeErrno(-status)
      }: they are checked at each use instead${hint}`,
    );
  }

  #tell(watch: number, mask: number, name: FileName): void {
    this.events++;
    if (watch < 0) return this.#reset(); // IN_Q_OVERFLOW: who knows what was lost
    const places = this.#places.get(watch);
    if (places === undefined) return; // a late event of a watch that was given up
    if (mask & IN_IGNORED) this.#places.delete(watch);
    for (const place of places) place.tree.onEvent(place, mask, name);
  }

  #resetDisturbed(): void {
    const disturbed = [...this.#disturbed];
    this.#disturbed.clear();
    for (const tree of disturbed) tree.reset();
  }

  /** Begins anew: everything may have changed. */
  #reset(): void {
    this.overflows++;
    this.#close(); // with all its watches
    this.#places.clear();
    this.#retryMs = performance.now() + CACHE_RECHECK_SECONDS * 1000;
    this.#open();
    for (const tree of [...this.#trees]) tree.reset();
  }

  /** There may be descriptors again, or memory. What was found meanwhile goes on being looked at each time. */
  #retry(): void {
    const now = performance.now();
    if (this.#trees.size === 0 || now < this.#retryMs) return;
    this.#retryMs = now + CACHE_RECHECK_SECONDS * 1000;
    this.#open();
  }

  /** Where nothing tells of mounts, nothing else is to be relied on either. */
  #open(): void {
    const mounts = Mounts.open();
    this.#inotify = typeof mounts === "number" ? mounts : inotifyCreate();
    this.failure = Math.min(this.#inotify, 0);
    if (typeof mounts === "number") return;
    if (this.failure < 0) return mounts.close();
    this.#mounts = mounts;
    for (const tree of this.#trees) mounts.add(tree);
  }

  #close(): void {
    if (this.#inotify >= 0) close(this.#inotify);
    this.#inotify = -1;
    this.#mounts?.close();
    this.#mounts = null;
    this.#disturbed.clear();
  }
}

/** Those of this process. */
export const watches: Watches = new Watches();
