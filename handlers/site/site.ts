/**
 * One site: finds out what a request leads to, and answers it.
 *
 * The kernel keeps every path inside the root (openat2(2) with RESOLVE_BENEATH): no spelling, symbolic link or race
 * leads outside. Source: RFC 9110.
 * @module
 */
import type { SiteSettings } from "./settings/site_settings.ts";
import type { HandlerContext } from "../../server/connection/handler.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { type Fields, HttpResponse } from "../../server/http/response.ts";
import { browse } from "./responses/browse.ts";
import { Compressor } from "./responses/compressor.ts";
import { ErrorPages, HIDDEN, MALFORMED, reasonOf } from "./responses/error_pages.ts";
import { FieldPolicy } from "./rules/field_policy.ts";
import { FileCache } from "./cache/file_cache.ts";
import { type Validation } from "./settings/site_options.ts";
import { Forms } from "./responses/forms.ts";
import { Authorization } from "./authorization.ts";
import { ListingBodies } from "./listing/listing_bodies.ts";
import { Locator, type Trace } from "./lookup/locator.ts";
import { Lookup } from "./lookup/lookup.ts";
import type { ContentSource } from "./content/content_source.ts";
import { judgeNavigation } from "./responses/navigation.ts";
import { PlainErrors } from "./responses/plain_errors.ts";
import { Presenter } from "./responses/presenter.ts";
import type { Result } from "./responses/representation.ts";
import { canonicalPathIn, encodePath, resolvePath } from "./files/resolve_path.ts";
import type { Resource } from "./cache/resource.ts";
import { Resources } from "./content/resources.ts";
import { type CompiledAuth, encodeQuery, Rules } from "./rules/rules.ts";
import type { Root } from "./files/root.ts";
import { FallbackFiles } from "./responses/fallback_files.ts";
import type { WatchTree } from "./watch/watch_tree.ts";

const ALLOW: Fields = [["Allow", "GET, HEAD, OPTIONS"]];
const encoder = new TextEncoder();

/** Answers the requests for one site. */
export class Site {
  /** How most files in memory are shown to be fresh. */
  readonly validation: Validation;
  readonly #settings: SiteSettings;
  readonly #origin: ContentSource;
  readonly #root: Root;
  readonly #tree: WatchTree | null;
  readonly #cache: FileCache;
  readonly #rules: Rules;
  readonly #policy: FieldPolicy;
  readonly #plain: PlainErrors;
  readonly #errors: ErrorPages;
  readonly #authorization: Authorization;
  readonly #resources: Resources;
  readonly #locator: Locator;
  readonly #presenter: Presenter;
  readonly #listingBodies = new ListingBodies();
  readonly #fallbackFiles: FallbackFiles;
  readonly #trace: Trace;
  /** Somebody hears the notes. */
  readonly #explains: boolean;
  /** Requests whose answers are promised. */
  #pending = 0;
  #isOpen = true;
  #isClosing = false;

  /**
   * `owner` is what known requests are asked by for what they remember of this site; `open` gives what it is served from.
   * @throws {SystemError} as `open` does
   */
  constructor(
    settings: SiteSettings,
    owner: object,
    open: () => ContentSource,
    trace: Trace | null = null,
    onNotice?: (message: string) => void,
  ) {
    this.#settings = settings;
    this.#trace = trace ?? (() => {});
    this.#explains = trace !== null;
    this.#rules = new Rules(settings);
    this.#policy = new FieldPolicy(settings, this.#rules); // what throws because of a rule comes before what is opened
    const origin = this.#origin = open().hold();
    const { root, tree, loader, validation, fileBytesMax, memory, tags, hidden } = origin;
    this.validation = validation;
    this.#root = root;
    this.#tree = tree;
    const cache = this.#cache = new FileCache(root, validation, tree, memory);
    const locator = this.#locator = new Locator(settings, this.#rules, this.#trace, onNotice);
    const parts = { cache, tree, loader, locator, hidden, trace: this.#trace, fileBytesMax };
    this.#resources = new Resources(settings, parts);
    this.#presenter = new Presenter({
      cache,
      loader,
      tags,
      policy: this.#policy,
      owner,
      forms: new Forms(cache, new Compressor(), tags),
      trace: this.#trace,
    });
    this.#fallbackFiles = new FallbackFiles(this.#resources, this.#presenter, () => new Lookup(root, tree));
    this.#plain = new PlainErrors(this.#policy);
    this.#errors = new ErrorPages(settings.errorPages, this.#plain, this.#fallbackFiles, this.#trace);
    this.#authorization = new Authorization(this.#rules, this.#errors, this.#trace);
  }

  /** Of its files in memory. */
  snapshot(): ReturnType<FileCache["snapshot"]> {
    return this.#cache.snapshot();
  }

  /** Closes what it holds open, once those are answered who wait for a password, or for a tag, to be computed. */
  close(): void {
    this.#isClosing = true;
    this.#cache.clear(); // nobody who remembers an answer gets it again
    if (this.#pending > 0 || !this.#isOpen) return;
    this.#isOpen = false;
    this.#origin.release();
  }

  /** Answers a request. */
  handle(request: HttpRequest, context: HandlerContext): HttpResponse | Promise<HttpResponse> {
    const response = this.#answer(request, context);
    if (this.#explains) return this.#explain(Promise.resolve(response), request);
    return response instanceof HttpResponse ? response : this.#hold(response);
  }

  /** Notes the header rules that hold, some of which depend on the type that is sent. */
  async #explain(response: Promise<HttpResponse>, request: HttpRequest): Promise<HttpResponse> {
    const answer = await this.#hold(response);
    const url = canonicalPathIn(request.buffer, request.pathStart, request.pathEnd);
    for (const line of this.#rules.describeFields(url, answer)) this.#trace("fields", line);
    return answer;
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
    const path = canonicalPathIn(request.buffer, request.pathStart, request.pathEnd);
    if (request.method !== "OPTIONS") return this.#fail(405, path, request, context, ALLOW);
    const { cors } = this.#policy;
    const extraFields = [...ALLOW, ...cors.preflight(request) ?? []];
    const what = { path, status: 204, fileName: null, mediaType: null, origin: cors.originOf(request) };
    return new HttpResponse(204, this.#policy.fieldsOf(extraFields, what), null);
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
    this.#trace("reason", reasonOf(result.failure));
    return this.#fail(result.failure, url, request, context, result.extraFields);
  }

  /** Null: whoever asks may see it. */
  #deny(
    rules: readonly CompiledAuth[],
    url: string,
    request: HttpRequest,
    context: HandlerContext,
    extraFields: Fields = [],
  ): HttpResponse | Promise<HttpResponse> | null {
    return this.#authorization.deny(
      rules,
      url,
      request,
      context,
      () => this.#answer(request, context),
      extraFields,
    );
  }

  #resolve(request: HttpRequest, context: HandlerContext): HttpResponse | Promise<HttpResponse> {
    const resolved = resolvePath(request.buffer, request.pathStart, request.pathEnd);
    if (typeof resolved === "number") {
      this.#trace("reason", resolved === 404 ? HIDDEN : MALFORMED);
      return this.#fail(resolved, "", request, context);
    }
    this.#tree?.drain(context.turn);
    const url = encodePath(resolved.path, resolved.isDirectory);
    this.#trace("path", url);
    const key = encoder.encode(url);
    if (url !== request.path || request.pathStart === request.pathEnd) { // another spelling
      const cached = this.#cache.find(key, 0, key.length, context);
      if (cached !== null) return this.#present(cached, request, context);
    }
    this.#cache.misses++;
    const redirect = this.#rules.redirect(url, request.query);
    if (redirect !== null) {
      this.#trace("rule", `redirect ${redirect.source} to ${redirect.location}`);
      return this.#movedTo(redirect.location, redirect.status, url, request);
    }
    const lookup = new Lookup(this.#root, this.#tree);
    try {
      const location = this.#locator.locate(resolved, url, lookup);
      const auth = this.#authorization.rulesFor(url, location);
      const denied = auth.length === 0 ? null : this.#deny(auth, url, request, context);
      if (denied !== null) return denied;
      switch (location.kind) {
        case "moved":
          this.#trace("rule", `moved to ${location.url}`);
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
          this.#trace("reason", location.why);
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
    extraFields: Fields = [],
  ): HttpResponse {
    return this.#plain.response(status, url, [["Location", location], ...extraFields], request);
  }

  #browse(
    path: Uint8Array<ArrayBuffer>,
    url: string,
    auth: readonly CompiledAuth[],
    request: HttpRequest,
    context: HandlerContext,
  ): HttpResponse | Promise<HttpResponse> {
    this.#trace("rule", "browse: the directory is listed");
    const origin = this.#policy.cors.originOf(request);
    const listed = browse(path, url, request, context, {
      listings: this.#origin.listings,
      bodies: this.#listingBodies,
      rules: this.#rules,
      auth,
      givesTags: this.#settings.etag !== "off",
      addFields: (extraFields, status, mediaType) =>
        this.#policy.fieldsOf(extraFields, {
          path: url,
          status,
          fileName: null,
          mediaType,
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
    if (spa === null) return this.#fail(404, url, request, context);
    const { isNavigation, vary, why } = judgeNavigation(url, request);
    this.#trace("rule", isNavigation ? `${why} gets ${spa}` : why);
    if (!isNavigation) return this.#fail(404, url, request, context, vary);
    const rule = this.#rules.auth(spa); // the page itself may be for a few only
    const denied = rule === null ? null : this.#deny([rule], url, request, context, vary);
    if (denied !== null) return denied;
    const fallback = { url, status: 200, extraFields: vary, isPrivate: rule !== null };
    const result = this.#fallbackFiles.present(spa, fallback, request, context);
    const settle = (result: Result | null) =>
      result instanceof HttpResponse
        ? result
        : this.#fail(result?.failure ?? 404, url, request, context, [...result?.extraFields ?? [], ...vary]);
    return result instanceof Promise ? result.then(settle) : settle(result);
  }

  /** The answer to an error. */
  #fail(
    status: number,
    url: string,
    request: HttpRequest,
    context: HandlerContext,
    extraFields: Fields = [],
  ): HttpResponse | Promise<HttpResponse> {
    return this.#errors.response({ status, url, extraFields }, request, context);
  }
}
