/**
 * The watched names of a root: a tree of directories and files.
 *
 * Everything that a file's content can depend on is watched before it is read: each directory on its path (for names
 * that are renamed, removed or created) and the file itself (for writes, through any of its names). Objects that depend
 * on a name are dropped when anything happens to that name or to one above it. The kernel queues an event before the
 * system call that causes it returns. So after {@linkcode WatchTree.drain}, the objects that are left are at least as
 * new as the start of that call.
 *
 * The following is not watched, so the caller has to check it at each use: file systems that other machines may change,
 * files behind a symbolic link, directories that ignore case, and everything beyond the user's limit of watches.
 * @module
 */
import {
  IN_CLOSE_WRITE,
  IN_CREATE,
  IN_DELETE,
  IN_MOVED_FROM,
  IN_MOVED_TO,
} from "../../../ffi/libc/constants.ts";
import { listNames } from "../../../ffi/file/directory.ts";
import { comparesBytes, reportsChanges } from "../../../ffi/file/file_system.ts";
import { type FileName, openDirectoryBelow } from "../../../ffi/file/inotify.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { LARGE_DIRECTORIES_MAX, LISTED_NAMES_MAX, LISTED_NAMES_OF_DIRECTORY_MAX } from "../limits.ts";
import {
  type Dependent,
  isSiblingName,
  SIBLING_SUFFIXES,
  WatchedName,
  type Watcher,
} from "./watched_name.ts";
import { watches } from "./watches.ts";

/** The root of a watched tree. */
export interface WatchedRoot {
  /** The descriptor of the directory; −errno when it cannot be opened. */
  readonly fd: number;
  /** The directory's path in the kernel; null when it is not known. */
  readonly realPath: FileName | null;
}

/** The watched names of one root. */
export class WatchTree implements Watcher {
  readonly #rootDirectory: WatchedRoot;
  /** True to watch all file systems, also those not known to report all changes or to compare names by their bytes. */
  readonly trustsAll: boolean;
  readonly #onWarning: (message: string) => void;
  #root = new WatchedName(this, "", null);
  #listedNames = 0;
  #largeDirectories = 0;
  #isClosed = false;

  /** The caller closes `root`. */
  constructor(root: WatchedRoot, trustsAll: boolean, onWarning: (message: string) => void) {
    this.#rootDirectory = root;
    this.trustsAll = trustsAll;
    this.#onWarning = onWarning;
    watches.join(this);
    this.#warn(watches.failure);
  }

  /** True when the root itself is watched, so that most files will be. */
  get isWatching(): boolean {
    return this.#enterRoot();
  }

  get path(): FileName | null {
    return this.#rootDirectory.realPath;
  }

  /**
   * Handles all events that were queued before the call. With `turn`, the number of the reactor's turn, only the first
   * call in a turn does so: that is enough for the requests of the turn. Without `turn`, every call does.
   */
  drain(turn: number = NaN): void {
    watches.drain(turn);
  }

  /**
   * Returns true when no mounts in the tree have changed since the last call. Otherwise files that were looked up
   * meanwhile must not be cached, since no event reports their changes.
   */
  holds(): boolean {
    return watches.lookAtMounts(this);
  }

  /**
   * Watches the directories above the file `names`, and returns the node of the file's name. The caller has to use it
   * ({@linkcode watchFile}, {@linkcode depend}) or {@linkcode prune} it. Null when the file system's events cannot be
   * relied on.
   */
  enter(names: readonly FileName[]): WatchedName | null {
    const directory = this.#enterDirectory(names, names.length - 1);
    if (directory === null) return null;
    const name = names[names.length - 1]!;
    return directory.children.get(name) ?? new WatchedName(this, name, directory);
  }

  /**
   * Watches the open file `fd`, whose name is `watched`. It has to be called before the file is read. Returns false
   * when the file cannot be watched.
   */
  watchFile(watched: WatchedName, fd: number): boolean {
    return (this.trustsAll || reportsChanges(fd)) && this.#watch(watched, fd, false);
  }

  /**
   * Has `dependent` dropped on changes at or above `watched`. If it ends earlier, {@linkcode forget} has to be called.
   */
  depend(watched: WatchedName, dependent: Dependent): void {
    watched.dependents.add(dependent);
  }

  /** Ends the dependency of `dependent` on `watched`. */
  forget(watched: WatchedName, dependent: Dependent): void {
    watched.dependents.delete(dependent);
    this.prune(watched);
  }

  /** Removes `watched` and the names above it, as far as nothing depends on them. */
  prune(watched: WatchedName): void {
    for (let at = watched; at.parent !== null; at = at.parent) {
      const isUsed = at.dependents.size > 0 || at.children.size > 0 || at.names !== null ||
        at.isLarge;
      if (isUsed || at.parent.children.get(at.name) !== at) return;
      at.parent.children.delete(at.name);
      this.#unwatch(at);
    }
  }

  /** Returns true when it is known, from the names in its directories, that the path `names` does not exist. */
  isAbsent(names: readonly FileName[]): boolean {
    for (let depth = 0; depth < names.length; depth++) {
      const directory = this.#enterDirectory(names, depth);
      if (directory === null || !this.#list(directory, names, depth)) return false;
      if (!directory.names!.has(names[depth]!)) return true;
    }
    return false;
  }

  /** Returns true when it is known that there are no compressed forms in the directory of `names`. */
  lacksSiblings(names: readonly FileName[]): boolean {
    const depth = names.length - 1;
    const directory = this.#enterDirectory(names, depth);
    if (directory === null) return this.isAbsent(names.slice(0, depth));
    return this.#list(directory, names, depth) && !directory.hasSiblings;
  }

  /** Removes the watch of a file that has a listener. */
  unwatch(watched: WatchedName): void {
    this.#unwatch(watched);
  }

  /** Removes all watches. Dependents are not dropped. */
  close(): void {
    this.#isClosed = true;
    watches.leave(this);
    const unwatchAll = (watched: WatchedName): void => {
      this.#unwatch(watched);
      for (const child of watched.children.values()) unwatchAll(child);
    };
    unwatchAll(this.#root);
  }

  #enterRoot(): boolean {
    return !this.#isClosed && watches.isOpen &&
      (this.#root.watch >= 0 || this.#open(this.#root, [], 0, (fd) => this.#isReliable(fd)));
  }

  /** Watches the directory of the first `depth` names. Null when that is impossible. */
  #enterDirectory(names: readonly FileName[], depth: number): WatchedName | null {
    if (!this.#enterRoot()) return null;
    let watched = this.#root;
    for (let i = 0; i < depth; i++) {
      const known = watched.children.get(names[i]!);
      const next = known ?? new WatchedName(this, names[i]!, watched);
      if (next.watch < 0 && !this.#open(next, names, i + 1, (fd) => this.#isReliable(fd))) {
        this.prune(next);
        return null;
      }
      watched = next;
    }
    return watched;
  }

  #isReliable(fd: number): boolean {
    return this.trustsAll || (reportsChanges(fd) && comparesBytes(fd));
  }

  /**
   * Opens the directory of the first `depth` names, calls `accept` with its descriptor, and watches it as `watched`.
   * Returns false when any of that fails.
   */
  #open(
    watched: WatchedName,
    names: readonly FileName[],
    depth: number,
    accept: (fd: number) => boolean,
  ): boolean {
    const root = this.#rootDirectory.fd;
    const fd = root < 0 ? root : openDirectoryBelow(root, names, depth);
    if (fd < 0) return false;
    try {
      if (!accept(fd) || (watched.watch < 0 && !this.#watch(watched, fd, true))) return false;
      return depth === 0 || this.holds(); // a mount over the root does not change the open directory
    } finally {
      close(fd);
    }
  }

  #list(watched: WatchedName, names: readonly FileName[], depth: number): boolean {
    if (watched.names !== null) return true;
    if (watched.isLarge) return false;
    // Watched already: changes during the reading queue events, which are applied to the set later. Twice does no harm.
    let listed: Set<FileName> | null = null as Set<FileName> | null;
    this.#open(watched, names, depth, (fd) => {
      listed = listNames(fd, LISTED_NAMES_OF_DIRECTORY_MAX);
      return true;
    });
    if (listed === null || this.#listedNames + listed.size > LISTED_NAMES_MAX) {
      this.#markLarge(watched);
      return false;
    }
    watched.names = listed;
    watched.hasSiblings = [...listed].some(isSiblingName);
    this.#listedNames += listed.size;
    return true;
  }

  /** Marks a directory as too large to list, since finding that out again would cost as much as listing it. */
  #markLarge(watched: WatchedName): void {
    if (this.#largeDirectories >= LARGE_DIRECTORIES_MAX) return;
    this.#largeDirectories++;
    watched.isLarge = true;
  }

  #watch(watched: WatchedName, fd: number, isDirectory: boolean): boolean {
    const status = watches.watch(watched, fd, isDirectory);
    this.#warn(status);
    return status === 0;
  }

  #unwatch(watched: WatchedName): void {
    this.#listedNames -= watched.names?.size ?? 0;
    watched.names = null;
    if (watched.isLarge) this.#largeDirectories--;
    watched.isLarge = false;
    watches.unwatch(watched);
  }

  onEvent(watched: WatchedName, mask: number, name: FileName): void {
    if (mask & IN_CLOSE_WRITE) return; // reported for `--live`; the write itself was reported before
    if (watched.listener !== null) return watched.listener(mask);
    if (name === "") return this.#drop(watched);
    if (watched.names !== null) this.#rename(watched, watched.names, mask, name);
    const child = watched.children.get(name);
    if (child !== undefined) this.#drop(child);
    const suffix = SIBLING_SUFFIXES.find((suffix) => name.endsWith(suffix));
    const original = suffix && watched.children.get(name.slice(0, -suffix.length));
    if (original) this.#drop(original);
  }

  #rename(watched: WatchedName, names: Set<FileName>, mask: number, name: FileName): void {
    this.#listedNames -= names.size;
    if (mask & (IN_CREATE | IN_MOVED_TO)) {
      names.add(name);
      watched.hasSiblings ||= isSiblingName(name);
    }
    if (mask & (IN_DELETE | IN_MOVED_FROM)) names.delete(name);
    if (names.size <= LISTED_NAMES_OF_DIRECTORY_MAX) {
      this.#listedNames += names.size;
    } else {
      watched.names = null;
      this.#markLarge(watched);
    }
  }

  /** Drops all that depends on `watched` or on names below it, and removes these names. */
  #drop(watched: WatchedName): void {
    watched.parent?.children.delete(watched.name);
    this.#unwatch(watched);
    const dependents = [...watched.dependents];
    watched.dependents.clear();
    for (const dependent of dependents) dependent.drop();
    for (const child of [...watched.children.values()]) this.#drop(child);
  }

  reset(): void {
    const old = this.#root;
    this.#root = new WatchedName(this, "", null);
    this.#drop(old);
    this.#warn(watches.failure);
  }

  #warn(status: number): void {
    if (status < 0) watches.warn(status, this.#onWarning);
  }
}
