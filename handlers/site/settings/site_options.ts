/**
 * How a site is kept in memory, and who hears of what.
 * @module
 */

/** How a resource is shown to be fresh: by events where they can be relied on, always by statx, or not at all. */
export type Validation = "inotify" | "stat" | "off";

/** What follows from that. */
export const NO_LINKS = "symbolic links in the site are not followed";

/** How a site is kept in memory, and who hears of what. */
export interface SiteOptions {
  /** Bytes of memory for files; 0: none is kept. Default 256 MiB. */
  readonly cacheSize?: number;
  /** Bytes of the largest file that is kept in memory. Default 1 MiB. */
  readonly cacheFileSize?: number;
  /**
   * How a file in memory is shown to be fresh. `auto`: by inotify(7) where that tells of every change, else by
   * statx(2) at each use; `inotify`: by inotify on any file system; `stat`: always by statx; `off`: not at all, for
   * files that never change while they are served. Default `auto`.
   */
  readonly validate?: "auto" | Validation;
  /** The configuration file, which is not served even where it stands in the site. */
  readonly config?: string | null;
  /** Hears of what does not keep it from serving. */
  readonly onWarning?: (message: string) => void;
  /** Hears of what is hardly meant in the site, once for each: a compressed form that is older than its file. */
  readonly onNotice?: (message: string) => void;
}

/** Hears why something is served as it is: `trace("rule", "rewrites /a to /b")`. */
export type Trace = (what: string, detail: string) => void;

/** What {@linkcode SiteOptions.onWarning} hears where links cannot be followed safely. */
export const NO_OPENAT2_WARNING: string = `This kernel has no openat2(2): ${NO_LINKS}`;
