/**
 * One site: finds out what a request leads to, and answers it.
 *
 * The kernel keeps every path inside the root (openat2(2) with RESOLVE_BENEATH): no spelling, symbolic link or race
 * leads outside. Source: RFC 9110.
 * @module
 */
import { EBADF } from "../../ffi/errno.ts";
import type { SiteSettings } from "../../server/config/site_settings.ts";
import type { HandlerContext } from "../../server/handler.ts";
import { acceptsHtml } from "../../server/http/negotiation.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { type Fields, HttpResponse } from "../../server/http/response.ts";
import { CACHE_BYTES_MAX } from "../../server/limits.ts";
import type { CacheSnapshot } from "../../server/statistics.ts";
import { browse } from "./browse.ts";
import { Compressor } from "./compressor.ts";
import { EntityTags } from "./entity_tags.ts";
import { ErrorPages, HIDDEN, MALFORMED, reasonOf } from "./error_pages.ts";
import { FieldPolicy } from "./field_policy.ts";
import { FileCache, type Validation } from "./file_cache.ts";
import { Forms } from "./forms.ts";
import { Gatekeeper } from "./gatekeeper.ts";
import { HiddenFile } from "./hidden_file.ts";
import { Listings } from "./listing.ts";
import { ListingBodies } from "./listing_bodies.ts";
import { Locator, type Note } from "./locator.ts";
import { Lookup } from "./lookup.ts";
import { openOrigin } from "./origin.ts";
import { PlainErrors } from "./plain_errors.ts";
import { Presenter } from "./presenter.ts";
import type { Result } from "./representation.ts";
import { encodePath, resolvePath } from "./resolve_path.ts";
import type { Resource } from "./resource.ts";
import { Resources } from "./resources.ts";
import { type CompiledAuth, encodeQuery, Rules } from "./rules.ts";
import type { Root } from "./root.ts";
import type { SiteOptions } from "./site_options.ts";
import { StandIns } from "./stand_ins.ts";
import type { WatchTree } from "./watch_tree.ts";

const ALLOW: Fields = [["Allow", "GET, HEAD, OPTIONS"]];
const encoder = new TextEncoder();

/** See the module's comment. */
export class Site {
  /** How most files in memory are shown to be fresh. */
  readonly validation: Validation;
  readonly #settings: SiteSettings;
  readonly #root: Root;
  readonly #tree: WatchTree | null;
  readonly #cache: FileCache;
  readonly #rules: Rules;
  readonly #policy: FieldPolicy;
  readonly #plain: PlainErrors;
  readonly #errors: ErrorPages;
  readonly #gatekeeper: Gatekeeper;
  readonly #resources: Resources;
  readonly #locator: Locator;
  readonly #presenter: Presenter;
  readonly #listings: Listings;
  readonly #listingBodies = new ListingBodies();
  readonly #tags: EntityTags;
  readonly #standIns: StandIns;
  readonly #note: Note;
  /** Somebody hears the notes. */
  readonly #explains: boolean;
  /** Requests whose answers are promised. */
  #pending = 0;
  #isOpen = true;
  #isClosing = false;

  /**
   * `owner` is what known requests are asked by for what they remember of this site.
   * @throws {SystemError} `Cannot open root ./html: ENOENT (…)`
   */
  constructor(settings: SiteSettings, options: SiteOptions, owner: object, note: Note | null = null) {
    const { cacheSize = CACHE_BYTES_MAX } = options;
    this.#settings = settings;
    const tell = this.#note = note ?? (() => {});
    this.#explains = note !== null;
    this.#rules = new Rules(settings);
    this.#policy = new FieldPolicy(settings, this.#rules); // what throws because of a rule comes before what is opened
    const { root, tree, loader, validation, fileBytesMax, reopen } = openOrigin(settings, options);
    this.validation = validation;
    this.#root = root;
    this.#tree = tree;
    const cache = this.#cache = new FileCache(root, validation, tree, cacheSize);
    const hidden = new HiddenFile(options.config ?? null, root);
    this.#listings = new Listings(root, (names) => hidden.is(names));
    this.#tags = new EntityTags(settings.etag, (path) => this.#isOpen ? reopen(path) : -EBADF);
    const locator = this.#locator = new Locator(settings, this.#rules, tell);
    this.#resources = new Resources(settings, { cache, tree, locator, hidden, note: tell, fileBytesMax });
    this.#presenter = new Presenter({
      cache,
      loader,
      tags: this.#tags,
      policy: this.#policy,
      owner,
      forms: new Forms(cache, new Compressor(), this.#tags),
      note: tell,
    });
    this.#standIns = new StandIns(this.#resources, this.#presenter, () => new Lookup(root, tree));
    this.#plain = new PlainErrors(this.#policy);
    this.#errors = new ErrorPages(settings.errorPages, this.#plain, this.#standIns, tell);
    this.#gatekeeper = new Gatekeeper(this.#rules, this.#errors, tell);
  }

  /** Another directory has come to the root's name. */
  get isReplaced(): boolean {
    return this.#root.isReplaced;
  }

  /** Of its files in memory. */
  snapshot(): CacheSnapshot {
    return this.#cache.snapshot();
  }

  /** Closes what it holds open, once those are answered who wait for a password, or for a tag, to be computed. */
  close(): void {
    this.#isClosing = true;
    this.#cache.clear(); // nobody who remembers an answer gets it again
    if (this.#pending > 0 || !this.#isOpen) return;
    this.#isOpen = false;
    this.#tree?.close();
    this.#root.close();
  }

  /** Answers a request. */
  handle(request: HttpRequest, context: HandlerContext): HttpResponse | Promise<HttpResponse> {
    const response = this.#answer(request, context);
    return response instanceof HttpResponse ? response : this.#hold(response);
  }

  async #hold(response: Promise<HttpResponse>): Promise<HttpResponse> {
    this.#pending++;
    try {
      return await response;
    } finally {
      this.#pending--;
      if (this.#isClosing) this.close();
    }
  }

  #answer(request: HttpRequest, context: HandlerContext): HttpResponse | Promise<HttpResponse> {
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") return this.#other(request, context);
    const cached = this.#cache.find(request.buffer, request.pathStart, request.pathEnd, context);
    return cached === null ? this.#resolve(request, context) : this.#present(cached, request, context);
  }

  /** OPTIONS, also of another origin's script that asks first; and what is not allowed. Neither looks at files. */
  #other(request: HttpRequest, context: HandlerContext): HttpResponse | Promise<HttpResponse> {
    const resolved = resolvePath(request.buffer, request.pathStart, request.pathEnd);
    const path = typeof resolved === "number" ? "" : encodePath(resolved.path, resolved.isDirectory);
    if (request.method !== "OPTIONS") return this.#fail(405, path, request, context, ALLOW);
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
    if (result instanceof HttpResponse) return result;
    this.#note("reason", reasonOf(result.failure));
    return this.#fail(result.failure, url, request, context, result.own);
  }

  /** Null: whoever asks may see it. */
  #deny(
    rules: readonly CompiledAuth[],
    url: string,
    request: HttpRequest,
    context: HandlerContext,
    own: Fields = [],
  ): HttpResponse | Promise<HttpResponse> | null {
    return this.#gatekeeper.deny(rules, url, request, context, () => this.#answer(request, context), own);
  }

  #resolve(request: HttpRequest, context: HandlerContext): HttpResponse | Promise<HttpResponse> {
    const resolved = resolvePath(request.buffer, request.pathStart, request.pathEnd);
    if (typeof resolved === "number") {
      this.#note("reason", resolved === 404 ? HIDDEN : MALFORMED);
      return this.#fail(resolved, "", request, context);
    }
    this.#tree?.drain(context.batch);
    const url = encodePath(resolved.path, resolved.isDirectory);
    this.#note("path", url);
    for (const line of this.#explains ? this.#rules.describeFields(url) : []) this.#note("fields", line);
    const key = encoder.encode(url);
    if (url !== request.path || request.pathStart === request.pathEnd) { // another spelling
      const cached = this.#cache.find(key, 0, key.length, context);
      if (cached !== null) return this.#present(cached, request, context);
    }
    this.#cache.misses++;
    const redirect = this.#rules.redirect(url, request.query);
    if (redirect !== null) {
      this.#note("rule", `redirect ${redirect.source} to ${redirect.location}`);
      return this.#movedTo(redirect.location, redirect.status, url, request);
    }
    const lookup = new Lookup(this.#root, this.#tree);
    try {
      const location = this.#locator.locate(resolved, url, lookup);
      const auth = this.#gatekeeper.rulesFor(url, location);
      const denied = auth.length === 0 ? null : this.#deny(auth, url, request, context);
      if (denied !== null) return denied;
      switch (location.kind) {
        case "moved":
          this.#note("rule", `moved to ${location.url}`);
          return this.#movedTo(
            location.url + encodeQuery(request.query),
            301,
            url,
            request,
            this.#policy.found,
          );
        case "directory":
          return this.#browse(location.path, url, auth, request, context);
        case "error":
          this.#note("reason", location.why);
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

  #movedTo(
    location: string,
    status: number,
    url: string,
    request: HttpRequest,
    own: Fields = [],
  ): HttpResponse {
    return this.#plain.response(status, url, [["Location", location], ...own], request);
  }

  #browse(
    path: Uint8Array<ArrayBuffer>,
    url: string,
    auth: readonly CompiledAuth[],
    request: HttpRequest,
    context: HandlerContext,
  ): HttpResponse | Promise<HttpResponse> {
    this.#note("rule", "browse: the directory is listed");
    const origin = this.#policy.cors.originOf(request);
    const listed = browse(path, url, request, context, {
      listings: this.#listings,
      bodies: this.#listingBodies,
      rules: this.#rules,
      auth,
      givesTags: this.#settings.etag !== "off",
      dress: (own, status) =>
        this.#policy.fieldsOf(own, {
          path: url,
          status,
          fileName: null,
          mediaType: null,
          origin,
          isPrivate: auth.length > 0,
        }),
    });
    if (!(listed instanceof Promise)) return this.#settle(listed, url, request, context);
    return listed.then((listed) => this.#settle(listed, url, request, context));
  }

  /** Nothing is at `url`: a page of an application that finds its way itself, or 404. */
  #missing(url: string, request: HttpRequest, context: HandlerContext): HttpResponse | Promise<HttpResponse> {
    const { spa } = this.#settings;
    const isPage = !url.slice(url.lastIndexOf("/") + 1).includes(".");
    if (spa === null || !isPage) {
      if (spa !== null) this.#note("rule", "spa: no page (the name has an extension)");
      return this.#fail(404, url, request, context);
    }
    const vary: Fields = [["Vary", "Accept"]];
    if (!acceptsHtml(request.header("accept"))) {
      this.#note("rule", "spa: no navigation (Accept does not name text/html)");
      return this.#fail(404, url, request, context, vary);
    }
    this.#note("rule", `spa: a navigation to where nothing is gets ${spa}`);
    const rule = this.#rules.auth(spa); // the page itself may be for a few only
    const denied = rule === null ? null : this.#deny([rule], url, request, context, vary);
    if (denied !== null) return denied;
    const standIn = { url, status: 200, own: vary, isPrivate: rule !== null };
    const result = this.#standIns.present(spa, standIn, request, context);
    const settle = (result: Result | null) =>
      result instanceof HttpResponse
        ? result
        : this.#fail(result?.failure ?? 404, url, request, context, [...result?.own ?? [], ...vary]);
    return result instanceof Promise ? result.then(settle) : settle(result);
  }

  /** The answer to an error. */
  #fail(
    status: number,
    url: string,
    request: HttpRequest,
    context: HandlerContext,
    own: Fields = [],
  ): HttpResponse | Promise<HttpResponse> {
    return this.#errors.response({ status, url, own }, request, context);
  }
}
