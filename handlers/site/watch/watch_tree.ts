/**
 * The part of the site that is watched: directories and files by name, from the root down.
 *
 * Everything that a file's content can depend on is watched before it is looked at: each directory on its way (a
 * name in it is renamed, removed, created) and the file itself (written to, by whatever name). What depends on a name
 * is told when anything happens to that name or to one above it, and has to be made anew. The kernel queues an event
 * before the call that caused it returns; so that after {@linkcode WatchTree.drain} whatever is left is as it was
 * when draining began, or newer.
 *
 * Not watched, and for the caller to check at each use: file systems whose changes may come from elsewhere, what is
 * behind a symbolic link, names that are found whatever their case, and all that is over the user's limit of watches.
 * @module
 */
import { IN_CREATE, IN_DELETE, IN_MOVED_FROM, IN_MOVED_TO } from "../../../ffi/libc/constants.ts";
import { listNames } from "../../../ffi/file/directory.ts";
import { comparesBytes, tellsOfChanges } from "../../../ffi/file/file_system.ts";
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

/** A directory that is open; −errno where that cannot be had. */
export interface WatchedRoot {
  readonly fd: number;
  /** Where the kernel finds it; null: it does not say. */
  readonly realPath: FileName | null;
}

/** The watched names of one root. */
export class WatchTree implements Watcher {
  readonly #rootDirectory: WatchedRoot;
  /** Watch where the file system is not known to tell of all changes, or to compare names by their bytes, too. */
  readonly trustsAll: boolean;
  readonly #onWarning: (message: string) => void;
  #root = new WatchedName(this, "", null);
  #listedNames = 0;
  #largeDirectories = 0;
  #isClosed = false;

  /** `root` stays the caller's. */
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
   * Hears of everything that happened before it was called. For requests once a turn is enough (see `Reactor`), of which
   * `turn` is the number; without one it hears of what came later in the turn, too.
   */
  drain(turn: number = NaN): void {
    watches.drain(turn);
  }

  /**
   * True when nothing was mounted since it was last asked; else what was found meanwhile is not to be kept, since no
   * event tells of what has become of it.
   */
  holds(): boolean {
    return watches.lookAtMounts(this);
  }

  /**
   * Watches the directories above the file `names`: the place for its name, which the caller has to make use of
   * ({@linkcode watchFile}, {@linkcode depend}) or {@linkcode prune}. Null where events cannot be relied on.
   */
  enter(names: readonly FileName[]): WatchedName | null {
    const directory = this.#enterDirectory(names, names.length - 1);
    if (directory === null) return null;
    const name = names[names.length - 1]!;
    return directory.children.get(name) ?? new WatchedName(this, name, directory);
  }

  /** Watches the file that was opened at `watched` as `fd`; false when that is impossible. To be called before reading it. */
  watchFile(watched: WatchedName, fd: number): boolean {
    return (this.trustsAll || tellsOfChanges(fd)) && this.#watch(watched, fd, false);
  }

  /** `dependent` will be told of changes at and above `watched`, and calls {@linkcode forget} if it ends earlier. */
  depend(watched: WatchedName, dependent: Dependent): void {
    watched.dependents.add(dependent);
  }

  forget(watched: WatchedName, dependent: Dependent): void {
    watched.dependents.delete(dependent);
    this.prune(watched);
  }

  /** Gives up the watches of a place that nothing depends on, and of those above it. */
  prune(watched: WatchedName): void {
    for (let at = watched; at.parent !== null; at = at.parent) {
      const isUsed = at.dependents.size > 0 || at.children.size > 0 || at.names !== null ||
        at.isLarge;
      if (isUsed || at.parent.children.get(at.name) !== at) return;
      at.parent.children.delete(at.name);
      this.#unwatch(at);
    }
  }

  /** True when it is known without asking the kernel that `names` does not exist. */
  isAbsent(names: readonly FileName[]): boolean {
    for (let depth = 0; depth < names.length; depth++) {
      const directory = this.#enterDirectory(names, depth);
      if (directory === null || !this.#list(directory, names, depth)) return false;
      if (!directory.names!.has(names[depth]!)) return true;
    }
    return false;
  }

  /** True when it is known that no compressed form of anything stands beside `names`. */
  lacksSiblings(names: readonly FileName[]): boolean {
    const depth = names.length - 1;
    const directory = this.#enterDirectory(names, depth);
    if (directory === null) return this.isAbsent(names.slice(0, depth));
    return this.#list(directory, names, depth) && !directory.hasSiblings;
  }

  /** Gives up the watch of a place that has a listener. */
  unwatch(watched: WatchedName): void {
    this.#unwatch(watched);
  }

  /** Ends it. What depends on it is not told. */
  close(): void {
    this.#isClosed = true;
    watches.leave(this);
    const giveUp = (watched: WatchedName): void => {
      this.#unwatch(watched);
      for (const child of watched.children.values()) giveUp(child);
    };
    giveUp(this.#root);
  }

  #enterRoot(): boolean {
    return !this.#isClosed && watches.isOpen &&
      (this.#root.watch >= 0 || this.#open(this.#root, [], 0, (fd) => this.#admit(fd)));
  }

  /** The watched directory of the first `depth` names, or null. */
  #enterDirectory(names: readonly FileName[], depth: number): WatchedName | null {
    if (!this.#enterRoot()) return null;
    let watched = this.#root;
    for (let i = 0; i < depth; i++) {
      const known = watched.children.get(names[i]!);
      const next = known ?? new WatchedName(this, names[i]!, watched);
      if (next.watch < 0 && !this.#open(next, names, i + 1, (fd) => this.#admit(fd))) {
        this.prune(next);
        return null;
      }
      watched = next;
    }
    return watched;
  }

  #admit(fd: number): boolean {
    return this.trustsAll || (tellsOfChanges(fd) && comparesBytes(fd));
  }

  /** Opens the directory of the first `depth` names, which stands at `watched`, watches it, and asks `isGood` about it. */
  #open(
    watched: WatchedName,
    names: readonly FileName[],
    depth: number,
    isGood: (fd: number) => boolean,
  ): boolean {
    const root = this.#rootDirectory.fd;
    const fd = root < 0 ? root : openDirectoryBelow(root, names, depth);
    if (fd < 0) return false;
    try {
      if (!isGood(fd) || (watched.watch < 0 && !this.#watch(watched, fd, true))) return false;
      return depth === 0 || this.holds(); // the root is what was opened, whatever is mounted over it
    } finally {
      close(fd);
    }
  }

  #list(watched: WatchedName, names: readonly FileName[], depth: number): boolean {
    if (watched.names !== null) return true;
    if (watched.isLarge) return false;
    // Watched already: whatever changes from here on will be told, and changes the set once more, to the same end.
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

  /** It is remembered that `watched` is not listed: to find that out costs as much as to list it. */
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

  /** Tells all that depend on `watched` or on what is below it, and forgets the place. */
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
