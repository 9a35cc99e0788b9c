/**
 * The URLs that pages have used, and when each of them changed.
 *
 * A URL is noted before its first response is made. So every change after that response is known. Changes are numbered;
 * a page knows the number up to which it is up to date. A page that comes from another process, or that another process
 * has served, compares tokens instead.
 *
 * A change counts once every file of its URL is complete: written and closed, or moved to its name. Several changes
 * that are found together are one change, and pages are told of it once no file of any page is open for writing. That
 * needs no time to wait: the kernel reports the close.
 * @module
 */
import type { Dependencies } from "../site/dependencies.ts";
import { LIVE_URLS_MAX, LIVE_WRITING_MS_MAX } from "../site/limits.ts";
import type { SiteRoot } from "../site/files/directory_root.ts";
import type { Sites } from "../site/sites.ts";
import { ChangeTree } from "./change_tree.ts";
import { LiveUrl } from "./live_url.ts";

/** What is known of one URL. */
export interface UrlState {
  readonly token: string;
  readonly hasChanged: boolean;
  readonly isCovered: boolean;
  readonly isFresh: boolean;
}

/** The URLs and their changes. */
export class Changes {
  readonly #sites: Sites;
  /** Differs from that of every other process. */
  readonly #id: string = crypto.randomUUID().slice(0, 8);
  #last = 0;
  readonly #urls = new Map<string, LiveUrl>();
  /** URLs with changes that were not looked at yet. */
  readonly #touched = new Set<LiveUrl>();
  /** By password rule. */
  readonly #keys = new Map<string, string>();
  readonly #trees = new Map<SiteRoot, ChangeTree>();
  /** The events of trees that are closed. */
  #pastEvents = 0;
  #replacements = 0;
  #hasNews = false;
  /** Called when something changes, so that {@linkcode settle} is called soon. */
  onTouched: () => void = () => {};
  /** Called by {@linkcode settle} when pages are to ask what has changed. */
  onNews: () => void = () => {};

  constructor(sites: Sites) {
    this.#sites = sites;
  }

  /** The number of the last change, with the process that counts. */
  get state(): string {
    return `${this.#id}.${this.#last}`;
  }

  /** Counts all events of watched names: another number means that something was written meanwhile, be it of no page. */
  get events(): number {
    return this.#pastEvents + [...this.#trees.values()].reduce((sum, { events }) => sum + events, 0);
  }

  /** Notes the URL `path` of the site for `authority`, if it is not noted yet. */
  note(authority: string | null, path: string): LiveUrl {
    const host = this.#sites.hostOf(authority);
    const key = `${host ?? ""} ${path}`;
    const known = this.#urls.get(key);
    if (known !== undefined) {
      if (!known.isCovered) this.#look(known); // else a page would take an older change for one after it was loaded
      return known;
    }
    const url = new LiveUrl(host, path, this.#touch);
    this.#urls.set(key, url);
    this.#resolve(url);
    if (this.#urls.size > LIVE_URLS_MAX) this.#forgetOldest();
    return url;
  }

  #forgetOldest(): void {
    const [[key, oldest]] = this.#urls as unknown as [[string, LiveUrl]];
    this.#urls.delete(key);
    this.#touched.delete(oldest);
    oldest.forget();
  }

  /**
   * Compares the URL `path` with what a page knows of it: its token, or the number of the last change before the page
   * loaded it (`baseline`). Of a URL that needs a password nothing is told to a page without the keys.
   */
  compare(authority: string | null, path: string, baseline: string, keys: ReadonlySet<string>): UrlState {
    const url = this.note(authority, path);
    if (!this.keysOf(url).every((key) => keys.has(key))) {
      return { token: "", hasChanged: isToken(baseline), isCovered: true, isFresh: false };
    }
    const [id, number] = baseline.split(".") as [string, string?];
    const hasChanged = number === undefined
      ? baseline !== url.token
      : id !== this.#id || url.changedIn > Number(number);
    return { token: url.token, hasChanged, isCovered: url.isCovered, isFresh: url.isFresh };
  }

  /**
   * Returns a key for each password rule of `url`. A page gets those of its own URL, since the client has given the
   * password. The browser may send the password to no reserved path.
   */
  keysOf({ host, guards }: LiveUrl): string[] {
    return guards.map((source) => {
      const rule = `${host ?? ""} ${source}`;
      let key = this.#keys.get(rule);
      if (key === undefined) this.#keys.set(rule, key = crypto.randomUUID());
      return key;
    });
  }

  readonly #touch = (url: LiveUrl): void => {
    this.#touched.add(url);
    this.onTouched();
  };

  /** Marks all URLs as changed, because the directory of a root may be another one. */
  touchAll(): void {
    for (const url of this.#urls.values()) url.onChange("name");
  }

  /**
   * Looks at the URLs that have changed and whose files are complete. Returns how many milliseconds to wait at most for
   * files that are open for writing; Infinity when none is.
   */
  settle(): number {
    const { replacements } = this.#sites;
    const isOther = replacements !== this.#replacements;
    if (isOther) this.touchAll();
    this.#replacements = replacements;
    const next = this.#last + 1;
    let heldSince = Infinity;
    const nowMs = performance.now();
    for (const url of [...this.#touched]) {
      const { writtenSince } = url;
      if (writtenSince < Infinity) {
        if (nowMs - writtenSince < LIVE_WRITING_MS_MAX) heldSince = Math.min(heldSince, writtenSince);
        continue;
      }
      this.#touched.delete(url);
      this.#look(url, next);
    }
    if (isOther) this.#closeUnused();
    if (heldSince < Infinity) return LIVE_WRITING_MS_MAX - (nowMs - heldSince);
    if (this.#hasNews) {
      this.#hasNews = false;
      this.onNews();
    }
    return Infinity;
  }

  /** True when a file of a page is open for writing, so that pages should wait for the next news. They are told. */
  isHeld(): boolean {
    const isHeld = this.settle() < Infinity;
    if (isHeld) this.#hasNews = true;
    return isHeld;
  }

  #look(url: LiveUrl, next = this.#last + 1): void {
    const before = url.token;
    const { changes } = url;
    if (!changes.has("name")) url.lookAgain();
    if (changes.has("name") || (!url.isCovered && url.token !== before)) this.#resolve(url);
    changes.clear();
    if (url.token === before) return;
    url.changedIn = this.#last = next;
    this.#hasNews = true;
  }

  /** Closes the trees of directories that were replaced. */
  #closeUnused(): void {
    for (const [directory, tree] of this.#trees) {
      if (!tree.isUnused) continue;
      tree.close();
      this.#pastEvents += tree.events;
      this.#trees.delete(directory);
    }
  }

  #resolve(url: LiveUrl): void {
    url.resolve(() => this.#sites.dependencies(url.host, url.path), this.#treeOf);
  }

  readonly #treeOf = ({ watchable, trustsAll }: Dependencies): ChangeTree | null => {
    if (watchable === null) return null;
    let tree = this.#trees.get(watchable);
    if (tree === undefined) {
      tree = new ChangeTree(watchable, trustsAll);
      this.#trees.set(watchable, tree);
    }
    return tree;
  };

  /** Ends all watches. */
  close(): void {
    for (const url of this.#urls.values()) url.forget();
    this.#urls.clear();
    for (const tree of this.#trees.values()) tree.close();
    this.#trees.clear();
  }
}

function isToken(baseline: string): boolean {
  return baseline !== "" && !baseline.includes(".");
}
