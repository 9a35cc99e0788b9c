/**
 * From the path of a URL to what is served there: rewrites, clean URLs, indexes, precompressed siblings.
 * @module
 */
import { concat, endsWith, isEqual } from "../../../server/http/bytes.ts";
import type { SiteSettings } from "../settings/site_settings.ts";
import type { Lookup, Seen } from "./lookup.ts";
import { type LocatedVariant, Siblings } from "./siblings.ts";
import { encodePath, type ResolvedPath, resolvePath } from "../files/resolve_path.ts";
import type { Rules } from "../rules/rules.ts";

/** A file that a URL leads to. */
export interface FileLocation {
  readonly kind: "file";
  /** The path of the file itself, without the suffix of a variant; not empty. */
  readonly path: Uint8Array;
  readonly variants: readonly LocatedVariant[];
  /** The reason for this file, for the trace; null when the file has the name in the URL. */
  readonly why: string | null;
}

/** What is at a URL. */
export type Location = Found & {
  /** The encoded paths that rewrites led to, also where no file is. */
  readonly rewritten?: readonly string[];
};

type Found =
  | FileLocation
  /** The client is redirected to another spelling of the path, encoded. */
  | { readonly kind: "moved"; readonly url: string }
  /** A directory for itself: to be listed, or sent as an archive. */
  | { readonly kind: "directory"; readonly path: Uint8Array<ArrayBuffer> }
  | Refusal;

/** Why a URL leads nowhere. */
export interface Refusal {
  readonly kind: "error";
  readonly status: number;
  /** For the trace. */
  readonly why: string;
}

const HTML = new TextEncoder().encode(".html");
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const MISSING: Refusal = { kind: "error", status: 404, why: "nothing is there" };
/** A rule's mistake is not the client's, so the status is 404 and not 400. */
const NOWHERE: Refusal = {
  kind: "error",
  status: 404,
  why: "the rule leads to a hidden name, or above the root",
};

/** Finds what is at a path. Opens nothing. */
export class Locator {
  readonly #settings: SiteSettings;
  readonly #rules: Rules;
  readonly #index: readonly Uint8Array[];
  readonly #withoutIndex: Refusal;
  readonly #siblings: Siblings;

  /** `onNotice` gets one line for each compressed form that is older than its file. */
  constructor(settings: SiteSettings, rules: Rules, onNotice: (message: string) => void = () => {}) {
    this.#siblings = new Siblings(settings.precompressed, onNotice);
    this.#settings = settings;
    this.#rules = rules;
    this.#index = settings.index.map((name) => encoder.encode(name));
    const why = `no index is there (${settings.index.join(", ")})`;
    this.#withoutIndex = { kind: "error", status: 404, why };
  }

  /** Returns what is at `resolved`, whose URL is `url`. */
  locate(resolved: ResolvedPath, url: string, lookup: Lookup): Location {
    const rewritten: ResolvedPath[] = [];
    const found = this.#findRewritten(resolved, url, rewritten, lookup);
    if (found.kind === "file" && found.why !== null) lookup.trace?.("rule", found.why);
    if (rewritten.length === 0) return found;
    return { ...found, rewritten: rewritten.map(({ path, isDirectory }) => encodePath(path, isDirectory)) };
  }

  /** Follows rewrites, those for missing files only when no file is found; adds the paths to `rewritten`. */
  #findRewritten(resolved: ResolvedPath, url: string, rewritten: ResolvedPath[], lookup: Lookup): Found {
    const first = this.#rewrite(url, false, lookup);
    if (typeof first === "number") return NOWHERE;
    if (first !== null) rewritten.push(first);
    const found = this.#find(first ?? resolved, first === null, lookup);
    if (found.kind !== "error" || found.status !== 404) return found;
    const second = this.#rewrite(url, true, lookup);
    if (typeof second === "number") return NOWHERE;
    if (second === null) return lookup.obstacle === null ? found : { ...found, why: lookup.obstacle };
    rewritten.push(second);
    return this.#find(second, false, lookup);
  }

  /** Returns the file at a path of the settings, such as an error page's; no rule applies to the path. */
  file(path: Uint8Array<ArrayBuffer>, lookup: Lookup): Location {
    return this.#fileAt(path, lookup) ?? MISSING;
  }

  /** Returns the path that a rule rewrites `url` to, 400 or 404 for one that cannot be served, or null without a rule. */
  #rewrite(url: string, isMissing: boolean, { trace }: Lookup): ResolvedPath | number | null {
    const rewritten = this.#rules.rewrite(url, isMissing);
    if (rewritten === null) return null;
    trace?.(
      "rule",
      `rewrite ${rewritten.source} to ${rewritten.path}${isMissing ? " (nothing is there)" : ""}`,
    );
    const bytes = encoder.encode(rewritten.path);
    return resolvePath(bytes, 0, bytes.length);
  }

  /** Redirects only where `mayMove` is true: not from a rewritten path, which the client did not ask for. */
  #find({ path, isDirectory }: ResolvedPath, mayMove: boolean, lookup: Lookup): Found {
    const { cleanUrls } = this.#settings;
    if (isDirectory) return this.#findDirectory(path, mayMove, lookup);
    const kind = lookup.look(path);
    const seen = lookup.seen.at(-1)!;
    if (kind === "file") {
      const clean = mayMove ? this.#cleanOf(path, lookup) : null;
      return clean ?? this.#withSiblings(path, seen, lookup);
    }
    if (cleanUrls && !isDotName(path) && (kind === "directory" || kind === 404)) {
      const page = this.#fileAt(concat([path, HTML]), lookup);
      if (page !== null) {
        const index = mayMove ? this.#indexUrlOf(page.path, lookup) : null;
        if (index !== null) return index;
        return { ...page, why: `clean URL: ${decoder.decode(page.path)}` };
      }
    }
    if (kind === "directory") {
      return mayMove
        ? { kind: "moved", url: encodePath(path, true) }
        : this.#findDirectory(path, false, lookup);
    }
    if (kind !== 404) return unreadable(kind);
    const variant = this.#onlySiblings(path, seen, lookup);
    if (variant === null) return MISSING;
    return (mayMove ? this.#cleanOf(path, lookup) : null) ?? variant;
  }

  #findDirectory(path: Uint8Array<ArrayBuffer>, mayMove: boolean, lookup: Lookup): Found {
    if (lookup.wantsFolder) return this.#folder(path, lookup);
    for (const index of this.#index) {
      const file = join(path, index);
      const kind = lookup.look(file);
      const seen = lookup.seen.at(-1)!;
      if (typeof kind === "number" && kind !== 404) return unreadable(kind);
      const location = kind === "file"
        ? this.#withSiblings(file, seen, lookup)
        : kind === 404
        ? this.#onlySiblings(file, seen, lookup)
        : null;
      if (location === null) continue;
      return { ...location, why: `index: ${decoder.decode(index)}` };
    }
    const { cleanUrls, browse } = this.#settings;
    if (path.length > 0 && cleanUrls && mayMove && this.#leads(path, false, concat([path, HTML]), lookup)) {
      return { kind: "moved", url: encodePath(path, false) };
    }
    return browse ? this.#folder(path, lookup) : this.#withoutIndex;
  }

  #folder(path: Uint8Array<ArrayBuffer>, lookup: Lookup): Found {
    return lookup.look(path) === "directory" ? { kind: "directory", path } : MISSING;
  }

  /** Returns the clean URL of the file `path` (`/d/` for `/d/index.html`, `/a` for `/a.html`); null when there is none. */
  #cleanOf(path: Uint8Array, lookup: Lookup): Found | null {
    const name = path.subarray(path.lastIndexOf(SLASH) + 1);
    if (!this.#settings.cleanUrls || name.length <= HTML.length || !endsWith(name, HTML)) return null;
    const index = this.#indexUrlOf(path, lookup);
    if (index !== null) return index;
    const clean = path.slice(0, -HTML.length);
    return this.#leads(clean, false, path, lookup) ? { kind: "moved", url: encodePath(clean, false) } : null;
  }

  /** Returns the URL of the directory whose index is the file `path`; null when `path` is no directory's index. */
  #indexUrlOf(path: Uint8Array, lookup: Lookup): Found | null {
    const slash = path.lastIndexOf(SLASH);
    const name = path.subarray(slash + 1);
    const directory = path.slice(0, Math.max(slash, 0));
    if (!this.#index.some((index) => isEqual(index, name))) return null;
    return this.#leads(directory, true, path, lookup)
      ? { kind: "moved", url: encodePath(directory, true) }
      : null;
  }

  /** Tells whether `path` serves the file `file`: a redirect must not lead to another one. */
  #leads(path: Uint8Array, isDirectory: boolean, file: Uint8Array, lookup: Lookup): boolean {
    const found = this.#find({ path: path.slice(), isDirectory }, false, lookup);
    return found.kind === "file" && isEqual(found.path, file);
  }

  #fileAt(path: Uint8Array, lookup: Lookup): FileLocation | null {
    const kind = lookup.look(path);
    if (kind === "file") return this.#withSiblings(path, lookup.seen.at(-1)!, lookup);
    return kind === 404 ? this.#onlySiblings(path, lookup.seen.at(-1)!, lookup) : null;
  }

  #withSiblings(path: Uint8Array, seen: Seen, lookup: Lookup): FileLocation {
    const variants = [{ coding: null, seen }, ...this.#siblings.of(seen, lookup)];
    return { kind: "file", path, variants, why: null };
  }

  /** Returns a file of which the site has only compressed forms; null when it has none. */
  #onlySiblings(path: Uint8Array, seen: Seen, lookup: Lookup): FileLocation | null {
    const variants = this.#siblings.of(seen, lookup);
    return variants.length === 0 ? null : { kind: "file", path, variants, why: null };
  }
}

const SLASH = 0x2f;
const DOT = 0x2e;
const SLASHES = Uint8Array.of(SLASH);

/** True when the last name of `path` begins with a dot. With `.html` behind it, the name would be a hidden one. */
function isDotName(path: Uint8Array): boolean {
  return path[path.lastIndexOf(SLASH) + 1] === DOT;
}

function unreadable(status: number): Refusal {
  return {
    kind: "error",
    status,
    why: status === 403 ? "it may not be read" : "the system cannot look at it",
  };
}

function join(directory: Uint8Array, name: Uint8Array): Uint8Array<ArrayBuffer> {
  return directory.length === 0 ? concat([name]) : concat([directory, SLASHES, name]);
}
