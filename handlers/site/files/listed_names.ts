/**
 * Whether a path is spelled as its directories list it, on file systems that also find it under other names.
 *
 * Rules, passwords and hidden names are compared with the bytes of a URL. A file system that finds `/Private` where
 * `/private` stands would lead around all of them: so what it finds has to be listed, too, byte by byte. Directories that
 * are known to compare bytes (`comparesBytes`) are not read. What others list is remembered as long as their own state
 * (statx(2)) is the one that they were read in. Limit: where neither the times nor the size of a directory change when
 * something in it is renamed, the old spelling is found until the name has left memory.
 *
 * What a symbolic link says of its target is not the client's to choose, and is found as the file system finds it.
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

/** How directories are reached: paths below the root, opened without ever leaving it. */
interface Opener {
  open(path: PathBytes): number;
  openPath(path: PathBytes): number;
  look(path: PathBytes, status: FileStatus): Found;
}

/** What was read of a directory. */
interface Listed {
  /** Its state before that. */
  readonly status: FileStatus;
  /** All names in it; or, where it has too many, those that were asked for and found. */
  readonly names: Set<FileName>;
  readonly isWhole: boolean;
  readonly readMs: number;
}

/** Looks up names in the lists of their directories, and remembers what it has read for as long as that is sure. */
export class ListedNames {
  readonly #root: Opener;
  /** By path, those that were used last at the end. */
  readonly #directories = new Map<string, Listed>();
  #count = 0;
  readonly #status = new FileStatus();

  constructor(root: Opener) {
    this.#root = root;
  }

  /** As `Root.spellingOf`. */
  spellingOf(names: readonly FileName[], exact: Set<string>): Spelling | number {
    let spelling: Spelling = "exact";
    for (let i = 0; i < names.length; i++) {
      const directory = names.slice(0, i).join("/");
      if (exact.has(directory)) continue;
      const found = this.#find(directory, names[i]!);
      if (found === "unreachable") break; // so is everything below it, however it is spelled
      if (typeof found === "number" || found === "other") return found;
      if (found === "exact") exact.add(directory);
      if (found === "listed") spelling = "listed";
    }
    return spelling;
  }

  /** "spelled": this one name is as it is in the directory, of which nothing else is known. */
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

  /** What is remembered of a directory, unless that has changed. */
  #knownOf(directory: string, path: PathBytes): Listed | null {
    const known = this.#directories.get(directory);
    if (known === undefined) return null;
    const isSame = this.#root.look(path, this.#status) === "directory" && this.#status.equals(known.status);
    this.#directories.delete(directory); // to the end of the queue
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

  /** Not where another change might leave the times as they are, nor where there are no times. */
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

  /** Of a directory that may not be read. */
  #findUnread(directory: string, name: FileName): "spelled" | "other" | "unreachable" | number {
    const fd = this.#root.openPath(cName(directory === "" ? "." : `${directory}/.`)); // what may not be searched has no dot
    if (fd === -EACCES) return "unreachable";
    if (fd < 0) return fd;
    try {
      return findsByBytes(fd, name) ? "spelled" : "other";
    } finally {
      close(fd);
    }
  }
}
