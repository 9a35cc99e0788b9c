/**
 * Serves the files below one directory.
 *
 * The kernel keeps every path inside the root (openat2(2) with RESOLVE_BENEATH): no spelling, symbolic link or race
 * leads outside. Source: RFC 9110.
 * @module
 */
import { close } from "../ffi/socket.ts";
import { ELOOP, SystemError } from "../ffi/errno.ts";
import { FileStatus, type PathBytes } from "../ffi/file.ts";
import type { FileName } from "../ffi/inotify.ts";
import type { Handler, HandlerContext } from "../server/handler.ts";
import { isNotModified } from "../server/http/conditional.ts";
import type { HttpRequest } from "../server/http/request.ts";
import { errorResponse, type Fields, HttpResponse } from "../server/http/response.ts";
import { CACHE_BYTES_MAX, CACHED_FILE_BYTES_MAX } from "../server/limits.ts";
import { type Answer, type CachedFile, FileCache, type Validation } from "./site/file_cache.ts";
import { mediaTypeOf } from "./site/media_type.ts";
import {
  negotiate,
  negotiateRange,
  notModified,
  type Representation,
  representationInMemory,
  validatorsOf,
  whole,
} from "./site/representation.ts";
import { encodePath, resolvePath } from "./site/resolve_path.ts";
import { namesOf, readWhole, SiteRoot, statusOfErrno, terminate } from "./site/site_root.ts";
import { type Place, WatchTree } from "./site/watch_tree.ts";

/** What the static handler needs to know. */
export interface StaticOptions {
  /** The directory to serve. */
  readonly root: string;
  /** Names tried, in this order, for a path that ends with a slash. Default `["index.html"]`. */
  readonly index?: readonly string[];
  /** Bytes of memory for files; 0: none is kept. Default {@linkcode CACHE_BYTES_MAX}. */
  readonly cacheSize?: number;
  /** Bytes of the largest file that is kept in memory. Default {@linkcode CACHED_FILE_BYTES_MAX}. */
  readonly cacheFileSize?: number;
  /**
   * How a file in memory is shown to be fresh. `auto`: by inotify(7) where that tells of every change, else by
   * statx(2) at each use; `inotify`: by inotify on any file system; `stat`: always by statx; `off`: not at all, for
   * files that never change while they are served. Default `auto`.
   */
  readonly validate?: "auto" | Validation;
  /** Hears of what does not keep it from serving. */
  readonly onWarning?: (message: string) => void;
}

/** The handler, and what there is to know about it. */
export interface StaticHandler extends Handler {
  /** How most files in memory are shown to be fresh. */
  readonly validation: Validation;
  /** Closes what it holds open. It must not be called to answer afterwards. */
  close(): void;
}

/** A file that a request leads to. */
interface Found {
  readonly path: PathBytes;
  readonly names: readonly FileName[];
  /** Its URL, in the one spelling under which it is kept. */
  readonly url: string;
  /** Names that would be served in its place, if they existed. */
  readonly missing: readonly (readonly FileName[])[];
}

/** What {@linkcode StaticOptions.onWarning} hears where links cannot be followed safely. */
export const NO_OPENAT2_WARNING =
  "This kernel has no openat2(2): symbolic links in the site are not followed";

const ALLOW: Fields = [["Allow", "GET, HEAD, OPTIONS"]];
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A handler for {@linkcode StaticOptions}. @throws {SystemError} `Cannot open root ./html: ENOENT (…)` */
export function staticHandler(options: StaticOptions): StaticHandler {
  let site = new Site(options);
  let checkedSeconds = 0;
  const handler: Handler = (request, context) => {
    if (context.clock.seconds !== checkedSeconds) {
      checkedSeconds = context.clock.seconds;
      if (site.isReplaced) site = successor(site, options);
    }
    return site.handle(request, context);
  };
  return Object.assign(handler, {
    ignoresBodies: true,
    validation: site.validation,
    close: () => site.close(),
  });
}

/** The site at the same path, where another directory is now; `site` goes on where that cannot be opened. */
function successor(site: Site, options: StaticOptions): Site {
  try {
    const next = new Site({ ...options, onWarning: () => {} });
    site.close();
    return next;
  } catch (error) {
    if (error instanceof SystemError) return site;
    throw error;
  }
}

class Site {
  readonly validation: Validation;
  readonly #root: SiteRoot;
  readonly #index: readonly Uint8Array[];
  readonly #tree: WatchTree | null;
  readonly #cache: FileCache;
  readonly #fileBytesMax: number;
  readonly #errors = new Map<number, HttpResponse>();
  readonly #options = new HttpResponse(204, ALLOW, null);
  readonly #notAllowed = errorResponse(405, ALLOW);

  constructor(options: StaticOptions) {
    const { validate = "auto", onWarning = () => {}, cacheSize = CACHE_BYTES_MAX } = options;
    this.#root = new SiteRoot(options.root);
    this.#index = (options.index ?? ["index.html"]).map((name) => encoder.encode(name));
    this.#fileBytesMax = cacheSize === 0 ? -1 : options.cacheFileSize ?? CACHED_FILE_BYTES_MAX;
    let tree = validate === "auto" || validate === "inotify"
      ? new WatchTree(this.#root.fd, validate === "inotify", onWarning)
      : null;
    if (tree !== null && !tree.isWatching) {
      tree.close();
      tree = null;
    }
    this.validation = tree !== null ? "inotify" : validate === "off" ? "off" : "stat";
    this.#tree = tree;
    this.#cache = new FileCache(this.#root.fd, this.validation, tree, cacheSize);
    if (!this.#root.followsLinks) onWarning(NO_OPENAT2_WARNING);
  }

  get isReplaced(): boolean {
    return this.#root.isReplaced;
  }

  close(): void {
    this.#cache.clear();
    this.#tree?.close();
    this.#root.close();
  }

  handle(request: HttpRequest, context: HandlerContext): HttpResponse {
    const remembered = request.memo as Answer | null;
    if (remembered !== null && remembered.entry !== null && this.#cache.isFresh(remembered.entry, context)) {
      return remembered.response!;
    }
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") return method === "OPTIONS" ? this.#options : this.#notAllowed;
    const cached = this.#cache.find(request.buffer, request.pathStart, request.pathEnd, context);
    return cached === null ? this.#resolve(request, context) : this.#answer(cached, request, context);
  }

  /** From memory; a request that will come again remembers which answer it was. */
  #answer(cached: CachedFile, request: HttpRequest, context: HandlerContext): HttpResponse {
    const { file } = cached;
    let answer: Answer = cached;
    if (request.isConditional) {
      if (isNotModified(request, file.validators, context.clock.seconds)) {
        answer = cached.notModified ??= { entry: cached, response: notModified(file.validators) };
      } else {
        const partial = negotiateRange(request, context, representationInMemory(file));
        if (partial !== null) return partial;
      }
    }
    if (request.isShared) request.memo = answer;
    return answer.response!;
  }

  #error(status: number): HttpResponse {
    let response = this.#errors.get(status);
    if (response === undefined) {
      response = errorResponse(status);
      this.#errors.set(status, response);
    }
    return response;
  }

  #resolve(request: HttpRequest, context: HandlerContext): HttpResponse {
    const resolved = resolvePath(request.buffer, request.pathStart, request.pathEnd);
    if (typeof resolved === "number") return this.#error(resolved);
    this.#tree?.drain(context.batch);
    const { path, isDirectory } = resolved;
    const names = namesOf(path);
    if (!isDirectory) {
      if (this.#tree?.isAbsent(names)) return this.#error(404);
      const file = terminate(path);
      const status = this.#root.look(file);
      if (status === "directory" && !this.#root.isInside(file)) return this.#error(404);
      return status === "directory"
        ? redirect(encodePath(path, true) + encodeQuery(request.query))
        : status === "file"
        ? this.#serve(request, context, { path: file, names, url: encodePath(path, false), missing: [] })
        : this.#error(status);
    }
    const missing: FileName[][] = [];
    for (const index of this.#index) {
      const file = terminate(path, index);
      const names = namesOf(file.subarray(0, -1));
      const status = this.#tree?.isAbsent(names) ? 404 : this.#root.look(file);
      if (status === "file") {
        return this.#serve(request, context, { path: file, names, url: encodePath(path, true), missing });
      }
      if (status !== 404 && status !== "directory") return this.#error(status);
      missing.push(names);
    }
    return this.#error(404);
  }

  /** Serves a file that is there, as far as is known. */
  #serve(request: HttpRequest, context: HandlerContext, found: Found): HttpResponse {
    const key = encoder.encode(found.url);
    if (found.url !== request.path) { // another spelling
      const cached = this.#cache.find(key, 0, key.length, context);
      if (cached !== null) return this.#answer(cached, request, context);
    }
    const entered = this.#enter(found);
    const { fd, places } = this.#openFile(found, entered);
    let isLeased = false;
    let cached: CachedFile | null = null;
    try {
      if (fd < 0) return this.#error(statusOfErrno(-fd));
      const status = new FileStatus();
      const failed = status.readDescriptor(fd);
      if (failed < 0) return this.#error(statusOfErrno(-failed));
      if (!status.isFile) return this.#error(404);
      const mediaType = mediaTypeOf(decoder.decode(found.path.subarray(0, -1)));
      const bytes = status.size <= this.#fileBytesMax ? readWhole(fd, status, this.#fileBytesMax) : null;
      const validators = validatorsOf(status, context.clock.seconds);
      if (bytes === null) {
        const file: Representation = {
          size: status.size,
          mediaType,
          validators,
          body(offset, end) {
            isLeased = true;
            return { fd, offset, length: end - offset, close: () => void close(fd) };
          },
        };
        return negotiate(request, context, file) ?? whole(file);
      }
      const response = whole(representationInMemory({ mediaType, validators, content: bytes }));
      const content = response.tail === null ? response.bytes.subarray(response.headLength) : bytes;
      const file = { key, path: found.path, status, validators, mediaType, content };
      // Of what is not watched nobody tells that an index which comes first has appeared.
      if (places !== null || found.missing.length === 0) {
        cached = this.#cache.put(file, response, places, context);
      }
      return cached !== null
        ? this.#answer(cached, request, context)
        : negotiate(request, context, representationInMemory(file)) ?? response;
    } finally {
      if (fd >= 0 && !isLeased) close(fd);
      const isWatched = cached !== null && cached.places !== null;
      if (!isWatched) { for (const place of entered) this.#tree!.prune(place); }
    }
  }

  /** Watches the directories above a file, and above those that would come before it: their places; empty: it failed. */
  #enter(found: Found): Place[] {
    const places: Place[] = [];
    if (this.#tree === null) return places;
    for (const names of [found.names, ...found.missing]) {
      const place = this.#tree.enter(names);
      if (place === null) break;
      places.push(place);
    }
    if (places.length > found.missing.length) return places;
    for (const place of places) this.#tree.prune(place);
    return [];
  }

  /** Opens a file and watches it; `places` is null when it has to be looked at instead. Links are not watched. */
  #openFile(found: Found, entered: Place[]): { fd: number; places: Place[] | null } {
    if (entered.length > 0) {
      const fd = this.#root.openWithoutLinks(found.path);
      if (fd !== -ELOOP) {
        const isWatched = fd >= 0 && this.#tree!.watchFile(entered[0], fd);
        return { fd, places: isWatched ? entered : null };
      }
    }
    return { fd: this.#root.open(found.path), places: null };
  }
}

function redirect(location: string): HttpResponse {
  return errorResponse(301, [["Location", location]]);
}

/** Bytes that may not stand in a field are escaped; everything else stays as it was sent. */
function encodeQuery(query: string): string {
  return query.replace(
    /[^\x21-\x7e]/g,
    (character) => "%" + character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0"),
  );
}
