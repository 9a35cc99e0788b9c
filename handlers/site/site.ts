/**
 * One site: finds out what a request leads to, and answers it.
 *
 * The kernel keeps every path inside the root (openat2(2) with RESOLVE_BENEATH): no spelling, symbolic link or race
 * leads outside. Source: RFC 9110.
 * @module
 */
import type { SiteSettings } from "../../server/config/site_settings.ts";
import type { HandlerContext } from "../../server/handler.ts";
import { HttpError } from "../../server/http/http_error.ts";
import { acceptsHtml } from "../../server/http/negotiation.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { type Fields, HttpResponse } from "../../server/http/response.ts";
import { CACHE_BYTES_MAX, CACHED_FILE_BYTES_MAX } from "../../server/limits.ts";
import { BUSY_FIELDS } from "./basic_auth.ts";
import { browse } from "./browse.ts";
import { Compressor } from "./compressor.ts";
import { EntityTags } from "./entity_tags.ts";
import { FieldPolicy } from "./field_policy.ts";
import { FileCache, type Validation } from "./file_cache.ts";
import { HiddenFile } from "./hidden_file.ts";
import { Loader } from "./loader.ts";
import { type Location, Locator, type Note } from "./locator.ts";
import { Lookup } from "./lookup.ts";
import { PlainErrors } from "./plain_errors.ts";
import { Presenter, type StandIn } from "./presenter.ts";
import type { Result } from "./representation.ts";
import { encodePath, resolvePath } from "./resolve_path.ts";
import type { Resource } from "./resource.ts";
import { Resources } from "./resources.ts";
import { type CompiledAuth, Rules } from "./rules.ts";
import { NO_OPENAT2_WARNING, type SiteOptions } from "./site_options.ts";
import { SiteRoot, terminate } from "./site_root.ts";
import { WatchTree } from "./watch_tree.ts";

const ALLOW: Fields = [["Allow", "GET, HEAD, OPTIONS"]];
/** What a site shows for 404 unless told otherwise. */
const DEFAULT_PAGES: Readonly<Record<number, string>> = { 404: "/404.html" };
const encoder = new TextEncoder();

/** See the module's comment. */
export class Site {
  /** How most files in memory are shown to be fresh. */
  readonly validation: Validation;
  readonly #settings: SiteSettings;
  readonly #root: SiteRoot;
  readonly #tree: WatchTree | null;
  readonly #cache: FileCache;
  readonly #rules: Rules;
  readonly #policy: FieldPolicy;
  readonly #errors: PlainErrors;
  readonly #resources: Resources;
  readonly #locator: Locator;
  readonly #presenter: Presenter;
  readonly #hidden: HiddenFile | null;
  readonly #pages: Readonly<Record<number, string>>;
  readonly #note: Note;

  /** @throws {SystemError} `Cannot open root ./html: ENOENT (…)` */
  constructor(settings: SiteSettings, options: SiteOptions, note: Note = () => {}) {
    const { validate = "auto", onWarning = () => {}, cacheSize = CACHE_BYTES_MAX } = options;
    this.#settings = settings;
    this.#note = note;
    this.#rules = new Rules(settings);
    const root = this.#root = new SiteRoot(settings.root);
    const fileBytesMax = cacheSize === 0 ? -1 : options.cacheFileSize ?? CACHED_FILE_BYTES_MAX;
    let tree = validate === "auto" || validate === "inotify"
      ? new WatchTree(root.fd, validate === "inotify", onWarning)
      : null;
    if (tree !== null && !tree.isWatching) {
      tree.close();
      tree = null;
    }
    this.validation = tree !== null ? "inotify" : validate === "off" ? "off" : "stat";
    this.#tree = tree;
    this.#cache = new FileCache(root.fd, this.validation, tree, cacheSize);
    this.#policy = new FieldPolicy(settings, this.#rules);
    this.#errors = new PlainErrors(this.#policy);
    this.#pages = { ...DEFAULT_PAGES, ...settings.errorPages };
    this.#hidden = options.config ? new HiddenFile(options.config, root.fd) : null;
    this.#locator = new Locator(settings, this.#rules, (path) => root.isInside(terminate(path)), note);
    const { cache, locator, hidden } = { cache: this.#cache, locator: this.#locator, hidden: this.#hidden };
    this.#resources = new Resources(settings, { cache, tree, locator, hidden, note, fileBytesMax });
    this.#presenter = new Presenter({
      cache,
      loader: new Loader(root, tree, fileBytesMax),
      tags: new EntityTags(settings.etag, (path) => root.open(path)),
      policy: this.#policy,
      compressor: new Compressor(),
      note,
    });
    if (!root.followsLinks) onWarning(NO_OPENAT2_WARNING);
  }

  /** Another directory has come to the root's name. */
  get isReplaced(): boolean {
    return this.#root.isReplaced;
  }

  /** Closes what it holds open. */
  close(): void {
    this.#cache.clear();
    this.#tree?.close();
    this.#root.close();
  }

  /** Answers a request. */
  handle(request: HttpRequest, context: HandlerContext): HttpResponse | Promise<HttpResponse> {
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") return this.#other(request);
    const cached = this.#cache.find(request.buffer, request.pathStart, request.pathEnd, context);
    return cached === null ? this.#resolve(request, context) : this.#present(cached, request, context);
  }

  /** OPTIONS, also of another origin's script that asks first; and what is not allowed. Neither looks at files. */
  #other(request: HttpRequest): HttpResponse {
    const resolved = resolvePath(request.buffer, request.pathStart, request.pathEnd);
    const path = typeof resolved === "number" ? "" : encodePath(resolved.path, resolved.isDirectory);
    if (request.method !== "OPTIONS") return this.#errors.response(405, path, ALLOW, request);
    const { cors } = this.#policy;
    const own = [...ALLOW, ...cors.preflight(request) ?? []];
    const what = { path, status: 204, fileName: null, mediaType: null, origin: cors.originOf(request) };
    return new HttpResponse(204, this.#policy.fieldsOf(own, what), null);
  }

  /** With what is known already of the URL's file. */
  #present(
    resource: Resource,
    request: HttpRequest,
    context: HandlerContext,
  ): HttpResponse | Promise<HttpResponse> {
    if (resource.auth.length > 0) {
      const denied = this.#deny(resource.auth, resource.url, request, context);
      if (denied !== null) return denied;
    }
    const result = this.#presenter.present(resource, request, context);
    if (!(result instanceof Promise)) return this.#settle(result, resource.url, request, context);
    return result.then((result) => this.#settle(result, resource.url, request, context));
  }

  #settle(
    result: Result,
    url: string,
    request: HttpRequest,
    context: HandlerContext,
  ): HttpResponse | Promise<HttpResponse> {
    return result instanceof HttpResponse
      ? result
      : this.#fail(result.failure, url, request, context, result.own);
  }

  /** Null: whoever asks may see it. */
  #deny(
    auth: readonly CompiledAuth[],
    url: string,
    request: HttpRequest,
    context: HandlerContext,
  ): HttpResponse | Promise<HttpResponse> | null {
    for (const { gate, source } of auth) {
      let checked: boolean | Promise<boolean>;
      try {
        checked = gate.check(request);
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        return this.#fail(error.status, url, request, context, BUSY_FIELDS); // too many are being checked
      }
      if (checked === true) continue;
      this.#note("rule", `auth ${source}: a name and a password are needed`);
      const refuse = () => this.#fail(401, url, request, context, gate.challenge);
      if (checked === false) return refuse();
      return checked.then((isRight) => isRight ? this.handle(request, context) : refuse());
    }
    return null;
  }

  #resolve(request: HttpRequest, context: HandlerContext): HttpResponse | Promise<HttpResponse> {
    const resolved = resolvePath(request.buffer, request.pathStart, request.pathEnd);
    if (typeof resolved === "number") {
      this.#note("path", resolved === 404 ? "a hidden name" : "it holds a NUL or climbs above the root");
      return this.#fail(resolved, "/", request, context);
    }
    this.#tree?.drain(context.batch);
    const url = encodePath(resolved.path, resolved.isDirectory);
    this.#note("path", url);
    const key = encoder.encode(url);
    if (url !== request.path) { // another spelling
      const cached = this.#cache.find(key, 0, key.length, context);
      if (cached !== null) return this.#present(cached, request, context);
    }
    const redirect = this.#rules.redirect(url, request.query);
    if (redirect !== null) {
      this.#note("rule", `redirect ${redirect.source}`);
      return this.#errors.response(redirect.status, url, [["Location", redirect.location]], request);
    }
    const lookup = new Lookup(this.#root, this.#tree);
    try {
      const location = this.#locator.locate(resolved, url, lookup);
      const auth = this.#authOf(url, location);
      const denied = auth.length === 0 ? null : this.#deny(auth, url, request, context);
      if (denied !== null) return denied;
      switch (location.kind) {
        case "moved":
          this.#note("rule", `moved to ${location.url}`);
          return this.#errors.response(
            301,
            url,
            [["Location", location.url + encodeQuery(request.query)]],
            request,
          );
        case "directory":
          return this.#browse(location.path, url, request, context);
        case "error":
          return location.status === 404
            ? this.#missing(url, request, context)
            : this.#fail(location.status, url, request, context);
        case "file": {
          const resource = this.#resources.make(location, key, url, auth, lookup);
          if (resource === null) return this.#missing(url, request, context);
          // A rule that redirects from here with another query would not be found by the path alone.
          if (this.#rules.redirect(url, "") !== null) resource.isNew = false;
          return this.#present(resource, request, context);
        }
      }
    } finally {
      lookup.end();
    }
  }

  /** Rules for the URL and for the file behind it: no detour leads around them. */
  #authOf(url: string, location: Location): readonly CompiledAuth[] {
    const rules = [this.#rules.auth(url)];
    if (location.kind === "file") rules.push(this.#rules.auth(encodePath(location.path, false)));
    if (location.kind === "directory") rules.push(this.#rules.auth(encodePath(location.path, true)));
    return [...new Set(rules.filter((rule) => rule !== null))];
  }

  #browse(
    path: Uint8Array<ArrayBuffer>,
    url: string,
    request: HttpRequest,
    context: HandlerContext,
  ): HttpResponse | Promise<HttpResponse> {
    this.#note("rule", "browse: the directory is listed");
    const origin = this.#policy.cors.originOf(request);
    const listed = browse(this.#root, path, url, request, context, {
      isHidden: (path) => this.#hidden?.is(path) ?? false,
      dress: (own, status) =>
        this.#policy.fieldsOf(own, { path: url, status, fileName: null, mediaType: null, origin }),
    });
    if (!(listed instanceof Promise)) return this.#settle(listed, url, request, context);
    return listed.then((listed) => this.#settle(listed, url, request, context));
  }

  /** Nothing is at `url`: a page of an application that finds its way itself, or 404. */
  #missing(url: string, request: HttpRequest, context: HandlerContext): HttpResponse | Promise<HttpResponse> {
    const { spa } = this.#settings;
    const isPage = !url.slice(url.lastIndexOf("/") + 1).includes(".");
    if (spa === null || !isPage) return this.#fail(404, url, request, context);
    const vary: Fields = [["Vary", "Accept"]];
    if (!acceptsHtml(request.header("accept"))) {
      this.#note("rule", "spa: no navigation (Accept does not name text/html)");
      return this.#fail(404, url, request, context, vary);
    }
    this.#note("rule", `spa: a navigation to where nothing is gets ${spa}`);
    const standIn = { url, status: 200, own: vary };
    return this.#presentAt(spa, standIn, request, context) ?? this.#fail(404, url, request, context, vary);
  }

  /** The answer to an error: the site's page for it, or a line of text. */
  #fail(
    status: number,
    url: string,
    request: HttpRequest,
    context: HandlerContext,
    own: Fields = [],
  ): HttpResponse | Promise<HttpResponse> {
    this.#note("status", String(status));
    const page = this.#pages[status];
    const plain = () => this.#errors.response(status, url, own, request);
    if (page === undefined) return plain();
    return this.#presentAt(page, { url, status, own }, request, context) ?? plain();
  }

  /** The file at the path `page` in place of what the request asked for; null: there is none. */
  #presentAt(
    page: string,
    standIn: StandIn,
    request: HttpRequest,
    context: HandlerContext,
  ): HttpResponse | Promise<HttpResponse> | null {
    const lookup = new Lookup(this.#root, this.#tree);
    try {
      const resource = this.#resources.at(page, context, lookup);
      if (resource === null) return null;
      const result = this.#presenter.present(resource, request, context, standIn);
      const orPlain = (result: Result) =>
        result instanceof HttpResponse
          ? result
          : this.#errors.response(standIn.status, standIn.url, standIn.own, request);
      return result instanceof Promise ? result.then(orPlain) : orPlain(result);
    } finally {
      lookup.end();
    }
  }
}

/** Bytes that may not stand in a field are escaped; everything else stays as it was sent. */
function encodeQuery(query: string): string {
  return query.replace(
    /[^\x21-\x7e]/g,
    (character) => "%" + character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0"),
  );
}
