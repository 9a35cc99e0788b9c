/**
 * The way to a root: the directories that decide where its path leads.
 *
 * `current -> releases/12`, a link further up, or a rename of the root itself: the next turn serves the new directory. Each
 * directory in which a part of the way can be replaced is watched. An event there says nothing of what has changed, so
 * it only raises a doubt, and the path is looked at once.
 *
 * The following raises no doubt, so the caller has to look from time to time: a rename of a directory further up that is
 * not behind a link, a mount, and changes made by other machines.
 * @module
 */
import { reportsChanges } from "../../../ffi/file/file_system.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { SystemError } from "../../../ffi/libc/errno.ts";
import { walk } from "../../../ffi/file/path_walk.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { WatchedName, type Watcher } from "./watched_name.ts";
import { watches } from "./watches.ts";

/** A link may change between two walks; then the way is walked again, this often. */
const WALKS_MAX = 4;

/** The watched way to the root at one path. */
export class RootWay implements Watcher {
  readonly #root: string;
  #holders: WatchedName[] = [];
  #isWatched = false;
  #isDoubtful = false;

  /** No mount below the way matters to it. */
  readonly path: FileName | null = null;

  constructor(root: string) {
    this.#root = root;
    watches.join(this);
    this.follow();
  }

  /** True when the path may lead elsewhere since the last {@linkcode follow}. Always true for a way that is not watched. */
  get isDoubtful(): boolean {
    return this.#isDoubtful || !this.#isWatched;
  }

  /** Watches the way as it is now. To be called before the path is looked at: a change after that is a new doubt. */
  follow(): void {
    this.#isDoubtful = false;
    this.#isWatched = false;
    for (let walks = 0; watches.isOpen && !this.#isWatched && walks < WALKS_MAX; walks++) {
      const holders = this.#watchHolders();
      if (holders === null) return; // a part is missing at present: the holders before stay watched
      // The way was walked before it was watched: it is the same once a second walk finds nothing new to watch.
      const known = new Set(this.#holders.map(({ watch }) => watch));
      this.#isWatched = holders.every(({ watch }) => known.has(watch));
      const old = this.#holders;
      this.#holders = holders;
      for (const holder of old) watches.unwatch(holder);
    }
  }

  /** Returns the watched directories of one walk; null when one of them cannot be watched. */
  #watchHolders(): WatchedName[] | null {
    let way;
    try {
      way = walk(this.#root);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      return null;
    }
    const holders: WatchedName[] = [];
    const isWatched = way.holders.every((fd) => {
      const holder = new WatchedName(this, "", null);
      holders.push(holder);
      return reportsChanges(fd) && watches.watch(holder, fd, true) === 0;
    });
    for (const fd of [way.end, ...way.holders]) close(fd);
    if (isWatched) return holders;
    for (const holder of holders) watches.unwatch(holder);
    return null;
  }

  onEvent(): void {
    this.#isDoubtful = true;
  }

  reset(): void {
    for (const holder of this.#holders) watches.unwatch(holder);
    this.#holders = [];
    this.#isDoubtful = true;
    this.#isWatched = false;
  }

  /** Removes all watches. */
  close(): void {
    this.reset();
    watches.leave(this);
  }
}
