/**
 * What a directory of the site holds, for those who may look at it: in pages, sorted, and never for long at a time.
 *
 * Not listed are hidden names, links that lead out of the root or nowhere, FIFOs, sockets and devices, and what asks for
 * a password that the listing did not ask for. What the server's user may not open (its mode says so) is listed, and
 * 403: to try each name would cost two calls more for each. What a large directory holds is remembered, sorted, as long
 * as the directory's own state (statx(2)) is what it was before it was read; the sizes and times that a page shows are
 * asked for anew each time. All of them would have to be asked to sort by them: the order is up to LISTING_ORDER_MS old.
 *
 * Measured with 50,000 names on ext4: reading them takes 25 ms, of which the kernel takes 19; sorting them by name 40 to
 * 65, asking for all sizes 85, for those of one page 1.
 * @module
 */
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { CACHE_SETTLE_SECONDS, LISTING_ENTRIES_MAX } from "../limits.ts";
import { ListingMemory, type SortedNames } from "./listing_memory.ts";
import { countOf, orderOf, STATUSES_PER_STEP } from "./listing_order.ts";
import { type ListingQuery, placeOf } from "./listing_query.ts";
import { bytesOf, inNaturalOrder } from "./natural_order.ts";
import type { NamedStatus, Root, SiteDirectory } from "../files/root.ts";
import { namesOf, statusOfErrno, terminate } from "../files/directory_root.ts";
import { TimeSlices } from "./time_slices.ts";

/** A file or a directory. */
export interface ListingEntry {
  readonly name: FileName;
  readonly isDirectory: boolean;
  /** Bytes; of a directory it says nothing. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly modifiedSeconds: number;
}

/** One page. */
export interface Listing {
  /** As it was answered: the page is one that exists. */
  readonly query: ListingQuery;
  /** 1 for an empty directory, too. */
  readonly pages: number;
  /** Entries on all pages, and how many of them are directories. */
  readonly total: number;
  readonly directories: number;
  /** How many entries come before this page. */
  readonly offset: number;
  readonly entries: readonly ListingEntry[];
  /** The directory has more than {@linkcode LISTING_ENTRIES_MAX} names, of which others are left out. */
  readonly isTruncated: boolean;
}

const WELL_KNOWN = ".well-known";
const HERE = new Uint8Array([0x2e]);
/** Questions between two places at which others may have their turn. */
const NAMES_PER_STEP = 512;

/** Whether something is left out of every listing: asked with the names of its path, which the asker changes later. */
export type IsHidden = (names: readonly FileName[]) => boolean;

/** What else is left out of one listing. */
export interface Guard {
  /** Listings of a directory that have the same key leave out the same. */
  readonly key: string;
  /** True for an entry that is left out. */
  readonly hides: (name: FileName, isDirectory: boolean) => boolean;
}

/** The listings of one site. */
export class Listings {
  /** In which they are made. */
  readonly slices: TimeSlices = new TimeSlices();
  readonly #root: Root;
  readonly #isHidden: IsHidden;
  readonly #memory = new ListingMemory();
  readonly #linkStatus = new FileStatus();

  /** `root` stays the caller's, and open until every promise is settled; `isHidden` always says the same. */
  constructor(root: Root, isHidden: IsHidden = () => false) {
    this.#root = root;
    this.#isHidden = isHidden;
  }

  /**
   * A page of the directory at `path` (decoded, below the root, without slashes at its ends); or a status: 403, 404,
   * 500; 503 without descriptors. Nothing is opened, nor looked at, before its first step; it yields often, and closes
   * what it opened also when it is ended early. `nowSeconds` is not later than its first step.
   */
  *list(
    path: Uint8Array,
    query: ListingQuery,
    nowSeconds: number,
    guard: Guard | null = null,
  ): Generator<void, Listing | number> {
    const place = terminate(path.length === 0 ? HERE : path);
    const kind = this.#root.look(place);
    if (kind !== "directory") return typeof kind === "number" ? statusOfErrno(-kind) : 404;
    const opened = this.#root.openDirectory(place);
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

  /** From memory, if the directory's state is given, and was the same when it was read. */
  *#sortedNames(directory: Directory, status: FileStatus | null): Generator<void, SortedNames | number> {
    const { guard, names } = directory;
    const key = names.join("/") + (guard === null ? "" : `\0${guard.key}`); // no name has a NUL
    const reading = this.#readNames(directory);
    while (true) {
      // Also later on: while this one waited, another may have read the same.
      const known = status === null ? null : this.#memory.find(key, status);
      if (known !== null) return known;
      const { done, value } = reading.next();
      if (done !== true) {
        yield;
        continue;
      }
      // What a link leads to may change without a change of the directory.
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
    const names = [...directory.names, ""];
    let count = 0;
    for (let taken = 1; taken > 0;) {
      let told = 0;
      taken = directory.opened.readNames((name, kind) => {
        told++;
        if (name.startsWith(".") && !(name === WELL_KNOWN && names.length === 1)) return;
        names[names.length - 1] = name;
        if (this.#isHidden(names)) return;
        if (++count > LISTING_ENTRIES_MAX) return;
        (kind === "file" ? files : kind === "directory" ? directories : others).push(name);
      });
      if (taken < 0) return statusOfErrno(-taken);
      if (count > LISTING_ENTRIES_MAX) break;
      for (; told >= 0; told -= NAMES_PER_STEP) yield; // work is measured by its steps
    }
    const links = new Set<FileName>();
    for (const name of others) {
      const place = terminate(directory.path, bytesOf(name));
      const kind = this.#root.look(place);
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
    return yield* this.#page(directory, sorted, query, nameAt, directories.length, files.length);
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
    return yield* this.#page(directory, sorted, query, nameAt, foldersCount, countOf(files));
  }

  /** The page that is asked for, of so many entries, of which `nameAt` knows the names. */
  *#page(
    directory: Directory,
    { links, isTruncated }: SortedNames,
    query: ListingQuery,
    nameAt: (index: number) => FileName,
    directories: number,
    files: number,
  ): Generator<void, Listing> {
    const total = directories + files;
    const { page, pages, offset, end } = placeOf(query, total);
    const entries: ListingEntry[] = [];
    for (let i = offset; i < end; i++) {
      const name = nameAt(i);
      const status = this.#statusOf(directory, name, links);
      if (status !== null) { // else it has gone meanwhile
        const { isDirectory, size, modifiedSeconds } = status;
        entries.push({ name, isDirectory, size, modifiedSeconds });
      }
      if (i % STATUSES_PER_STEP === STATUSES_PER_STEP - 1) yield;
    }
    return { query: { ...query, page }, pages, total, directories, offset, entries, isTruncated };
  }

  /** Null for what is not there any longer, or has become something that is not listed. */
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

/** A directory that is open. */
interface Directory {
  readonly opened: SiteDirectory;
  readonly path: Uint8Array;
  readonly names: readonly FileName[];
  readonly guard: Guard | null;
}

/** Those of `names` that the guard lets through. */
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
