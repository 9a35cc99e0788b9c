/**
 * Where a site's files come from, and what is known of them: all sites that are served from one root share that.
 * @module
 */
import { EBADF } from "../../../ffi/libc/errno.ts";
import type { PathBytes } from "../../../ffi/file/file.ts";
import type { SiteSettings } from "../settings/site_settings.ts";
import { CACHE_BYTES_MAX, CACHED_FILE_BYTES_MAX } from "../limits.ts";
import { SiteArchive } from "../files/archive.ts";
import { ArchiveLoader, ArchiveRoot } from "./archive_root.ts";
import { CacheMemory } from "../cache/cache_memory.ts";
import { EntityTags } from "../cache/entity_tags.ts";
import { HiddenFile } from "../lookup/hidden_file.ts";
import { Listings } from "../listing/listing.ts";
import { FileLoader, type Loader } from "./loader.ts";
import type { Root } from "../files/root.ts";
import { describeRefusedCalls } from "./refused_calls.ts";
import type { SiteOptions, Validation } from "../settings/site_options.ts";
import { SiteRoot } from "../files/directory_root.ts";
import { WatchTree } from "../watch/watch_tree.ts";

/** What is opened. */
interface Opened {
  readonly root: Root;
  /** What tells of changes; null: nothing does. */
  readonly tree: WatchTree | null;
  readonly loader: Loader;
  /** How most files in memory are shown to be fresh. */
  readonly validation: Validation;
  /** Bytes of the largest file that is read into memory; −1: none is. */
  readonly fileBytesMax: number;
  /** Opens a file to be read once more: descriptor or −errno. */
  readonly reopen: (path: PathBytes) => number;
}

/** What has to be the same for sites to share an origin. */
type ContentSettings = Pick<SiteSettings, "root" | "isRootConfined" | "etag">;

/** A root with its watches, tags, listings and memory, shared by all sites that are served from it. It is closed with the last site that holds it. */
export class ContentSource {
  readonly root: Root;
  readonly tree: WatchTree | null;
  readonly loader: Loader;
  readonly validation: Validation;
  readonly fileBytesMax: number;
  readonly memory: CacheMemory;
  readonly tags: EntityTags;
  readonly hidden: HiddenFile;
  readonly listings: Listings;
  #holders = 0;
  #isOpen = true;

  /** @throws {SystemError} `Cannot open root ./html: ENOENT (…)` */
  constructor(settings: ContentSettings, options: SiteOptions) {
    const opened = open(settings, options);
    const { root, tree, reopen } = opened;
    this.root = root;
    this.tree = tree;
    this.loader = opened.loader;
    this.validation = opened.validation;
    this.fileBytesMax = opened.fileBytesMax;
    this.memory = new CacheMemory(options.cacheSize ?? CACHE_BYTES_MAX);
    const hidden = this.hidden = new HiddenFile(options.config ?? null, root);
    this.listings = new Listings(root, (names) => hidden.is(names));
    this.tags = new EntityTags(settings.etag, (path) => this.#isOpen ? reopen(path) : -EBADF);
  }

  /** One more site is served from it. */
  hold(): this {
    this.#holders++;
    return this;
  }

  /** One less. */
  release(): void {
    if (--this.#holders > 0) return;
    this.#isOpen = false;
    this.tree?.close();
    this.root.close();
  }
}

/** A text that is the same for two sites that can share an origin; `archives` are those that were seen so far. */
export function originKeyOf(
  { root, isRootConfined, etag }: ContentSettings,
  archives: SiteArchive[],
): string {
  const limits = `${etag} ${isRootConfined ? "confined" : "free"}`;
  if (typeof root === "string") return `${limits} ${SiteRoot.pathOf(root)}`;
  if (!archives.includes(root)) archives.push(root);
  return `${limits} ${archives.indexOf(root)}`;
}

function open({ root: source, isRootConfined = false }: ContentSettings, options: SiteOptions): Opened {
  const { cacheSize = CACHE_BYTES_MAX, cacheFileSize = CACHED_FILE_BYTES_MAX } = options;
  // What would not fit the cache goes out from where it is: it would be read anew for each request.
  const fileBytesMax = cacheSize === 0 ? -1 : Math.min(cacheFileSize, cacheSize);
  return source instanceof SiteArchive
    ? originInArchive(source, fileBytesMax)
    : originInDirectory(source, isRootConfined, fileBytesMax, options);
}

function originInArchive(archive: SiteArchive, fileBytesMax: number): Opened {
  const root = new ArchiveRoot(archive);
  const loader = new ArchiveLoader(archive, root, fileBytesMax);
  return { root, tree: null, loader, validation: "off", fileBytesMax, reopen: () => -EBADF };
}

function originInDirectory(
  path: string,
  isConfined: boolean,
  fileBytesMax: number,
  { validate = "auto", onWarning = () => {} }: SiteOptions,
): Opened {
  const root = new SiteRoot(path, isConfined);
  let tree = validate === "auto" || validate === "inotify"
    ? new WatchTree(root, validate === "inotify", onWarning)
    : null;
  if (tree !== null && !tree.isWatching) {
    tree.close();
    tree = null;
  }
  const validation = tree !== null ? "inotify" : validate === "off" ? "off" : "stat";
  const loader = new FileLoader(root, tree, fileBytesMax);
  for (const line of describeRefusedCalls(root.fd)) onWarning(line);
  return { root, tree, loader, validation, fileBytesMax, reopen: (path) => root.open(path) };
}
