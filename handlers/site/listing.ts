/**
 * What a directory of the site holds, for those who may look at it: in pages, sorted, and never for long at a time.
 *
 * A name that would not be served is not listed: hidden ones, links that lead out of the root or nowhere, FIFOs,
 * sockets and devices. What a large directory holds is remembered, sorted, as long as the directory's own state
 * (statx(2)) is what it was before it was read; sizes and times are asked for anew each time.
 *
 * Measured with 50,000 names on ext4: reading them takes 25 ms, of which the kernel takes 19; sorting them by name 40 to
 * 65, asking for all sizes 85, for those of one page 1.
 * @module
 */
import { EntryStatus, readEntries } from "../../ffi/directory.ts";
import { FileStatus } from "../../ffi/file.ts";
import type { FileName } from "../../ffi/inotify.ts";
import { close } from "../../ffi/socket.ts";
import { CACHE_SETTLE_SECONDS, LISTING_ENTRIES_MAX, LISTING_PAGE_ENTRIES_MAX } from "../../server/limits.ts";
import { ListingMemory, type SortedNames } from "./listing_memory.ts";
import { bytesOf, inNaturalOrder, ordered } from "./natural_order.ts";
import { namesOf, type SiteRoot, statusOfErrno, terminate } from "./site_root.ts";
import { TimeSlices } from "./time_slices.ts";

/** What of a listing is asked for. Directories come first in any order. */
export interface ListingQuery {
  /** By size, directories stay in the order of their names. */
  readonly sort: "name" | "size" | "time";
  readonly order: "asc" | "desc";
  /** From 1. */
  readonly page: number;
}

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

/** The query component of a URL, with its question mark or without. What is unknown or malformed counts as not there. */
export function parseListingQuery(query: string): ListingQuery {
  const parameters = new URLSearchParams(query);
  const sort = parameters.get("sort");
  const page = parameters.get("page") ?? "";
  return {
    sort: sort === "size" || sort === "time" ? sort : "name",
    order: parameters.get("order") === "desc" ? "desc" : "asc",
    page: /^[1-9]\d{0,6}$/.test(page) ? Number(page) : 1,
  };
}

const WELL_KNOWN = ".well-known";
const HERE = new Uint8Array([0x2e]);

/** Whether something is left out of every listing: asked with the names of its path, which the asker changes later. */
export type IsHidden = (names: readonly FileName[]) => boolean;

/** The listings of one site. */
export class Listings {
  readonly #root: SiteRoot;
  readonly #isHidden: IsHidden;
  readonly #memory = new ListingMemory();
  readonly #slices = new TimeSlices();
  readonly #entryStatus = new EntryStatus();
  readonly #linkStatus = new FileStatus();

  /** `root` stays the caller's, and open until every promise is settled; `isHidden` always says the same. */
  constructor(root: SiteRoot, isHidden: IsHidden = () => false) {
    this.#root = root;
    this.#isHidden = isHidden;
  }

  /**
   * A page of the directory at `path` (decoded, below the root, without slashes at its ends); or a status: 403, 404,
   * 500; 503 without descriptors, or when too many wait. A promise when it takes longer than a slice.
   */
  list(
    path: Uint8Array,
    query: ListingQuery,
    nowSeconds: number,
  ): Listing | number | Promise<Listing | number> {
    const place = terminate(path.length === 0 ? HERE : path);
    const kind = this.#root.look(place);
    if (kind !== "directory") return kind === "file" ? 404 : kind;
    const fd = this.#root.open(place);
    if (fd < 0) return statusOfErrno(-fd);
    return this.#slices.run(this.#list({ fd, path, names: namesOf(path) }, query, nowSeconds), 503);
  }

  *#list(directory: Directory, query: ListingQuery, nowSeconds: number): Generator<void, Listing | number> {
    try {
      const status = new FileStatus();
      const failed = status.readDescriptor(directory.fd);
      if (failed < 0) return statusOfErrno(-failed);
      if (!status.isDirectory) return 404;
      const isSettled = nowSeconds - status.changedSeconds > CACHE_SETTLE_SECONDS;
      const sorted = yield* this.#sortedNames(directory, isSettled ? status : null);
      if (typeof sorted === "number") return sorted;
      return yield* query.sort === "name"
        ? this.#pageByName(directory, sorted, query)
        : this.#pageByStatus(directory, sorted, query);
    } finally {
      close(directory.fd);
    }
  }

  /** From memory, if the directory's state is given, and was the same when it was read. */
  *#sortedNames(directory: Directory, status: FileStatus | null): Generator<void, SortedNames | number> {
    const key = directory.names.join("/");
    const directories: FileName[] = [];
    const files: FileName[] = [];
    const others: FileName[] = [];
    const names = [...directory.names, ""];
    let count = 0;
    for (let taken = 1; taken > 0; yield) {
      // Also later on: while this one waited, another may have read the same.
      const known = status === null ? null : this.#memory.find(key, status);
      if (known !== null) return known;
      taken = readEntries(directory.fd, (name, kind) => {
        if (name.startsWith(".") && !(name === WELL_KNOWN && names.length === 1)) return;
        names[names.length - 1] = name;
        if (this.#isHidden(names)) return;
        if (++count > LISTING_ENTRIES_MAX) return;
        (kind === "file" ? files : kind === "directory" ? directories : others).push(name);
      });
      if (taken < 0) return statusOfErrno(-taken);
      if (count > LISTING_ENTRIES_MAX) break;
    }
    const links = new Set<FileName>();
    for (const name of others) {
      const place = terminate(directory.path, bytesOf(name));
      const kind = this.#root.look(place);
      if (typeof kind === "string" && this.#root.isInside(place)) {
        links.add(name);
        (kind === "file" ? files : directories).push(name);
      }
      yield;
    }
    const sorted: SortedNames = {
      directories: yield* inNaturalOrder(directories),
      files: yield* inNaturalOrder(files),
      links,
      isTruncated: count > LISTING_ENTRIES_MAX,
    };
    // What a link leads to may change without a change of the directory.
    if (status !== null && others.length === 0) this.#memory.add(key, status, sorted);
    return sorted;
  }

  *#pageByName(directory: Directory, sorted: SortedNames, query: ListingQuery): Generator<void, Listing> {
    const { directories, files, links, isTruncated } = sorted;
    const total = directories.length + files.length;
    const place = placeOf(query, total);
    const names: FileName[] = [];
    for (let i = place.offset; i < place.end; i++) {
      const group = i < directories.length ? directories : files;
      const at = group === directories ? i : i - directories.length;
      names.push(group[query.order === "asc" ? at : group.length - 1 - at]);
    }
    const entries = yield* this.#entries(directory, names, links);
    const { page, pages, offset } = place;
    return {
      query: { ...query, page },
      pages,
      total,
      directories: directories.length,
      offset,
      entries,
      isTruncated,
    };
  }

  /** By size or time: all have to be asked. Equal ones stay in the order of their names. */
  *#pageByStatus(directory: Directory, sorted: SortedNames, query: ListingQuery): Generator<void, Listing> {
    const { links, isTruncated } = sorted;
    const directories = yield* this.#entries(directory, sorted.directories, links);
    const files = yield* this.#entries(directory, sorted.files, links);
    const all = [
      ...(query.sort === "size" ? directories : yield* inOrder(directories, query)),
      ...yield* inOrder(files, query),
    ];
    const { page, pages, offset, end } = placeOf(query, all.length);
    return {
      query: { ...query, page },
      pages,
      total: all.length,
      directories: directories.length,
      offset,
      entries: all.slice(offset, end),
      isTruncated,
    };
  }

  /** What is to be said of each of `names`. One that has gone meanwhile is left out. */
  *#entries(
    directory: Directory,
    names: readonly FileName[],
    links: ReadonlySet<FileName>,
  ): Generator<void, ListingEntry[]> {
    const entries: ListingEntry[] = [];
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      const status = links.has(name) ? this.#statusOfLink(directory, name) : this.#statusOf(directory, name);
      if (status !== null && (status.isFile || status.isDirectory)) {
        const { isDirectory, size, modifiedSeconds } = status;
        entries.push({ name, isDirectory, size, modifiedSeconds });
      }
      if (i % 64 === 63) yield;
    }
    return entries;
  }

  #statusOf(directory: Directory, name: FileName): EntryStatus | null {
    return this.#entryStatus.read(directory.fd, name) < 0 ? null : this.#entryStatus;
  }

  /** Of what it leads to: of that which is opened inside of the root, and of nothing else. */
  #statusOfLink(directory: Directory, name: FileName): FileStatus | null {
    const fd = this.#root.open(terminate(directory.path, bytesOf(name)));
    if (fd < 0) return null;
    const failed = this.#linkStatus.readDescriptor(fd);
    close(fd);
    return failed < 0 ? null : this.#linkStatus;
  }
}

/** A directory that is open. */
interface Directory {
  readonly fd: number;
  readonly path: Uint8Array;
  readonly names: readonly FileName[];
}

function* inOrder(
  entries: readonly ListingEntry[],
  { sort, order }: ListingQuery,
): Generator<void, ListingEntry[]> {
  const sign = order === "asc" ? 1 : -1;
  const compare = sort === "size"
    ? (a: number, b: number) => sign * (entries[a].size - entries[b].size)
    : (a: number, b: number) => sign * (entries[a].modifiedSeconds - entries[b].modifiedSeconds);
  return Array.from(yield* ordered(entries.length, compare), (index) => entries[index]);
}

/** Which entries are on the page; past the last one: those of the last one. */
function placeOf(
  query: ListingQuery,
  total: number,
): { page: number; pages: number; offset: number; end: number } {
  const pages = Math.max(1, Math.ceil(total / LISTING_PAGE_ENTRIES_MAX));
  const page = Math.min(query.page, pages);
  const offset = (page - 1) * LISTING_PAGE_ENTRIES_MAX;
  return { page, pages, offset, end: Math.min(offset + LISTING_PAGE_ENTRIES_MAX, total) };
}
