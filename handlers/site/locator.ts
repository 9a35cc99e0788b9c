/**
 * From the path of a URL to what is served there: rewrites, clean URLs, indexes, precompressed siblings.
 * @module
 */
import type { SiteSettings } from "../../server/config/site_settings.ts";
import type { Coding } from "../../server/http/negotiation.ts";
import type { Lookup, Seen } from "./lookup.ts";
import { encodePath, type ResolvedPath, resolvePath } from "./resolve_path.ts";
import type { Rules } from "./rules.ts";
import { SIBLING_SUFFIXES } from "./watch_tree.ts";

/** A file on disk, or what it is compressed to beside it. */
export interface LocatedVariant {
  /** Null: as it is. */
  readonly coding: Coding | null;
  readonly seen: Seen;
}

/** What is at a URL. */
export type Location =
  /** `path` is the file's, whatever the variant; not empty. */
  | { readonly kind: "file"; readonly path: Uint8Array; readonly variants: readonly LocatedVariant[] }
  /** Another spelling of the URL's path, encoded. */
  | { readonly kind: "moved"; readonly url: string }
  /** A directory that is to be listed. */
  | { readonly kind: "directory"; readonly path: Uint8Array<ArrayBuffer> }
  | { readonly kind: "error"; readonly status: number };

/** Hears why something is served as it is: `note("rule", "rewrites /a to /b")`. */
export type Note = (what: string, detail: string) => void;

const HTML = new TextEncoder().encode(".html");
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const MISSING: Location = { kind: "error", status: 404 };

/** The coding of each of {@linkcode SIBLING_SUFFIXES}. */
const SUFFIX_CODINGS: readonly Coding[] = ["br", "zstd", "gzip"];

/** Finds what is at a path. Nothing is opened. */
export class Locator {
  readonly #settings: SiteSettings;
  readonly #rules: Rules;
  readonly #index: readonly Uint8Array[];
  readonly #isInside: (path: Uint8Array) => boolean;
  readonly #note: Note;

  /** `isInside` tells whether no link leads from a directory out of the root. */
  constructor(
    settings: SiteSettings,
    rules: Rules,
    isInside: (path: Uint8Array) => boolean,
    note: Note = () => {},
  ) {
    this.#settings = settings;
    this.#rules = rules;
    this.#index = settings.index.map((name) => encoder.encode(name));
    this.#isInside = isInside;
    this.#note = note;
  }

  /** What is at `resolved`, whose URL is `url`. */
  locate(resolved: ResolvedPath, url: string, lookup: Lookup): Location {
    const rewritten = this.#rewrite(url, false);
    if (typeof rewritten === "number") return { kind: "error", status: rewritten };
    const found = this.#find(rewritten ?? resolved, rewritten === null, lookup);
    if (found.kind !== "error" || found.status !== 404) return found;
    const second = this.#rewrite(url, true);
    if (typeof second === "number") return { kind: "error", status: second };
    return second === null ? found : this.#find(second, false, lookup);
  }

  /** The very file at a path that is no request's, such as that of an error page. */
  file(path: Uint8Array<ArrayBuffer>, lookup: Lookup): Location {
    return this.#fileAt(path, lookup) ?? MISSING;
  }

  #rewrite(url: string, isMissing: boolean): ResolvedPath | number | null {
    const rewritten = this.#rules.rewrite(url, isMissing);
    if (rewritten === null) return null;
    this.#note(
      "rule",
      `rewrite ${rewritten.source} to ${rewritten.path}${isMissing ? " (nothing is there)" : ""}`,
    );
    const bytes = encoder.encode(rewritten.path);
    return resolvePath(bytes, 0, bytes.length);
  }

  /** Redirects only where `mayMove`: not from what the client never asked for. */
  #find({ path, isDirectory }: ResolvedPath, mayMove: boolean, lookup: Lookup): Location {
    const { cleanUrls } = this.#settings;
    if (isDirectory) return this.#findDirectory(path, mayMove, lookup);
    const kind = lookup.look(path);
    const seen = lookup.seen.at(-1);
    if (kind === "file") {
      const clean = cleanUrls && mayMove ? cleanUrlOf(path, this.#settings.index) : null;
      if (clean !== null) return { kind: "moved", url: clean };
      return this.#withSiblings(path, seen!, lookup);
    }
    if (cleanUrls && (kind === "directory" || kind === 404)) {
      const page = this.#fileAt(concat(path, HTML), lookup);
      const index = page === null || !mayMove
        ? null
        : indexUrlOf(encodePath(path, false) + ".html", this.#settings.index);
      if (index !== null) return { kind: "moved", url: index };
      if (page !== null) {
        this.#note("rule", `clean URL: ${decoder.decode(path)}.html`);
        return page;
      }
    }
    if (kind === "directory") {
      if (!this.#isInside(path)) return MISSING;
      return mayMove
        ? { kind: "moved", url: encodePath(path, true) }
        : this.#findDirectory(path, false, lookup);
    }
    if (kind !== 404) return { kind: "error", status: kind };
    return this.#onlySiblings(path, seen!, lookup) ?? MISSING;
  }

  #findDirectory(path: Uint8Array<ArrayBuffer>, mayMove: boolean, lookup: Lookup): Location {
    for (const index of this.#index) {
      const file = path.length === 0 ? index : concat(path, SLASH, index);
      const kind = lookup.look(file);
      if (kind === "file") {
        this.#note("rule", `index: ${decoder.decode(index)}`);
        return this.#withSiblings(file, lookup.seen.at(-1)!, lookup);
      }
      if (kind === 404) {
        const location = this.#onlySiblings(file, lookup.seen.at(-1)!, lookup);
        if (location !== null) return location;
      } else if (kind !== "directory") {
        return { kind: "error", status: kind };
      }
    }
    const { cleanUrls, browse } = this.#settings;
    if (path.length > 0 && cleanUrls && mayMove && lookup.look(concat(path, HTML)) === "file") {
      return { kind: "moved", url: encodePath(path, false) };
    }
    if (!browse || lookup.look(path) !== "directory" || !this.#isInside(path)) return MISSING;
    return { kind: "directory", path };
  }

  #fileAt(path: Uint8Array, lookup: Lookup): Location | null {
    const kind = lookup.look(path);
    if (kind === "file") return this.#withSiblings(path, lookup.seen.at(-1)!, lookup);
    return kind === 404 ? this.#onlySiblings(path, lookup.seen.at(-1)!, lookup) : null;
  }

  #withSiblings(path: Uint8Array, seen: Seen, lookup: Lookup): Location {
    return { kind: "file", path, variants: [{ coding: null, seen }, ...siblings(seen, lookup)] };
  }

  /** A site may hold nothing but the compressed form of a file. */
  #onlySiblings(path: Uint8Array, seen: Seen, lookup: Lookup): Location | null {
    const variants = siblings(seen, lookup);
    return variants.length === 0 ? null : { kind: "file", path, variants };
  }
}

const SLASH = Uint8Array.of(0x2f);

function siblings(seen: Seen, lookup: Lookup): LocatedVariant[] {
  const name = seen.names.at(-1) ?? "";
  if (SIBLING_SUFFIXES.some((suffix) => name.endsWith(suffix))) return [];
  return SIBLING_SUFFIXES.flatMap((suffix, i) => {
    const sibling = lookup.lookBeside(seen, suffix);
    return sibling === null ? [] : [{ coding: SUFFIX_CODINGS[i], seen: sibling }];
  });
}

/** `/a.html` is `/a`, and `/d/index.html` is `/d/`; null: it is clean already. */
function cleanUrlOf(path: Uint8Array, index: readonly string[]): string | null {
  const url = encodePath(path, false);
  if (!url.endsWith(".html") || url.endsWith("/.html")) return null;
  return indexUrlOf(url, index) ?? url.slice(0, -HTML.length);
}

/** The URL of the directory that `url` is an index of; null: it is none. */
function indexUrlOf(url: string, index: readonly string[]): string | null {
  const slash = url.lastIndexOf("/");
  const name = url.slice(slash);
  const isIndex = index.some((candidate) => encodePath(encoder.encode(candidate), false) === name);
  return isIndex ? url.slice(0, slash + 1) : null;
}

function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
