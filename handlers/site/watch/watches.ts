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
import type { WatchedName, Watcher } from "./watched_name.ts";

/** The inotify queue of this process and the watched names that it reports to. */
class Watches {
  readonly #trees = new Set<Watcher>();
  readonly #watchedNames = new Map<number, WatchedName[]>();
  /** −1: it cannot be had, or is not needed. */
  #inotify = -1;
  #mounts: Mounts | null = null;
  /** Trees in which something was mounted or unmounted. */
  readonly #disturbed = new Set<Watcher>();
  #drainedTurn = -1;
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
    return this.#watchedNames.size;
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
    this.#watchedNames.clear();
    this.#hasWarned = false;
    this.#retryMs = -Infinity;
  }

  /** Tells of everything that happened before it was called. Once a turn is enough, see `Reactor`. */
  drain(turn: number): void {
    if (turn === this.#drainedTurn) return;
    this.#drainedTurn = turn;
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

  /** Watches what `fd` is open on for `watched`: 0 or −errno. */
  watch(watched: WatchedName, fd: number, isDirectory: boolean): number {
    const watch = inotifyWatch(this.#inotify, fd, isDirectory);
    if (watch < 0 || watched.watch === watch) return Math.min(watch, 0);
    this.unwatch(watched); // another file has come to its name: the event is on its way
    watched.watch = watch;
    const others = this.#watchedNames.get(watch);
    if (others === undefined) this.#watchedNames.set(watch, [watched]);
    else others.push(watched);
    return 0;
  }

  unwatch(watched: WatchedName): void {
    const { watch } = watched;
    watched.watch = -1;
    const watchedNames = this.#watchedNames.get(watch);
    if (watchedNames === undefined) return; // the kernel has ended it
    const others = watchedNames.filter((other) => other !== watched);
    if (others.length > 0) {
      this.#watchedNames.set(watch, others);
    } else {
      this.#watchedNames.delete(watch);
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
    const watchedNames = this.#watchedNames.get(watch);
    if (watchedNames === undefined) return; // a late event of a watch that was given up
    if (mask & IN_IGNORED) this.#watchedNames.delete(watch);
    for (const watched of watchedNames) watched.tree.onEvent(watched, mask, name);
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
    this.#watchedNames.clear();
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
