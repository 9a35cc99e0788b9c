/**
 * The order of a directory by size or time.
 * @module
 */
import type { FileName } from "../../../ffi/file/inotify.ts";
import { LISTING_ORDER_MS } from "../../../server/limits.ts";
import type { Order, Ordered, SortedNames } from "./listing_memory.ts";
import type { ListingQuery } from "./listing_query.ts";
import { ordered } from "./natural_order.ts";
import type { NamedStatus } from "../files/root.ts";

/** Entries whose status is read in one step. */
export const STATUSES_PER_STEP = 64;

/** A function that returns the status of an entry; null when it is not listed. */
export type StatusOf = (name: FileName) => NamedStatus | null;

/**
 * Returns the order of `sorted` for `query`. An order of at most LISTING_ORDER_MS ago is used again, also when another
 * request has made it during this work. The generator yields often.
 */
export function* orderOf(
  sorted: SortedNames,
  query: ListingQuery,
  statusOf: StatusOf,
): Generator<void, Order> {
  const key = `${query.sort} ${query.order}`;
  const making = makeOrder(sorted, query, statusOf);
  while (true) {
    const known = sorted.orders.get(key);
    if (known !== undefined && performance.now() - known.readMs < LISTING_ORDER_MS) return known;
    const { done, value } = making.next();
    if (done === true) {
      sorted.orders.set(key, value);
      return value;
    }
    yield;
  }
}

/** Returns the number of entries. */
export function countOf({ names, order }: Ordered): number {
  return order?.length ?? names.length;
}

/**
 * Sorts by size or time. Equal entries stay in the order of their names, and so do directories by size, since they have
 * none.
 */
function* makeOrder(
  { directories, files }: SortedNames,
  query: ListingQuery,
  statusOf: StatusOf,
): Generator<void, Order> {
  const readMs = performance.now();
  return {
    readMs,
    directories: query.sort === "size"
      ? { names: directories, order: null }
      : yield* inOrder(directories, query, statusOf),
    files: yield* inOrder(files, query, statusOf),
  };
}

/** Reads the status of each name, and returns the names that still exist with their order. */
function* inOrder(
  names: readonly FileName[],
  query: ListingQuery,
  statusOf: StatusOf,
): Generator<void, Ordered> {
  const present: FileName[] = [];
  const values = new Float64Array(names.length); // an object per entry would take several times the memory
  for (let i = 0; i < names.length; i++) {
    const status = statusOf(names[i]!);
    if (status !== null) {
      values[present.length] = query.sort === "size" ? status.size : status.modifiedSeconds;
      present.push(names[i]!);
    }
    if (i % STATUSES_PER_STEP === STATUSES_PER_STEP - 1) yield;
  }
  const sign = query.order === "asc" ? 1 : -1;
  const order = yield* ordered(present.length, (a, b) => sign * (values[a]! - values[b]!));
  return { names: present.length === names.length ? names : present, order };
}
