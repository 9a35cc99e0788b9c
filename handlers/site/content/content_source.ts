/**
 * A root and what is known of its files. All sites that are served from the same root share one.
 * @module
 */
import { EBADF } from "../../../ffi/libc/errno.ts";
import type { PathBytes } from "../../../ffi/file/file.ts";
import { pathOf } from "../../../ffi/file/path_walk.ts";
import type { RootSnapshot } from "../../../server/metrics/statistics.ts";
import { printable } from "../../../server/usage_error.ts";
import { generationOf } from "./generations.ts";
import type { ServedSettings } from "../settings/root_file.ts";
import {
  CACHE_BYTES_MAX,
  CACHED_FILE_BYTES_MAX,
  KEPT_BYTES_MAX,
  STRONGEST_CACHE_BYTES_MIN,
} from "../limits.ts";
import { SiteArchive } from "../files/archive.ts";
import { ArchiveLoader, ArchiveRoot } from "./archive_root.ts";
import { CacheMemory } from "../cache/cache_memory.ts";
import { EntityTags } from "../cache/entity_tags.ts";
import { HiddenFile } from "../lookup/hidden_file.ts";
import { textOf } from "../listing/natural_order.ts";
import { KeptContent } from "./kept_content.ts";
import { Listings } from "../listing/listing.ts";
import { FileLoader, type Loader } from "./loader.ts";
import type { Root } from "../files/root.ts";
import { describeRefusedCalls } from "./refused_calls.ts";
import type { SiteOptions, Validation } from "../settings/site_options.ts";
import { SiteRoot } from "../files/directory_root.ts";
import { RootWay } from "../watch/root_way.ts";
import { FileRoot } from "../files/file_root.ts";
import { WatchTree } from "../watch/watch_tree.ts";

/** A root that was opened, with what its kind (directory or archive) needs. */
interface Opened {
  readonly root: Root;
  /** The inotify watches; null when files are not watched. */
  readonly tree: WatchTree | null;
  /** How the path leads to the root; null for an archive. */
  readonly way: RootWay | null;
  /** Null for an archive. */
  readonly generation: RootSnapshot | null;
  readonly loader: Loader;
  /** How changes of most files in memory are noticed. */
  readonly validation: Validation;
  /** Bytes of the largest file that is read into memory; −1 when none is. */
  readonly fileBytesMax: number;
  /** The files that are served after they went; null without `keepAssets`. */
  readonly kept: KeptContent | null;
  /** Opens a file again, to compute its digest. Returns a descriptor or −errno. */
  readonly reopen: (path: PathBytes) => number;
}

/** The settings that have to be the same for sites to share their content. */
type ContentSettings = Pick<ServedSettings, "root" | "rootFile" | "isRootConfined" | "etag">;

/** Options of one root. */
export interface ContentOptions extends SiteOptions {
  /** Bytes of memory for the files of all roots. Default: for those of this one. */
  readonly cacheSizeOfAll?: number;
}

/**
 * A root with its watches, tags, listings and cache memory, shared by all sites that are served from it. It is closed
 * when the last of these sites releases it.
 */
export class ContentSource {
  readonly root: Root;
  readonly tree: WatchTree | null;
  readonly way: RootWay | null;
  /** Which directory the root is; null for an archive. */
  readonly generation: RootSnapshot | null;
  readonly loader: Loader;
  readonly validation: Validation;
  readonly fileBytesMax: number;
  readonly memory: CacheMemory;
  /** True if compressed forms are made again at the strongest level when there is time. */
  readonly improvesForms: boolean;
  readonly tags: EntityTags;
  readonly hidden: HiddenFile;
  readonly listings: Listings;
  readonly kept: KeptContent | null;
  #holders = 0;
  #isOpen = true;

  /**
   * @throws {SystemError} when the root cannot be opened: `Cannot open root ./html: ENOENT (…)`.
   * @throws {TypeError} when the root is the configuration file
   */
  constructor(settings: ContentSettings, options: ContentOptions) {
    const opened = open(settings, options);
    const { root, tree, reopen } = opened;
    this.root = root;
    this.tree = tree;
    this.way = opened.way;
    this.generation = opened.generation;
    this.loader = opened.loader;
    this.validation = opened.validation;
    this.fileBytesMax = opened.fileBytesMax;
    this.kept = opened.kept;
    const { cacheSize = CACHE_BYTES_MAX, cacheSizeOfAll = cacheSize } = options;
    this.memory = new CacheMemory(cacheSize);
    this.improvesForms = cacheSizeOfAll >= STRONGEST_CACHE_BYTES_MIN;
    const hidden = this.hidden = new HiddenFile(options.config ?? null, root);
    const { rootFile } = settings;
    if (rootFile !== undefined && hidden.is([rootFile])) {
      this.tree?.close();
      root.close();
      throw new TypeError(`Bad root: ${textOf(rootFile)} is the configuration, which is never served`);
    }
    this.listings = new Listings(root, (names) => hidden.is(names));
    this.tags = new EntityTags(settings.etag, (path) => this.#isOpen ? reopen(path) : -EBADF);
  }

  /** Counts one more site. Each site calls {@linkcode release} once. */
  hold(): this {
    this.#holders++;
    return this;
  }

  /** Counts one site less. The last one closes the root and its watches. */
  release(): void {
    if (--this.#holders > 0) return;
    this.#isOpen = false;
    this.tree?.close();
    this.way?.close();
    if (this.kept?.release() !== true) this.root.close();
  }
}

/** Returns a key that is the same for two sites that can share their content. New archives are added to `archives`. */
export function contentKeyOf(
  { root, rootFile, isRootConfined, etag }: ContentSettings,
  archives: SiteArchive[],
): string {
  const limits = `${etag} ${isRootConfined ? "confined" : "free"}`;
  if (typeof root === "string") {
    return `${limits} ${SiteRoot.pathOf(root)}${rootFile === undefined ? "" : `\0${rootFile}`}`;
  }
  if (!archives.includes(root)) archives.push(root);
  return `${limits} ${archives.indexOf(root)}`;
}

function open(settings: ContentSettings, options: SiteOptions): Opened {
  const { root: source, rootFile, isRootConfined = false } = settings;
  const { cacheSize = CACHE_BYTES_MAX, cacheFileSize = CACHED_FILE_BYTES_MAX } = options;
  // A file that does not fit into the cache is sent from disk: else it would be read into memory for each request.
  const fileBytesMax = cacheSize === 0 ? -1 : Math.min(cacheFileSize, cacheSize);
  if (source instanceof SiteArchive) return openArchive(source, fileBytesMax);
  const root = rootFile === undefined
    ? new SiteRoot(source, isRootConfined)
    : new FileRoot(source, rootFile, isRootConfined);
  return openOnDisk(source, root, fileBytesMax, options);
}

function openArchive(archive: SiteArchive, fileBytesMax: number): Opened {
  const root = new ArchiveRoot(archive);
  const loader = new ArchiveLoader(archive, root, fileBytesMax);
  return {
    root,
    tree: null,
    way: null,
    generation: null,
    loader,
    validation: "off",
    fileBytesMax,
    kept: null,
    reopen: () => -EBADF,
  };
}

function openOnDisk(
  path: string,
  root: SiteRoot | FileRoot,
  fileBytesMax: number,
  {
    validate = "auto",
    onWarning = () => {},
    keepAssets = 0,
    keepAssetsSize = KEPT_BYTES_MAX,
  }: SiteOptions,
): Opened {
  let tree = validate === "auto" || validate === "inotify"
    ? new WatchTree(root, validate === "inotify", onWarning)
    : null;
  if (tree !== null && !tree.isWatching) {
    tree.close();
    tree = null;
  }
  const validation = tree !== null ? "inotify" : validate === "off" ? "off" : "stat";
  const loader = new FileLoader(root, tree, fileBytesMax);
  const way = new RootWay(path, () => root.isReplaced, validate === "auto" || validate === "inotify");
  for (const line of describeRefusedCalls(root.fd)) onWarning(line);
  return {
    root,
    tree,
    way,
    generation: generationOf(
      {
        root: path,
        path: printable(pathOf(root.fd)),
        isLinked: root.realPath !== `/${SiteRoot.pathOf(path)}`,
      },
      root.identity,
    ),
    loader,
    validation,
    fileBytesMax,
    kept: keepAssets > 0 && root instanceof SiteRoot
      ? new KeptContent(SiteRoot.pathOf(path), root, { keptMs: keepAssets, bytesMax: keepAssetsSize })
      : null,
    reopen: (path) => root.open(path),
  };
}
