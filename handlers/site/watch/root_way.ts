/**
 * The way to a root: the directories that decide where its path leads.
 *
 * `current -> releases/12`, a link further up, or a rename of the root itself: the next turn serves the new directory. Each
 * directory in which a part of the way can be replaced is watched. An event there says nothing of what the path leads to
 * now, so it only raises a doubt, and the path is looked at once. A way that cannot be watched is looked at in each turn in
 * which it is used.
 *
 * The following raises no doubt, so the caller has to look from time to time: a rename of a directory further up that is
 * not the target of a link, and a mount.
 * @module
 */
import { reportsChanges } from "../../../ffi/file/file_system.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { SystemError } from "../../../ffi/libc/errno.ts";
import { walk, type Way } from "../../../ffi/file/path_walk.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { WatchedName, type Watcher } from "./watched_name.ts";
import { watches } from "./watches.ts";

/** The way to the root at one path. */
export class RootWay implements Watcher {
  readonly #root: string;
  readonly #isReplaced: () => boolean;
  readonly #mayWatch: boolean;
  #holders: WatchedName[] = [];
  #isWatched = false;
  /** True while it is known where the path leads. */
  #isSure = false;
  #isSame = true;
  #checkedTurn = NaN;
  #isSettled = false;

  /** No mount matters to it. */
  readonly path: FileName | null = null;

  /** `isReplaced` looks whether the path `root` leads to another directory. Nothing is watched without `mayWatch`. */
  constructor(root: string, isReplaced: () => boolean, mayWatch: boolean) {
    this.#root = root;
    this.#isReplaced = isReplaced;
    this.#mayWatch = mayWatch;
    if (mayWatch) watches.join(this);
  }

  /**
   * True when the path leads to the same directory as before, in the turn `turn` of the reactor. Once false, it stays so,
   * unless {@linkcode settle} is called.
   */
  isSame(turn: number): boolean {
    if (this.#mayWatch) watches.drain(turn);
    if (this.#isSure || turn === this.#checkedTurn) return this.#isSame;
    this.#checkedTurn = turn;
    if (!this.#isWatched) this.#watch(); // before the path is looked at: a change after that raises a new doubt
    this.#isSame = !this.#isReplaced();
    if (this.#isSame) this.#isSettled = false;
    this.#isSure = this.#isWatched;
    return this.#isSame;
  }

  /**
   * Has the directory before be served on, until there is a new doubt. Returns true the first time since the path led to it.
   */
  settle(): boolean {
    const isFirst = !this.#isSettled;
    this.#isSettled = true;
    this.#isSame = true;
    this.#isSure = true;
    return isFirst;
  }

  /** Raises a doubt: the next turn looks at the path. */
  doubt(): void {
    this.#isSure = false;
  }

  #watch(): void {
    this.#unwatch();
    if (!watches.isOpen) return;
    let way: Way;
    try {
      way = walk(this.#root);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      return; // a part of it is missing at present
    }
    this.#isWatched = way.holders.every((fd, i) => {
      const holder = new WatchedName(this, way.names[i]!, null);
      this.#holders.push(holder);
      return reportsChanges(fd) && watches.watch(holder, fd, true) === 0;
    });
    for (const fd of [way.end, ...way.holders]) close(fd);
  }

  #unwatch(): void {
    for (const holder of this.#holders) watches.unwatch(holder);
    this.#holders = [];
    this.#isWatched = false;
  }

  onEvent(holder: WatchedName, _mask: number, name: FileName): void {
    if (name !== "" && holder.name !== "" && name !== holder.name) return;
    this.#isWatched = false; // it leads through other directories now
    this.doubt();
  }

  reset(): void {
    this.#unwatch();
    this.doubt();
  }

  /** Removes all watches. */
  close(): void {
    this.#unwatch();
    if (this.#mayWatch) watches.leave(this);
  }
}
