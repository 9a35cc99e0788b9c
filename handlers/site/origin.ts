/**
 * Where a site's files come from, and what has to be known to serve them from there.
 * @module
 */
import { EBADF } from "../../ffi/errno.ts";
import type { PathBytes } from "../../ffi/file.ts";
import type { SiteSettings } from "../../server/config/site_settings.ts";
import { CACHE_BYTES_MAX, CACHED_FILE_BYTES_MAX } from "../../server/limits.ts";
import { SiteArchive } from "../../server/site_archive.ts";
import { ArchiveLoader, ArchiveRoot } from "./archive_root.ts";
import type { Validation } from "./file_cache.ts";
import { FileLoader, type Loader } from "./loader.ts";
import type { Root } from "./root.ts";
import { describeRefusedCalls } from "./refused_calls.ts";
import type { SiteOptions } from "./site_options.ts";
import { SiteRoot } from "./site_root.ts";
import { WatchTree } from "./watch_tree.ts";

/** See the module's comment. */
export interface Origin {
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

/** Opens the root of a site, a directory or an archive that is open. @throws {SystemError} `Cannot open root ./html: ENOENT (…)` */
export function openOrigin(
  { root: source, isRootConfined = false }: Pick<SiteSettings, "root" | "isRootConfined">,
  options: SiteOptions,
): Origin {
  const { cacheSize = CACHE_BYTES_MAX, cacheFileSize = CACHED_FILE_BYTES_MAX } = options;
  // What would not fit the cache goes out from where it is: it would be read anew for each request.
  const fileBytesMax = cacheSize === 0 ? -1 : Math.min(cacheFileSize, cacheSize);
  return source instanceof SiteArchive
    ? originInArchive(source, fileBytesMax)
    : originInDirectory(source, isRootConfined, fileBytesMax, options);
}

function originInArchive(archive: SiteArchive, fileBytesMax: number): Origin {
  const root = new ArchiveRoot(archive);
  const loader = new ArchiveLoader(archive, root, fileBytesMax);
  return { root, tree: null, loader, validation: "off", fileBytesMax, reopen: () => -EBADF };
}

function originInDirectory(
  path: string,
  isConfined: boolean,
  fileBytesMax: number,
  { validate = "auto", onWarning = () => {} }: SiteOptions,
): Origin {
  const root = new SiteRoot(path, isConfined);
  let tree = validate === "auto" || validate === "inotify"
    ? new WatchTree(root.fd, validate === "inotify", onWarning)
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
