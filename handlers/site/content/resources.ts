/**
 * Makes resources from located files, and finds those that the cache holds.
 * @module
 */
import type { SiteSettings } from "../settings/site_settings.ts";
import type { HandlerContext } from "../../../server/connection/handler.ts";
import type { FileCache } from "../cache/file_cache.ts";
import type { HiddenFile } from "../lookup/hidden_file.ts";
import type { FileLocation, Locator } from "../lookup/locator.ts";
import type { Loader } from "./loader.ts";
import type { Lookup } from "../lookup/lookup.ts";
import { isCompressible, isPackedSvg, mediaTypeOf } from "../files/media_type.ts";
import { encodePath, resolvePath } from "../files/resolve_path.ts";
import { Resource } from "../cache/resource.ts";
import type { CompiledAuth } from "../rules/rules.ts";
import { namesOf } from "../files/directory_root.ts";
import type { WatchTree } from "../watch/watch_tree.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The objects that {@linkcode Resources} works with. */
export interface ResourcesParts {
  readonly cache: FileCache;
  readonly tree: WatchTree | null;
  readonly loader: Loader;
  readonly locator: Locator;
  readonly hidden: HiddenFile;
  /** Bytes of the largest file that is read into memory; −1 when none is. */
  readonly fileBytesMax: number;
}

/** Makes resources of located files, and finds those in the cache. */
export class Resources {
  readonly #settings: SiteSettings;
  readonly #parts: ResourcesParts;
  /** By page, the turn in which it was last found to be missing: the result holds for all requests of that turn. */
  readonly #absent = new Map<string, number>();

  constructor(settings: SiteSettings, parts: ResourcesParts) {
    this.#settings = settings;
    this.#parts = parts;
  }

  /**
   * Returns a resource for the file that was located for `url`. The cache finds the resource by `key`. Null when the
   * file is the configuration, which is not served.
   */
  make(
    { path, variants }: FileLocation,
    key: Uint8Array,
    url: string,
    auth: readonly CompiledAuth[],
    lookup: Lookup,
  ): Resource | null {
    const { cache, loader, hidden, fileBytesMax } = this.#parts;
    if (hidden.is(namesOf(path)) || variants.some(({ seen }) => hidden.isSame(seen.status))) {
      lookup.trace?.("file", "the configuration is not served");
      return null;
    }
    const fileName = decoder.decode(path.subarray(path.lastIndexOf(0x2f) + 1));
    const mediaType = mediaTypeOf(fileName);
    const { coding, seen } = variants[0]!;
    const size = seen.status?.size ?? 0;
    lookup.trace?.("file", decoder.decode(seen.path.subarray(0, -1)));
    lookup.watchAll();
    const resource = new Resource(cache, {
      key,
      url,
      fileName,
      mediaType,
      variants: variants.map(({ coding, seen }) => ({ coding, seen, content: null })),
      auth,
      seen: lookup.seen,
      isCompressible: this.#settings.compress && coding === null && size <= fileBytesMax &&
        isCompressible(mediaType, size) && !isPackedSvg(fileName),
    });
    for (const seen of lookup.seen) {
      if (seen.isLink) resource.lookAtEachUse(seen);
    }
    for (const seen of lookup.compared) {
      if (!loader.watch(resource, seen)) resource.isNew = false;
    }
    return resource;
  }

  /**
   * Returns the resource for the file at the path `page`. Rules for its URL are not applied. Null when there is no
   * file.
   */
  at(page: string, context: HandlerContext, lookup: Lookup): Resource | null {
    if (this.#absent.get(page) === context.turn) return null;
    const found = this.#at(page, context, lookup);
    if (found === null) this.#absent.set(page, context.turn);
    return found;
  }

  #at(page: string, context: HandlerContext, lookup: Lookup): Resource | null {
    const { cache, tree, locator } = this.#parts;
    const key = encoder.encode(`\0${page}`); // no request's path begins with a NUL
    const kept = cache.find(key, 0, key.length, context);
    if (kept !== null) return kept;
    const bytes = encoder.encode(page);
    const resolved = resolvePath(bytes, 0, bytes.length);
    if (typeof resolved === "number" || resolved.isDirectory) return null;
    tree?.drain(context.turn);
    const location = locator.file(resolved.path, lookup);
    return location.kind === "file"
      ? this.make(location, key, encodePath(resolved.path, false), [], lookup)
      : null;
  }
}
