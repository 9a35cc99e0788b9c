/**
 * Looks at the files that a URL may lead to, and remembers each look, so that a later change of one of them ends the
 * resource that was made of it.
 * @module
 */
import { EACCES, ELOOP, ENOENT, EXDEV } from "../../../ffi/libc/errno.ts";
import { type PathBytes } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import type { Root } from "../files/root.ts";
import type { Trace } from "../settings/site_options.ts";
import { namesOf, statusOfErrno, terminate } from "../files/directory_root.ts";
import type { WatchedName } from "../watch/watched_name.ts";
import type { WatchTree } from "../watch/watch_tree.ts";

/** The trace of a file that cannot be opened. */
export const OUTSIDE = "it cannot be opened: a link leads out of the root, or it is gone";
const MISSPELT =
  "the file system finds it, but its directory does not list it under this name, or cannot be read";

/** A path, and what was found there. */
export interface Seen {
  readonly path: PathBytes;
  readonly names: readonly FileName[];
  /** The state of a file; null when no file was found. */
  readonly status: FileStatus | null;
  readonly isDirectory: boolean;
  /** The watch, which began before the look; null when the path is not watched, so each use looks again. */
  readonly watched: WatchedName | null;
  /** True for a symbolic link. Changes behind a link are not reported, so each use looks again. */
  readonly isLink: boolean;
  /** True when a directory on the way may ignore case, so each use also checks that it lists the name. */
  readonly isListed: boolean;
}

/** All looks for one URL. {@linkcode end} has to be called at the end. */
export class Lookup {
  /** Records the decisions for `--explain`; null while the site serves. */
  readonly trace: Trace | null;
  readonly #root: Root;
  readonly #tree: WatchTree | null;
  readonly #seen: Seen[] = [];
  /** Looks that needed no system call, since the tree knew that nothing is there. They are not watched yet. */
  readonly #absent = new Set<Seen>();
  /** Directories that compare names by their bytes. */
  readonly #exact = new Set<string>();
  /** The reason for a 404, for the trace, where one is known; else null. */
  obstacle: string | null = null;
  /** True when a directory is wanted for itself, not its index. */
  wantsFolder = false;
  /** Files whose times decided what is served. A change of one of them matters even if another file is served. */
  readonly compared: Set<Seen> = new Set();

  /** `tree` must have been drained in this turn; null when nothing is watched. */
  constructor(root: Root, tree: WatchTree | null, trace: Trace | null = null) {
    this.#root = root;
    this.#tree = tree;
    this.trace = trace;
  }

  /** All looks so far, in their order. */
  get seen(): readonly Seen[] {
    return this.#seen;
  }

  /** Looks at `path`, which is below the root and has no slash at either end. A number is the status of the error. */
  look(path: Uint8Array): "file" | "directory" | number {
    if (path.length === 0) return "directory";
    const names = namesOf(path);
    const terminated = terminate(path);
    const isPossible = this.#root.mayHave(names);
    if (!isPossible || this.#tree?.isAbsent(names)) {
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
      if (isPossible) this.#absent.add(seen);
      return 404;
    }
    return this.#ask(terminated, names);
  }

  /**
   * Looks at the file with the name of `other` and `suffix`; null when there is none. When the tree already knows that,
   * the look is not remembered: a new sibling ends the resources that depend on `other`.
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

  /** True when the tree knows that no file has the name of `seen` with one of SIBLING_SUFFIXES behind it. */
  lacksSiblings({ names }: Seen): boolean {
    if (this.#tree === null) return false;
    // The first test needs no system call; in a missing directory the second would.
    return this.#tree.isAbsent(names.slice(0, -1)) || this.#tree.lacksSiblings(names);
  }

  #ask(path: PathBytes, names: readonly FileName[]): "file" | "directory" | number {
    const watched = this.#tree === null ? null : this.#tree.enter(names);
    const status = new FileStatus();
    let found = watched === null ? this.#root.look(path, status) : this.#root.lookWithoutLinks(path, status);
    const isLink = watched !== null && found === -ELOOP;
    if (isLink) found = this.#root.look(path, status);
    let isListed = false;
    // Only directories that compare bytes are watched, unless the settings trust all (`validate: "inotify"`).
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

  /** Watches the paths that are known to be absent, too. Called before a resource depends on all looks. */
  watchAll(): void {
    for (let i = 0; i < this.#seen.length && this.#tree !== null; i++) {
      const seen = this.#seen[i]!;
      if (this.#absent.has(seen)) this.#seen[i] = { ...seen, watched: this.#tree.enter(seen.names) };
    }
  }

  /** Ends the watches that no resource depends on. */
  end(): void {
    for (const { watched } of this.#seen) {
      if (watched !== null) this.#tree!.prune(watched);
    }
  }
}
