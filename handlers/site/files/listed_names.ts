/**
 * The check that a path is spelled as its directories list it, for file systems that ignore case or have other names
 * too.
 *
 * Rules, passwords and hidden names are compared with the bytes of a URL. On a file system that finds `private` also as
 * `Private`, a request for `/Private` would bypass them. So a name that the file system finds must also be listed in
 * its directory, byte for byte. Directories that are known to compare bytes (`comparesBytes`) are not read. The names
 * of other directories are remembered as long as the directory's status (statx(2)) does not change. Limit: where a
 * rename changes neither the times nor the size of a directory, the old spelling is accepted until the names leave
 * memory.
 *
 * The target of a symbolic link is not checked: clients cannot choose its spelling.
 * @module
 */
import { readEntries } from "../../../ffi/file/directory.ts";
import { EACCES } from "../../../ffi/libc/errno.ts";
import { type PathBytes } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import { comparesBytes, findsByBytes } from "../../../ffi/file/file_system.ts";
import { cName, type FileName } from "../../../ffi/file/inotify.ts";
import { close } from "../../../ffi/socket/socket.ts";
import {
  CACHE_SETTLE_SECONDS,
  LISTED_DIRECTORIES_MAX,
  LISTED_NAMES_MAX,
  LISTED_NAMES_OF_DIRECTORY_MAX,
  UNLISTED_NAMES_TRUSTED_MS,
} from "../limits.ts";
import type { Found, Spelling } from "./root.ts";

/** The root's functions that open paths below it. */
interface Opener {
  open(path: PathBytes): number;
  openPath(path: PathBytes): number;
  look(path: PathBytes, status: FileStatus): Found;
}

/** The names that were read from a directory. */
interface Listed {
  /** The directory's status before it was read. */
  readonly status: FileStatus;
  /** All names in the directory; when there are too many, only those that were looked up and found. */
  readonly names: Set<FileName>;
  /** True when `names` has all names. */
  readonly isWhole: boolean;
  readonly readMs: number;
}

/** A cache of the names in directories that may not compare bytes. */
export class ListedNames {
  readonly #root: Opener;
  /** By path, the least recently used first. */
  readonly #directories = new Map<string, Listed>();
  #count = 0;
  readonly #status = new FileStatus();

  constructor(root: Opener) {
    this.#root = root;
  }

  /** Does what `Root.spellingOf` says. */
  spellingOf(names: readonly FileName[], exact: Set<string>): Spelling | number {
    let spelling: Spelling = "exact";
    for (let i = 0; i < names.length; i++) {
      const directory = names.slice(0, i).join("/");
      if (exact.has(directory)) continue;
      const found = this.#find(directory, names[i]!);
      if (found === "unreachable") break; // everything below is unreachable too, in any spelling
      if (typeof found === "number" || found === "other") return found;
      if (found === "exact") exact.add(directory);
      if (found === "listed") spelling = "listed";
    }
    return spelling;
  }

  /**
   * Returns how `name` is spelled in `directory`. "spelled" means that this name is right, and that nothing else is
   * known of the directory.
   */
  #find(directory: string, name: FileName): Spelling | "spelled" | "unreachable" | number {
    const path = cName(directory === "" ? "." : directory);
    const known = this.#knownOf(directory, path);
    if (known !== null) {
      if (known.names.has(name)) return "listed";
      if (known.isWhole && performance.now() - known.readMs < UNLISTED_NAMES_TRUSTED_MS) return "other";
    }
    const fd = this.#root.open(path);
    if (fd === -EACCES) return this.#findUnread(directory, name);
    if (fd < 0) return fd;
    try {
      return comparesBytes(fd) ? "exact" : this.#read(fd, directory, name, known);
    } finally {
      close(fd);
    }
  }

  /** Returns the remembered names of a directory. Null when there are none, or the directory has changed. */
  #knownOf(directory: string, path: PathBytes): Listed | null {
    const known = this.#directories.get(directory);
    if (known === undefined) return null;
    const isSame = this.#root.look(path, this.#status) === "directory" && this.#status.equals(known.status);
    this.#directories.delete(directory); // moved to the end: most recently used
    if (isSame) this.#directories.set(directory, known);
    else this.#count -= known.names.size;
    return isSame ? known : null;
  }

  #read(fd: number, directory: string, name: FileName, known: Listed | null): Spelling | number {
    const status = new FileStatus();
    const failed = status.readDescriptor(fd);
    if (failed < 0) return failed;
    let names = new Set<FileName>();
    let isListed = false;
    let isWhole = true;
    for (let taken = 1; taken > 0 && (isWhole || !isListed);) {
      taken = readEntries(fd, (entry) => {
        isListed ||= entry === name;
        if (names.size < LISTED_NAMES_OF_DIRECTORY_MAX) names.add(entry);
        else isWhole = false;
      });
      if (taken < 0) return taken;
    }
    if (!isWhole) {
      const isFull = known === null || known.isWhole || known.names.size >= LISTED_NAMES_OF_DIRECTORY_MAX;
      names = new Set(isFull ? [] : known.names);
      if (isListed) names.add(name);
    }
    this.#remember(directory, { status, names, isWhole, readMs: performance.now() });
    return isListed ? "listed" : "other";
  }

  /**
   * Remembers the names of a directory. Not if it changed less than `CACHE_SETTLE_SECONDS` ago, since another change
   * might leave its times the same, nor if it has no times.
   */
  #remember(directory: string, listed: Listed): void {
    this.#forget(directory);
    const { changedSeconds } = listed.status;
    const isSettled = changedSeconds > 0 && changedSeconds < Date.now() / 1000 - CACHE_SETTLE_SECONDS;
    if (!isSettled) return;
    for (const other of this.#directories.keys()) {
      const hasRoom = this.#count + listed.names.size <= LISTED_NAMES_MAX;
      if (hasRoom && this.#directories.size < LISTED_DIRECTORIES_MAX) break;
      this.#forget(other);
    }
    this.#directories.set(directory, listed);
    this.#count += listed.names.size;
  }

  #forget(directory: string): void {
    const listed = this.#directories.get(directory);
    if (listed === undefined) return;
    this.#directories.delete(directory);
    this.#count -= listed.names.size;
  }

  /** Returns how `name` is spelled in a directory that the server's user may search but not read. */
  #findUnread(directory: string, name: FileName): "spelled" | "other" | "unreachable" | number {
    const fd = this.#root.openPath(cName(directory === "" ? "." : `${directory}/.`)); // `/.`: −EACCES if it may not be searched
    if (fd === -EACCES) return "unreachable";
    if (fd < 0) return fd;
    try {
      return findsByBytes(fd, name) ? "spelled" : "other";
    } finally {
      close(fd);
    }
  }
}
