/**
 * Files that are served where something else was asked for: error pages, and the page of an application.
 * @module
 */
import type { HandlerContext } from "../../../server/connection/handler.ts";
import type { HttpRequest } from "../../../server/http/request.ts";
import type { Lookup } from "../lookup/lookup.ts";
import type { Presenter } from "./presenter.ts";
import type { FallbackFile, Result } from "./representation.ts";
import type { Resources } from "../content/resources.ts";

/** Answers with a file in place of the one that was asked for. */
export class FallbackFiles {
  readonly #resources: Resources;
  readonly #presenter: Presenter;
  readonly #lookup: () => Lookup;

  /** `lookup` makes one for each question. */
  constructor(resources: Resources, presenter: Presenter, lookup: () => Lookup) {
    this.#resources = resources;
    this.#presenter = presenter;
    this.#lookup = lookup;
  }

  /** The file at the path `page` in place of what the request asked for; null: there is none. */
  present(
    page: string,
    fallback: FallbackFile,
    request: HttpRequest,
    context: HandlerContext,
  ): Result | Promise<Result> | null {
    const lookup = this.#lookup();
    try {
      const resource = this.#resources.at(page, context, lookup);
      return resource === null ? null : this.#presenter.present(resource, request, context, fallback);
    } finally {
      lookup.end();
    }
  }
}
