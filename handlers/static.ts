/**
 * Serves the files below one directory.
 *
 * The kernel keeps every path inside the root (openat2(2) with RESOLVE_BENEATH): no spelling, symbolic link or race
 * leads outside. Source: RFC 9110.
 * @module
 */
import { close } from "../ffi/socket.ts";
import * as E from "../ffi/errno.ts";
import {
  FileStatus,
  hasOpenat2,
  openBeneath,
  openBeneathByWalking,
  openDirectory,
  type PathBytes,
  readAt,
} from "../ffi/file.ts";
import type { Handler, HandlerContext } from "../server/handler.ts";
import { isNotModified, isRangeFresh, type Validators } from "../server/http/conditional.ts";
import { formatHttpDate } from "../server/http/date.ts";
import { parseRange } from "../server/http/range.ts";
import type { HttpRequest } from "../server/http/request.ts";
import { type Body, errorResponse, type Fields, HttpResponse } from "../server/http/response.ts";
import { CACHED_FILE_BYTES_MAX, RANGE_INLINE_BYTES_MAX } from "../server/limits.ts";
import { FileCache } from "./file_cache.ts";
import { mediaTypeOf } from "./media_type.ts";
import { encodePath, resolvePath } from "./resolve_path.ts";

/** What the static handler needs to know. */
export interface StaticOptions {
  /** The directory to serve. */
  readonly root: string;
  /** Names tried, in this order, for a path that ends with a slash. Default `["index.html"]`. */
  readonly index?: readonly string[];
  /** Hears of what does not keep it from serving. */
  readonly onWarning?: (message: string) => void;
}

/** A file as it is about to be served. */
interface Representation {
  readonly size: number;
  readonly mediaType: string;
  readonly validators: Validators;
  /** Bytes `[start, end)`. */
  body(start: number, end: number): Body;
}

const ALLOW: Fields = [["Allow", "GET, HEAD, OPTIONS"]];
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A handler for {@linkcode StaticOptions}. @throws {SystemError} `Cannot open root ./html: ENOENT (…)` */
export function staticHandler(options: StaticOptions): Handler {
  const site = new Site(options);
  return (request, context) => site.handle(request, context);
}

class Site {
  readonly #root: number;
  readonly #index: readonly Uint8Array[];
  readonly #open: (root: number, path: PathBytes) => number;
  readonly #cache: FileCache;
  readonly #status = new FileStatus();
  readonly #errors = new Map<number, HttpResponse>();
  readonly #options = new HttpResponse(204, ALLOW, null);
  readonly #notAllowed = errorResponse(405, ALLOW);

  constructor(options: StaticOptions) {
    this.#root = openDirectory(options.root);
    this.#index = (options.index ?? ["index.html"]).map((name) => encoder.encode(name));
    this.#cache = new FileCache(this.#root);
    const isBeneath = hasOpenat2(this.#root);
    this.#open = isBeneath ? openBeneath : openBeneathByWalking;
    if (!isBeneath) {
      options.onWarning?.("This kernel has no openat2(2): symbolic links in the site are not followed");
    }
  }

  handle(request: HttpRequest, context: HandlerContext): HttpResponse {
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") return method === "OPTIONS" ? this.#options : this.#notAllowed;
    const cached = this.#cache.find(request.bytes, request.pathStart, request.pathEnd, context.batch);
    if (cached === null) return this.#resolve(request, context);
    if (!request.isConditional) return cached.response;
    return negotiate(request, context, representationInMemory(cached)) ?? cached.response;
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
    const resolved = resolvePath(request.bytes, request.pathStart, request.pathEnd);
    if (typeof resolved === "number") return this.#error(resolved);
    const { path, isDirectory } = resolved;
    if (!isDirectory) {
      const file = terminate(path);
      const status = this.#find(file);
      if (status === "directory" && !this.#isInside(file)) return this.#error(404);
      return status === "directory"
        ? redirect(encodePath(path, true) + encodeQuery(request.query))
        : status === "file"
        ? this.#serve(request, context, file, encodePath(path, false))
        : this.#error(status);
    }
    for (const [position, name] of this.#index.entries()) {
      const file = terminate(path, name);
      const status = this.#find(file);
      if (status === "file") {
        // Were it another than the first, one before it could appear without its own file changing: not kept.
        return this.#serve(request, context, file, position === 0 ? encodePath(path, true) : null);
      }
      if (status !== 404 && status !== "directory") return this.#error(status);
    }
    return this.#error(404);
  }

  /** Looks before opening: even to open a FIFO or a device can have an effect on others. */
  #find(path: PathBytes): "file" | "directory" | number {
    const status = this.#status.read(this.#root, path);
    // Out of the root even a refusal says too much: there it is 404, as for what does not exist.
    if (status === -E.EACCES) return this.#isInside(path) ? 403 : 404;
    if (status < 0) return statusOfErrno(-status);
    if (this.#status.isFile) return "file";
    return this.#status.isDirectory ? "directory" : 404;
  }

  /** True when no link leads from `path` out of the root. */
  #isInside(path: PathBytes): boolean {
    const fd = this.#open(this.#root, path);
    if (fd >= 0) close(fd);
    return fd >= 0 || fd === -E.EACCES;
  }

  /** Serves a file that is there, as far as is known; `canonical` is the one spelling of its URL that is kept. */
  #serve(
    request: HttpRequest,
    context: HandlerContext,
    path: PathBytes,
    canonical: string | null,
  ): HttpResponse {
    const fd = this.#open(this.#root, path);
    if (fd < 0) return this.#error(statusOfErrno(-fd));
    let isLeased = false;
    try {
      const status = new FileStatus();
      const failed = status.readDescriptor(fd);
      if (failed < 0) return this.#error(statusOfErrno(-failed));
      if (!status.isFile) return this.#error(404);
      const mediaType = mediaTypeOf(decoder.decode(path.subarray(0, -1)));
      const content = status.size <= CACHED_FILE_BYTES_MAX ? readWhole(fd, status) : null;
      const nowSeconds = context.clock.seconds;
      const validators = validatorsOf(status, nowSeconds);
      if (content === null) {
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
      const file = representationInMemory({ mediaType, validators, content });
      const response = whole(file);
      if (canonical !== null && canonical === request.path) {
        const key = encoder.encode(canonical);
        const entry = {
          key,
          path,
          status,
          ...file,
          content,
          response,
          isVisited: false,
          checkedBatch: context.batch,
        };
        this.#cache.put(entry, nowSeconds);
      }
      return (request.isConditional ? negotiate(request, context, file) : null) ?? response;
    } finally {
      if (!isLeased) close(fd);
    }
  }
}

/** The file's bytes when it did not change while they were read; `status` is the state that was read. */
function readWhole(fd: number, status: FileStatus): Uint8Array<ArrayBuffer> | null {
  const after = new FileStatus();
  for (let attempt = 0; attempt < 3; attempt++) {
    const content = new Uint8Array(status.size);
    const count = readAt(fd, content, 0);
    if (after.readDescriptor(fd) < 0) return null;
    if (count === content.length && after.equals(status)) return content;
    status.copyFrom(after);
    if (status.size > CACHED_FILE_BYTES_MAX) return null;
  }
  return null;
}

function representationInMemory(
  file: { mediaType: string; validators: Validators; content: Uint8Array<ArrayBuffer> },
): Representation {
  const { mediaType, validators, content } = file;
  return { size: content.length, mediaType, validators, body: (start, end) => content.subarray(start, end) };
}

/**
 * The tag is of inode, size and ctime: the kernel alone sets ctime, at every change of the bytes, so that a rewrite
 * of the same size within the same second shows. Kernels before 6.13 keep it in ticks of up to 10 ms.
 */
function validatorsOf(status: FileStatus, nowSeconds: number): Validators {
  const changed = BigInt(status.changedSeconds) * 1_000_000_000n + BigInt(status.changedNanoseconds);
  const etag = `"${status.inode.toString(16)}-${status.size.toString(16)}-${changed.toString(16)}"`;
  // RFC 9110 §8.8.2.1: not later than the response itself
  return { etag, modifiedSeconds: Math.max(Math.min(status.modifiedSeconds, nowSeconds), 0) };
}

/** 304, 206 or 416 where the request's conditions ask for it; null: the whole (RFC 9110 §13.2.2). */
function negotiate(request: HttpRequest, context: HandlerContext, file: Representation): HttpResponse | null {
  if (isNotModified(request, file.validators, context.clock.seconds)) {
    return new HttpResponse(304, validatorFields(file.validators), null);
  }
  const field = request.method === "GET" ? request.header("range") : null;
  if (field === null || !isRangeFresh(request, file.validators, context.clock.seconds)) return null;
  const range = parseRange(field, file.size);
  if (range === null) return null;
  if (range === "unsatisfiable") return errorResponse(416, [["Content-Range", `bytes */${file.size}`]]);
  const { start, end } = range;
  const contentRange: Fields = [["Content-Range", `bytes ${start}-${end - 1}/${file.size}`]];
  // Not copied: many clients that ask for much and do not read it share what is in memory.
  const fields = [...contentRange, ...fieldsOf(file)];
  return new HttpResponse(206, fields, file.body(start, end), false, RANGE_INLINE_BYTES_MAX);
}

function whole(file: Representation): HttpResponse {
  return new HttpResponse(200, fieldsOf(file), file.body(0, file.size));
}

function fieldsOf(file: Representation): Fields {
  return [
    ["Content-Type", file.mediaType],
    ["X-Content-Type-Options", "nosniff"],
    ...validatorFields(file.validators),
    ["Accept-Ranges", "bytes"],
  ];
}

function validatorFields({ etag, modifiedSeconds }: Validators): Fields {
  return [["Last-Modified", formatHttpDate(modifiedSeconds)], ["ETag", etag]];
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

/** `path`, or `path/name`, with the NUL that C wants. */
function terminate(path: Uint8Array, name: Uint8Array | null = null): PathBytes {
  if (name === null) {
    const bytes = new Uint8Array(path.length + 1);
    bytes.set(path);
    return bytes;
  }
  const separator = path.length === 0 ? 0 : 1;
  const bytes = new Uint8Array(path.length + separator + name.length + 1);
  bytes.set(path);
  if (separator === 1) bytes[path.length] = 0x2f;
  bytes.set(name, path.length + separator);
  return bytes;
}

/** What a path that cannot be opened is to its client. −EXDEV, a way out of the root, looks like no file at all. */
function statusOfErrno(errno: number): number {
  switch (errno) {
    case E.ENOENT:
    case E.ENOTDIR:
    case E.ELOOP:
    case E.EXDEV:
    case E.ENAMETOOLONG:
    case E.ENXIO:
    case E.ENODEV:
      return 404;
    case E.EACCES:
    case E.EPERM:
      return 403;
    case E.EMFILE:
    case E.ENFILE:
    case E.ENOMEM:
    case E.EAGAIN:
      return 503;
    default:
      return 500;
  }
}
