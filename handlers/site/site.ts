/**
 * One site: finds out what a request leads to, and answers it.
 *
 * The kernel keeps every path inside the root (openat2(2) with RESOLVE_BENEATH): no spelling, symbolic link or race
 * leads outside. Source: RFC 9110.
 * @module
 */
import type { SiteSettings } from "./settings/site_settings.ts";
import type { HandlerContext } from "../../server/connection/handler.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { type Fields, HttpResponse } from "../../server/http/response.ts";
import { FolderResponses } from "./responses/folder_responses.ts";
import { ErrorPages, HIDDEN, MALFORMED, reasonOf } from "./responses/error_pages.ts";
import { FieldPolicy } from "./rules/field_policy.ts";
import { FileCache } from "./cache/file_cache.ts";
import { type Dependencies, dependenciesOf } from "./dependencies.ts";
import type { Trace, Validation } from "./settings/site_options.ts";
import { Forms } from "./responses/forms.ts";
import { Authorization } from "./authorization.ts";
import { Locator } from "./lookup/locator.ts";
import { Lookup } from "./lookup/lookup.ts";
import type { ContentSource } from "./content/content_source.ts";
import { withGeneration } from "./content/generations.ts";
import { judgeNavigation } from "./responses/navigation.ts";
import { PlainErrors } from "./responses/plain_errors.ts";
import { Presenter } from "./responses/presenter.ts";
import type { Result } from "./responses/representation.ts";
import { SiteRequest } from "./responses/site_request.ts";
import { canonicalPathIn, encodePath, resolvePath } from "./files/resolve_path.ts";
import type { Resource } from "./cache/resource.ts";
import { Resources } from "./content/resources.ts";
import { type CompiledAuth, encodeQuery, Rules } from "./rules/rules.ts";
import type { Root } from "./files/root.ts";
import { FallbackFiles } from "./responses/fallback_files.ts";
import { archiveWanted, type Wanted } from "./folders/folder_query.ts";
import { KeptFiles } from "./responses/kept_files.ts";
import type { WatchTree } from "./watch/watch_tree.ts";

const SLASH = 0x2f;
const ALLOW: Fields = [["Allow", "GET, HEAD, OPTIONS"]];

/** A response, at once or as a promise. */
type Answer = HttpResponse | Promise<HttpResponse>;

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
  readonly #forms: Forms;
  readonly #presenter: Presenter;
  readonly #folders: FolderResponses;
  readonly #fallbackFiles: FallbackFiles;
  /** Null without `keepAssets`. */
  readonly #kept: KeptFiles | null;
  /** Requests whose response is a pending promise. */
  #pending = 0;
  #isOpen = true;
  #isClosing = false;

  /**
   * Known requests remember their answers for `owner`; `open` returns what the site is served from. `onNotice` gets one
   * line for each file that is probably a mistake.
   * @throws {TypeError} for a rule that cannot be followed
   * @throws {SystemError} as `open` does
   */
  constructor(
    settings: SiteSettings,
    owner: object,
    open: () => ContentSource,
    onNotice?: (message: string) => void,
  ) {
    const rules = new Rules(settings);
    const policy = new FieldPolicy(settings, rules); // before `open`: a bad rule leaves nothing open
    const origin = this.#origin = open().hold();
    const named = this.#settings = withGeneration(settings, origin.generation?.generation ?? 1);
    this.#rules = named === settings ? rules : new Rules(named);
    this.#policy = named === settings ? policy : new FieldPolicy(named, this.#rules);
    const { root, tree, loader, validation, fileBytesMax, tags, hidden } = origin;
    this.validation = validation;
    this.#root = root;
    this.#tree = tree;
    const cache = this.#cache = new FileCache(origin);
    const locator = this.#locator = new Locator(settings, this.#rules, onNotice);
    this.#resources = new Resources(settings, { cache, tree, loader, locator, hidden, fileBytesMax });
    const forms = this.#forms = new Forms(cache, tags, settings.compressLevel, origin.improvesForms);
    this.#presenter = new Presenter({
      cache,
      loader,
      tags,
      policy: this.#policy,
      owner,
      forms,
    });
    this.#fallbackFiles = new FallbackFiles(
      this.#resources,
      this.#presenter,
      (trace) => new Lookup(root, tree, trace),
    );
    this.#plain = new PlainErrors(this.#policy);
    this.#errors = new ErrorPages(settings.errorPages, this.#plain, this.#fallbackFiles);
    const authorization = this.#authorization = new Authorization(this.#rules, this.#errors);
    const rulesFor = authorization.rulesFor.bind(authorization);
    this.#folders = new FolderResponses(named, {
      origin,
      locator,
      rules: this.#rules,
      policy: this.#policy,
      rulesFor,
    });
    this.#kept = KeptFiles.of(settings, { origin, locator, policy: this.#policy, rulesFor });
  }

  /** Returns how many files are in memory, and the counters of the cache. */
  snapshot(): ReturnType<FileCache["snapshot"]> {
    return this.#cache.snapshot();
  }

  /** Closes the site once every pending response is made; until then the files behind it stay open. */
  close(): void {
    this.#isClosing = true;
    this.#kept?.clear();
    this.#forms.close();
    this.#cache.clear(); // remembered answers end with their resources
    if (this.#pending > 0 || !this.#isOpen) return;
    this.#isOpen = false;
    this.#origin.release();
  }

  /** Returns what a response for `path` depends on, for `--live`. */
  dependencies(path: string): Dependencies {
    return dependenciesOf(path, {
      root: this.#root,
      tree: this.#tree,
      settings: this.#settings,
      rules: this.#rules,
      locator: this.#locator,
      authorization: this.#authorization,
    });
  }

  /** Answers `http`. `trace` records why; null while the site serves. */
  handle(http: HttpRequest, context: HandlerContext, trace: Trace | null): Answer {
    const request = SiteRequest.take(http, context, trace);
    const response = this.#answer(request);
    if (trace !== null) return this.#explain(Promise.resolve(response), request);
    if (!(response instanceof HttpResponse)) return this.#hold(response);
    request.release();
    return response;
  }

  /** Records which header rules apply; this comes last, since some depend on the type that is sent. */
  async #explain(response: Promise<HttpResponse>, { http, trace }: SiteRequest): Promise<HttpResponse> {
    const answer = await this.#hold(response);
    const url = canonicalPathIn(http.buffer, http.pathStart, http.pathEnd);
    for (const line of this.#rules.describeFields(url, answer)) trace?.("fields", line);
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

  #answer(request: SiteRequest): Answer {
    const { http, context } = request;
    if (http.method !== "GET" && http.method !== "HEAD") return this.#other(request);
    const wanted = this.#settings.archive && http.buffer[http.pathEnd - 1] === SLASH
      ? archiveWanted(http.query)
      : null;
    if (wanted !== null) return this.#resolve(request, wanted);
    const cached = this.#cache.find(http.buffer, http.pathStart, http.pathEnd, context);
    return cached === null ? this.#resolve(request, null) : this.#present(cached, request);
  }

  /** Answers OPTIONS, CORS preflights among them, and refuses other methods. Looks at no file. */
  #other(request: SiteRequest): Answer {
    const { http } = request;
    const path = request.url = canonicalPathIn(http.buffer, http.pathStart, http.pathEnd);
    if (http.method !== "OPTIONS") return this.#fail(405, request, ALLOW);
    const { cors } = this.#policy;
    const extraFields = [...ALLOW, ...cors.preflight(http) ?? []];
    const what = { path, status: 204, fileName: null, mediaType: null, origin: cors.originOf(http) };
    return new HttpResponse(204, this.#policy.fieldsOf(extraFields, what), null);
  }

  /** Answers with `resource`, which is what the URL leads to. */
  #present(resource: Resource, request: SiteRequest): Answer {
    request.url = resource.url;
    if (resource.auth.length > 0) {
      const denied = this.#deny(resource.auth, request);
      if (denied !== null) return denied;
    }
    return this.#settle(this.#presenter.present(resource, request), request);
  }

  /** Returns the response of `result`, or the error page of its failure. */
  #settle(result: Result | Promise<Result>, request: SiteRequest): Answer {
    if (result instanceof HttpResponse) return result;
    if (result instanceof Promise) return result.then((result) => this.#settle(result, request));
    request.trace?.("reason", reasonOf(result.failure));
    return this.#fail(result.failure, request, result.extraFields);
  }

  /** Returns what the client gets in place of the answer; null when the request satisfies all `rules`. */
  #deny(rules: readonly CompiledAuth[], request: SiteRequest, extraFields: Fields = []): Answer | null {
    return this.#authorization.deny(rules, request, () => this.#answer(request), extraFields);
  }

  /** Finds out what the URL leads to. `wanted` is the archive that is asked for; null when none is. */
  #resolve(request: SiteRequest, wanted: Wanted | null): Answer {
    const { http, context, trace } = request;
    const resolved = resolvePath(http.buffer, http.pathStart, http.pathEnd);
    if (typeof resolved === "number") {
      trace?.("reason", resolved === 404 ? HIDDEN : MALFORMED);
      return this.#fail(resolved, request);
    }
    this.#tree?.drain(context.turn);
    const url = request.url = encodePath(resolved.path, resolved.isDirectory);
    trace?.("path", url);
    const key = encodeUtf8(url);
    const isOther = url !== http.path || http.pathStart === http.pathEnd; // another spelling
    if (isOther && wanted === null) {
      const cached = this.#cache.find(key, 0, key.length, context);
      if (cached !== null) return this.#present(cached, request);
    }
    this.#cache.misses++;
    const redirect = this.#rules.redirect(url, http.query);
    if (redirect !== null) {
      trace?.("rule", `redirect ${redirect.source} to ${redirect.location}`);
      return this.#plain.redirect(redirect.location, redirect.status, request);
    }
    const lookup = new Lookup(this.#root, this.#tree, trace);
    lookup.wantsFolder = wanted !== null;
    try {
      const location = this.#locator.locate(resolved, url, lookup);
      const auth = this.#authorization.rulesFor(url, location);
      const denied = auth.length === 0 ? null : this.#deny(auth, request);
      if (denied !== null) return denied;
      switch (location.kind) {
        case "moved":
          trace?.("rule", `moved to ${location.url}`);
          return this.#plain.redirect(
            location.url + encodeQuery(http.query),
            301,
            request,
            this.#policy.found,
          );
        case "directory":
          return wanted === null
            ? this.#settle(this.#folders.list(location.path, auth, request), request)
            : this.#settle(this.#folders.archive(location.path, wanted, auth, request), request);
        case "error":
          trace?.("reason", location.why);
          if (location.status !== 404) return this.#fail(location.status, request);
          return this.#presentKept(this.#kept?.find(resolved, url, key, request) ?? null, request);
        case "file": {
          if (wanted !== null) return this.#resolve(request, null); // a rule leads to a file
          const resource = this.#resources.make(location, key, url, auth, lookup);
          if (resource === null) return this.#missing(request);
          this.#kept?.hold(location, resource, context);
          // The cache finds by the path alone: it would hide a rule that redirects this path with another query.
          if (this.#rules.redirect(url, "") !== null) resource.isNew = false;
          return this.#present(resource, request);
        }
      }
    } finally {
      lookup.end();
    }
  }

  /** Answers with a file that has gone and is kept; null: none is, so nothing is at the URL. */
  #presentKept(resource: Resource | null, request: SiteRequest): Answer {
    if (resource === null) return this.#missing(request);
    const denied = resource.auth.length === 0 ? null : this.#deny(resource.auth, request);
    return denied ?? this.#settle(this.#kept!.present(resource, request), request);
  }

  /** Answers a request for a URL without a file: with the page of a single-page application (`spa`), or 404. */
  #missing(request: SiteRequest): Answer {
    const { spa } = this.#settings;
    if (spa === null) return this.#fail(404, request);
    const { isNavigation, vary, why } = judgeNavigation(request.url, request.http);
    request.trace?.("rule", isNavigation ? `${why} gets ${spa}` : why);
    if (!isNavigation) return this.#fail(404, request, vary);
    const rule = this.#rules.auth(spa); // the page may need a password even where the URL does not
    const denied = rule === null ? null : this.#deny([rule], request, vary);
    if (denied !== null) return denied;
    const fallback = { status: 200, extraFields: vary, isPrivate: rule !== null };
    const result = this.#fallbackFiles.present(spa, fallback, request);
    const settle = (result: Result | null) =>
      result instanceof HttpResponse
        ? result
        : this.#fail(result?.failure ?? 404, request, [...result?.extraFields ?? [], ...vary]);
    return result instanceof Promise ? result.then(settle) : settle(result);
  }

  #fail(status: number, request: SiteRequest, extraFields: Fields = []): Answer {
    return this.#errors.response({ status, extraFields }, request);
  }
}
