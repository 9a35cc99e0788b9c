/**
 * What a site is served from, whatever that is: a directory, or an archive in the program.
 *
 * Paths are relative to it, and end with a NUL.
 * @module
 */
import type { EntryKind } from "../../ffi/directory.ts";
import type { FileStatus, PathBytes } from "../../ffi/file.ts";
import type { FileName } from "../../ffi/inotify.ts";

/** See the module's comment. */
export interface Root {
  /** False: no link is followed. */
  readonly followsLinks: boolean;
  /** True when another directory has come to its name. */
  readonly isReplaced: boolean;
  /** Looks at what is there, following links, without opening it: 0 or −errno. Says nothing about what may be opened. */
  readStatus(path: PathBytes, status: FileStatus): number;
  /** The same for somebody who wants to serve it: what it is, or the status that its client gets. `status` is filled. */
  look(path: PathBytes, status?: FileStatus): "file" | "directory" | number;
  /** Looks at what a link leads to: 0 or −errno, also for one that leads out of the root. */
  readLinked(path: PathBytes, status: FileStatus): number;
  /** True when a symbolic link is, or may be, on the way to what is no FIFO, socket or device. */
  isLink(path: PathBytes): boolean;
  /** True when no link leads from `path` out of the root. */
  isInside(path: PathBytes): boolean;
  /** A directory, for its names; −errno when it cannot be opened. */
  openDirectory(path: PathBytes): SiteDirectory | number;
  /** What is still being made for somebody, such as a listing, finds nothing from now on. */
  close(): void;
}

/** A directory that is open. */
export interface SiteDirectory {
  /** Its own state: 0 or −errno. */
  readOwnStatus(status: FileStatus): number;
  /** As `readEntries` of `ffi/directory.ts`. */
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
