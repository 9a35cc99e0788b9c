/**
 * All that a listing's page is made of.
 * @module
 */
import type { FileName } from "../../../ffi/file/inotify.ts";
import type { Listing } from "./listing.ts";

/** The text of a file that is shown below a listing. */
export interface Readme {
  readonly name: FileName;
  readonly text: string;
  /** False when only the beginning of the file is shown. */
  readonly isWhole: boolean;
}

/** A listing, and what of its files is shown on the page. */
export interface ListingContent {
  readonly listing: Listing;
  /** Null when there is no such file, or the client would not get it. */
  readonly readme: Readme | null;
  /** The files of which the grid shows the picture; empty in another view. */
  readonly pictures: ReadonlySet<FileName>;
}

/** True when pages of `one` and `other` for the same query are equal. */
export function isEqualContent(one: ListingContent, other: ListingContent): boolean {
  return isEqualListing(one.listing, other.listing) && isEqualReadme(one.readme, other.readme) &&
    one.pictures.size === other.pictures.size && [...one.pictures].every((name) => other.pictures.has(name));
}

function isEqualListing(one: Listing, other: Listing): boolean {
  const { entries } = other;
  return one.total === other.total && one.unfiltered === other.unfiltered &&
    one.directories === other.directories && one.offset === other.offset &&
    one.isTruncated === other.isTruncated && one.entries.length === entries.length &&
    one.entries.every(({ name, isDirectory, size, modifiedSeconds }, i) =>
      name === entries[i]!.name && isDirectory === entries[i]!.isDirectory && size === entries[i]!.size &&
      modifiedSeconds === entries[i]!.modifiedSeconds
    );
}

function isEqualReadme(one: Readme | null, other: Readme | null): boolean {
  return one?.name === other?.name && one?.text === other?.text && one?.isWhole === other?.isWhole;
}
