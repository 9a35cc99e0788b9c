/**
 * The directories that the path of a root led to before, which are held open for a time.
 * @module
 */
import { SystemError } from "../../../ffi/libc/errno.ts";
import type { PathBytes } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import { pathOf } from "../../../ffi/file/path_walk.ts";
import { printable } from "../../../server/usage_error.ts";
import { SiteRoot } from "../files/directory_root.ts";
import { KEPT_DIRECTORIES_MAX } from "../limits.ts";
import { type EarlierRoot, inheritedOf } from "./earlier_roots.ts";
import { heldFiles } from "./held_files.ts";

/** A directory that the root's path led to before. */
export interface EarlierDirectory {
  readonly root: SiteRoot;
  readonly path: string;
  /** When the path came to lead elsewhere, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** Requests that were answered with its files. */
  asked: number;
  /** True once its content source has left it to be closed here. */
  isOwned: boolean;
}

const NANOSECONDS_PER_MS = 1_000_000n;

const known = new Set<EarlierDirectories>();

/** Returns the directories that all roots led to before, for a process that takes over. */
export function earlierRoots(): EarlierRoot[] {
  return [...known].flatMap(({ key: root, all }) =>
    all.map(({ path, sinceMs }) => ({ root, path, sinceMs }))
  );
}

/** The earlier directories of one root. */
export class EarlierDirectories {
  readonly key: string;
  keptMs = 0;
  readonly #status = new FileStatus();
  #isNew = true;
  /** The latest first. */
  #all: EarlierDirectory[] = [];

  /** `key` is the path of the root. */
  constructor(key: string) {
    this.key = key;
    known.add(this);
  }

  get all(): readonly EarlierDirectory[] {
    return this.#all;
  }

  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  /** Notes that the path leads to `root` now, and led to `before`; null when `root` is the first one. */
  begin(before: SiteRoot | null, root: SiteRoot): void {
    if (this.#isNew) this.#inherit();
    this.#isNew = false;
    for (const earlier of this.#all) {
      if (earlier.root.identity === root.identity) this.#forget(earlier);
    }
    if (before === null || before.identity === root.identity || before.fd < 0) return;
    const path = printable(pathOf(before.fd));
    this.#all.unshift({ root: before, path, sinceMs: Date.now(), asked: 0, isOwned: false });
    heldFiles.directories++;
    for (const oldest of this.#all.slice(KEPT_DIRECTORIES_MAX)) this.#forget(oldest);
  }

  /** Opens the directories that another process told of, as far as they still exist. */
  #inherit(): void {
    for (const { path, sinceMs } of inheritedOf(this.key).slice(0, KEPT_DIRECTORIES_MAX)) {
      if (Date.now() - sinceMs >= this.keptMs) continue;
      let root: SiteRoot;
      try {
        root = new SiteRoot(path);
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        continue; // it was deleted
      }
      this.#all.push({ root, path, sinceMs, asked: 0, isOwned: true });
      heldFiles.directories++;
    }
  }

  /** Takes over `root` if it is one of the directories: then it is closed here later. */
  adopt(root: SiteRoot): boolean {
    const earlier = this.#all.find((earlier) => earlier.root === root);
    if (earlier === undefined) return false;
    return earlier.isOwned = true;
  }

  /** Returns the latest directory that has the file `path`; null when none has. */
  find(path: PathBytes, nowMs: number): EarlierDirectory | null {
    const status = this.#status;
    return this.#all.find(({ root, sinceMs }) =>
      nowMs - sinceMs < this.keptMs && root.look(path, status) === "file" &&
      status.modifiedNanoseconds <= BigInt(sinceMs) * NANOSECONDS_PER_MS // else it is new, or of other content
    ) ?? null;
  }

  /** Closes the directories that were deleted, or whose time is over. */
  prune(nowMs: number): void {
    for (const earlier of this.#all) {
      const isGone = this.#status.readDescriptor(earlier.root.fd) === 0 && this.#status.linkCount === 0;
      if (isGone || nowMs - earlier.sinceMs >= this.keptMs) this.#forget(earlier);
    }
  }

  clear(): void {
    for (const earlier of this.#all) this.#forget(earlier);
    known.delete(this);
  }

  #forget(earlier: EarlierDirectory): void {
    this.#all = this.#all.filter((one) => one !== earlier);
    heldFiles.directories--;
    if (earlier.isOwned) earlier.root.close();
  }
}
