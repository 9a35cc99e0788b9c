/**
 * Files that are served in place of the URL's own: error pages, and the page of a single-page application.
 * @module
 */
import type { Lookup } from "../lookup/lookup.ts";
import type { Trace } from "../settings/site_options.ts";
import type { Presenter } from "./presenter.ts";
import type { Result } from "./representation.ts";
import type { Resources } from "../content/resources.ts";
import type { Fallback, SiteRequest } from "./site_request.ts";

/** Answers with a file in place of the one at the URL. */
export class FallbackFiles {
  readonly #resources: Resources;
  readonly #presenter: Presenter;
  readonly #lookup: (trace: Trace | null) => Lookup;

  /** `lookup` makes the lookup of one request. */
  constructor(resources: Resources, presenter: Presenter, lookup: (trace: Trace | null) => Lookup) {
    this.#resources = resources;
    this.#presenter = presenter;
    this.#lookup = lookup;
  }

  /** Answers `request` with the file at the path `page`; null when no file is there. */
  present(page: string, fallback: Fallback, request: SiteRequest): Result | Promise<Result> | null {
    const lookup = this.#lookup(request.trace);
    try {
      const resource = this.#resources.at(page, request.context, lookup);
      return resource === null ? null : this.#presenter.present(resource, request.withFallback(fallback));
    } finally {
      lookup.end();
    }
  }
}
