/**
 * Answers with files that have gone (`--keep-assets`): as before they went, by the same rules.
 * @module
 */
import type { HandlerContext } from "../../../server/connection/handler.ts";
import { FileCache } from "../cache/file_cache.ts";
import { EntityTags } from "../cache/entity_tags.ts";
import type { Resource } from "../cache/resource.ts";
import type { ContentSource } from "../content/content_source.ts";
import type { KeptContent } from "../content/kept_content.ts";
import { Resources } from "../content/resources.ts";
import { encodePath, type ResolvedPath } from "../files/resolve_path.ts";
import type { FileLocation, Location, Locator } from "../lookup/locator.ts";
import { Lookup } from "../lookup/lookup.ts";
import type { FieldPolicy } from "../rules/field_policy.ts";
import { hasContentHash } from "../rules/fingerprint.ts";
import type { CompiledAuth } from "../rules/rules.ts";
import type { SiteSettings } from "../settings/site_settings.ts";
import { Forms } from "./forms.ts";
import { Presenter } from "./presenter.ts";
import type { Result } from "./representation.ts";
import type { SiteRequest } from "./site_request.ts";

/** What the files that have gone are answered with. */
export interface KeptFilesParts {
  readonly origin: ContentSource;
  readonly locator: Locator;
  readonly policy: FieldPolicy;
  /** Returns the password rules of a location. */
  readonly rulesFor: (url: string, location: Location) => readonly CompiledAuth[];
}

/** The files of one site that have gone. */
export class KeptFiles {
  readonly #kept: KeptContent;
  readonly #parts: KeptFilesParts;
  readonly #cache: FileCache;
  readonly #resources: Resources;
  readonly #presenter: Presenter;
  readonly #forms: Forms;

  /** Returns null when nothing is kept of the root. */
  static of(settings: SiteSettings, parts: KeptFilesParts): KeptFiles | null {
    const { kept } = parts.origin;
    return kept === null ? null : new KeptFiles(kept, settings, parts);
  }

  private constructor(kept: KeptContent, settings: SiteSettings, parts: KeptFilesParts) {
    this.#kept = kept;
    this.#parts = parts;
    const { memory, hidden, fileBytesMax } = parts.origin;
    const { locator, policy } = parts;
    // Each turn looks at what is kept, as where nothing is watched.
    const cache = this.#cache = new FileCache({
      root: kept,
      validation: "stat",
      tree: null,
      way: null,
      memory,
      isConstant: true,
    });
    const loader = kept.loader(fileBytesMax);
    const tags = new EntityTags(settings.etag, (path) => kept.open(path));
    this.#resources = new Resources(settings, { cache, tree: null, loader, locator, hidden, fileBytesMax });
    // Known requests remember the answers of the site only: these have to find out first that the file is still missing.
    this.#presenter = new Presenter({
      cache,
      loader,
      tags,
      policy,
      owner: this,
      forms: this.#forms = new Forms(cache, tags, settings.compressLevel, parts.origin.improvesForms),
    });
  }

  /** Holds the file at `location`, which `resource` serves, so that it can be kept once it has gone. */
  hold({ path, variants }: FileLocation, resource: Resource, { turn }: HandlerContext): void {
    if (hasContentHash(encodePath(path, false))) {
      this.#kept.hold(variants.map(({ seen }) => seen), resource, turn);
    }
  }

  /** Returns the file that was at `resolved`, whose URL is `url` and at which nothing is now; null when none is kept. */
  find(resolved: ResolvedPath, url: string, key: Uint8Array, request: SiteRequest): Resource | null {
    if (this.#kept.isEmpty) return null;
    const { context, trace } = request;
    const cached = this.#cache.find(key, 0, key.length, context);
    if (cached !== null) return cached;
    const lookup = new Lookup(this.#kept, null, trace);
    try {
      const { locator, rulesFor } = this.#parts;
      const location = locator.locate(resolved, url, lookup);
      if (location.kind !== "file" || !hasContentHash(encodePath(location.path, false))) return null;
      return this.#resources.make(location, key, url, rulesFor(url, location), lookup);
    } finally {
      lookup.end();
    }
  }

  /** Answers `request`, whose client has satisfied the rules, with `resource`. */
  present(resource: Resource, request: SiteRequest): Result | Promise<Result> {
    this.#kept.use(resource.variants.map(({ seen }) => seen), resource, request.context.turn);
    return this.#presenter.present(resource, request);
  }

  /** Frees the memory of the files. */
  clear(): void {
    this.#forms.close();
    this.#cache.clear();
  }
}
