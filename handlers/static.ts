/**
 * Serves the files below a directory; or several sites, by the host that a request names.
 * @module
 */
import { EACCES, SystemError } from "../ffi/libc/errno.ts";
import { DEFAULT_SITE_SETTINGS, type SiteSettings } from "./site/settings/site_settings.ts";
import type { Handler, HandlerContext } from "../server/connection/handler.ts";
import { KnownRequest } from "../server/http/heads/known_request.ts";
import type { HttpRequest } from "../server/http/request.ts";
import { HttpResponse } from "../server/http/response.ts";
import { CACHE_BYTES_MAX } from "./site/limits.ts";
import type { CacheSnapshot } from "../server/metrics/statistics.ts";
import type { SiteArchive } from "./site/files/archive.ts";
import { AllowedHosts, hostOf, nameOf } from "./hosts/allowed_hosts.ts";
import type { Answer } from "./site/cache/resource.ts";
import { ContentSource, originKeyOf } from "./site/content/content_source.ts";
import { Site } from "./site/site.ts";
import { checkSiteOptions } from "./site/settings/site_kinds.ts";
import type { SiteOptions, Trace, Validation } from "./site/settings/site_options.ts";
import { watches } from "./site/watch/watches.ts";

/** What the static handler needs to know. */
export interface StaticOptions extends Partial<SiteSettings>, SiteOptions {
  /** The directory to serve, or an archive. */
  readonly root: string | SiteArchive;
  /**
   * Sites for hosts of their own, by name in lower case (`example.org`, or `*.example.org` for all below it). What one
   * does not say is as for the site at {@linkcode StaticOptions.root}, which serves all other hosts. Together they have
   * {@linkcode SiteOptions.cacheSize}, in equal parts for each root; those with the same root share its part, and what is
   * in it.
   */
  readonly hosts?: ReadonlyMap<string, Partial<SiteSettings>>;
  /**
   * The names by which it is asked: `example.org`, or `*.example.org` for all below it; `*` for all. Requests by another
   * name are answered 421, but by an IP address, `localhost`, a name without dots, or one of
   * {@linkcode StaticOptions.hosts}. Against DNS rebinding. Default null: any name will do.
   */
  readonly allowedHosts?: readonly string[] | null;
  /**
   * The ports at which browsers on this machine reach the server, where it listens on loopback alone. Where there is no
   * list, a foreign name with one of these ports is answered 421. Default: none.
   */
  readonly loopbackPorts?: () => readonly number[];
}

/** The handler, and what there is to know about it. */
export interface StaticHandler extends Handler {
  /** How most files in memory are shown to be fresh. */
  readonly validation: Validation;
  /** Of its files in memory, all sites together. */
  snapshot(): CacheSnapshot;
  /** Closes what it holds open. It must not be called to answer afterwards. */
  close(): void;
}

/**
 * A handler for {@linkcode StaticOptions}.
 * @throws {SystemError} `Cannot open root ./html: ENOENT (…)`
 * @throws {TypeError} for an option of another kind, and for a rule that cannot be: a malformed glob, field or password hash.
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

/** One site and its successors. */
interface MountedSite {
  readonly settings: SiteSettings;
  site: Site;
}

/** What is at a root's path, and the sites that are served from there. */
interface Shared {
  origin: ContentSource;
  readonly mountedSites: MountedSite[];
  /** It was said that what came to the root's path cannot be served. */
  hasWarned: boolean;
}

/** What is said of a root that was replaced by what cannot be opened. */
const STAYS =
  "what was served there is served on; a directory out of the sandbox's reach needs a new start (see SECURITY.md)";

/** What a request by another name is told. */
const MISDIRECTED =
  '421: This name is not one of this server: ask by an IP address or as localhost, or allow it by --allowed-hosts ("allowedHosts").\n';

const EMPTY: CacheSnapshot = {
  bytes: 0,
  bytesMax: 0,
  resources: 0,
  hits: 0,
  misses: 0,
  evictions: 0,
  watches: 0,
  events: 0,
  overflows: 0,
};

/** The same, but for what it was told already. */
function once(hear: (message: string) => void): (message: string) => void {
  const heard = new Set<string>();
  return (message) => {
    if (heard.size < heard.add(message).size) hear(message);
  };
}

/** Two caches together. */
function sumOf(a: CacheSnapshot, b: Partial<CacheSnapshot>): CacheSnapshot {
  const names = Object.keys(EMPTY) as (keyof CacheSnapshot)[];
  const sums = names.map((name) => [name, a[name] + (b[name] ?? 0)]);
  return Object.fromEntries(sums) as unknown as CacheSnapshot;
}

/** The sites by host. */
export class Sites {
  readonly #options: SiteOptions;
  readonly #onWarning: (message: string) => void;
  readonly #default: MountedSite;
  readonly #hosts = new Map<string, MountedSite>();
  /** By {@linkcode originKeyOf}. */
  readonly #shared = new Map<string, Shared>();
  /** Null: any name will do. */
  readonly #allowed: AllowedHosts | null;
  #checkedSeconds = 0;
  /** What those have counted that were replaced. */
  #past = EMPTY;

  /** @throws {TypeError | SystemError} as {@linkcode staticHandler} */
  constructor(options: StaticOptions) {
    const { hosts = new Map(), cacheSize = CACHE_BYTES_MAX, allowedHosts = null, loopbackPorts } = options;
    const isGuarded = allowedHosts !== null || loopbackPorts !== undefined;
    this.#allowed = isGuarded
      ? new AllowedHosts({ names: allowedHosts, loopbackPorts: loopbackPorts ?? (() => []) }, hosts.keys())
      : null;
    const settings = { ...DEFAULT_SITE_SETTINGS, ...options };
    const ofHosts = Array.from(hosts, ([host, own]): [string, SiteSettings] => {
      const inherited = own.root === undefined ? settings : { ...settings, isRootConfined: false };
      return [host, { ...inherited, ...own }];
    });
    const archives: SiteArchive[] = [];
    const keyOf = (settings: SiteSettings) => originKeyOf(settings, archives);
    const roots = new Set([settings, ...ofHosts.map(([, settings]) => settings)].map(keyOf)).size;
    const onWarning = once(options.onWarning ?? (() => {})); // one line for all sites
    this.#options = { ...options, onWarning, cacheSize: Math.floor(cacheSize / roots) };
    this.#onWarning = options.onWarning ?? (() => {});
    try {
      this.#default = this.#add(settings, keyOf(settings));
      for (const [host, settings] of ofHosts) this.#hosts.set(host, this.#add(settings, keyOf(settings)));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #add(settings: SiteSettings, key: string): MountedSite {
    let shared = this.#shared.get(key);
    const open = () => {
      if (shared === undefined) {
        shared = { origin: new ContentSource(settings, this.#options), mountedSites: [], hasWarned: false };
        this.#shared.set(key, shared);
      }
      return shared.origin;
    };
    const mounted = { settings, site: new Site(settings, this, open, this.#options.onNotice) };
    shared!.mountedSites.push(mounted);
    return mounted;
  }

  /** How most files of the default site are shown to be fresh. */
  get validation(): Validation {
    return this.#default.site.validation;
  }

  get #mountedSites(): MountedSite[] {
    return [...this.#shared.values()].flatMap(({ mountedSites }) => mountedSites);
  }

  close(): void {
    for (const { site } of this.#mountedSites) site.close();
  }

  /** See {@linkcode StaticHandler.snapshot}. What is watched, and what is told of that, is the process'. */
  snapshot(): CacheSnapshot {
    const origins = [...this.#shared.values()].map(({ origin }) => origin);
    const { count, events, overflows } = watches;
    const isWatching = origins.some(({ tree }) => tree !== null);
    return [
      ...origins.map(({ memory: { bytes, bytesMax } }) => ({ bytes, bytesMax })),
      ...this.#mountedSites.map(({ site }) => site.snapshot()),
      isWatching ? { watches: count, events, overflows } : {},
    ].reduce(sumOf, this.#past);
  }

  /**
   * Answers a request, by the answer that a known head remembers if that is still fresh. `trace` records the decisions
   * for `--explain`; null while the handler serves.
   */
  handle(
    request: HttpRequest,
    context: HandlerContext,
    trace: Trace | null = null,
  ): HttpResponse | Promise<HttpResponse> {
    if (context.clock.seconds !== this.#checkedSeconds) {
      this.#checkedSeconds = context.clock.seconds;
      watches.lookAtMounts();
      for (const shared of this.#shared.values()) this.#replace(shared);
    }
    // Only what this very object has remembered: another handler may be asked by requests with the same head.
    const remembered = request instanceof KnownRequest ? request.recall(this) as Answer | null : null;
    if (remembered !== null && remembered.entry !== null) {
      const { entry } = remembered;
      if (entry.keeper.isFresh(entry, context)) return remembered.response!;
    }
    if (this.#allowed?.accepts(request.authority) === false) {
      trace?.("reason", "no name of this server (--allowed-hosts)");
      return HttpResponse.text(MISDIRECTED, { status: 421 });
    }
    const { site, settings } = this.#hosts.size === 0 ? this.#default : this.#mountedAt(request, trace);
    trace?.("root", String(settings.root));
    return site.handle(request, context, trace);
  }

  #mountedAt(request: HttpRequest, trace: Trace | null): MountedSite {
    const name = nameOf(hostOf(request.authority ?? ""), this.#hosts);
    trace?.("host", name ?? "none of those that have settings of their own");
    return name === null ? this.#default : this.#hosts.get(name)!;
  }

  /** Another directory may be at the same path by now; the sites go on where that cannot be opened. */
  #replace(shared: Shared): void {
    if (!shared.origin.root.isReplaced) {
      shared.hasWarned = false;
      return;
    }
    try {
      const origin = new ContentSource(shared.mountedSites[0]!.settings, {
        ...this.#options,
        onWarning: () => {},
      });
      for (const mounted of shared.mountedSites) {
        const old = mounted.site;
        mounted.site = new Site(mounted.settings, this, () => origin, this.#options.onNotice);
        const { hits, misses, evictions } = old.snapshot();
        this.#past = sumOf(this.#past, { hits, misses, evictions });
        old.close();
      }
      shared.origin = origin;
      shared.hasWarned = false;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      if (!shared.hasWarned) {
        this.#onWarning(error.errno === EACCES ? `${error.message}: ${STAYS}` : error.message);
      }
      shared.hasWarned = true;
    }
  }
}
