/**
 * The inotify instance of this process. All sites share one, since a user may have few of them (inotify(7)).
 *
 * The kernel has one watch for an inode in an instance, even if several names and sites watch it. So each watch has a
 * list of watched names, and an event goes to all of them.
 * @module
 */
import { IN_CLOSE_WRITE, IN_IGNORED } from "../../../ffi/libc/constants.ts";
import { EPOLL_CTL_ADD, EPOLLIN } from "../../../ffi/libc/multiplexer_constants.ts";
import { describeErrno, EAGAIN, ENOSPC } from "../../../ffi/libc/errno.ts";
import {
  type FileName,
  inotifyCreate,
  inotifyRead,
  inotifyUnwatch,
  inotifyWatch,
} from "../../../ffi/file/inotify.ts";
import { epollControl } from "../../../ffi/libc/multiplexers.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { CACHE_RECHECK_SECONDS, EVENT_READS_MAX } from "../limits.ts";
import { Mounts } from "./mounts.ts";
import type { WatchedName, Watcher } from "./watched_name.ts";

/** The inotify instance, and the watched names that its events go to. */
class Watches {
  readonly #trees = new Set<Watcher>();
  readonly #watchedNames = new Map<number, Set<WatchedName>>();
  /** The descriptor; negative when it cannot be opened, or is not needed. */
  #inotify = -1;
  #mounts: Mounts | null = null;
  /** Trees in which something was mounted or unmounted. */
  readonly #disturbed = new Set<Watcher>();
  #drainedTurn = -1;
  #retryMs = -Infinity;
  #hasWarned = false;
  /** Events that are reported beside the usual ones. */
  #alsoMask = 0;
  /** Descriptors of epoll that watch the inotify instance, whichever it is at present. */
  readonly #bells = new Set<number>();
  readonly #onEvent = (watch: number, mask: number, name: FileName) => this.#dispatch(watch, mask, name);
  /** Events received so far. */
  events = 0;
  /** How often all names were removed, because events were lost or came faster than they were read. */
  overflows = 0;

  /** 0, or −errno when nothing can be watched at present. */
  failure = 0;

  get isOpen(): boolean {
    return this.#inotify >= 0;
  }

  /** The number of inotify watches. */
  get count(): number {
    return this.#watchedNames.size;
  }

  /** Adds a tree, whose names can be watched from now on. */
  join(tree: Watcher): void {
    if (this.#inotify < 0) this.#open();
    this.#trees.add(tree);
    this.#mounts?.add(tree);
  }

  /**
   * Has the end of each write (IN_CLOSE_WRITE) reported, too, for names that are watched from now on. Only `--live` needs
   * to know it.
   */
  reportCloses(): void {
    this.#alsoMask = IN_CLOSE_WRITE;
  }

  /** Makes `bell`, a descriptor of epoll, readable whenever events are queued, until {@linkcode removeBell}. */
  addBell(bell: number): void {
    this.#bells.add(bell);
    if (this.#inotify >= 0) epollControl(bell, EPOLL_CTL_ADD, this.#inotify, EPOLLIN);
  }

  /** Forgets `bell`, which its owner closes. */
  removeBell(bell: number): void {
    this.#bells.delete(bell);
  }

  /** Removes a tree. The last one closes the inotify instance. */
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

  /**
   * Handles all events that were queued before the call. A second call with the same `turn` does nothing: all requests
   * of a turn were received before the first of them is handled.
   */
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
    this.#reset(); // reading failed, or events come faster than they are read
  }

  /**
   * Polls the mount table. Trees whose mounts have changed are reset in the next turn. Returns false when `doubtful`,
   * in which files were just looked up, is among them. `doubtful` is null when there is none.
   */
  lookAtMounts(doubtful: Watcher | null = null): boolean {
    for (const tree of this.#mounts?.changed(doubtful) ?? []) this.#disturbed.add(tree);
    return doubtful === null || !this.#disturbed.has(doubtful);
  }

  /** Watches the open file or directory `fd` as `watched`. Returns 0 or −errno. */
  watch(watched: WatchedName, fd: number, isDirectory: boolean): number {
    const watch = inotifyWatch(this.#inotify, fd, isDirectory, this.#alsoMask);
    if (watch < 0 || watched.watch === watch) return Math.min(watch, 0);
    this.unwatch(watched); // the name has another file by now, and its event is queued
    watched.watch = watch;
    const others = this.#watchedNames.get(watch);
    if (others === undefined) this.#watchedNames.set(watch, new Set([watched]));
    else others.add(watched);
    return 0;
  }

  unwatch(watched: WatchedName): void {
    const { watch } = watched;
    watched.watch = -1;
    const watchedNames = this.#watchedNames.get(watch);
    if (watchedNames === undefined) return; // the kernel has removed the watch
    watchedNames.delete(watched);
    if (watchedNames.size > 0) return;
    this.#watchedNames.delete(watch);
    inotifyUnwatch(this.#inotify, watch);
  }

  /** Warns once that files cannot be watched. `status` is −errno. */
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

  #dispatch(watch: number, mask: number, name: FileName): void {
    this.events++;
    if (watch < 0) return this.#reset(); // IN_Q_OVERFLOW: any event may be lost
    const watchedNames = this.#watchedNames.get(watch);
    if (watchedNames === undefined) return; // a late event of a watch that was removed
    if (mask & IN_IGNORED) this.#watchedNames.delete(watch);
    for (const watched of [...watchedNames]) watched.tree.onEvent(watched, mask, name);
  }

  #resetDisturbed(): void {
    const disturbed = [...this.#disturbed];
    this.#disturbed.clear();
    for (const tree of disturbed) tree.reset();
  }

  /** Opens a new inotify instance and resets all trees: everything may have changed. */
  #reset(): void {
    this.overflows++;
    this.#close(); // removes all watches
    this.#watchedNames.clear();
    this.#retryMs = performance.now() + CACHE_RECHECK_SECONDS * 1000;
    this.#open();
    for (const tree of [...this.#trees]) tree.reset();
  }

  /**
   * Tries to open the instance again, at most every `CACHE_RECHECK_SECONDS`: descriptors or memory may be available
   * again. Files that were cached meanwhile are still checked at each use.
   */
  #retry(): void {
    const now = performance.now();
    if (this.#trees.size === 0 || now < this.#retryMs) return;
    this.#retryMs = now + CACHE_RECHECK_SECONDS * 1000;
    this.#open();
  }

  /**
   * Opens the inotify instance and the mount table. Without the mount table nothing is watched, since mounts hide
   * changes.
   */
  #open(): void {
    const mounts = Mounts.open();
    this.#inotify = typeof mounts === "number" ? mounts : inotifyCreate();
    this.failure = Math.min(this.#inotify, 0);
    if (typeof mounts === "number") return;
    if (this.failure < 0) return mounts.close();
    this.#mounts = mounts;
    for (const tree of this.#trees) mounts.add(tree);
    for (const bell of this.#bells) epollControl(bell, EPOLL_CTL_ADD, this.#inotify, EPOLLIN);
  }

  #close(): void {
    if (this.#inotify >= 0) close(this.#inotify);
    this.#inotify = -1;
    this.#mounts?.close();
    this.#mounts = null;
    this.#disturbed.clear();
  }
}

/** The inotify watches of this process. */
export const watches: Watches = new Watches();
