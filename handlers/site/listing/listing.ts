/**
 * Sorted pages of the entries of a directory. The work is done in steps, so a large directory does not block other
 * requests.
 *
 * Not listed are hidden names, links that lead out of the root or nowhere, FIFOs, sockets, devices, and entries behind
 * a password that the listing itself did not require. Files that the server's user may not open are listed, although
 * they are 403: trying to open each would take two more system calls per name. The sorted names of a large directory
 * are remembered as long as the directory's status (statx(2)) does not change. Sizes and times of the entries on a page
 * are read for each request. Sorting by size or time needs them for all entries, so that order may be up to
 * LISTING_ORDER_MS old.
 *
 * Measured with 50,000 names on ext4: reading the names takes 25 ms (19 ms of that in the kernel), sorting them by name
 * 40 to 65 ms, reading all sizes 85 ms, and reading those of one page 1 ms.
 * @module
 */
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { CACHE_SETTLE_SECONDS, LISTING_ENTRIES_MAX } from "../limits.ts";
import { ListingMemory, type SortedNames } from "./listing_memory.ts";
import { filtered, type Sequence } from "./listing_filter.ts";
import { countOf, orderOf, STATUSES_PER_STEP } from "./listing_order.ts";
import { type ListingQuery, pageRange } from "./listing_query.ts";
import { bytesOf, inNaturalOrder } from "./natural_order.ts";
import type { NamedStatus, Root, SiteDirectory } from "../files/root.ts";
import { namesOf, statusOfErrno, terminate } from "../files/directory_root.ts";
import { TimeSlices } from "./time_slices.ts";

/** A file or a directory in a listing. */
export interface ListingEntry {
  readonly name: FileName;
  readonly isDirectory: boolean;
  /** Bytes; meaningless for a directory. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly modifiedSeconds: number;
}

/** One page of a listing. */
export interface Listing {
  /** The query, with the number of a page that exists. */
  readonly query: ListingQuery;
  /** The number of pages; 1 for an empty directory. */
  readonly pages: number;
  /** The number of entries on all pages. */
  readonly total: number;
  /** The same without the filter. */
  readonly unfiltered: number;
  /** How many of these are directories. */
  readonly directories: number;
  /** The number of entries before this page. */
  readonly offset: number;
  readonly entries: readonly ListingEntry[];
  /** True when the directory has more than {@linkcode LISTING_ENTRIES_MAX} names. Those beyond are left out. */
  readonly isTruncated: boolean;
  /** The files that may be shown below the listing, the first choice first. */
  readonly readmes: readonly FileName[];
}

const WELL_KNOWN = ".well-known";
const HERE = new Uint8Array([0x2e]);
/** Names that are read in one step. */
const NAMES_PER_STEP = 512;

/** A function that returns true for a path that is in no listing. The array `names` is reused after the call. */
export type IsHidden = (names: readonly FileName[]) => boolean;

/** Entries that are left out of a certain listing, because they are behind another password. */
export interface Guard {
  /** Listings of the same directory with the same key leave out the same entries. */
  readonly key: string;
  /** Returns true for an entry that is left out. */
  readonly hides: (name: FileName, isDirectory: boolean) => boolean;
}

/** The listings of one root. */
export class Listings {
  /** The scheduler of the work on listings. */
  readonly slices: TimeSlices = new TimeSlices();
  readonly #root: Root;
  readonly #isHidden: IsHidden;
  readonly #memory = new ListingMemory();
  readonly #linkStatus = new FileStatus();

  /**
   * The caller closes `root`, after every promise is settled. `isHidden` must always return the same for the same path.
   */
  constructor(root: Root, isHidden: IsHidden = () => false) {
    this.#root = root;
    this.#isHidden = isHidden;
  }

  /**
   * Makes a page of the directory at `path`, which is decoded, below the root, and without slashes at its ends. Returns
   * a status when that fails: 403, 404, 500, or 503 without descriptors. `nowSeconds` must not be later than the first
   * step. `guard` is null when nothing else is left out. The generator yields often. It opens nothing before its first
   * step, and closes what it opened also when it is ended early.
   */
  *list(
    path: Uint8Array,
    query: ListingQuery,
    nowSeconds: number,
    guard: Guard | null = null,
  ): Generator<void, Listing | number> {
    const pathBytes = terminate(path.length === 0 ? HERE : path);
    const kind = this.#root.look(pathBytes);
    if (kind !== "directory") return typeof kind === "number" ? statusOfErrno(-kind) : 404;
    const opened = this.#root.openDirectory(pathBytes);
    if (typeof opened === "number") return statusOfErrno(-opened);
    try {
      const status = new FileStatus();
      const failed = opened.readOwnStatus(status);
      if (failed < 0) return statusOfErrno(-failed);
      if (!status.isDirectory) return 404;
      const isSettled = nowSeconds - status.changedSeconds > CACHE_SETTLE_SECONDS;
      const directory = { opened, path, names: namesOf(path), guard };
      const sorted = yield* this.#sortedNames(directory, isSettled ? status : null);
      if (typeof sorted === "number") return sorted;
      return yield* query.sort === "name"
        ? this.#pageByName(directory, sorted, query)
        : this.#pageByStatus(directory, sorted, query);
    } finally {
      opened.close();
    }
  }

  /**
   * Returns the names, from memory if they were read with the same `status`. `status` is null when they may not be
   * remembered.
   */
  *#sortedNames(directory: Directory, status: FileStatus | null): Generator<void, SortedNames | number> {
    const { guard, names } = directory;
    const key = names.join("/") + (guard === null ? "" : `\0${guard.key}`); // no name has a NUL
    const reading = this.#readNames(directory);
    while (true) {
      // Checked at each step: another request may have read the same directory since.
      const known = status === null ? null : this.#memory.find(key, status);
      if (known !== null) return known;
      const { done, value } = reading.next();
      if (done !== true) {
        yield;
        continue;
      }
      // With links, no: their targets may change without a change of the directory.
      if (status !== null && typeof value !== "number" && !value.hasOthers) {
        this.#memory.add(key, status, value);
      }
      return value;
    }
  }

  *#readNames(
    directory: Directory,
  ): Generator<void, (SortedNames & { readonly hasOthers: boolean }) | number> {
    const { guard } = directory;
    let directories: FileName[] = [];
    let files: FileName[] = [];
    const others: FileName[] = [];
    const readmes: FileName[] = [];
    const names = [...directory.names, ""];
    let count = 0;
    for (let taken = 1; taken > 0;) {
      let read = 0;
      taken = directory.opened.readNames((name, kind) => {
        read++;
        if (name.startsWith(".") && !(name === WELL_KNOWN && names.length === 1)) return;
        names[names.length - 1] = name;
        if (this.#isHidden(names)) return;
        if (++count > LISTING_ENTRIES_MAX) return;
        if (isReadme(name)) readmes.push(name);
        (kind === "file" ? files : kind === "directory" ? directories : others).push(name);
      });
      if (taken < 0) return statusOfErrno(-taken);
      if (count > LISTING_ENTRIES_MAX) break;
      for (; read >= 0; read -= NAMES_PER_STEP) yield; // the scheduler measures work by steps
    }
    const links = new Set<FileName>();
    for (const name of others) {
      const kind = this.#root.look(terminate(directory.path, bytesOf(name)));
      if (kind === "file" || kind === "directory") {
        links.add(name);
        (kind === "file" ? files : directories).push(name);
      }
      yield;
    }
    if (guard !== null) {
      directories = yield* shownBy(guard, directories, true);
      files = yield* shownBy(guard, files, false);
    }
    return {
      directories: yield* inNaturalOrder(directories),
      files: yield* inNaturalOrder(files),
      links,
      orders: new Map(),
      isTruncated: count > LISTING_ENTRIES_MAX,
      readmes: inOrder(readmes.filter((name) => files.includes(name))),
      hasOthers: others.length > 0,
    };
  }

  *#pageByName(directory: Directory, sorted: SortedNames, query: ListingQuery): Generator<void, Listing> {
    const { directories, files } = sorted;
    const isUp = query.order === "asc";
    const nameAt = (index: number) => {
      const group = index < directories.length ? directories : files;
      const at = group === directories ? index : index - directories.length;
      return group[isUp ? at : group.length - 1 - at]!;
    };
    const all = { nameAt, directories: directories.length, files: files.length };
    return yield* this.#page(directory, sorted, query, all);
  }

  *#pageByStatus(directory: Directory, sorted: SortedNames, query: ListingQuery): Generator<void, Listing> {
    const statusOf = (name: FileName) => this.#statusOf(directory, name, sorted.links);
    const { directories, files } = yield* orderOf(sorted, query, statusOf);
    const foldersCount = countOf(directories);
    const nameAt = (index: number) => {
      const { names, order } = index < foldersCount ? directories : files;
      const at = index < foldersCount ? index : index - foldersCount;
      return names[order === null ? at : order[at]!]!;
    };
    const all = { nameAt, directories: foldersCount, files: countOf(files) };
    return yield* this.#page(directory, sorted, query, all);
  }

  /** Makes the page of `query` of `all`, the entries in their order. */
  *#page(
    directory: Directory,
    { links, isTruncated, readmes }: SortedNames,
    query: ListingQuery,
    all: Sequence,
  ): Generator<void, Listing> {
    const { nameAt, directories, files } = yield* filtered(all, query.filter);
    const unfiltered = all.directories + all.files;
    const total = directories + files;
    const { page, pages, offset, end } = pageRange(query, total);
    const entries: ListingEntry[] = [];
    for (let i = offset; i < end; i++) {
      const name = nameAt(i);
      const status = this.#statusOf(directory, name, links);
      if (status !== null) { // null: the entry was removed meanwhile
        const { isDirectory, size, modifiedSeconds } = status;
        entries.push({ name, isDirectory, size, modifiedSeconds });
      }
      if (i % STATUSES_PER_STEP === STATUSES_PER_STEP - 1) yield;
    }
    return {
      query: { ...query, page },
      pages,
      total,
      unfiltered,
      directories,
      offset,
      entries,
      isTruncated,
      readmes,
    };
  }

  /** Returns the status of an entry. Null when the entry is gone, or has become something that is not listed. */
  #statusOf(
    directory: Directory,
    name: FileName,
    links: ReadonlySet<FileName>,
  ): NamedStatus | null {
    const status = links.has(name) ? this.#statusOfLink(directory, name) : directory.opened.statusOf(name);
    return status !== null && (status.isFile || status.isDirectory) ? status : null;
  }

  #statusOfLink({ path }: Directory, name: FileName): FileStatus | null {
    const found = this.#root.look(terminate(path, bytesOf(name)), this.#linkStatus);
    return typeof found === "number" ? null : this.#linkStatus;
  }
}

/** An open directory, with its path and the names in that. */
interface Directory {
  readonly opened: SiteDirectory;
  readonly path: Uint8Array;
  readonly names: readonly FileName[];
  readonly guard: Guard | null;
}

/** True for the name of a file that a listing shows as text below it: README.md, README.txt, in any case. */
function isReadme(name: FileName): boolean {
  return name.length <= "README.txt".length && /^readme\.(md|txt)$/i.test(name);
}

/** Sorts the names of such files: Markdown first. */
function inOrder(readmes: FileName[]): FileName[] {
  const isText = (name: FileName) => Number(/txt$/i.test(name));
  return readmes.sort((a, b) => isText(a) - isText(b) || (a < b ? -1 : 1));
}

/** Returns those of `names` that `guard` does not hide. */
function* shownBy(
  guard: Guard,
  names: readonly FileName[],
  isDirectory: boolean,
): Generator<void, FileName[]> {
  const shown: FileName[] = [];
  for (let i = 0; i < names.length; i++) {
    if (!guard.hides(names[i]!, isDirectory)) shown.push(names[i]!);
    if (i % STATUSES_PER_STEP === STATUSES_PER_STEP - 1) yield;
  }
  return shown;
}
