/**
 * What the response for a URL depends on, for `--live`: the files and the names that decide about it.
 *
 * The look-up is that of a request, without its response. So rewrites, indexes, clean URLs, pages of errors and files
 * that are missing count as they do when the URL is served.
 * @module
 */
import type { FileName } from "../../ffi/file/inotify.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import type { Authorization } from "./authorization.ts";
import { namesOf, SiteRoot } from "./files/directory_root.ts";
import { encodePath, resolvePath } from "./files/resolve_path.ts";
import type { Root } from "./files/root.ts";
import { REDIRECTS_FOLLOWED_MAX } from "./limits.ts";
import type { Locator } from "./lookup/locator.ts";
import { Lookup, type Seen } from "./lookup/lookup.ts";
import { DEFAULT_PAGES } from "./responses/error_pages.ts";
import type { Rules } from "./rules/rules.ts";
import type { SiteSettings } from "./settings/site_settings.ts";
import type { WatchTree } from "./watch/watch_tree.ts";

/** What a response depends on. */
export interface Dependencies {
  /** Where the paths are. */
  readonly root: Root;
  /** The directory whose names can be watched; null when the kernel does not report all changes of it. */
  readonly watchable: SiteRoot | null;
  /** True when all file systems are to be trusted (`validate: "inotify"`). */
  readonly trustsAll: boolean;
  /** True for a site that cannot change, inside of the program. */
  readonly isFixed: boolean;
  /** Every path that was looked at, and what was there. */
  readonly seen: readonly Seen[];
  /** The path of the directory that the response lists; null for another response. */
  readonly listed: readonly FileName[] | null;
  /** The sources of the password rules that a request has to satisfy. */
  readonly guards: readonly string[];
}

/** What {@linkcode dependenciesOf} works with. */
export interface DependencyParts {
  readonly root: Root;
  readonly tree: WatchTree | null;
  readonly settings: SiteSettings;
  readonly rules: Rules;
  readonly locator: Locator;
  readonly authorization: Authorization;
}

/** Returns what the response for `path`, undecoded and without a query, depends on. Follows redirects inside of the site. */
export function dependenciesOf(path: string, parts: DependencyParts): Dependencies {
  const { root, tree, settings, rules, locator, authorization } = parts;
  const seen: Seen[] = [];
  let listed: readonly FileName[] | null = null;
  const guards = new Set<string>();
  let target: string | null = path;
  for (let hops = 0; target !== null && hops < REDIRECTS_FOLLOWED_MAX; hops++) {
    const bytes = Uint8Array.from(target, (character) => character.charCodeAt(0)); // as it was received
    const resolved = resolvePath(bytes, 0, bytes.length);
    target = null;
    if (typeof resolved === "number") break;
    const url = encodePath(resolved.path, resolved.isDirectory);
    const redirect = rules.redirect(url, "");
    if (redirect !== null) {
      target = pathOf(redirect.location);
      continue;
    }
    const lookup = new Lookup(root, null);
    const location = locator.locate(resolved, url, lookup);
    for (const { source } of authorization.rulesFor(url, location)) guards.add(source);
    if (location.kind === "moved") target = location.url;
    else if (location.kind === "directory") listed = namesOf(location.path);
    else if (location.kind === "error") {
      const page = settings.errorPages[location.status] ?? DEFAULT_PAGES[location.status] ?? null;
      for (const fallback of [location.status === 404 ? settings.spa : null, page]) {
        if (fallback !== null) lookAt(fallback, locator, lookup);
      }
    }
    seen.push(...lookup.seen);
    lookup.end();
  }
  const watchable = tree !== null && root instanceof SiteRoot ? root : null;
  const isFixed = !(root instanceof SiteRoot);
  return { root, watchable, trustsAll: tree?.trustsAll === true, isFixed, seen, listed, guards: [...guards] };
}

/** Looks at the file that the settings name by the path `page`. */
function lookAt(page: string, locator: Locator, lookup: Lookup): void {
  const bytes = encodeUtf8(page);
  const resolved = resolvePath(bytes, 0, bytes.length);
  if (typeof resolved !== "number" && !resolved.isDirectory) locator.file(resolved.path, lookup);
}

/** Returns the path of `location`; null when it leads to another server. */
function pathOf(location: string): string | null {
  return /^\/(?!\/)/.test(location) ? location.replace(/[?#].*$/s, "") : null;
}
