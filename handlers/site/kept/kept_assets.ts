/**
 * The files of one root that stay served for a time after they went (`--keep-assets`): only those whose names have a hash
 * of their content, so that the bytes under a name never change.
 *
 * They come from the directories that the root's path led to before, as long as these exist. Files that were deleted are
 * served from what was held of them beforehand, since at the deletion it is too late: each file that was asked for, and
 * each that a look through the directory found (`asset_walk.ts`).
 *
 * Sites that are opened anew take over what is kept for the path of their root.
 * @module
 */
import { ENOENT } from "../../../ffi/libc/errno.ts";
import type { PathBytes } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { type KeptSnapshot, SHOWN_KEPT_MAX } from "../../../server/metrics/statistics.ts";
import { printable } from "../../../server/usage_error.ts";
import type { SiteRoot } from "../files/directory_root.ts";
import type { Found, Spelling } from "../files/root.ts";
import { KEPT_LOOK_MS_MAX, KEPT_LOOK_MS_MIN, KEPT_PAUSE_MS, KEPT_SLICE_MS } from "../limits.ts";
import type { Seen } from "../lookup/lookup.ts";
import { isMissing, nameOf, pathBytesOf } from "./asset_names.ts";
import { AssetWalk } from "./asset_walk.ts";
import { EarlierDirectories, type EarlierDirectory } from "./earlier_directories.ts";
import { HeldFile, heldFiles, type Used } from "./held_files.ts";

/** For how long, and how many bytes. */
export interface KeepOptions {
  readonly keptMs: number;
  readonly bytesMax: number;
}

/** A file that is kept: in an earlier directory, or held. */
type Place = EarlierDirectory | HeldFile;

const known = new Map<string, KeptAssets>();

/** What is kept of one root. */
export class KeptAssets {
  readonly #key: string;
  #keptMs = 0;
  /** The roots of the content sources that are open, the latest last. */
  readonly #roots: SiteRoot[] = [];
  readonly #earlier: EarlierDirectories;
  readonly #files = new Map<FileName, HeldFile>();
  /** The held files that are still to be looked at. */
  readonly #unseen: HeldFile[] = [];
  readonly #walk = new AssetWalk((path) => this.#foresee(path));
  readonly #status = new FileStatus();
  #asked = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  private constructor(key: string) {
    this.#key = key;
    this.#earlier = new EarlierDirectories(key);
  }

  /** Returns what is kept for the path `key` of a root that leads to `root` now. `release` has to be called at the end. */
  static of(key: string, root: SiteRoot, options: KeepOptions): KeptAssets {
    let kept = known.get(key);
    if (kept === undefined) known.set(key, kept = new KeptAssets(key));
    kept.#hold(root, options);
    return kept;
  }

  #hold(root: SiteRoot, { keptMs, bytesMax }: KeepOptions): void {
    this.#keptMs = this.#earlier.keptMs = keptMs;
    heldFiles.bytesMax = bytesMax;
    this.#earlier.begin(this.#roots.at(-1) ?? null, root);
    this.#roots.push(root);
    this.#lookIn(0);
  }

  /** Ends the use of `root`. True when the directory is kept: then it is closed here later. */
  release(root: SiteRoot): boolean {
    this.#roots.splice(this.#roots.indexOf(root), 1);
    if (this.#roots.length === 0) {
      this.#end();
      return false;
    }
    return this.#earlier.adopt(root);
  }

  #end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#walk.stop();
    known.delete(this.#key);
    this.#earlier.clear();
    for (const file of this.#files.values()) heldFiles.remove(file);
    this.#files.clear();
  }

  /** True when no file can be kept at present, so that nothing has to be looked up. */
  get isEmpty(): boolean {
    return this.#earlier.isEmpty && this.#files.size === 0;
  }

  /**
   * Holds the file `seen`, which was asked for in the turn `turn`, is served by `resource`, and is opened by `open`. With
   * `hasGone` it has gone already, and is held in case that its directory goes, too.
   */
  hold(
    seen: Seen,
    { resource, turn, hasGone = false }: {
      readonly resource: Used;
      readonly turn: number;
      readonly hasGone?: boolean;
    },
    open: (path: PathBytes) => number,
  ): void {
    const path = nameOf(seen.path);
    const place = hasGone ? this.#placeOf(path, seen.path) : null;
    const goneMs = place === null || place instanceof HeldFile ? null : place.sinceMs;
    const held = this.#files.get(path);
    if (held !== undefined && seen.status !== null && held.isAsHeld(seen.status)) {
      held.resource = resource;
      held.turn = turn;
      held.goneMs = hasGone ? held.goneMs ?? goneMs : null;
      return;
    }
    this.#holdOpen(path, open(seen.path), (file) => {
      file.resource = resource;
      file.turn = turn;
      file.goneMs = goneMs;
    });
  }

  /** Holds the open file `fd`, which it takes over, in place of an earlier one. True when it is held. */
  #holdOpen(path: FileName, fd: number, prepare: (file: HeldFile) => void = () => {}): boolean {
    if (fd < 0) return false;
    const status = new FileStatus();
    if (status.readDescriptor(fd) < 0 || !status.isFile) {
      close(fd);
      return false;
    }
    const before = this.#files.get(path);
    if (before !== undefined) this.#drop(before);
    const file = new HeldFile(path, fd, status, Date.now(), (file) => void this.#files.delete(file.path));
    prepare(file);
    if (!heldFiles.add(file)) return false;
    this.#files.set(path, file);
    return true;
  }

  #drop(file: HeldFile): void {
    if (this.#files.get(file.path) === file) this.#files.delete(file.path);
    heldFiles.remove(file);
  }

  /** Holds a file that was found in the root, as long as that takes no room from files that were asked for. */
  #foresee(path: FileName): boolean {
    if (this.#files.has(path)) return true;
    const root = this.#roots.at(-1)!;
    const bytes = pathBytesOf(path);
    if (root.look(bytes, this.#status) !== "file") return true;
    return this.#holdOpen(path, root.open(bytes));
  }

  /** Returns the kind of the file at `path`, which is missing in the present directory; or −errno. Fills `status`. */
  look(path: PathBytes, status: FileStatus): Found {
    const name = nameOf(path);
    const place = this.#placeOf(name, path);
    if (place === null) return -ENOENT;
    if (!(place instanceof HeldFile)) return place.root.look(path, status);
    if (place.read(status)) return "file";
    this.#drop(place);
    return -ENOENT;
  }

  /** Returns how the path `names`, which was found, is spelled; or −errno. */
  spellingOf(names: readonly FileName[]): Spelling | number {
    const name = names.join("/");
    const place = this.#placeOf(name, pathBytesOf(name));
    return place === null || place instanceof HeldFile ? "exact" : place.root.spellingOf(names, new Set());
  }

  /** Opens the file at `path`. Returns a descriptor, or −errno; for a file in memory, −ENOENT. */
  open(path: PathBytes): number {
    const place = this.#placeOf(nameOf(path), path);
    if (place === null) return -ENOENT;
    if (!(place instanceof HeldFile)) return place.root.open(path);
    return place.hasDescriptor ? place.open() : -ENOENT;
  }

  /** Returns the file at `path` if its bytes are in memory; else null. */
  inMemory(path: PathBytes): HeldFile | null {
    const place = this.#placeOf(nameOf(path), path);
    return place instanceof HeldFile && !place.hasDescriptor ? place : null;
  }

  /** Counts a request that was answered with the file at `path`. */
  count(path: PathBytes): void {
    this.#asked++;
    const name = nameOf(path);
    const place = this.#placeOf(name, path);
    if (place !== null) place.asked++;
    const held = this.#files.get(name);
    if (held !== undefined && held !== place) held.asked++;
  }

  #placeOf(name: FileName, path: PathBytes): Place | null {
    const nowMs = Date.now();
    const earlier = this.#earlier.find(path, nowMs);
    if (earlier !== null) return earlier;
    const held = this.#files.get(name);
    return held === undefined || nowMs - held.went(nowMs) >= this.#keptMs ? null : held;
  }

  get #lookMs(): number {
    return Math.min(Math.max(this.#keptMs / 8, KEPT_LOOK_MS_MIN), KEPT_LOOK_MS_MAX);
  }

  /** Looks after `ms` which files have gone, and which are new. */
  #lookIn(ms: number): void {
    if (this.#timer !== null) {
      if (ms > 0) return;
      clearTimeout(this.#timer);
    }
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const isDone = this.#lookOn() && this.#walk.goOn(this.#roots.at(-1)!);
      this.#lookIn(isDone ? this.#lookMs : KEPT_PAUSE_MS);
    }, ms);
    Deno.unrefTimer(this.#timer);
  }

  /** Looks at the held files for a slice of time. True when all were looked at since the last walk. */
  #lookOn(): boolean {
    if (this.#unseen.length === 0 && !this.#walk.isUnderWay) {
      this.#earlier.prune(Date.now());
      this.#unseen.push(...this.#files.values());
    }
    const root = this.#roots.at(-1)!;
    const endMs = performance.now() + KEPT_SLICE_MS;
    while (this.#unseen.length > 0) {
      if (performance.now() >= endMs) return false;
      this.#lookAt(this.#unseen.pop()!, root, Date.now());
    }
    return true;
  }

  #lookAt(file: HeldFile, root: SiteRoot, nowMs: number): void {
    if (this.#files.get(file.path) !== file) return; // it has left meanwhile
    const found = root.look(pathBytesOf(file.path), this.#status);
    if (found === "file") {
      file.seenMs = nowMs;
      file.goneMs = null;
      if (!file.isAsHeld(this.#status)) this.#drop(file); // found again by the walk, or by the next request
    } else if (isMissing(found) && nowMs - file.went(nowMs) >= this.#keptMs) this.#drop(file);
  }

  /** Returns what is kept of files that have gone. */
  snapshot(): KeptSnapshot {
    const gone = [...this.#files.values()].filter(({ goneMs }) => goneMs !== null);
    return {
      files: gone.length,
      bytes: gone.reduce((sum, { size }) => sum + size, 0),
      heldFiles: this.#files.size,
      heldBytes: [...this.#files.values()].reduce((sum, { size }) => sum + size, 0),
      directories: this.#earlier.all.length,
      asked: this.#asked,
      keptMs: this.#keptMs,
      shown: [
        ...this.#earlier.all.map(({ path, sinceMs, asked }) => ({
          path: `${path}/`,
          untilMs: sinceMs + this.#keptMs,
          asked,
        })),
        ...gone.sort((one, other) => other.asked - one.asked).map(({ path, goneMs, asked }) => ({
          path: printable(decoder.decode(pathBytesOf(path).subarray(0, -1))),
          untilMs: goneMs! + this.#keptMs,
          asked,
        })),
      ].slice(0, SHOWN_KEPT_MAX),
    };
  }
}

const decoder = new TextDecoder();
