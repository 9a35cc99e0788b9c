/**
 * Answers for a directory that is listed: as a page for people, as JSON for programs.
 * @module
 */
import type { HandlerContext } from "../../server/handler.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import type { Dress, Result } from "./representation.ts";
import type { SiteRoot } from "./site_root.ts";

/** What a site adds to its listings. */
export interface BrowseParts {
  /** True for the path, below the root, of what is not to be shown. */
  readonly isHidden: (path: Uint8Array) => boolean;
  readonly dress: Dress;
}

/** Lists the directory `path`, below `root`, whose URL is `url`. */
export function browse(
  _root: SiteRoot,
  _path: Uint8Array<ArrayBuffer>,
  _url: string,
  _request: HttpRequest,
  _context: HandlerContext,
  _parts: BrowseParts,
): Result | Promise<Result> {
  return { failure: 404, own: [] };
}
