/**
 * The static handler: serves the files below a directory or a single file, or several sites by the host that a request names.
 * @module
 */
import type { Handler } from "../server/connection/handler.ts";
import type { CacheSnapshot } from "../server/metrics/statistics.ts";
import { checkSiteOptions, type Validation } from "./site/settings/site_options.ts";
import { Sites, type StaticOptions } from "./site/sites.ts";

export type { StaticOptions };

/** The static handler, with its counters. */
export interface StaticHandler extends Handler {
  /** How changes of most files in memory are noticed. */
  readonly validation: Validation;
  /** Returns the counters of the cache, summed over all sites. */
  snapshot(): CacheSnapshot;
  /** Closes roots and files. The handler must not be called afterwards. */
  close(): void;
}

/**
 * Returns a handler that serves files.
 * @throws {SystemError} when a root cannot be opened: `Cannot open root ./html: ENOENT (…)`.
 * @throws {TypeError} for an option of the wrong type, and for a malformed glob, field or password hash.
 */
export function staticHandler(options: StaticOptions): StaticHandler {
  checkSiteOptions(options);
  const sites = new Sites(options);
  const handler: Handler = (request, context) => sites.handle(request, context);
  return Object.assign(handler, {
    ignoresBodies: true,
    validation: sites.validation,
    snapshot: () => sites.snapshot(),
    close: () => sites.close(),
  });
}
