/**
 * What was looked at to find out where a URL leads, so that it is known when that is no longer true.
 * @module
 */
import { EACCES, ELOOP, ENOENT, EXDEV } from "../../../ffi/libc/errno.ts";
import { type PathBytes } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import type { Root } from "../files/root.ts";
import { namesOf, statusOfErrno, terminate } from "../files/directory_root.ts";
import type { WatchedName } from "../watch/watched_name.ts";
import type { WatchTree } from "../watch/watch_tree.ts";

/** Why nothing is there, for those who ask. */
export const OUTSIDE = "it cannot be opened: a link leads out of the root, or it is gone";
const MISSPELT =
  "the file system finds it, but its directory does not list it under this name, or cannot be read";

/** A path, and what stood there. */
export interface Seen {
  readonly path: PathBytes;
  readonly names: readonly FileName[];
  /** Of a file; null: there was none. */
  readonly status: FileStatus | null;
  readonly isDirectory: boolean;
  /** Where it is watched, since before it was looked at; null: it has to be looked at again. */
  readonly watched: WatchedName | null;
  /** A link was found, and nothing tells of changes behind it: it has to be looked at each time, too. */
  readonly isLink: boolean;
  /** Not every directory on the way compares bytes: what is there has to be listed there, too. */
  readonly isListed: boolean;
}

/** All that is looked at for one URL. {@linkcode end} has to be called in the end. */
export class Lookup {
  readonly #root: Root;
  readonly #tree: WatchTree | null;
  readonly #seen: Seen[] = [];
  /** Those that the tree knew to be absent: they are not watched yet. */
  readonly #absent = new Set<Seen>();
  /** Directories that were found to compare bytes. */
  readonly #exact = new Set<string>();
  /** For those who ask why nothing is there: what is known beside that. */
  obstacle: string | null = null;
  /** Files whose times have decided what is served, whether they are or not. */
  readonly compared: Set<Seen> = new Set();

  /** `tree` must have been drained in this turn. */
  constructor(root: Root, tree: WatchTree | null) {
    this.#root = root;
    this.#tree = tree;
  }

  /** Everything so far. */
  get seen(): readonly Seen[] {
    return this.#seen;
  }

  /** What stands at `path`, below the root and without slashes at its ends; numbers are statuses. */
  look(path: Uint8Array): "file" | "directory" | number {
    if (path.length === 0) return "directory";
    const names = namesOf(path);
    const terminated = terminate(path);
    if (this.#tree?.isAbsent(names)) {
      const seen = {
        path: terminated,
        names,
        status: null,
        isDirectory: false,
        watched: null,
        isLink: false,
        isListed: false,
      };
      this.#seen.push(seen);
      this.#absent.add(seen);
      return 404;
    }
    return this.#ask(terminated, names);
  }

  /**
   * The same for a file whose name is that of another one, which was looked at, and `suffix`. Where the tree knows that
   * there is none, nothing has to be remembered: it tells those who depend on the other one when it appears.
   */
  lookBeside(other: Seen, suffix: string): Seen | null {
    const names = [...other.names];
    names[names.length - 1] += suffix;
    if (this.#tree?.isAbsent(names)) return null;
    const path = new Uint8Array(other.path.length + suffix.length);
    path.set(other.path);
    for (let i = 0; i < suffix.length; i++) path[other.path.length - 1 + i] = suffix.charCodeAt(i);
    return this.#ask(path, names) === "file" ? this.#seen.at(-1)! : null;
  }

  /** True when it is known that nothing stands beside it under its name with one of SIBLING_SUFFIXES. */
  lacksSiblings({ names }: Seen): boolean {
    if (this.#tree === null) return false;
    // First what needs no call: where its directory is not there either, looking for that would take some.
    return this.#tree.isAbsent(names.slice(0, -1)) || this.#tree.lacksSiblings(names);
  }

  #ask(path: PathBytes, names: readonly FileName[]): "file" | "directory" | number {
    const watched = this.#tree === null ? null : this.#tree.enter(names);
    const status = new FileStatus();
    let found = watched === null ? this.#root.look(path, status) : this.#root.lookWithoutLinks(path, status);
    const isLink = watched !== null && found === -ELOOP;
    if (isLink) found = this.#root.look(path, status);
    let isListed = false;
    // What is watched is in directories that compare bytes, unless they are watched whatever they do.
    if ((typeof found === "string" || found === -EACCES) && (watched === null || this.#tree!.trustsAll)) {
      const spelling = this.#root.spellingOf(names, this.#exact);
      isListed = spelling !== "exact";
      if (typeof spelling === "number") found = spelling;
      if (spelling === "other") {
        found = -ENOENT;
        this.obstacle ??= MISSPELT;
      }
    }
    if (found === -EXDEV) this.obstacle ??= OUTSIDE;
    const kind = found === "other" ? 404 : typeof found === "number" ? statusOfErrno(-found) : found;
    const isDirectory = kind === "directory";
    this.#seen.push({
      path,
      names,
      status: kind === "file" ? status : null,
      isDirectory,
      watched,
      isLink,
      isListed,
    });
    return kind;
  }

  /** Watches also what is known to be absent, for somebody who will depend on all that was seen. */
  watchAll(): void {
    for (let i = 0; i < this.#seen.length && this.#tree !== null; i++) {
      const seen = this.#seen[i]!;
      if (this.#absent.has(seen)) this.#seen[i] = { ...seen, watched: this.#tree.enter(seen.names) };
    }
  }

  /** Gives up what nobody has come to depend on. */
  end(): void {
    for (const { watched } of this.#seen) {
      if (watched !== null) this.#tree!.prune(watched);
    }
  }
}
