/**
 * Files of a listing that its page shows itself: pictures, and the text of a README.
 * @module
 */
import type { FileName } from "../../../ffi/file/inotify.ts";
import { encodeUtf8 } from "../../../server/http/characters.ts";
import { concat, isEqual } from "../../../server/http/bytes.ts";
import { LISTING_README_BYTES_MAX } from "../limits.ts";
import { namesOf, terminate } from "../files/directory_root.ts";
import { isPicture } from "../files/media_type.ts";
import { resolvePath } from "../files/resolve_path.ts";
import type { Root } from "../files/root.ts";
import type { Listing } from "../listing/listing.ts";
import type { Readme } from "../listing/listing_content.ts";
import { encodeName } from "../listing/listing_entries.ts";
import { bytesOf } from "../listing/natural_order.ts";
import type { HiddenFile } from "../lookup/hidden_file.ts";
import type { Location, Locator } from "../lookup/locator.ts";
import { Lookup } from "../lookup/lookup.ts";
import type { CompiledAuth, Rules } from "../rules/rules.ts";

/** The objects that {@linkcode ListedFiles} works with. */
export interface ListedFilesParts {
  readonly root: Root;
  readonly rules: Rules;
  readonly locator: Locator;
  readonly hidden: HiddenFile;
  /** Returns the password rules for a URL that leads to `location`. */
  readonly rulesFor: (url: string, location: Location) => readonly CompiledAuth[];
}

/** A directory that is listed. */
export interface ListedDirectory {
  /** Below the root, without slashes at its ends. */
  readonly path: Uint8Array;
  /** The path of the URL, with a slash at its end. */
  readonly url: string;
  /** The password rules that the request satisfied. */
  readonly auth: readonly CompiledAuth[];
}

const SLASH = new Uint8Array([0x2f]);
const NUL = 0;

/** Finds out which files of a listing the client would get. */
export class ListedFiles {
  readonly #parts: ListedFilesParts;

  constructor(parts: ListedFilesParts) {
    this.#parts = parts;
  }

  /**
   * Returns the text of the first file of `listing.readmes` that the client would get and that is text. Null when there
   * is none. The file is read anew for each listing, so that no change is missed.
   */
  readme({ readmes, query }: Listing, directory: ListedDirectory): Readme | null {
    if (query.page > 1) return null;
    for (const name of readmes) {
      if (!this.#isServed(name, directory)) continue;
      const start = this.#parts.root.readStart(pathOf(directory.path, name), LISTING_README_BYTES_MAX);
      if (start === null || start.bytes.includes(NUL)) continue;
      // A character that was cut off at the end is left out.
      const text = new TextDecoder().decode(start.bytes, { stream: !start.isWhole });
      return { name, text, isWhole: start.isWhole };
    }
    return null;
  }

  /** Returns the images on the page of a grid that the client would get. The generator yields after each. */
  *pictures({ query, entries }: Listing, directory: ListedDirectory): Generator<void, Set<FileName>> {
    const pictures = new Set<FileName>();
    if (query.view !== "grid") return pictures;
    for (const { name, isDirectory } of entries) {
      if (isDirectory || !isPicture(name)) continue;
      if (this.#isServed(name, directory) && this.#parts.root.mayRead(pathOf(directory.path, name))) {
        pictures.add(name);
      }
      yield;
    }
    return pictures;
  }

  /** True when the URL of `name` leads to the file itself, by all rules, and asks for no further password. */
  #isServed(name: FileName, { path, url, auth }: ListedDirectory): boolean {
    const { root, rules, locator, hidden, rulesFor } = this.#parts;
    const target = url + encodeName(name);
    if (rules.redirect(target, "") !== null) return false;
    const bytes = encodeUtf8(target);
    const resolved = resolvePath(bytes, 0, bytes.length);
    if (typeof resolved === "number") return false;
    // Without a tree of watches: the work may go on in a later turn than the one in which events were read.
    const location = locator.locate(resolved, target, new Lookup(root, null));
    if (location.kind !== "file") return false;
    const file = pathOf(path, name).subarray(0, -1);
    return isEqual(location.path, file) && location.variants[0]?.coding === null &&
      rulesFor(target, location).every((rule) => auth.includes(rule)) &&
      !hidden.is(namesOf(file)) && !location.variants.some(({ seen }) => hidden.isSame(seen.status));
  }
}

function pathOf(directory: Uint8Array, name: FileName): Uint8Array<ArrayBuffer> {
  const bytes = bytesOf(name);
  return terminate(directory.length === 0 ? bytes : concat([directory, SLASH, bytes]));
}
