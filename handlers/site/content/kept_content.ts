/**
 * The files of a root that went and are still served, as a root of its own: the site looks there for what is missing.
 * @module
 */
import { ENOENT } from "../../../ffi/libc/errno.ts";
import type { PathBytes } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import type { KeptSnapshot } from "../../../server/metrics/statistics.ts";
import type { Resource, Variant } from "../cache/resource.ts";
import type { SiteRoot } from "../files/directory_root.ts";
import { type FileStart, isOpened, readStart } from "../files/read_file.ts";
import type { Found, Root, SiteDirectory, Spelling } from "../files/root.ts";
import { isHashed, isMissing, nameOf } from "../kept/asset_names.ts";
import { type KeepOptions, KeptAssets } from "../kept/kept_assets.ts";
import type { Seen } from "../lookup/lookup.ts";
import { FileLoader, type FindContent, type Loaded, type Loader, type Opened } from "./loader.ts";

/** What is kept, as the site of one content source sees it. */
export class KeptContent implements Root {
  readonly followsLinks = true;
  readonly isReplaced = false;
  readonly #live: SiteRoot;
  readonly #assets: KeptAssets;
  readonly #status = new FileStatus();

  /** `live` is the root at the path `key`. It has to be released by {@linkcode release}. */
  constructor(key: string, live: SiteRoot, options: KeepOptions) {
    this.#live = live;
    this.#assets = KeptAssets.of(key, live, options);
  }

  get isEmpty(): boolean {
    return this.#assets.isEmpty;
  }

  get name(): FileName | null {
    return this.#live.name;
  }

  mayHave(): boolean {
    return true;
  }

  mayRead(path: PathBytes): boolean {
    return isOpened(this.open(path));
  }

  readStart(path: PathBytes, bytesMax: number): FileStart | null {
    return readStart(this.open(path), bytesMax);
  }

  /** Nothing is at a path that has something in the root now, whatever that is: it wins. */
  look(path: PathBytes, status: FileStatus = this.#status): Found {
    if (!isHashed(nameOf(path)) || !isMissing(this.#live.look(path))) return -ENOENT;
    return this.#assets.look(path, status);
  }

  lookWithoutLinks(path: PathBytes, status: FileStatus): Found {
    return this.look(path, status);
  }

  readStatus(path: PathBytes, status: FileStatus): number {
    const found = this.look(path, status);
    return typeof found === "number" ? found : 0;
  }

  spellingOf(names: readonly FileName[]): Spelling | number {
    return this.#assets.spellingOf(names);
  }

  open(path: PathBytes): number {
    return this.#assets.open(path);
  }

  openWithoutLinks(path: PathBytes): number {
    return this.open(path);
  }

  openDirectory(): SiteDirectory | number {
    return -ENOENT;
  }

  /** Holds the files `seen` of the root, which `resource` serves in the turn `turn`, so that they can be kept. */
  hold(seen: readonly Seen[], resource: Resource, turn: number): void {
    for (const one of seen) this.#assets.hold(one, { resource, turn }, (path) => this.#live.open(path));
  }

  /** Counts a request for the file `seen[0]`, which has gone, and holds `seen` in case that their directory goes, too. */
  use(seen: readonly Seen[], resource: Resource, turn: number): void {
    for (const one of seen) {
      this.#assets.hold(one, { resource, turn, hasGone: true }, (path) => this.#assets.open(path));
    }
    this.#assets.count(seen[0]!.path);
  }

  /** Returns a loader for the files. Those up to `fileBytesMax` are read into memory. */
  loader(fileBytesMax: number): Loader {
    return new KeptLoader(this.#assets, new FileLoader(this, null, fileBytesMax));
  }

  snapshot(): KeptSnapshot {
    return this.#assets.snapshot();
  }

  /** Releases the root. True when it stays open, since its files are kept. */
  release(): boolean {
    return this.#assets.release(this.#live);
  }

  close(): void {
    // `release` decides what stays open
  }
}

/** The loader for files that have gone: as for others, or from memory. */
class KeptLoader implements Loader {
  readonly #assets: KeptAssets;
  readonly #files: FileLoader;

  constructor(assets: KeptAssets, files: FileLoader) {
    this.#assets = assets;
    this.#files = files;
  }

  load(resource: Resource, variant: Variant, isFresh: boolean, find: FindContent): Loaded | number {
    const { seen } = variant;
    const held = this.#assets.inMemory(seen.path);
    if (held === null) return this.#files.load(resource, variant, isFresh, find);
    resource.lookAtEachUse(seen);
    const status = new FileStatus();
    status.copyFrom(held.status);
    const content = find(status);
    const bytes = content === null ? held.copy : null;
    return { status, bytes, content, file: null, start: 0, digest: null };
  }

  open(path: PathBytes): Opened | number {
    return this.#files.open(path);
  }

  watch(): boolean {
    return true; // nothing of it can change without being looked at again
  }
}
