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

/** Questions between two places at which others may have their turn. */
export const STATUSES_PER_STEP = 64;

/** What is known of a name; null: it is not to be listed. */
export type StatusOf = (name: FileName) => NamedStatus | null;

/** That of a moment ago, also when another has just made it while this one is at work. Yields often. */
export function* orderOf(
  sorted: SortedNames,
  query: ListingQuery,
  statusOf: StatusOf,
): Generator<void, Order> {
  const key = `${query.sort} ${query.order}`;
  const making = makeOrder(sorted, query, statusOf);
  while (true) {
    const known = sorted.orders.get(key);
    if (known !== undefined && performance.now() - known.askedMs < LISTING_ORDER_MS) return known;
    const { done, value } = making.next();
    if (done === true) {
      sorted.orders.set(key, value);
      return value;
    }
    yield;
  }
}

/** How many there are. */
export function countOf({ names, order }: Ordered): number {
  return order?.length ?? names.length;
}

/** All have to be asked. Equal ones stay in the order of their names; directories have no size. */
function* makeOrder(
  { directories, files }: SortedNames,
  query: ListingQuery,
  statusOf: StatusOf,
): Generator<void, Order> {
  const askedMs = performance.now();
  return {
    askedMs,
    directories: query.sort === "size"
      ? { names: directories, order: null }
      : yield* inOrder(directories, query, statusOf),
    files: yield* inOrder(files, query, statusOf),
  };
}

/** Which of `names` are there, in the order that is asked for. */
function* inOrder(
  names: readonly FileName[],
  query: ListingQuery,
  statusOf: StatusOf,
): Generator<void, Ordered> {
  const present: FileName[] = [];
  const values = new Float64Array(names.length); // objects for all of them would be many times as large
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
