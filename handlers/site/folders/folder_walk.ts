/**
 * The names in a directory and in all directories below it, as they were at one moment.
 *
 * Each directory is read whole. At the end it is checked that none has changed since it was read; otherwise the walk
 * begins anew. So no file that is moved meanwhile is missed, or found twice.
 *
 * Left out are hidden names, links that lead out of the root or nowhere, links to a directory that has the link in it,
 * FIFOs, sockets and devices, and what the caller's `admits` refuses. Other links are followed, as when they are served.
 * @module
 */
import type { EntryKind } from "../../../ffi/file/directory.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import { FOLDER_ENTRIES_MAX, FOLDER_READS_MAX } from "../limits.ts";
import { namesOf, statusOfErrno, terminate } from "../files/directory_root.ts";
import type { Root, SiteDirectory } from "../files/root.ts";
import { bytesOf, ordered } from "../listing/natural_order.ts";

/** A directory with the names in it, sorted by their bytes. */
export interface WalkedDirectory {
  /** Empty for the directory in which the walk began. */
  readonly name: FileName;
  readonly parent: WalkedDirectory | null;
  readonly modifiedSeconds: number;
  /** The names of files, and the directories. A name with a slash at its end is that of a directory that cannot be read. */
  readonly entries: (FileName | WalkedDirectory)[];
  /** Equal while the directory is the same. */
  readonly file: string;
  /** Equal while the names in the directory are the same. */
  readonly state: string;
}

/** The result of a walk. */
export interface Walked {
  readonly top: WalkedDirectory;
  /** True when names have changed during each walk. */
  readonly isUnsettled: boolean;
}

/** Why a directory has no archive: a status, or the bound that it exceeds. */
export type WalkFailure = number | "size" | "entries";

/**
 * Judges a path. `names` are those below the root; the array is reused. With `no` the path is left out, with
 * `if filled` a directory is left out if nothing in it is admitted.
 */
export type Admits = (names: readonly FileName[], isDirectory: boolean) => "yes" | "no" | "if filled";

/** What a walk is about. */
export interface WalkParts {
  readonly root: Root;
  readonly admits: Admits;
  /** Bytes of all files. */
  readonly bytesMax: number;
}

const WELL_KNOWN = ".well-known";
const HERE = new Uint8Array([0x2e]);
/** Names that are looked at in one step. */
const NAMES_PER_STEP = 64;

/** Returns the path of a directory below that in which the walk began, which is at `base`. */
export function pathOf(directory: WalkedDirectory, base: Uint8Array): Uint8Array {
  let path = "";
  for (let at = directory; at.parent !== null; at = at.parent) {
    path = path === "" ? at.name : `${at.name}/${path}`;
  }
  if (path === "") return base;
  return terminate(base, bytesOf(path)).subarray(0, -1);
}

/** Walks through the directory at `path`. The generator yields often, and closes what it opened when it is ended. */
export function* walkFolder(path: Uint8Array, parts: WalkParts): Generator<void, Walked | WalkFailure> {
  for (let attempt = 1;; attempt++) {
    const walk = new FolderWalk(path, parts);
    const top = yield* walk.run();
    if (typeof top !== "object") return top;
    const isSettled = yield* walk.isSettled();
    if (isSettled || attempt === FOLDER_READS_MAX) return { top, isUnsettled: !isSettled };
  }
}

/** One walk. */
class FolderWalk {
  readonly #path: Uint8Array;
  readonly #parts: WalkParts;
  readonly #status = new FileStatus();
  readonly #directories: WalkedDirectory[] = [];
  /** Directories that are left out if nothing in them is admitted. */
  readonly #onlyFilled = new Set<string>();
  #bytes = 0;
  #count = 0;

  constructor(path: Uint8Array, parts: WalkParts) {
    this.#path = path;
    this.#parts = parts;
  }

  *run(): Generator<void, WalkedDirectory | WalkFailure> {
    const top = yield* this.#read("", null);
    if (typeof top !== "object") return top;
    // A directory is read when it is taken from the list, so at most one is open.
    const waiting = [{ directory: top, at: 0, isOnlyFilled: false }];
    while (waiting.length > 0) {
      const last = waiting.at(-1)!;
      const { directory } = last;
      if (last.at === directory.entries.length) {
        waiting.pop();
        const above = waiting.at(-1);
        if (last.isOnlyFilled && last.at === 0) above!.directory.entries.splice(--above!.at, 1);
        continue;
      }
      const entry = directory.entries[last.at++]!;
      if (typeof entry !== "string" || !entry.endsWith("/")) continue;
      const name = entry.slice(0, -1);
      const below = yield* this.#read(name, directory);
      if (typeof below === "string" || below === 503) return below; // 503: no descriptor is left
      const isOnlyFilled = this.#onlyFilled.has(keyOf(directory, name));
      if (typeof below === "object") {
        directory.entries[last.at - 1] = below;
        waiting.push({ directory: below, at: 0, isOnlyFilled });
      } else if (below === 404 || isOnlyFilled) {
        directory.entries.splice(--last.at, 1); // it is gone, or is above itself
      }
    }
    return top;
  }

  /** Returns false when a directory has changed since it was read. */
  *isSettled(): Generator<void, boolean> {
    for (const [index, directory] of this.#directories.entries()) {
      const path = pathOf(directory, this.#path);
      const found = this.#parts.root.look(terminate(path.length === 0 ? HERE : path), this.#status);
      if (found !== "directory" || this.#status.identity !== directory.state) return false;
      if (index % NAMES_PER_STEP === NAMES_PER_STEP - 1) yield;
    }
    return true;
  }

  /** Reads one directory. The names of directories in it have a slash at their end, until these are read. */
  *#read(name: FileName, parent: WalkedDirectory | null): Generator<void, WalkedDirectory | WalkFailure> {
    const unread = { name, parent, modifiedSeconds: 0, entries: [], file: "", state: "" };
    const path = pathOf(unread, this.#path);
    const opened = this.#parts.root.openDirectory(terminate(path.length === 0 ? HERE : path));
    if (typeof opened === "number") return statusOfErrno(-opened);
    try {
      const failed = opened.readOwnStatus(this.#status);
      if (failed < 0) return statusOfErrno(-failed);
      if (!this.#status.isDirectory) return 404;
      const { modifiedSeconds, fileIdentity: file, identity: state } = this.#status;
      for (let above = parent; above !== null; above = above.parent) if (above.file === file) return 404;
      const entries: (FileName | WalkedDirectory)[] = [];
      const directory = { name, parent, modifiedSeconds, entries, file, state };
      const failure = yield* this.#namesIn(opened, path, directory);
      if (failure !== null) return failure;
      this.#directories.push(directory);
      return directory;
    } finally {
      opened.close();
    }
  }

  /** Adds the names in `opened`, which is at `path`, to `directory`. Returns null, or why there is no archive. */
  *#namesIn(
    opened: SiteDirectory,
    path: Uint8Array,
    directory: WalkedDirectory,
  ): Generator<void, WalkFailure | null> {
    const { root, admits, bytesMax } = this.#parts;
    const found: [name: FileName, kind: EntryKind][] = [];
    const names = [...namesOf(path), ""];
    const room = FOLDER_ENTRIES_MAX - this.#count;
    for (let taken = 1; taken > 0 && found.length <= room;) {
      taken = opened.readNames((name, kind) => {
        if (name.startsWith(".") && !(name === WELL_KNOWN && names.length === 1)) return;
        if (found.length <= room) found.push([name, kind]);
      });
      if (taken < 0) return statusOfErrno(-taken);
      yield;
    }
    const entries: FileName[] = [];
    for (const [index, [name, kind]] of found.entries()) {
      if (index % NAMES_PER_STEP === NAMES_PER_STEP - 1) yield;
      names[names.length - 1] = name;
      const isLink = kind === "other";
      const below = isLink ? root.look(terminate(path, bytesOf(name)), this.#status) : kind;
      if (below !== "file" && below !== "directory") continue;
      const admitted = admits(names, below === "directory");
      if (admitted === "no") continue;
      if (++this.#count > FOLDER_ENTRIES_MAX) return "entries";
      if (below === "directory") {
        entries.push(`${name}/`);
        if (admitted === "if filled") this.#onlyFilled.add(keyOf(directory, name));
        continue;
      }
      entries.push(name);
      this.#bytes += (isLink ? this.#status : opened.statusOf(name))?.size ?? 0;
      if (this.#bytes > bytesMax) return "size";
    }
    const order = yield* ordered(entries.length, (a, b) => entries[a]! < entries[b]! ? -1 : 1);
    for (const at of order) directory.entries.push(entries[at]!);
    return null;
  }
}

/** Returns a key for the name of a directory in another one. */
function keyOf(parent: WalkedDirectory, name: FileName): string {
  return `${parent.file} ${parent.name}/${name}`;
}
