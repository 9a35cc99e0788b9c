/**
 * What a site is served from, whatever that is: a directory, or an archive in the program.
 *
 * Paths are relative to it, and end with a NUL.
 * @module
 */
import type { EntryKind } from "../../../ffi/file/directory.ts";
import type { PathBytes } from "../../../ffi/file/file.ts";
import type { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";

/** What a path leads to; "other" is a FIFO, a socket or a device. −errno where it leads nowhere. */
export type Found = "file" | "directory" | "other" | number;

/**
 * How a path is spelled. "exact": as it stands in its directories, since these find nothing else. "listed": as it stands
 * there now. "other": the file system finds it, and some directory lists it in another way: in another case, another
 * form of its letters, by its long name, without a dot at the end.
 */
export type Spelling = "exact" | "listed" | "other";

/** The operations on a root that serving a site needs. */
export interface Root {
  /** False: no link is followed. */
  readonly followsLinks: boolean;
  /** True when another directory has come to its name. */
  readonly isReplaced: boolean;
  /**
   * Looks at what is there without opening it: what it is, or −errno. Links are followed as far as they stay inside of
   * the root: −EXDEV for one that does not, whatever is or is not behind it. `status` is filled.
   */
  look(path: PathBytes, status?: FileStatus): Found;
  /** The same, but −ELOOP when there is any link on the way. */
  lookWithoutLinks(path: PathBytes, status: FileStatus): Found;
  /** Looks again at a path that is watched, and on which there is no link: 0 or −errno. */
  readStatus(path: PathBytes, status: FileStatus): number;
  /**
   * Tells whether what was found at the path `names` is spelled as its directories list it; or −errno. Directories that
   * compare bytes are added to `exact`, and those in it are not asked.
   */
  spellingOf(names: readonly FileName[], exact: Set<string>): Spelling | number;
  /** A directory, for its names; −errno when it cannot be opened. */
  openDirectory(path: PathBytes): SiteDirectory | number;
  /** What is still being made for somebody, such as a listing, finds nothing from now on. */
  close(): void;
}

/** A directory that is open. */
export interface SiteDirectory {
  /** Its own state: 0 or −errno. */
  readOwnStatus(status: FileStatus): number;
  /** As `readEntries` of `ffi/file/directory.ts`. */
  readNames(onEntry: (name: FileName, kind: EntryKind) => void): number;
  /** What is known of a name in it, until it is asked again; a link is not followed. Null: there is none. */
  statusOf(name: FileName): NamedStatus | null;
  close(): void;
}

/** What a listing shows of a file. */
export interface NamedStatus {
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  /** Bytes. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly modifiedSeconds: number;
}
