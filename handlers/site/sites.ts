/**
 * The sites of a handler, by the host that a request names. Sites with one root share its content.
 * @module
 */
import { EACCES, SystemError } from "../../ffi/libc/errno.ts";
import { type ServedSettings, withRootFile } from "./settings/root_file.ts";
import { DEFAULT_SITE_SETTINGS, type SiteSettings } from "./settings/site_settings.ts";
import type { HandlerContext } from "../../server/connection/handler.ts";
import { KnownRequest } from "../../server/http/heads/known_request.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { CACHE_BYTES_MAX } from "./limits.ts";
import { mergeKept } from "../../server/metrics/merge_snapshots.ts";
import { type CacheSnapshot, SHOWN_ROOTS_MAX } from "../../server/metrics/statistics.ts";
import type { SiteArchive } from "./files/archive.ts";
import { AllowedHosts, hostOf, nameOf } from "../hosts/allowed_hosts.ts";
import type { Answer } from "./cache/resource.ts";
import { contentKeyOf, type ContentOptions, ContentSource } from "./content/content_source.ts";
import { NO_COUNTERS, sumOf } from "./content/cache_counters.ts";
import { describeGeneration } from "./content/generations.ts";
import type { Dependencies } from "./dependencies.ts";
import { Site } from "./site.ts";
import { type SiteOptions, type Trace, type Validation } from "./settings/site_options.ts";
import { watches } from "./watch/watches.ts";

/** Options of the static handler. */
export interface StaticOptions extends Partial<SiteSettings>, SiteOptions {
  /** The directory to serve, a single file, which is served at `/` and under its name, or an archive. */
  readonly root: string | SiteArchive;
  /**
   * Settings of sites for certain hosts, by name in lower case: `example.org`, or `*.example.org` for all names below
   * it. A setting that is left out is inherited from the site at {@linkcode StaticOptions.root}, which serves all other
   * hosts. {@linkcode SiteOptions.cacheSize} is divided equally among the roots; sites with the same root share its
   * part and the files in it.
   */
  readonly hosts?: ReadonlyMap<string, Partial<SiteSettings>>;
  /**
   * The host names that are answered: `example.org`, or `*.example.org` for all names below it; `*` for all. A request
   * for another name gets 421. Always answered are IP addresses, `localhost`, names without dots, and the names in
   * {@linkcode StaticOptions.hosts}. This protects against DNS rebinding. Default null: any name is answered.
   */
  readonly allowedHosts?: readonly string[] | null;
  /**
   * Returns the ports of a server that listens on loopback addresses only. When {@linkcode StaticOptions.allowedHosts}
   * is null, a request for another name with one of these ports gets 421. Default: no ports.
   */
  readonly loopbackPorts?: () => readonly number[];
}

/**
 * The settings of a site, and the `Site` that serves them now. It is replaced when the root's path gets another
 * directory.
 */
interface MountedSite {
  readonly settings: ServedSettings;
  /** The root as the settings name it. */
  readonly root: SiteSettings["root"];
  readonly shared: SharedContent;
  site: Site;
}

/** A site that is not open yet. */
interface PlacedSite {
  readonly served: ServedSettings;
  readonly root: SiteSettings["root"];
  /** Sites with the same key share their content. */
  readonly key: string;
}

/** A root's content, and the sites that are served from it. */
interface SharedContent {
  content: ContentSource;
  readonly mountedSites: MountedSite[];
}

/** The end of the warning when the directory now at a root's path cannot be opened for lack of permission. */
const STAYS =
  "the previous directory is still served; one outside of the sandbox needs a restart (see SECURITY.md)";

/** The body of a 421 (RFC 9110 §15.5.20). */
const MISDIRECTED =
  '421: This server does not answer to this host name. Use an IP address or localhost, or allow the name with --allowed-hosts ("allowedHosts").\n';

/** Returns a function that passes each message to `warn` the first time only. */
function once(warn: (message: string) => void): (message: string) => void {
  const warned = new Set<string>();
  return (message) => {
    if (warned.size < warned.add(message).size) warn(message);
  };
}

/** All sites of a handler, by host. */
export class Sites {
  readonly #options: ContentOptions;
  readonly #onWarning: (message: string) => void;
  readonly #default: MountedSite;
  readonly #hosts = new Map<string, MountedSite>();
  /** By the key of {@linkcode contentKeyOf}. */
  readonly #shared = new Map<string, SharedContent>();
  /** Null when any host name is answered. */
  readonly #allowed: AllowedHosts | null;
  #checkedSeconds = 0;
  #looks = false;
  #isClosed = false;
  /** The counters of sites that were replaced. */
  #past = NO_COUNTERS;
  /** How often the directory of a root was replaced by another one. */
  replacements = 0;

  /** @throws {TypeError | SystemError} as `staticHandler` */
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
    const place = (settings: SiteSettings) => {
      const served = withRootFile(settings);
      return { served, root: settings.root, key: contentKeyOf(served, archives) };
    };
    const top = place(settings);
    const placed = ofHosts.map(([host, settings]) => [host, place(settings)] as const);
    const roots = new Set([top, ...placed.map(([, site]) => site)].map(({ key }) => key)).size;
    const onWarning = once(options.onWarning ?? (() => {})); // several sites may give the same warning
    this.#options = {
      ...options,
      onWarning,
      cacheSize: Math.floor(cacheSize / roots),
      cacheSizeOfAll: cacheSize,
    };
    this.#onWarning = options.onWarning ?? (() => {});
    try {
      this.#default = this.#add(top);
      for (const [host, site] of placed) this.#hosts.set(host, this.#add(site));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #add({ served: settings, root, key }: PlacedSite): MountedSite {
    let shared = this.#shared.get(key);
    const open = () => {
      if (shared === undefined) {
        shared = { content: new ContentSource(settings, this.#options), mountedSites: [] };
        this.#shared.set(key, shared);
      }
      return shared.content;
    };
    const site = new Site(settings, this, open, this.#options.onNotice);
    const mounted = { settings, root, shared: shared!, site };
    shared!.mountedSites.push(mounted);
    return mounted;
  }

  /** How changes of most files of the default site are noticed. */
  get validation(): Validation {
    return this.#default.site.validation;
  }

  get #mountedSites(): MountedSite[] {
    return [...this.#shared.values()].flatMap(({ mountedSites }) => mountedSites);
  }

  close(): void {
    this.#isClosed = true;
    for (const { site } of this.#mountedSites) site.close();
  }

  /** Returns the counters of all sites. `watches`, `events` and `overflows` are those of the whole process. */
  snapshot(): CacheSnapshot {
    const shared = [...this.#shared.values()];
    const contents = shared.map(({ content }) => content);
    this.#lookLater();
    const { count, events, overflows } = watches;
    const isWatching = contents.some(({ tree }) => tree !== null);
    const roots = contents.flatMap(({ generation }) => generation ?? []).slice(0, SHOWN_ROOTS_MAX);
    const sums = [
      ...contents.map(({ memory: { bytes, bytesMax } }) => ({ bytes, bytesMax })),
      ...this.#mountedSites.map(({ site }) => site.snapshot()),
      isWatching ? { watches: count, events, overflows } : {},
    ].reduce(sumOf, this.#past);
    const kept = contents.flatMap(({ kept }) => kept?.snapshot() ?? []);
    return { ...sums, roots, kept: kept.length === 0 ? null : kept.reduce(mergeKept) };
  }

  /**
   * Looks where the roots of a snapshot lead once this turn has ended, in which others may still be answered: without requests nothing
   * else would look.
   */
  #lookLater(): void {
    if (this.#looks) return;
    this.#looks = true;
    setTimeout(() => {
      this.#looks = false;
      if (this.#isClosed) return;
      for (const shared of [...this.#shared.values()].slice(0, SHOWN_ROOTS_MAX)) {
        if (shared.content.way?.isSame(NaN) === false) this.#replace(shared);
      }
    });
  }

  /**
   * Answers a request, with the response that is remembered for its head if that is still fresh. `trace` records the
   * decisions for `--explain`; null while the handler serves.
   */
  handle(
    request: HttpRequest,
    context: HandlerContext,
    trace: Trace | null = null,
  ): HttpResponse | Promise<HttpResponse> {
    if (context.clock.seconds !== this.#checkedSeconds) {
      this.#checkedSeconds = context.clock.seconds;
      watches.lookAtMounts();
      for (const { content } of this.#shared.values()) content.way?.doubt(); // not every change of a way is an event
    }
    // Another handler of the server may have remembered a response for the same head: only this object's counts.
    const remembered = request instanceof KnownRequest ? request.recall(this) as Answer | null : null;
    if (remembered !== null && remembered.entry !== null) {
      const { entry } = remembered;
      if (entry.keeper.isFresh(entry, context)) return remembered.response!;
    }
    if (this.#allowed?.accepts(request.authority) === false) {
      trace?.("reason", "this host name is not allowed (--allowed-hosts)");
      return HttpResponse.text(MISDIRECTED, { status: 421 });
    }
    const mounted = this.#hosts.size === 0 ? this.#default : this.#mountedSiteOf(request, trace);
    trace?.("root", String(mounted.root));
    if (mounted.shared.content.way?.isSame(context.turn) === false) this.#replace(mounted.shared);
    return mounted.site.handle(request, context, trace);
  }

  #mountedSiteOf(request: HttpRequest, trace: Trace | null): MountedSite {
    const name = this.hostOf(request.authority);
    trace?.("host", name ?? "has no settings of its own: the default site");
    return name === null ? this.#default : this.#hosts.get(name)!;
  }

  /** Returns the entry of `hosts` that requests for `authority` belong to; null for the default site. */
  hostOf(authority: string | null): string | null {
    return this.#hosts.size === 0 ? null : nameOf(hostOf(authority ?? ""), this.#hosts);
  }

  /** Returns whether requests for `authority` are answered (`allowedHosts`). */
  accepts(authority: string | null): boolean {
    return this.#allowed?.accepts(authority) !== false;
  }

  /** Returns what a response for `path` depends on, at the entry `host` of `hosts`; null: of the default site. */
  dependencies(host: string | null, path: string): Dependencies {
    return (host === null ? this.#default : this.#hosts.get(host)!).site.dependencies(path);
  }

  /** Replaces the sites of roots to whose path another directory has come. */
  lookAtRoots(): void {
    for (const shared of this.#shared.values()) {
      const { way } = shared.content;
      way?.doubt();
      if (way?.isSame(NaN) === false) this.#replace(shared);
    }
  }

  /**
   * Replaces the sites of a root when another directory has come to its path. When that directory cannot be opened, the
   * previous one is still served, and a warning is given once.
   */
  #replace(shared: SharedContent): void {
    try {
      const content = new ContentSource(shared.mountedSites[0]!.settings, {
        ...this.#options,
        onWarning: () => {},
      });
      for (const mounted of shared.mountedSites) {
        const old = mounted.site;
        mounted.site = new Site(mounted.settings, this, () => content, this.#options.onNotice);
        const { hits, misses, evictions } = old.snapshot();
        this.#past = sumOf(this.#past, { hits, misses, evictions });
        old.close();
      }
      shared.content = content;
      const { generation } = content;
      if (generation !== null) this.#options.onNotice?.(describeGeneration(generation));
      this.replacements++;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      if (shared.content.way?.settle() !== true) return;
      this.#onWarning(error.errno === EACCES ? `${error.message}: ${STAYS}` : error.message);
    }
  }
}
