/**
 * The interface of a site's root: a directory, or an archive in the program.
 *
 * Paths are relative to the root, and end with a NUL.
 * @module
 */
import type { EntryKind } from "../../../ffi/file/directory.ts";
import type { PathBytes } from "../../../ffi/file/file.ts";
import type { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import type { FileStart } from "./read_file.ts";

/**
 * The kind of what a path leads to; "other" is a FIFO, a socket or a device. −errno when the path cannot be followed.
 */
export type Found = "file" | "directory" | "other" | number;

/**
 * How a path is spelled. "exact": as its directories list it, because they find no other spelling. "listed": as its
 * directories list it at present. "other": the file system finds it, but a directory lists it in another spelling, for
 * example in another case, another Unicode form, by its long name, or without a dot at the end.
 */
export type Spelling = "exact" | "listed" | "other";

/** The operations on a root that serving a site needs. */
export interface Root {
  /** False when symbolic links are not followed. */
  readonly followsLinks: boolean;
  /** The name of the root's directory; null when it is not known. */
  readonly name: FileName | null;
  /** True when the root's path leads to another directory by now. */
  readonly isReplaced: boolean;
  /** Returns false when nothing can ever be served at the path `names`, so that no file is looked at for it. */
  mayHave(names: readonly FileName[]): boolean;
  /**
   * Returns the kind of what is at `path`, without opening it, or −errno. Fills `status`. Links are followed inside of
   * the root; a link out of it is −EXDEV, whether its target exists or not.
   */
  look(path: PathBytes, status?: FileStatus): Found;
  /** Does the same as {@linkcode look}, but returns −ELOOP when there is a link on the path. */
  lookWithoutLinks(path: PathBytes, status: FileStatus): Found;
  /** Reads the status of a path that is watched and has no links. Returns 0 or −errno. */
  readStatus(path: PathBytes, status: FileStatus): number;
  /**
   * Returns how the path `names`, which was found, is spelled; or −errno. Directories in `exact` are known to compare
   * bytes and are not checked. Others that compare bytes are added to it.
   */
  spellingOf(names: readonly FileName[], exact: Set<string>): Spelling | number;
  /** Returns true when the file at `path` can be opened for reading. */
  mayRead(path: PathBytes): boolean;
  /** Reads at most `bytesMax` bytes of the file at `path`. Null when it cannot be read, or keeps changing. */
  readStart(path: PathBytes, bytesMax: number): FileStart | null;
  /** Opens a directory for its names. Returns −errno when it cannot be opened. */
  openDirectory(path: PathBytes): SiteDirectory | number;
  /** Closes the root. Work that is still going on, such as a listing, finds nothing afterwards. */
  close(): void;
}

/** An open directory. */
export interface SiteDirectory {
  /** Reads the directory's own status. Returns 0 or −errno. */
  readOwnStatus(status: FileStatus): number;
  /**
   * Calls `onEntry` for the next names, as `readEntries` of `ffi/file/directory.ts` does. Returns a positive number, 0
   * at the end, or −errno.
   */
  readNames(onEntry: (name: FileName, kind: EntryKind) => void): number;
  /**
   * Returns the status of `name`, without following a link. Null when there is no such name. The object is valid until
   * the next call.
   */
  statusOf(name: FileName): NamedStatus | null;
  close(): void;
}

/** The status of a file, as a listing shows it. */
export interface NamedStatus {
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  /** Bytes. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly modifiedSeconds: number;
}
